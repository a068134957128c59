/**
 * By how much probes outlive their deadline, of servers that never come to an end: `node deadline.ts PROBES`
 * prints it by kind of check, as one array. PROBES of each kind of server, so many side by side.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../../src/base/clock.ts';
import type { ConnectingCheckerConfig } from '../../src/config/model.ts';
import { probes, startRun } from '../../src/health/runner.ts';
import { SelfDelay } from '../../src/health/self-delay.ts';
import { eventLoopTimers } from '../../src/health/timers.ts';
import { openDescriptors } from '../../test/health/probing.ts';
import { rank } from './arrivals.ts';

export interface Overrun {
  readonly kind: string;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

const DEADLINE_MS = 300;
const SIDE_BY_SIDE = 10;
const PATIENCE_MS = 5000;

const selfDelay = new SelfDelay();
const ports = { probes, clock: systemClock, timers: eventLoopTimers, selfDelay };

/** From the start of one probe to its result, less the time that it had. */
async function overrunMs(config: ConnectingCheckerConfig): Promise<number> {
  const startedMs = systemClock.monotonicMs();
  const result = await startRun({ ...config, connectTimeoutMs: DEADLINE_MS }, ports).result;
  const tookMs = systemClock.monotonicMs() - startedMs;
  if (result.kind === 'pass') throw new Error(`${config.kind} passed: ${result.detail}`);
  return tookMs - DEADLINE_MS;
}

async function overruns(config: ConnectingCheckerConfig, count: number): Promise<number[]> {
  const found: number[] = [];
  let started = 0;
  const lane = async (): Promise<void> => {
    while (started < count) {
      started += 1;
      found.push(await overrunMs(config));
    }
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, lane));
  return found;
}

/** Every probe has let go of what it had open. */
async function nothingIsLeft(before: number): Promise<void> {
  for (const endMs = performance.now() + PATIENCE_MS; performance.now() < endMs; ) {
    if (openDescriptors() <= before) return;
    await pause(10);
  }
  throw new Error(`${openDescriptors() - before} descriptors are left`);
}

const count = Number(process.argv[2] ?? 50);
const program = new URL('./endless.ts', import.meta.url).pathname;
const servers = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'] });
try {
  const [line] = await once(createInterface({ input: servers.stdout }), 'line');
  const configs: Record<string, ConnectingCheckerConfig> = JSON.parse(String(line));
  const byKind = new Map<string, number[]>();
  // Once each, so that no code is met for the first time.
  for (const config of Object.values(configs)) await overrunMs(config);
  const before = openDescriptors();
  for (const [name, config] of Object.entries(configs)) {
    const found = await overruns(config, count);
    process.stderr.write(`${name}: at most ${Math.max(...found)} ms\n`);
    byKind.set(config.kind, [...(byKind.get(config.kind) ?? []), ...found]);
  }
  await nothingIsLeft(before);
  const rows = [...byKind].map(([kind, found]): Overrun => {
    const sorted = found.sort((a, b) => a - b);
    return { kind, p50: rank(sorted, 0.5), p99: rank(sorted, 0.99), max: rank(sorted, 1) };
  });
  process.stdout.write(JSON.stringify(rows));
} finally {
  const gone = once(servers, 'exit');
  servers.stdin.end();
  await gone;
}
process.exit();
