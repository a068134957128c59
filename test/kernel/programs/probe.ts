/** Runs checks as the engine does, in a namespace. Commands: ProbeCommand; answers with the result. */
import { readdirSync } from 'node:fs';
import { systemClock } from '../../../src/base/clock.ts';
import type { CheckerConfig } from '../../../src/config/model.ts';
import { probes, startRun } from '../../../src/health/runner.ts';
import { SelfDelay } from '../../../src/health/self-delay.ts';
import { eventLoopTimers } from '../../../src/health/timers.ts';
import { hear, say } from './lines.ts';

export interface ProbeCommand {
  readonly checker: CheckerConfig;
  /** Checks one after another; the last result is said. */
  readonly times?: number;
}

const ports = { probes, clock: systemClock, timers: eventLoopTimers };

async function run({ checker, times = 1 }: ProbeCommand): Promise<void> {
  let result: unknown;
  for (let done = 0; done < times; done += 1) {
    result = await startRun(checker, { ...ports, selfDelay: new SelfDelay() }).result;
  }
  const descriptors = readdirSync('/proc/self/fd').length;
  say({ result, descriptors });
}

hear<ProbeCommand>(
  (command) => void run(command),
  () => {},
);
say({ ready: true });
