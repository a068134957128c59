/** Runs checks as the engine does, in a namespace. Commands: ProbeCommand; answers with the result. */
import { readdirSync } from 'node:fs';
import type { CheckerConfig } from '../../../src/config/model.ts';
import { checkOnce } from '../../health/probing.ts';
import { hear, say } from './lines.ts';

export interface ProbeCommand {
  readonly checker: CheckerConfig;
  /** Checks one after another; the last result is said. */
  readonly times?: number;
}

async function run({ checker, times = 1 }: ProbeCommand): Promise<void> {
  let result: unknown;
  for (let done = 0; done < times; done += 1) {
    result = await checkOnce(checker);
  }
  const descriptors = readdirSync('/proc/self/fd').length;
  say({ result, descriptors });
}

hear<ProbeCommand>(
  (command) => void run(command),
  () => {},
);
say({ ready: true });
