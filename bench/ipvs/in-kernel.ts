/**
 * The IPVS bench, run where the kernel has IPVS (bench/ipvs.ts sees to that): prints its measurements as
 * one array. Words: --quick | --full, --turns=N, and --only=load | --only=large.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ratioOf, round, summarize } from '../failover/figures.ts';
import type { LoadTimes } from './in-process.ts';
import {
  ADVERT_INTERVAL_MS,
  type DriftTimes,
  type LargeMeasured,
  type LargeTimes,
} from './large.ts';
import type { DaemonTimes } from './load.ts';
import type { Size } from './pools.ts';
import type { TurnInput } from './turn.ts';

export interface Result {
  readonly name: string;
  readonly unit: string;
  readonly ours: number;
  readonly peer?: number;
  readonly peerName: string;
  readonly ratio?: number;
}

interface Extent {
  readonly loads: readonly Size[];
  readonly turns: number;
  readonly large: Size;
  readonly largeTurns: number;
  readonly idleMs: number;
  readonly quietMs: number;
  readonly drifts: number;
}

interface LoadTurn {
  readonly ours: LoadTimes;
  readonly ipvsadm: LoadTimes;
  readonly lvsd: DaemonTimes;
  readonly keepalived: DaemonTimes;
}

const QUICK: Extent = {
  loads: [{ services: 4, servers: 300 }],
  turns: 1,
  large: { services: 24, servers: 300 },
  largeTurns: 1,
  idleMs: 100,
  quietMs: 700,
  drifts: 1,
};
const DEFAULT: Extent = {
  loads: [
    { services: 1, servers: 10_000 },
    { services: 100, servers: 10_000 },
  ],
  turns: 3,
  large: { services: 2284, servers: 37_298 },
  largeTurns: 1,
  idleMs: 10_000,
  quietMs: 5000,
  drifts: 4,
};
const FULL: Extent = { ...DEFAULT, turns: 7, largeTurns: 3, idleMs: 30_000, drifts: 10 };

const KEEPALIVED = 'keepalived';
const IPVSADM = 'ipvsadm -R';
const BAR = 'the bar';
const REPAIR_BAR_MS = 1000;

const results: Result[] = [];

function say(
  name: string,
  unit: string,
  ours: readonly number[],
  against?: { readonly peer: readonly number[]; readonly peerName: string },
): void {
  const own = summarize(ours).median;
  const result = { name, unit, ours: round(own), peerName: against?.peerName ?? 'none' };
  if (against === undefined || against.peer.length === 0) {
    results.push(result);
    return;
  }
  const peer = summarize(against.peer).median;
  const ratio = ratioOf(own, peer);
  results.push({
    ...result,
    peer: round(peer),
    ...(ratio === undefined ? {} : { ratio: round(ratio) }),
  });
}

function sayLoads(size: Size, turns: readonly LoadTurn[]): void {
  const named = `${size.servers}x${size.services}`;
  for (const what of ['load', 'change', 'remove'] as const) {
    const ours = turns.map((turn) => turn.ours[what]);
    const of = (who: 'keepalived' | 'ipvsadm') => turns.map((turn) => turn[who][what]);
    say(`${what}-${named}`, 'ms', ours, { peer: of('keepalived'), peerName: KEEPALIVED });
    say(`${what}-${named}-ipvsadm`, 'ms', ours, { peer: of('ipvsadm'), peerName: IPVSADM });
  }
  const verified = turns.map(({ ours }) => ours.verified ?? Number.NaN);
  say(`load-verified-${named}`, 'ms', verified);
  const daemons = [
    ['start', 'load', 'ms'],
    ['reload-all', 'change', 'ms'],
    ['stop', 'remove', 'ms'],
    ['start-cpu', 'cpuSeconds', 's'],
    ['memory', 'memoryMiB', 'MiB'],
  ] as const;
  for (const [name, what, unit] of daemons) {
    const of = (who: 'lvsd' | 'keepalived') => turns.map((turn) => turn[who][what]);
    say(`${name}-${named}`, unit, of('lvsd'), { peer: of('keepalived'), peerName: KEEPALIVED });
  }
}

function sayLarge(size: Size, ours: readonly LargeTimes[], theirs: readonly LargeTimes[]): void {
  const named = `${size.services}x${size.servers}`;
  const rows = [
    ['start', 'ms', 'startMs'],
    ['start-cpu', 's', 'startCpuSeconds'],
    ['idle-cpu', 'of a processor', 'idleCpu'],
    ['memory', 'MiB', 'memoryMiB'],
    ['reload-one', 'ms', 'reloadMs'],
    ['reload-one-cpu', 's', 'reloadCpuSeconds'],
    ['reload-one-advert-gap', 'ms', 'advertGapMs'],
    ['reload-one-changed', 'entries', 'changedEntries'],
  ] as const;
  for (const [name, unit, what] of rows) {
    const of = (times: readonly LargeTimes[]): number[] => times.map((one) => one[what]);
    say(`${name}-${named}`, unit, of(ours), { peer: of(theirs), peerName: KEEPALIVED });
  }
  const operations = ours.flatMap((one) => one.operations ?? []);
  const bar = { peer: [1], peerName: BAR };
  say(`reload-one-operations-${named}`, 'operations', operations, bar);
  const gaps = ours.map(({ advertGapMs }) => advertGapMs);
  const twoIntervals = { peer: [2 * ADVERT_INTERVAL_MS], peerName: BAR };
  say(`reload-one-advert-missed-${named}`, 'ms', gaps, twoIntervals);
}

function sayDrift(size: Size, drifts: readonly DriftTimes[]): void {
  const named = `${size.services}x${size.servers}`;
  const rows = [
    ['delete-server', 'deleteServer'],
    ['edit-weight', 'editWeight'],
    ['delete-service', 'deleteService'],
    ['clear', 'clear'],
  ] as const;
  for (const [name, what] of rows) {
    const times = drifts.flatMap((drift) => drift[what]);
    const bar = { peer: [REPAIR_BAR_MS], peerName: BAR };
    say(`drift-${name}-${named}-median`, 'ms', times, bar);
    say(`drift-${name}-${named}-max`, 'ms', [Math.max(...times)], bar);
  }
}

/**
 * A process and a network namespace for each turn: the kernel keeps servers that were deleted for a
 * minute, and looks through them for every one that is added.
 */
function takeTurn<T>(input: TurnInput): T {
  const program = join(import.meta.dirname, 'turn.ts');
  const words = ['--net', process.execPath, program, JSON.stringify(input)];
  const { status, stdout } = spawnSync('unshare', words, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) throw new Error(`The turn of ${input.who} failed`);
  process.stderr.write(`${JSON.stringify(input)} ${stdout}\n`);
  return JSON.parse(stdout);
}

function measureLoads({ loads, turns }: Extent): void {
  for (const size of loads) {
    const taken = Array.from(
      { length: turns },
      (): LoadTurn => ({
        ours: takeTurn({ who: 'reconciler', size }),
        ipvsadm: takeTurn({ who: 'ipvsadm', size }),
        lvsd: takeTurn({ who: 'lvsd', size }),
        keepalived: takeTurn({ who: 'keepalived', size }),
      }),
    );
    sayLoads(size, taken);
  }
}

function measureLarge({ large: size, largeTurns, idleMs, quietMs, drifts }: Extent): void {
  const taken = Array.from({ length: largeTurns }, () => {
    const large = { idleMs, quietMs, drifts };
    return {
      ours: takeTurn<LargeMeasured>({ who: 'lvsd', size, large }),
      theirs: takeTurn<LargeMeasured>({ who: 'keepalived', size, large }),
      delayMs: takeTurn<number>({ who: 'repair', size }),
    };
  });
  sayLarge(
    size,
    taken.map(({ ours }) => ours.times),
    taken.map(({ theirs }) => theirs.times),
  );
  sayDrift(
    size,
    taken.flatMap(({ ours }) => ours.drift ?? []),
  );
  if (!taken.every(({ theirs }) => theirs.left)) throw new Error('keepalived repaired something');
  const delays = taken.map(({ delayMs }) => delayMs);
  say(`drift-clear-loop-delay-${size.services}x${size.servers}`, 'ms', delays);
}

const words = process.argv.slice(2);
const turns = words.find((word) => word.startsWith('--turns='))?.slice('--turns='.length);
const extent = {
  ...(words.includes('--full') ? FULL : words.includes('--quick') ? QUICK : DEFAULT),
  ...(turns === undefined ? {} : { turns: Number(turns), largeTurns: Number(turns) }),
};
if (!words.includes('--only=large')) measureLoads(extent);
if (!words.includes('--only=load')) measureLarge(extent);
process.stdout.write(`${JSON.stringify(results, undefined, 2)}\n`);
