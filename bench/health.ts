/**
 * What health checks cost: `node bench/health.ts [--json] [--quick | --full] [--only=WORD] [--plot=FILE]`, as
 * root. lvsd and Debian's keepalived take turns with the same file: N servers, each checked once a second.
 *
 *   native      on this kernel, IPVS or not. Of both the table alone is left away: of lvsd the engine that its
 *               health process runs, of keepalived the answers of the kernel (bench/health/ipvs-yes.c)
 *   saturated   20,000 servers: how much one core can do
 *   whole       both daemons as a user starts them, on a kernel with IPVS, mostly user-mode Linux
 *   deadline    by how much a probe outlives its deadline, of servers that never come to an end; beside it the
 *               latest of plain timers at the same time, in the process of the probes and in an idle one
 *
 * A name is WHAT-KIND-SERVERS[-saturated | -whole]:
 *
 *   interval    from one check of a server to its next, by the clock of the servers; 1,000 ms is the file's
 *   lateness    how far single intervals were from that
 *   burst       checks in the fullest 10 ms of a hundred, over their mean
 *   cpu-per-check, resident, private   of the process that checks; `private` is its proportional share
 *   detection   from the death of a server to the end of its entry (native: to the decision), without retries
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runInLab } from '../test/uml/run-in-uml.ts';
import { ratioOf, round, summarize } from './failover/figures.ts';
import type { CheckKind } from './health/configuration.ts';
import type { Overrun } from './health/deadline.ts';
import { plot } from './health/plot.ts';
import { compile } from './health/servers.ts';
import type { TurnInput, TurnResult } from './health/turn.ts';
import type { Result } from './ipvs/in-kernel.ts';

interface Extent {
  readonly sizes: readonly number[];
  readonly turns: number;
  readonly seconds: number;
  readonly victims: number;
  /** Servers of the saturated turns; none where 0. */
  readonly saturating: number;
  /** Servers of the whole daemons; none where 0. */
  readonly whole: number;
  /** Probes of each kind and each way to stall. */
  readonly probes: number;
}

const QUICK: Extent = {
  sizes: [20],
  turns: 1,
  seconds: 2,
  victims: 1,
  saturating: 0,
  whole: 0,
  probes: 2,
};
const DEFAULT: Extent = {
  sizes: [100, 1000, 2000, 5000],
  turns: 1,
  seconds: 6,
  victims: 4,
  saturating: 20_000,
  whole: 100,
  probes: 50,
};
const FULL: Extent = { ...DEFAULT, turns: 5, seconds: 30, victims: 20, probes: 200 };

const KINDS: readonly (readonly [name: string, kind: CheckKind])[] = [
  ['tcp', 'TCP_CHECK'],
  ['http', 'HTTP_GET'],
];
const KEEPALIVED = 'keepalived';
const BAR = 'the bar';
/** Checks a second that one core must sustain. */
const RATE_BAR = 2000;
const OVERRUN_BAR_MS = 50;
const US_PER_SECOND = 1e6;
const MS_PER_SECOND = 1000;
const LAB_MS = 20 * 60_000;

interface Turns {
  readonly ours: readonly TurnResult[];
  readonly peer: readonly TurnResult[];
}

interface Bar {
  readonly peer: number;
  readonly peerName: string;
}

function result(name: string, unit: string, ours: number, { peer, peerName }: Bar): Result {
  const ratio = ratioOf(ours, peer);
  const known = { name, unit, ours: round(ours), peer: round(peer), peerName };
  return ratio === undefined ? known : { ...known, ratio: round(ratio) };
}

const ROWS: readonly (readonly [name: string, unit: string, of: (turn: TurnResult) => number])[] = [
  ['interval', 'ms', ({ intervalMs }) => intervalMs],
  ['lateness-p50', 'ms', ({ latenessMs }) => latenessMs.p50],
  ['lateness-p99', 'ms', ({ latenessMs }) => latenessMs.p99],
  ['burst', 'of the mean', ({ burst }) => burst],
  ['cpu-per-check', 'us', (turn) => cpuPerCheckUs(turn)],
  ['resident', 'MiB', ({ residentMiB }) => residentMiB],
  ['private', 'MiB', ({ proportionalMiB }) => proportionalMiB],
];

function cpuPerCheckUs({ cpuSeconds, checks }: TurnResult): number {
  return (cpuSeconds / checks) * US_PER_SECOND;
}

/** Medians over the turns; of the detection over all deaths. */
function describe(named: string, { ours, peer }: Turns): readonly Result[] {
  const rows = ROWS.map(([name, unit, of]) => {
    const median = (turns: readonly TurnResult[]): number => summarize(turns.map(of)).median;
    return result(`${name}-${named}`, unit, median(ours), {
      peer: median(peer),
      peerName: KEEPALIVED,
    });
  });
  const deaths = (turns: readonly TurnResult[]) => turns.flatMap(({ detectionMs }) => detectionMs);
  if (deaths(ours).length === 0) return rows;
  const [us, them] = [summarize(deaths(ours)), summarize(deaths(peer))];
  const against = (value: number) => ({ peer: value, peerName: KEEPALIVED });
  return [
    ...rows,
    result(`detection-${named}-median`, 'ms', us.median, against(them.median)),
    result(`detection-${named}-p99`, 'ms', us.p99, against(them.p99)),
  ];
}

/** What a core does: a thousand checks in so many ms of CPU. The bar is half a second. */
function describeSaturated(named: string, { ours, peer }: Turns): readonly Result[] {
  const msPerThousand = (turns: readonly TurnResult[]): number =>
    summarize(turns.map((turn) => cpuPerCheckUs(turn))).median;
  const took = (turns: readonly TurnResult[]): number =>
    summarize(turns.map(({ seconds, checks }) => (seconds * MS_PER_SECOND * 1000) / checks)).median;
  const bar = { peer: (MS_PER_SECOND * 1000) / RATE_BAR, peerName: BAR };
  const them = (value: number) => ({ peer: value, peerName: KEEPALIVED });
  return [
    result(`time-of-1000-${named}`, 'ms', took(ours), bar),
    result(`time-of-1000-${named}-keepalived`, 'ms', took(ours), them(took(peer))),
    result(`cpu-of-1000-${named}`, 'ms', msPerThousand(ours), them(msPerThousand(peer))),
  ];
}

/** A process and a network namespace for each turn: nobody meets the sockets in TIME_WAIT of another. */
function takeNative(input: TurnInput): TurnResult {
  const program = join(import.meta.dirname, 'health', 'turn.ts');
  const words = ['--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];
  const { status, stdout } = spawnSync(
    'unshare',
    [...words, process.execPath, program, JSON.stringify(input)],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
  );
  if (status !== 0) throw new Error(`The turn of ${input.who} failed`);
  process.stderr.write(`${input.who} ${input.kind} ${input.targets}: ${stdout}\n`);
  return JSON.parse(stdout);
}

async function takeWhole(input: TurnInput): Promise<TurnResult> {
  const command = [process.execPath, 'bench/health/turn.ts', JSON.stringify(input)];
  const cwd = new URL('..', import.meta.url).pathname;
  const { status, stdout, console } = await runInLab(command, { cwd, timeoutMs: LAB_MS });
  if (status !== 0) throw new Error(`The turn of ${input.who} failed:\n${console}`);
  process.stderr.write(`whole ${input.who} ${input.kind} ${input.targets}: ${stdout}\n`);
  return JSON.parse(stdout);
}

async function turnsOf(
  count: number,
  take: (who: TurnInput['who']) => TurnResult | Promise<TurnResult>,
  ourName: 'engine' | 'lvsd',
): Promise<Turns> {
  const ours: TurnResult[] = [];
  const peer: TurnResult[] = [];
  for (let turn = 0; turn < count; turn += 1) {
    // In turn, and not always the same first.
    const isOursFirst = turn % 2 === 0;
    if (isOursFirst) ours.push(await take(ourName));
    peer.push(await take('keepalived'));
    if (!isOursFirst) ours.push(await take(ourName));
  }
  return { ours, peer };
}

function measureDeadlines(probes: number): readonly Result[] {
  const program = join(import.meta.dirname, 'health', 'deadline.ts');
  const { status, stdout } = spawnSync(process.execPath, [program, String(probes)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) throw new Error('The probes without an end failed');
  const bar = { peer: OVERRUN_BAR_MS, peerName: BAR };
  return (JSON.parse(stdout) as readonly Overrun[]).flatMap((row) => describeOverrun(row, bar));
}

function describeOverrun(
  { kind, p50, p99, max, timerMax, idleMax }: Overrun,
  bar: Bar,
): readonly Result[] {
  return [
    result(`deadline-overrun-${kind}-p50`, 'ms', p50, bar),
    result(`deadline-overrun-${kind}-p99`, 'ms', p99, bar),
    result(`deadline-overrun-${kind}-max`, 'ms', max, bar),
    result(`deadline-overrun-${kind}-plain-timer-max`, 'ms', timerMax, bar),
    result(`deadline-overrun-${kind}-idle-timer-max`, 'ms', idleMax, bar),
  ];
}

function option(words: readonly string[], name: string): string | undefined {
  return words.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3);
}

async function main(words: readonly string[]): Promise<void> {
  const extent = words.includes('--full') ? FULL : words.includes('--quick') ? QUICK : DEFAULT;
  const isJson = words.includes('--json');
  const only = option(words, 'only') ?? '';
  const results: Result[] = [];
  const add = (measured: readonly Result[]): void => {
    results.push(...measured);
    if (isJson) return;
    for (const { name, ours, peer, peerName, unit, ratio } of measured) {
      const beside = `${peerName}: ${peer}, ratio ${ratio ?? 'none'}`;
      process.stdout.write(`${name}: ${ours} ${unit} (${beside})\n`);
    }
  };
  compile();
  const { seconds, turns, victims } = extent;
  const native = { seconds, hasIpvs: false } as const;
  for (const [name, kind] of KINDS) {
    for (const targets of extent.sizes) {
      const named = `${name}-${targets}`;
      if (!`${named}-native`.includes(only)) continue;
      const load = { ...native, kind, targets, victims };
      add(describe(named, await turnsOf(turns, (who) => takeNative({ who, ...load }), 'engine')));
    }
    const saturated = `${name}-${extent.saturating}-saturated`;
    if (extent.saturating > 0 && saturated.includes(only)) {
      const load = { ...native, kind, targets: extent.saturating, victims: 0, isSaturated: true };
      const taken = await turnsOf(turns, (who) => takeNative({ who, ...load }), 'engine');
      add(describeSaturated(saturated, taken));
    }
    const whole = `${name}-${extent.whole}-whole`;
    if (extent.whole > 0 && whole.includes(only)) {
      const load = { seconds, hasIpvs: true, kind, targets: extent.whole, victims };
      add(describe(whole, await turnsOf(turns, (who) => takeWhole({ who, ...load }), 'lvsd')));
    }
  }
  if ('deadline-overrun'.includes(only)) add(measureDeadlines(extent.probes));
  if (isJson) process.stdout.write(`${JSON.stringify(results, undefined, 2)}\n`);
  const file = option(words, 'plot');
  if (file !== undefined) writeFileSync(file, plot(results));
}

await main(process.argv.slice(2));
