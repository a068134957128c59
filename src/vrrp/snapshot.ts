/** What an instance shows of itself: plain data, for status, metrics and the supervisor. */
import type { RouterConfig, State, VrrpState } from './machine.ts';
import type { PeerSnapshot } from './peer-table.ts';
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
}

export interface SnapshotSource {
  readonly config: RouterConfig;
  readonly state: State;
  readonly sinceMs: number;
  readonly reason: string;
  readonly counters: ReadonlyMap<string, number>;
  readonly lastAdvertSentMs: number | undefined;
  readonly peers: readonly PeerSnapshot[];
}

export function snapshotOf(source: SnapshotSource): InstanceSnapshot {
  const { config, state, lastAdvertSentMs, peers } = source;
  const intervalMs =
    state.name === 'BACKUP' ? state.masterAdvertIntervalMs : config.advertIntervalMs;
  const master = masterOf(config, state);
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
    masterDownIntervalMs: masterDownIntervalMs(config.version, state.priority, intervalMs),
    addresses: config.virtualAddresses.map(
      ({ address, prefixLength }) => `${address.text}/${prefixLength}`,
    ),
    releasing: state.name === 'MASTER' && state.isReleasing,
    ...(lastAdvertSentMs === undefined ? {} : { lastAdvertSentMs }),
    counters: Object.fromEntries([...source.counters].sort(([a], [b]) => (a < b ? -1 : 1))),
    peers,
  };
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
