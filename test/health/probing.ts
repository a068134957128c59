/** Runs real probes as the engine does, and counts descriptors. */
import { readdirSync } from 'node:fs';
import { systemClock } from '../../src/base/clock.ts';
import type { CheckerConfig } from '../../src/config/model.ts';
import type { ProbeResult } from '../../src/health/probe.ts';
import { probes, startRun } from '../../src/health/runner.ts';
import { SelfDelay } from '../../src/health/self-delay.ts';
import { eventLoopTimers } from '../../src/health/timers.ts';

/** Deadline of checks that are meant to run into it, ms. */
export const SHORT_MS = 150;

/** Generous: a probe that outlives its deadline by this much is broken, however loaded the machine. */
export const LATE_MS = 2000;

const ports = { probes, clock: systemClock, timers: eventLoopTimers };

/** One check from start to result. */
export function check(config: CheckerConfig): Promise<ProbeResult> {
  return startRun(config, { ...ports, selfDelay: new SelfDelay() }).result;
}

/** `pass`, or the reason: what a table of behaviours compares. */
export async function outcome(config: CheckerConfig): Promise<string> {
  const result = await check(config);
  return result.kind === 'pass' ? 'pass' : result.reason;
}

/** Runs `count` checks, 50 side by side, and returns their distinct outcomes. */
export async function outcomes(config: CheckerConfig, count: number): Promise<string[]> {
  const seen = new Set<string>();
  let started = 0;
  const lane = async (): Promise<void> => {
    while (started < count) {
      started += 1;
      seen.add(await outcome(config));
    }
  };
  await Promise.all(Array.from({ length: 50 }, lane));
  return [...seen];
}

export function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}
