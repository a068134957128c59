/**
 * The vocabulary of the state machine: configuration, states, events, actions. Plain readonly data.
 *
 *                 started            masterDown fires
 *       +------+ ---------> +--------+ ---------> +--------+
 *       | INIT |            | BACKUP |            | MASTER |--+ releasing: priority 0 is out, the
 *       +------+ <--------- +--------+ <--------- +--------+  | addresses stay until the successor
 *         ^ ^     stopped      |  ^   better advert    |  ^   | is heard or the release timer fires
 *         | |                  |  |                    |  +---+
 *         | |        link down |  | link up            | link down, addresses refused
 *         | |     stopped      v  |                    |
 *         | +-------------- +-------+ <----------------+
 *         |                 | FAULT |
 *         |                 +-------+
 *         +---- released (from MASTER)
 */
import type { IpAddress } from '../base/address.ts';
import type { VirtualAddressConfig, VrrpInstanceConfig } from '../config/model.ts';

export type VrrpState = 'INIT' | 'BACKUP' | 'MASTER' | 'FAULT';

/** What the machine must know: the instance as configured, and the address its adverts come from. */
export interface RouterConfig extends VrrpInstanceConfig {
  readonly primaryAddress: IpAddress;
}

export type TimerName =
  /** BACKUP: the master is gone when it fires. */
  | 'masterDown'
  /** MASTER: the next advert; while releasing, the repeated resignation. */
  | 'advert'
  /** MASTER: the second burst. */
  | 'garpDelay'
  | 'garpRefresh'
  | 'lowerPrioGarp'
  /** Trouble with the kernel: put the addresses where they belong once more. */
  | 'addressRetry'
  /** Releasing MASTER: stop serving. */
  | 'release';

/** Armed timers and their deadlines, monotonic ms. A timer that fires with another deadline is stale. */
export type Timers = Readonly<Partial<Record<TimerName, number>>>;

export type TransitionReason =
  | 'STARTED'
  | 'STARTED_AS_OWNER'
  | 'RESUMED_AS_MASTER'
  | 'MASTER_SILENT'
  | 'MASTER_RESIGNED'
  | 'NO_BETTER_MASTER'
  | 'LOWER_PRIORITY_MASTER'
  | 'HIGHER_PRIORITY_ADVERT'
  | 'EQUAL_PRIORITY_HIGHER_ADDRESS'
  | 'LINK_DOWN'
  | 'LINK_UP'
  | 'ADDRESSES_REFUSED'
  | 'ADDRESSES_ACCEPTED'
  | 'STOPPED'
  | 'SUCCESSOR_HEARD'
  | 'RELEASE_TIMEOUT';

/** What a backup is waiting for; it is the reason of the takeover when the wait is over. */
export type BackupWait = 'MASTER_SILENT' | 'MASTER_RESIGNED' | 'NO_BETTER_MASTER';

export interface Peer {
  readonly address: IpAddress;
  readonly priority: number;
}

interface StateBase {
  readonly timers: Timers;
  /** The priority we advertise and compare with. */
  readonly priority: number;
  readonly isLinkUp: boolean;
}

export interface InitState extends StateBase {
  readonly name: 'INIT';
}

export interface BackupState extends StateBase {
  readonly name: 'BACKUP';
  readonly wait: BackupWait;
  /** When the present wait began. */
  readonly waitFromMs: number;
  /** Master_Adver_Interval: version 3 adopts it from the adverts. */
  readonly masterAdvertIntervalMs: number;
  /** Who was heard last. */
  readonly master?: Peer;
  /** The running preempt delay: lower-priority adverts are accepted until then. */
  readonly preemptAtMs?: number;
  /** The master that is running out has lower priority than we. */
  readonly isPreempting: boolean;
}

export interface MasterState extends StateBase {
  readonly name: 'MASTER';
  readonly isReleasing: boolean;
  /** Whose advert ended our release. */
  readonly successor?: Peer;
  /** Consecutive failures to put the addresses on. */
  readonly addressFailures: number;
  /** When an address that somebody took away was last put back. */
  readonly restoredAtMs?: number;
  /** When a lower-priority advert was last answered by an announcement. */
  readonly assertedAtMs?: number;
}

export interface FaultState extends StateBase {
  readonly name: 'FAULT';
  /** The kernel would not take our addresses; the link may be up. */
  readonly areAddressesRefused: boolean;
}

export type State = InitState | BackupState | MasterState | FaultState;

export type Event =
  | {
      readonly kind: 'started';
      readonly isLinkUp: boolean;
      /** We were master a moment ago (a restarted process): do not let the addresses go. */
      readonly resumeAsMaster: boolean;
    }
  | { readonly kind: 'stopped' }
  | {
      readonly kind: 'advertReceived';
      readonly source: IpAddress;
      readonly priority: number;
      readonly advertIntervalMs: number;
    }
  | { readonly kind: 'timerFired'; readonly timer: TimerName; readonly deadlineMs: number }
  | { readonly kind: 'linkChanged'; readonly isUp: boolean }
  /** The effective priority, after tracking; an owner's never changes. */
  | { readonly kind: 'priorityChanged'; readonly priority: number }
  /** The outcome of addAddresses (present) or removeAddresses (absent). */
  | {
      readonly kind: 'addressesApplied';
      readonly wanted: 'present' | 'absent';
      readonly ok: boolean;
    }
  /** Somebody else took a virtual address off its interface. */
  | { readonly kind: 'addressRemoved'; readonly address: IpAddress }
  /** `step` gets the new configuration; this is what it was. Identity (router id, interface…) is kept. */
  | { readonly kind: 'configChanged'; readonly previous: RouterConfig };

export type Burst = 'master' | 'delayed' | 'refresh' | 'lowerPriority' | 'restored' | 'added';

/** To be performed strictly in order. */
export type Action =
  | { readonly kind: 'sendAdvert'; readonly priority: number }
  | { readonly kind: 'addAddresses'; readonly addresses: readonly VirtualAddressConfig[] }
  | { readonly kind: 'removeAddresses'; readonly addresses: readonly VirtualAddressConfig[] }
  /** Only addresses that are really there are announced; the performer knows which. */
  | {
      readonly kind: 'announce';
      readonly burst: Burst;
      readonly addresses: readonly VirtualAddressConfig[];
      readonly repeat: number;
    }
  | {
      readonly kind: 'notify';
      readonly from: VrrpState;
      readonly to: VrrpState;
      readonly reason: TransitionReason;
    }
  | { readonly kind: 'setTimer'; readonly timer: TimerName; readonly deadlineMs: number }
  | { readonly kind: 'clearTimer'; readonly timer: TimerName }
  | { readonly kind: 'count'; readonly name: CounterName }
  /** The instance has let go; nothing follows. */
  | { readonly kind: 'released' };

export type CounterName =
  | 'becameMaster'
  | 'priorityZeroReceived'
  | 'lowerPriorityReceived'
  | 'higherPriorityReceived'
  | 'staleTimers'
  | 'addressFailures'
  | 'addressesTakenAway';

export interface Step {
  readonly state: State;
  readonly actions: readonly Action[];
}

/** What every part of the machine decides with. */
export interface Context {
  readonly config: RouterConfig;
  /** Monotonic ms. */
  readonly nowMs: number;
}
