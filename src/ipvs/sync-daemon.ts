/**
 * The kernel's connection synchronisation (net/netfilter/ipvs/ip_vs_sync.c): one side multicasts its
 * connections, the other listens, so that a takeover knows them. Pure: what shall run, and the steps
 * from what runs to that. The kernel has no way to change a daemon: it is stopped and started.
 */
import type { IpAddress } from '../base/address.ts';
import type { SyncDaemonConfig } from '../config/model-global.ts';

export type SyncRole = 'master' | 'backup';

export interface SyncDaemon {
  readonly role: SyncRole;
  readonly interface: string;
  /** 0..255; a listener with 0 takes those of every id. */
  readonly syncId: number;
  /** Bytes of a message; absent: what fits the interface. */
  readonly maxLength?: number;
  readonly group?: IpAddress;
  readonly port?: number;
  readonly ttl?: number;
}

export type SyncStep =
  | { readonly kind: 'stopDaemon'; readonly daemon: SyncDaemon }
  | { readonly kind: 'startDaemon'; readonly daemon: SyncDaemon };

/**
 * What shall run: with an instance the side that its state says, and none before it is known; both
 * without one. Without a configuration nothing.
 */
export function wantedDaemons(
  config: SyncDaemonConfig | undefined,
  role: SyncRole | undefined,
): readonly SyncDaemon[] {
  if (config === undefined) return [];
  const { instance, syncId = 0, ...rest } = config;
  const sides: readonly SyncRole[] =
    instance === undefined ? ['master', 'backup'] : role === undefined ? [] : [role];
  return sides.map((side) => ({ role: side, syncId, ...rest }));
}

/** Stops come first: the kernel refuses a second daemon of a side. */
export function planDaemons(
  wanted: readonly SyncDaemon[],
  actual: readonly SyncDaemon[],
): readonly SyncStep[] {
  const isRight = (daemon: SyncDaemon, other: SyncDaemon | undefined): boolean =>
    other !== undefined && isServedBy(daemon, other);
  const ofRole = (list: readonly SyncDaemon[], { role }: SyncDaemon): SyncDaemon | undefined =>
    list.find((each) => each.role === role);
  const stops = actual.filter((each) => {
    const wish = ofRole(wanted, each);
    return wish === undefined || !isRight(wish, each);
  });
  const starts = wanted.filter((each) => !isRight(each, ofRole(actual, each)));
  return [
    ...stops.map((daemon): SyncStep => ({ kind: 'stopDaemon', daemon })),
    ...starts.map((daemon): SyncStep => ({ kind: 'startDaemon', daemon })),
  ];
}

/** What the file does not say may be as it is: the kernel fills it in. */
function isServedBy(wish: SyncDaemon, found: SyncDaemon): boolean {
  return (
    wish.interface === found.interface &&
    wish.syncId === found.syncId &&
    (wish.maxLength === undefined || wish.maxLength === found.maxLength) &&
    (wish.group === undefined || wish.group.text === found.group?.text) &&
    (wish.port === undefined || wish.port === found.port) &&
    (wish.ttl === undefined || wish.ttl === found.ttl)
  );
}
