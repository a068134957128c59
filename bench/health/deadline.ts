/**
 * By how much probes outlive their deadline, of servers that never come to an end: `node deadline.ts PROBES`
 * prints it by kind of check, as one array. PROBES of each kind of server, so many side by side. Beside each probe a
 * plain timer of the same length runs in this process, and others in one that does nothing else: what a probe is late
 * beyond them is its own.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../../src/base/clock.ts';
import type { ConnectingCheckerConfig } from '../../src/config/model.ts';
import { SelfDelay } from '../../src/health/self-delay.ts';
import { ask, openDescriptors } from '../../test/health/probing.ts';
import { round } from '../failover/figures.ts';
import { rank } from './arrivals.ts';

export interface Overrun {
  readonly kind: string;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** The latest of the plain timers of this process, and of the idle one. */
  readonly timerMax: number;
  readonly idleMax: number;
}

/** By how much a probe, and the timer that was started with it, outlived the time that they had, ms. */
interface Lateness {
  readonly probeMs: number;
  readonly timerMs: number;
}

const DEADLINE_MS = 300;
const SIDE_BY_SIDE = 10;
const PATIENCE_MS = 5000;

const selfDelay = new SelfDelay();

async function probeOnce(config: ConnectingCheckerConfig): Promise<Lateness> {
  const startedMs = systemClock.monotonicMs();
  const late = (): number => systemClock.monotonicMs() - startedMs - DEADLINE_MS;
  const timer = pause(DEADLINE_MS).then(late);
  const result = await ask({ ...config, connectTimeoutMs: DEADLINE_MS }, { ports: { selfDelay } })
    .result;
  const probeMs = late();
  if (result.kind === 'pass') throw new Error(`${config.kind} passed: ${result.detail}`);
  return { probeMs, timerMs: await timer };
}

async function probeMany(config: ConnectingCheckerConfig, count: number): Promise<Lateness[]> {
  const found: Lateness[] = [];
  let started = 0;
  const lane = async (): Promise<void> => {
    while (started < count) {
      started += 1;
      found.push(await probeOnce(config));
    }
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, lane));
  return found;
}

/** `beyond`: of the probe that outlived the timer beside it by most. */
function describe(found: readonly Lateness[]): string {
  const latest = round(Math.max(...found.map(({ probeMs }) => probeMs)));
  const timer = round(Math.max(...found.map(({ timerMs }) => timerMs)));
  const beyond = round(Math.max(...found.map(({ probeMs, timerMs }) => probeMs - timerMs)));
  return `at most ${latest} ms late, ${beyond} beyond its timer; timers at most ${timer}`;
}

/** Every probe has let go of what it had open. */
async function nothingIsLeft(before: number): Promise<void> {
  for (const endMs = performance.now() + PATIENCE_MS; performance.now() < endMs; ) {
    if (openDescriptors() <= before) return;
    await pause(10);
  }
  throw new Error(`${openDescriptors() - before} descriptors are left`);
}

function start(name: string, ...args: string[]): ChildProcessByStdio<Writable, Readable, null> {
  const program = new URL(name, import.meta.url).pathname;
  return spawn(process.execPath, [program, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
}

const count = Number(process.argv[2] ?? 50);
const servers = start('./endless.ts');
const idle = start('./plain-timers.ts', String(DEADLINE_MS));
const idleLines = createInterface({ input: idle.stdout });

/** Of the idle process, since it was asked last. */
async function latestIdleMs(): Promise<number> {
  const answered = once(idleLines, 'line');
  idle.stdin.write('\n');
  return Number((await answered)[0]);
}

try {
  const [line] = await once(createInterface({ input: servers.stdout }), 'line');
  const configs: Record<string, ConnectingCheckerConfig> = JSON.parse(String(line));
  const byKind = new Map<string, Lateness[]>();
  const idleMax = new Map<string, number>();
  // Once each, so that no code is met for the first time.
  for (const config of Object.values(configs)) await probeOnce(config);
  const before = openDescriptors();
  for (const [name, config] of Object.entries(configs)) {
    const { kind } = config;
    await latestIdleMs();
    const found = await probeMany(config, count);
    const idleMs = await latestIdleMs();
    process.stderr.write(`${name}: ${describe(found)}; of an idle process ${round(idleMs)}\n`);
    byKind.set(kind, [...(byKind.get(kind) ?? []), ...found]);
    idleMax.set(kind, Math.max(idleMax.get(kind) ?? 0, idleMs));
  }
  await nothingIsLeft(before);
  const rows = [...byKind].map(([kind, found]): Overrun => {
    const sorted = found.map(({ probeMs }) => probeMs).sort((a, b) => a - b);
    return {
      kind,
      p50: rank(sorted, 0.5),
      p99: rank(sorted, 0.99),
      max: rank(sorted, 1),
      timerMax: Math.max(...found.map(({ timerMs }) => timerMs)),
      idleMax: idleMax.get(kind) ?? 0,
    };
  });
  process.stdout.write(JSON.stringify(rows));
} finally {
  const gone = once(servers, 'exit');
  servers.stdin.end();
  idle.stdin.end();
  await gone;
}
process.exit();
