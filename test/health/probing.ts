/** Runs real probes as the engine does, and counts descriptors. */
import { readdirSync } from 'node:fs';
import { systemClock } from '../../src/base/clock.ts';
import type { CheckerConfig } from '../../src/config/model.ts';
import { NOTHING_OUTSIDE } from '../../src/health/outside.ts';
import type { ProbeResult, Run } from '../../src/health/probe.ts';
import { probes, questionOf, type RunPorts, startRun } from '../../src/health/runner.ts';
import { SelfDelay } from '../../src/health/self-delay.ts';
import { eventLoopTimers } from '../../src/health/timers.ts';
import { tcpCheck } from './configs.ts';

/** Deadline of checks that are meant to run into it, ms. */
export const SHORT_MS = 300;

/** Generous: a probe that outlives its deadline by this much is broken, however loaded the machine. */
export const LATE_MS = 2000;

const ports = { clock: systemClock, timers: eventLoopTimers, outside: NOTHING_OUTSIDE };

/** A run that somebody waits for. */
export interface AwaitedRun extends Run {
  readonly result: Promise<ProbeResult>;
}

export interface Asking {
  readonly ports?: Partial<RunPorts>;
  /** The real ones where absent. */
  readonly probes?: typeof probes;
  readonly endMs?: number;
}

/** Starts one check. */
export function ask(config: CheckerConfig, asking: Asking = {}): AwaitedRun {
  const question = questionOf(config, asking.probes ?? probes);
  const { promise: result, resolve } = Promise.withResolvers<ProbeResult>();
  const all = { ...ports, selfDelay: new SelfDelay(), ...asking.ports };
  const run = startRun(question, all, resolve, asking.endMs);
  return { result, withdraw: () => run.withdraw() };
}

/** One check from start to result, whatever that says. */
export function checkOnce(config: CheckerConfig): Promise<ProbeResult> {
  return ask(config).result;
}

// Connections of checks share one descriptor, which is there from the first check on.
await checkOnce(tcpCheck({ connectPort: 9 }));

/** One check whose result is about the server: what a loaded machine spoiled is asked again. */
export async function check(config: CheckerConfig): Promise<ProbeResult> {
  for (;;) {
    const result = await checkOnce(config);
    if (result.kind !== 'inconclusive' || result.reason !== 'SELF_DELAY') return result;
  }
}

/** `pass`, or the reason: what a table of behaviours compares. */
export async function outcome(config: CheckerConfig): Promise<string> {
  const result = await check(config);
  return result.kind === 'pass' ? 'pass' : result.reason;
}

/** Runs `count` checks, 100 side by side, and returns their distinct outcomes. */
export async function outcomes(config: CheckerConfig, count: number): Promise<string[]> {
  const seen = new Set<string>();
  let started = 0;
  const lane = async (): Promise<void> => {
    while (started < count) {
      started += 1;
      seen.add(await outcome(config));
    }
  };
  await Promise.all(Array.from({ length: 100 }, lane));
  return [...seen];
}

/** Connects until the backlog is full: closed connections stay in it until somebody accepts them. */
export async function fillBacklog(connectPort: number): Promise<void> {
  while ((await outcome(tcpCheck({ connectPort, connectTimeoutMs: SHORT_MS }))) === 'pass');
}

export function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}
