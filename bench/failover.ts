/**
 * What a failover costs: `node bench/failover.ts [--json] [--quick | --full] [--runs=N] [--only=WORD]`.
 * lvsd and keepalived take turns with the same file in the same namespaces (v3, priorities 200 and 100),
 * every trial with processes that were just started. As root; under five minutes; --full an hour and a half.
 *
 *   takeover  from the master's last advert (SIGTERM: its priority 0) to the successor's first, on the
 *             wire, by the kernel's timestamps
 *   excess    takeover less what the protocol prescribes
 *   outage    the longest time an ICMP echo every millisecond found no answer
 */

import { join } from 'node:path';
import { runInLab } from '../test/uml/run-in-uml.ts';
import { DAEMONS, type Daemon } from './failover/director.ts';
import { protocolMs, ratioOf, round, summarize } from './failover/figures.ts';
import {
  countFalseFailovers,
  type Failure,
  type Felt,
  runTrial,
  SUCCESSOR_PRIORITY,
  takeoverFrom,
} from './failover/trial.ts';

/** Who fails and who takes over, as lvsd is measured and as keepalived is. */
interface Scenario {
  readonly name: string;
  readonly failure: Failure;
  readonly ours: Pair;
  readonly peer: Pair;
}

interface Pair {
  readonly victim: Daemon;
  readonly successor: Daemon;
}

interface Result {
  readonly name: string;
  readonly unit: 'ms' | 'failovers';
  readonly ours: number;
  readonly peer: number;
  readonly peerName: string;
  readonly ratio?: number;
}

const LVSD: Pair = { victim: 'lvsd', successor: 'lvsd' };
const KEEPALIVED: Pair = { victim: 'keepalived', successor: 'keepalived' };

const SCENARIOS: readonly Scenario[] = [
  { name: 'hard-kill', failure: 'hard-kill', ours: LVSD, peer: KEEPALIVED },
  { name: 'sigterm', failure: 'sigterm', ours: LVSD, peer: KEEPALIVED },
  {
    // lvsd hands over to keepalived, and keepalived to lvsd.
    name: 'sigterm-across',
    failure: 'sigterm',
    ours: { victim: 'lvsd', successor: 'keepalived' },
    peer: { victim: 'keepalived', successor: 'lvsd' },
  },
  { name: 'kill-vrrp', failure: 'kill-vrrp', ours: LVSD, peer: KEEPALIVED },
  { name: 'stop-vrrp', failure: 'stop-vrrp', ours: LVSD, peer: KEEPALIVED },
  { name: 'kill-all', failure: 'kill-all', ours: LVSD, peer: KEEPALIVED },
];

/** Trials of each scenario and side, by advert interval in ms; minutes of false failovers. */
interface Extent {
  readonly runs: ReadonlyMap<number, number>;
  readonly minutes: number;
  readonly stalledMinutes: number;
}

const QUICK: Extent = { runs: new Map([[100, 1]]), minutes: 0, stalledMinutes: 0 };
const DEFAULT: Extent = {
  runs: new Map([
    [100, 4],
    [10, 4],
  ]),
  minutes: 0.25,
  stalledMinutes: 0,
};
const FULL: Extent = {
  runs: new Map([
    [1000, 8],
    [100, 15],
    [10, 15],
  ]),
  minutes: 10,
  stalledMinutes: 10,
};
const FALSE_FAILOVER_INTERVAL_MS = 10;
/** In user-mode Linux keepalived as well is late for 10 ms. */
const LAB_INTERVAL_MS = 100;
const MS_PER_MINUTE = 60_000;
/** User-mode Linux boots in two seconds; the daemons in it need many more. */
const LAB_START_MS = 120_000;

async function measure(
  scenario: Scenario,
  advertIntervalMs: number,
  runs: number,
): Promise<readonly Result[]> {
  const felt: { readonly ours: Felt[]; readonly peer: Felt[] } = { ours: [], peer: [] };
  const { failure } = scenario;
  for (let run = 0; run < runs; run += 1) {
    // In turn, and not always the same first.
    const sides = run % 2 === 0 ? (['ours', 'peer'] as const) : (['peer', 'ours'] as const);
    for (const side of sides) {
      felt[side].push(await runTrial({ failure, advertIntervalMs, ...scenario[side] }));
    }
  }
  const protocol = protocolMs(takeoverFrom(failure), SUCCESSOR_PRIORITY, advertIntervalMs);
  const named = `${scenario.name}-${advertIntervalMs}ms`;
  const takeovers = (one: readonly Felt[]): number[] =>
    one.flatMap(({ takeoverMs }) => takeoverMs ?? []);
  const excesses = (one: readonly Felt[]): number[] => takeovers(one).map((ms) => ms - protocol);
  const outages = (one: readonly Felt[]): number[] => one.map(({ outageMs }) => outageMs);
  return [
    compare(
      `${named}-takeovers`,
      'failovers',
      takeovers(felt.ours).length,
      takeovers(felt.peer).length,
    ),
    ...summaries(`${named}-takeover`, takeovers(felt.ours), takeovers(felt.peer)),
    ...summaries(`${named}-excess`, excesses(felt.ours), excesses(felt.peer)),
    ...summaries(`${named}-outage`, outages(felt.ours), outages(felt.peer)),
  ];
}

/** Nothing where one of them never took over: there is nothing to compare then. */
function summaries(
  name: string,
  ours: readonly number[],
  peer: readonly number[],
): readonly Result[] {
  if (ours.length === 0 || peer.length === 0) return [];
  const [us, them] = [summarize(ours), summarize(peer)];
  return [
    compare(`${name}-median`, 'ms', us.median, them.median),
    compare(`${name}-p99`, 'ms', us.p99, them.p99),
  ];
}

function compare(name: string, unit: Result['unit'], ours: number, peer: number): Result {
  const ratio = ratioOf(ours, peer);
  return {
    name,
    unit,
    ours: round(ours),
    peer: round(peer),
    peerName: 'keepalived',
    ...(ratio === undefined ? {} : { ratio: round(ratio) }),
  };
}

/**
 * The whole daemon with both cores busy and its health processes stopped, where the kernel has IPVS: mostly in
 * user-mode Linux. A bar of our own, 0, stands in for a peer.
 */
async function stalledHealth(minutes: number): Promise<Result> {
  const script = join('bench', 'failover', 'stalled-health.ts');
  const { status, stdout, console } = await runInLab(
    [process.execPath, script, String(LAB_INTERVAL_MS), String(minutes)],
    { cwd: process.cwd(), timeoutMs: minutes * MS_PER_MINUTE + LAB_START_MS },
  );
  if (status !== 0) throw new Error(`The run with a stalled health process failed:\n${console}`);
  const name = `false-failovers-${LAB_INTERVAL_MS}ms-${minutes}min-stalled-health`;
  return { name, unit: 'failovers', ours: Number(stdout), peer: 0, peerName: 'the bar' };
}

/** Both cores busy, and lvsd's health processes stopped. */
async function falseFailovers(minutes: number): Promise<Result> {
  const counted = new Map<Daemon, number>();
  for (const daemon of DAEMONS) {
    const burden = { minutes, stallsHealth: daemon === 'lvsd' };
    counted.set(daemon, await countFalseFailovers(daemon, FALSE_FAILOVER_INTERVAL_MS, burden));
  }
  const name = `false-failovers-${FALSE_FAILOVER_INTERVAL_MS}ms-${minutes}min-hogged-stalled-health`;
  return compare(name, 'failovers', counted.get('lvsd') ?? 0, counted.get('keepalived') ?? 0);
}

function option(words: readonly string[], name: string): string | undefined {
  return words.find((word) => word.startsWith(`--${name}=`))?.slice(name.length + 3);
}

async function main(words: readonly string[]): Promise<void> {
  const extent = words.includes('--full') ? FULL : words.includes('--quick') ? QUICK : DEFAULT;
  const isJson = words.includes('--json');
  const only = option(words, 'only') ?? '';
  const wanted = Number(option(words, 'runs') ?? Number.NaN);
  const results: Result[] = [];
  const add = (measured: readonly Result[]): void => {
    results.push(...measured);
    if (isJson) return;
    for (const { name, ours, peer, peerName, unit, ratio } of measured) {
      process.stdout.write(
        `${name}: ${ours} ${unit} (${peerName}: ${peer}, ratio ${ratio ?? 'none'})\n`,
      );
    }
  };
  for (const [advertIntervalMs, runs] of extent.runs) {
    for (const scenario of SCENARIOS) {
      if (!`${scenario.name}-${advertIntervalMs}ms`.includes(only)) continue;
      add(await measure(scenario, advertIntervalMs, Number.isNaN(wanted) ? runs : wanted));
    }
  }
  if (extent.minutes > 0 && 'false-failovers'.includes(only)) {
    add([await falseFailovers(extent.minutes)]);
  }
  if (extent.stalledMinutes > 0 && 'stalled-health'.includes(only)) {
    add([await stalledHealth(extent.stalledMinutes)]);
  }
  if (isJson) process.stdout.write(`${JSON.stringify(results, undefined, 2)}\n`);
}

await main(process.argv.slice(2));
