/** What an instance shows of itself: plain data, for status, metrics and the supervisor. */

import { heldAddresses } from './addresses.ts';
import { faultCauses } from './fault-state.ts';
import type { MemberConfig, RouterConfig, State, VrrpState } from './machine.ts';
import type { PeerSnapshot } from './peer-table.ts';
import type { Contribution } from './priority.ts';
import { masterDownIntervalMs } from './timing.ts';

export interface InstanceSnapshot {
  readonly name: string;
  readonly interface: string;
  readonly virtualRouterId: number;
  readonly version: 2 | 3;
  readonly state: VrrpState;
  /** Wall clock of the last change of state, ms since 1970. */
  readonly sinceMs: number;
  /** Why it is in this state. */
  readonly reason: string;
  /** As configured. */
  readonly priority: number;
  /** As advertised: after tracking. */
  readonly effectivePriority: number;
  /** Who is master, as far as we heard; ourselves when MASTER. */
  readonly masterAddress?: string;
  readonly masterPriority?: number;
  /** The interval in force: as BACKUP with version 3, the master's. */
  readonly advertIntervalMs: number;
  readonly masterDownIntervalMs: number;
  /** `10.0.0.100/24`, in the order of the file. */
  readonly addresses: readonly string[];
  /** Resigned, still serving until the successor is heard. */
  readonly releasing: boolean;
  /** Monotonic ms of our last advert. */
  readonly lastAdvertSentMs?: number;
  readonly counters: Readonly<Record<string, number>>;
  /** Routers of the group whose adverts were accepted; the one heard last is at the end. */
  readonly peers?: readonly PeerSnapshot[];
  readonly syncGroup?: string;
  /** What holds it in FAULT: `link eth0`, `script chk`, `group:VI_2`, `addresses refused`. */
  readonly faults?: readonly string[];
  /** What the effective priority is made of besides the configured one. */
  readonly contributions?: readonly Contribution[];
  /** An operator handed mastership over, and we do not preempt it back. */
  readonly handedOver?: boolean;
  /** A living master is not preempted before the servers have been checked. */
  readonly awaitsChecks?: boolean;
  /** Ready to be master, and waiting for the rest of the sync group. */
  readonly waitsForGroup?: boolean;
  /** Another master is heard while we are one. */
  readonly splitBrain?: SplitBrain;
}

export interface SplitBrain {
  readonly peer: string;
  /** Unknown when its adverts are refused. */
  readonly priority?: number;
  /** Why its adverts are refused. */
  readonly refused?: string;
  /** First heard, monotonic ms. */
  readonly sinceMs: number;
}

export interface SnapshotSource {
  readonly config: RouterConfig;
  readonly state: State;
  readonly sinceMs: number;
  readonly reason: string;
  readonly counters: ReadonlyMap<string, number>;
  readonly lastAdvertSentMs: number | undefined;
  readonly peers: readonly PeerSnapshot[];
  readonly contributions: readonly Contribution[];
}

export function snapshotOf(source: SnapshotSource): InstanceSnapshot {
  const { config, state, lastAdvertSentMs, peers } = source;
  const intervalMs =
    state.name === 'BACKUP' ? state.masterAdvertIntervalMs : config.advertIntervalMs;
  const master = masterOf(config, state);
  const faults = faultCauses(config, state);
  return {
    name: config.name,
    interface: config.interface,
    virtualRouterId: config.virtualRouterId,
    version: config.version,
    state: state.name,
    sinceMs: source.sinceMs,
    reason: source.reason,
    priority: config.priority,
    effectivePriority: state.priority,
    ...master,
    advertIntervalMs: intervalMs,
    masterDownIntervalMs: masterDownIntervalMs(
      config.version,
      state.priority,
      intervalMs,
      config.downTimerAdverts,
    ),
    addresses: heldAddresses(config).map(
      ({ address, prefixLength }) => `${address.text}/${prefixLength}`,
    ),
    releasing: state.name === 'MASTER' && state.isReleasing,
    ...(lastAdvertSentMs === undefined ? {} : { lastAdvertSentMs }),
    counters: Object.fromEntries([...source.counters].sort(([a], [b]) => (a < b ? -1 : 1))),
    peers,
    ...(config.syncGroup === undefined ? {} : { syncGroup: config.syncGroup }),
    ...(faults.length === 0 ? {} : { faults }),
    ...(source.contributions.length === 0 ? {} : { contributions: source.contributions }),
    ...(state.hasHandedOver ? { handedOver: true } : {}),
    ...(state.name === 'BACKUP' && state.awaitsChecks ? { awaitsChecks: true } : {}),
    ...(state.name === 'BACKUP' && state.wantsMaster ? { waitsForGroup: true } : {}),
    ...splitBrainOf(state),
  };
}

/** The one that was heard first. */
function splitBrainOf(state: State): { readonly splitBrain?: SplitBrain } {
  if (state.name !== 'MASTER') return {};
  const [first] = [...state.rivals].sort((left, right) => left.sinceMs - right.sinceMs);
  if (first === undefined) return {};
  const { address, downAtMs: _internal, ...known } = first;
  return { splitBrain: { peer: address.text, ...known } };
}

function masterOf(
  config: RouterConfig,
  state: State,
): { readonly masterAddress?: string; readonly masterPriority?: number } {
  if (state.name === 'MASTER') {
    return { masterAddress: config.primaryAddress.text, masterPriority: state.priority };
  }
  if (state.name !== 'BACKUP' || state.master === undefined) return {};
  return { masterAddress: state.master.address.text, masterPriority: state.master.priority };
}

/** Of an instance that cannot stand: its interface, its source address or its sockets are not there. */
export function waitingSnapshot(
  config: MemberConfig,
  reason: string,
  sinceMs: number,
): InstanceSnapshot {
  const { name, virtualRouterId, version, priority, advertIntervalMs } = config;
  return {
    name,
    interface: config.interface,
    virtualRouterId,
    version,
    state: 'FAULT',
    sinceMs,
    reason,
    priority,
    effectivePriority: priority,
    advertIntervalMs,
    masterDownIntervalMs: 0,
    addresses: heldAddresses(config).map(({ address }) => address.text),
    faults: [reason],
    releasing: false,
    counters: {},
  };
}
