/**
 * Runs a plan and judges it. What fails is told with its seed, shrunk to the faults that are needed, and
 * with the last events as a transcript.
 */
import { REMOVAL_RETRY_MS } from '../../src/vrrp/backup-state.ts';
import { advertGroup, encodeOwnAdvert, isUnicast } from '../../src/vrrp/own-advert.ts';
import { VRRP_TTL } from '../../src/vrrp/packet.ts';
import type { ReceivedAdvert } from '../../src/vrrp/ports.ts';
import { FAULT_PROBE_INTERVAL_MS } from '../../src/vrrp/transition.ts';
import { Laws } from './laws.ts';
import { Network } from './network.ts';
import { type Fault, makePlan, type Plan, type Reload } from './plan.ts';
import type { SimulatedRouter } from './simulated-router.ts';

/** The supervisor's patience with a dead vrrp process, after which it gives the addresses up. */
const GIVE_UP_INTERVALS = 2;
const SHRINK_RUNS_MAX = 300;
const EVENTS_SHOWN = Number(process.env.LVSD_SIM_EVENTS ?? 60);

export interface RunOptions {
  readonly transcript?: string[];
  /** Before anything starts. */
  readonly prepare?: (network: Network) => void;
}

/** Throws what went wrong: a broken law, or whatever the code under test threw. */
export function runPlan(plan: Plan, options: RunOptions = {}): Network {
  const { seed, configs, intervalMs, intervalMaxMs } = plan;
  const network = new Network({ seed, configs, delayMaxMs: intervalMs / 10 });
  network.transcript = options.transcript;
  const delayMaxMs = 6 * intervalMaxMs;
  const laws = new Laws(network, { intervalMaxMs, delayMaxMs });
  options.prepare?.(network);
  for (const { index } of network.routers) network.boot(index);
  for (const { afterMs, fault } of plan.faults) {
    network.advance(afterMs);
    network.transcript?.push(
      `${network.nowMs.toFixed(3).padStart(12)}  -- ${JSON.stringify(fault)}`,
    );
    if (fault.kind === 'heal') settle(network, laws, plan);
    else apply(network, fault);
  }
  return network;
}

/** Every seed from `from`, stepping `by`; the first that fails is told. */
export function runSeeds(
  from: number,
  by: number,
  count: number,
  run: (seed: number) => void = runSeed,
): void {
  for (let turn = 0, seed = from; turn < count; turn += 1, seed += by) run(seed);
}

export function runSeed(seed: number): void {
  const run = (plan: Plan, transcript?: string[]): void => {
    runPlan(plan, transcript === undefined ? {} : { transcript });
  };
  findFailure(seed, makePlan(seed), run, ({ configs }) => configs.map(describeRouter));
}

/** What every kind of plan has: time passes, then something goes wrong, and so on. */
interface Shrinkable {
  readonly faults: readonly { readonly afterMs: number }[];
}

/** Throws when the plan fails, with the smallest plan that still does, and its last events. */
export function findFailure<Kind extends Shrinkable>(
  seed: number,
  plan: Kind,
  run: (plan: Kind, transcript?: string[]) => void,
  describe: (plan: Kind) => readonly string[],
): void {
  const failure = failureOf(run, plan);
  if (failure === undefined) return;
  const smallest = shrink(run, plan);
  const transcript: string[] = [];
  const cause = failureOf(run, smallest, transcript) ?? failure;
  throw new Error(
    [
      `seed ${seed} fails: ${failure.message}`,
      `replay with LVSD_SIM_SEED=${seed}; shrunk to ${smallest.faults.length} of ${plan.faults.length} faults: ${cause.message}`,
      ...describe(smallest),
      ...(transcript.length > EVENTS_SHOWN ? ['     …'] : []),
      ...transcript.slice(-EVENTS_SHOWN),
    ].join('\n'),
    { cause },
  );
}

function failureOf<Kind>(
  run: (plan: Kind, transcript?: string[]) => void,
  plan: Kind,
  transcript?: string[],
): Error | undefined {
  try {
    run(plan, transcript);
    return undefined;
  } catch (error) {
    return error as Error;
  }
}

/** Leaves faults out, halves first, as long as something still fails. */
function shrink<Kind extends Shrinkable>(run: (plan: Kind) => void, plan: Kind): Kind {
  let smallest = plan;
  let runs = 0;
  for (let size = Math.ceil(plan.faults.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < smallest.faults.length && runs < SHRINK_RUNS_MAX; ) {
      const shorter: Kind = { ...smallest, faults: without(smallest.faults, at, size) };
      runs += 1;
      if (failureOf(run, shorter) === undefined) at += size;
      else smallest = shorter;
    }
  }
  return smallest;
}

/** The time that passed before a fault that is left out still passes. */
function without(faults: Shrinkable['faults'], at: number, size: number): Shrinkable['faults'] {
  const skippedMs = faults.slice(at, at + size).reduce((sum, { afterMs }) => sum + afterMs, 0);
  return faults
    .filter((_, index) => index < at || index >= at + size)
    .map((one, index) => (index === at ? { ...one, afterMs: one.afterMs + skippedMs } : one));
}

export function describeRouter(config: Plan['configs'][number]): string {
  const { name, version, family, priority, advertIntervalMs, preempt, preemptDelayMs } = config;
  const addresses = config.virtualAddresses.map(({ address }) => address.text).join(' ');
  return `  ${name}: v${version} ${family} ${config.primaryAddress.text} state ${config.initialState} prio ${priority} interval ${advertIntervalMs} ms ${preempt ? 'preempt' : 'nopreempt'} delay ${preemptDelayMs} ms [${addresses}]`;
}

/** Everything is repaired; what the faults left running ends first. Then the laws of rest must hold. */
function settle(network: Network, laws: Laws, plan: Plan): void {
  const { intervalMaxMs, configs } = plan;
  const skewMaxMs = configs[0]?.version === 2 ? 1000 : intervalMaxMs;
  heal(network);
  const stalledMs = network.routers.map(({ stalledUntilMs }) => stalledUntilMs - network.nowMs);
  network.advance(Math.max(0, ...stalledMs) + 3 * intervalMaxMs + 200);
  heal(network);
  // Master-down, a preempt delay, master-down again, and the adverts in between.
  network.advance(2 * (4 * intervalMaxMs + skewMaxMs) + 6 * intervalMaxMs + 200);
  // The kernel's refusals are tried again in their own time.
  if (network.routers.some(({ state }) => state === 'FAULT')) {
    network.advance(FAULT_PROBE_INTERVAL_MS + 10 * intervalMaxMs);
  } else if (network.holders().length > 1 || network.routers.some(owesRemoval)) {
    network.advance(REMOVAL_RETRY_MS);
  }
  laws.checkSettled();
  const before = network.routers.map(({ transitions }) => transitions);
  const [master] = network.routers.filter(({ state }) => state === 'MASTER');
  const sent = master?.advertsSent ?? 0;
  network.advance(2 * intervalMaxMs);
  laws.checkSettled();
  const changed = network.routers.find((router, index) => router.transitions !== before[index]);
  if (changed !== undefined) throw new Error(`${changed.name} changes its state at rest`);
  if ((master?.advertsSent ?? 0) - sent < 2) throw new Error(`${master?.name} is silent at rest`);
}

/** The kernel still has what a reload took out of the configuration. */
function owesRemoval({ config, held }: SimulatedRouter): boolean {
  return held.size > config.virtualAddresses.length;
}

function heal(network: Network): void {
  network.repair();
  for (const router of network.routers) {
    router.refusesAdditions = false;
    router.refusesRemovals = false;
    network.setLink(router.index, true);
    network.boot(router.index);
  }
}

function apply(network: Network, fault: Exclude<Fault, { kind: 'heal' }>): void {
  switch (fault.kind) {
    case 'loss':
    case 'duplicate':
    case 'corrupt':
    case 'cut':
    case 'uncut':
      network.disturb(fault);
      return;
    case 'stall':
      network.stall(fault.router, fault.ms);
      return;
    case 'crash':
      network.crash(fault.router);
      return;
    case 'start':
      network.boot(fault.router);
      return;
    case 'stop':
      network.touch(fault.router, 'is told to stop', (router) => router.stop());
      return;
    case 'takeAway':
      takeAway(network, fault.router);
      return;
    case 'kill':
      kill(network, network.at(fault.router), fault.resumeMs);
      return;
    case 'link':
      network.setLink(fault.router, fault.isUp);
      return;
    case 'refuse': {
      const router = network.at(fault.router);
      router.refusesAdditions = fault.what === 'add';
      router.refusesRemovals = fault.what === 'remove';
      return;
    }
    case 'clock':
      network.at(fault.router).realtimeOffsetMs += fault.ms;
      return;
    case 'garbage': {
      const payload = Uint8Array.from({ length: fault.length }, () => network.dice.index(256));
      network.inject(fault.router, foreign(network.at(fault.router), payload));
      return;
    }
    case 'forge':
      network.inject(fault.router, forged(network.at(fault.router), fault.what));
      return;
    case 'reload':
      if (network.at(fault.router).instance === undefined) {
        reload(network.at(fault.router), fault.changes);
      } else {
        network.touch(fault.router, 'reloads', (one) => reload(one, fault.changes));
      }
      return;
    default:
      throw new Error(`Unknown fault ${JSON.stringify(fault satisfies never)}`);
  }
}

function reload(router: SimulatedRouter, changes: Reload): void {
  router.reload({ ...router.config, ...changes });
}

/** `ip addr del` by somebody else. */
function takeAway(network: Network, index: number): void {
  const router = network.at(index);
  const [virtual] = router.config.virtualAddresses;
  if (virtual === undefined || !router.held.delete(virtual.address.text)) return;
  network.touch(index, `loses ${virtual.address.text} to somebody`, ({ instance }) => {
    instance?.addressRemoved(virtual.address);
  });
}

/** SIGKILL of the vrrp process, and what the supervisor does about it. */
function kill(network: Network, router: SimulatedRouter, resumeMs: number | undefined): void {
  const wasMaster = router.state === 'MASTER' && !router.isStopping;
  if (router.instance === undefined) return;
  network.note(router, 'is killed');
  router.die();
  const isGivenUp = (): boolean => router.instance === undefined && router.isOrphaned;
  if (wasMaster && resumeMs !== undefined) {
    network.later(resumeMs, () => {
      if (isGivenUp()) network.boot(router.index, true);
    });
  }
  network.later(GIVE_UP_INTERVALS * router.config.advertIntervalMs, () => {
    if (!isGivenUp()) return;
    network.note(router, 'is given up by its supervisor');
    router.held.clear();
    router.isOrphaned = false;
  });
}

/** From a stranger, to the group or to the address that this router is spoken to at. */
function foreign(
  { config }: SimulatedRouter,
  payload: Uint8Array,
  changes?: Partial<ReceivedAdvert>,
): ReceivedAdvert {
  const { family, primaryAddress } = config;
  const source = { family, text: family === 'inet' ? '10.0.0.66' : 'fe80::66' };
  const destination = isUnicast(config) ? primaryAddress : advertGroup(config);
  return { payload, source, destination, ttl: VRRP_TTL, ...changes };
}

/** A claim of priority 255 that is valid but for one thing. */
function forged(to: SimulatedRouter, what: 'ttl' | 'zero' | 'own'): ReceivedAdvert {
  const { source, destination } = foreign(to, new Uint8Array());
  const sender = what === 'own' ? to.config.primaryAddress : source;
  const asSent = { ...to.config, unicastPeers: [], multicastGroup: destination };
  const payload = encodeOwnAdvert(asSent, sender, 255);
  if (what === 'zero') zeroInterval(payload);
  const ttl = what === 'ttl' ? VRRP_TTL - 1 : VRRP_TTL;
  return foreign(to, payload, { source: sender, ttl });
}

/** Takes the interval out of an advert and out of its checksum: the sum of what is left stays right. */
function zeroInterval(payload: Uint8Array): void {
  const view = new DataView(payload.buffer);
  const sum = view.getUint16(6) + view.getUint16(4);
  view.setUint16(4, 0);
  view.setUint16(6, (sum & 0xffff) + (sum >> 16));
}
