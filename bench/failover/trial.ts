/**
 * One failure, once: two directors and a client on a segment of their own, the failure right after an
 * advert, and what the wire and the client felt.
 *
 *     victim (200)     successor (100)     client: tcpdump, prober
 *          └────────────────┴──────────────────┘
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually, type Host, Segment } from '../../test/netns/segment.ts';
import { type Daemon, Director, killAll } from './director.ts';
import { longestOutageMs, type Probe, type TakeoverFrom, takeoverMs } from './figures.ts';
import { Wire } from './wire.ts';

export const VIP = '10.62.0.188';
const VICTIM = '10.62.0.1';
const SUCCESSOR = '10.62.0.2';
export const VICTIM_PRIORITY = 200;
export const SUCCESSOR_PRIORITY = 100;
const PROBE_INTERVAL_MS = 1;
const START_TIMEOUT_MS = 60_000;
/** Beyond the protocol's own time: a takeover that takes longer has not happened. */
const TAKEOVER_SLACK_MS = 2_000;
const SETTLE_MS = 300;
const STALL_AGAIN_MS = 5_000;
const MS_PER_MINUTE = 60_000;

/** What happens to the master. */
export const FAILURES = {
  /** Its cable is cut: a machine that is gone. */
  'hard-kill': (segment: Segment, victim: Director) => segment.setCable(victim.host, 'down'),
  sigterm: (_: Segment, victim: Director) => victim.terminate(),
  'kill-vrrp': (_: Segment, __: Director, vrrpPid: number) => killAll([vrrpPid]),
  'stop-vrrp': (_: Segment, __: Director, vrrpPid: number) => killAll([vrrpPid], 'SIGSTOP'),
  'kill-all': (_: Segment, victim: Director) => killAll(victim.pids()),
} as const;
export type Failure = keyof typeof FAILURES;

export interface Trial {
  readonly failure: Failure;
  readonly advertIntervalMs: number;
  readonly victim: Daemon;
  readonly successor: Daemon;
  readonly isChecking?: boolean;
}

export interface Felt {
  /** Undefined when the successor never took over: the victim is back as master, or still is. */
  readonly takeoverMs: number | undefined;
  readonly outageMs: number;
}

export function takeoverFrom(failure: Failure): TakeoverFrom {
  return failure === 'sigterm' ? 'resignation' : 'lastAdvert';
}

interface Lab {
  readonly segment: Segment;
  readonly victim: Director;
  readonly successor: Director;
  readonly client: Host;
  readonly wire: Wire;
}

/** Starts the directors, waits until the victim is the only master, calls `use`, and clears up. */
export async function withLab<Result>(
  trial: Omit<Trial, 'failure'>,
  use: (lab: Lab) => Promise<Result>,
): Promise<Result> {
  const segment = new Segment();
  const directory = mkdtempSync(join(tmpdir(), 'lvsd-bench-'));
  const { advertIntervalMs, isChecking = false } = trial;
  const common = { advertIntervalMs, vip: VIP, isChecking };
  try {
    const hosts = {
      victim: segment.addHost('victim', `${VICTIM}/24`),
      successor: segment.addHost('successor', `${SUCCESSOR}/24`),
    };
    const client = segment.addHost('client', '10.62.0.9/24');
    const wire = await Wire.open(segment, client);
    const master = { ...common, state: 'MASTER', priority: VICTIM_PRIORITY } as const;
    const victim = new Director(segment, hosts.victim, trial.victim, master, directory);
    if ((await wire.next(({ source }) => source === VICTIM, START_TIMEOUT_MS)) === undefined) {
      throw new Error(`${trial.victim} does not become master`);
    }
    const backup = { ...common, state: 'BACKUP', priority: SUCCESSOR_PRIORITY } as const;
    const successor = new Director(segment, hosts.successor, trial.successor, backup, directory);
    await successor.listens();
    await sleep(SETTLE_MS + advertIntervalMs);
    return await use({ segment, victim, successor, client, wire });
  } finally {
    segment.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

export async function runTrial(trial: Trial): Promise<Felt> {
  return withLab(trial, async ({ segment, victim, client, wire }) => {
    const vrrpPid = victim.vrrpPid();
    const script = join(import.meta.dirname, 'prober.ts');
    const prober = segment.spawn(client, process.execPath, script, VIP);
    if (prober.stdout === null) throw new Error('The prober has no output');
    const output = text(prober.stdout);
    await eventually('the client is answered', () => hasNeighbour(segment, client));
    await sleep(SETTLE_MS);
    const heard = await wire.next(({ source }) => source === VICTIM, START_TIMEOUT_MS);
    if (heard === undefined) throw new Error('The master is silent before the failure');
    FAILURES[trial.failure](segment, victim, vrrpPid);
    const boundMs = 4 * trial.advertIntervalMs + TAKEOVER_SLACK_MS;
    await wire.next(({ source }) => source === SUCCESSOR, boundMs);
    await sleep(SETTLE_MS);
    prober.kill('SIGTERM');
    const [, record = '[]'] = (await output).split('\n');
    return {
      takeoverMs: takeoverMs(
        wire.adverts,
        { victim: VICTIM, successor: SUCCESSOR },
        takeoverFrom(trial.failure),
        heard.atMs,
      ),
      outageMs: longestOutageMs(JSON.parse(record) as Probe[], PROBE_INTERVAL_MS),
    };
  });
}

/** What burdens the machine while nobody fails. */
export interface Burden {
  readonly minutes: number;
  /** Directors with a health process, which stands still all the time. */
  readonly stallsHealth?: boolean;
}

/** Changes of mastership with nobody failing and both cores busy, seen on the wire. */
export async function countFalseFailovers(
  daemon: Daemon,
  advertIntervalMs: number,
  { minutes, stallsHealth = false }: Burden,
): Promise<number> {
  const trial = { advertIntervalMs, victim: daemon, successor: daemon, isChecking: stallsHealth };
  return withLab(trial, async ({ segment, victim, successor, client, wire }) => {
    const directors = [victim, successor];
    if (stallsHealth) {
      await eventually(
        'the health processes run',
        () => directors.every((director) => director.healthPid() !== undefined),
        START_TIMEOUT_MS,
      );
    }
    const from = wire.adverts.length;
    for (let core = 0; core < 2; core += 1) {
      segment.spawn(client, process.execPath, '-e', 'for (;;);');
    }
    const end = performance.now() + minutes * MS_PER_MINUTE;
    for (let leftMs = end; leftMs > 0; leftMs = end - performance.now()) {
      // Again and again: the supervisor replaces one that stands still.
      if (stallsHealth) {
        killAll(
          directors.flatMap((director) => director.healthPid() ?? []),
          'SIGSTOP',
        );
      }
      await sleep(Math.min(leftMs, STALL_AGAIN_MS));
    }
    let speaker = VICTIM;
    let changes = 0;
    for (const { source } of wire.adverts.slice(from)) {
      if (source !== speaker && source === SUCCESSOR) changes += 1;
      speaker = source;
    }
    return changes;
  });
}

function hasNeighbour(segment: Segment, client: Host): boolean {
  return segment.run(client, 'ip', 'neigh', 'show', VIP).includes('lladdr');
}
