/**
 * The vocabulary of the state machine: configuration, states, events, actions. Plain readonly data.
 *
 *                 started            masterDown fires
 *       +------+ ---------> +--------+ ---------> +--------+
 *       | INIT |            | BACKUP |            | MASTER |--+ releasing: priority 0 is out, the
 *       +------+ <--------- +--------+ <--------- +--------+  | addresses stay until the successor
 *         ^ ^     stopped      |  ^   better advert    |  ^   | is heard or the release timer fires
 *         | |                  |  |                    |  +---+
 *         | |     fault cause  |  | no cause left      | fault cause
 *         | |     stopped      v  |                    |
 *         | +-------------- +-------+ <----------------+
 *         |                 | FAULT |
 *         |                 +-------+
 *         +---- released (from MASTER)
 */
import type { IpAddress } from '../base/address.ts';
import type { VirtualAddressConfig, VrrpInstanceConfig } from '../config/model.ts';

export type VrrpState = 'INIT' | 'BACKUP' | 'MASTER' | 'FAULT';

/** An instance as configured, and the sync group it is a member of. */
export interface MemberConfig extends VrrpInstanceConfig {
  readonly syncGroup?: string;
}

/** What the machine must know: the instance, and the address its adverts come from. */
export interface RouterConfig extends MemberConfig {
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
  /** MASTER: `garp_extra_if`. */
  | 'garpExtra'
  | 'lowerPrioGarp'
  /** Trouble with the kernel: put the addresses where they belong once more. */
  | 'addressRetry'
  /** MASTER: take off once more what a reload removed and the kernel would not let go of. */
  | 'removalRetry'
  /** Releasing MASTER: stop serving. */
  | 'release'
  /** MASTER: another master that was heard may have gone silent. */
  | 'rivalsSilent';

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
  | 'TRACKER_FAILED'
  | 'TRACKER_RECOVERED'
  /** The whole sync group stepped back, failed, or is whole again. */
  | 'GROUP_BACKUP'
  | 'GROUP_FAULT'
  | 'GROUP_RECOVERED'
  /** Our own advert timer ran so late that another router may have taken over. */
  | 'TIMER_EXPIRED'
  | 'HANDED_OVER'
  | 'STOPPED'
  | 'SUCCESSOR_HEARD'
  | 'RELEASE_TIMEOUT';

/** What a backup is waiting for; it is the reason of the takeover when the wait is over. */
export type BackupWait = 'MASTER_SILENT' | 'MASTER_RESIGNED' | 'NO_BETTER_MASTER';

export interface Peer {
  readonly address: IpAddress;
  readonly priority: number;
}

/** A router whose advert took over what we released. */
export interface Successor extends Peer {
  readonly advertIntervalMs: number;
}

/** Another master, heard while we are one. */
export interface Rival {
  readonly address: IpAddress;
  /** Unknown when its adverts are refused. */
  readonly priority?: number;
  /** Why its adverts are refused; absent when they are not. */
  readonly refused?: string;
  /** First heard, monotonic ms. */
  readonly sinceMs: number;
  /** Silent until then, it is no master any more. */
  readonly downAtMs: number;
}

/** Why a master lets go, make before break: to end, for an operator, or because its sync group does. */
export type ReleaseGoal = 'STOP' | 'HANDOVER' | 'GROUP';

export interface StateBase {
  readonly timers: Timers;
  /** The priority we advertise and compare with. */
  readonly priority: number;
  readonly isLinkUp: boolean;
  /** What outside forbids us to be master: `script chk`, `source address 10.0.0.1`. */
  readonly faults: readonly string[];
  /** The member whose fault holds our sync group in FAULT. */
  readonly groupFault?: string;
  /** An operator handed mastership over: we do not preempt it back. */
  readonly hasHandedOver: boolean;
  /** The servers behind our addresses have not all been checked: a living master is not preempted yet. */
  readonly awaitsChecks?: true;
  /** No longer in the configuration, and the kernel may still hold them; absent when there are none. */
  readonly owed?: readonly VirtualAddressConfig[];
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
  /** When we would have preempted, had the servers been checked. */
  readonly heldFromMs?: number;
  /** The master that is running out has lower priority than we. */
  readonly isPreempting: boolean;
  /** We stood still ourselves when the master's time ran out, and wait for one more advert. */
  readonly doubtsSilence?: true;
  /** The wait is over, and the other members of the sync group are not ready. */
  readonly wantsMaster: boolean;
}

export interface MasterState extends StateBase {
  readonly name: 'MASTER';
  readonly isReleasing: boolean;
  readonly releaseGoal?: ReleaseGoal;
  /** Whose advert ended our release. */
  readonly successor?: Successor;
  /** Handed over, and serving on until every member of the sync group is, or none. */
  readonly awaitsGroup?: true;
  /** Other masters, at most `RIVALS_MAX`. */
  readonly rivals: readonly Rival[];
  /** As owner: adverts of another owner with a lower address than ours, which should have yielded. */
  readonly rogueOwnerAdverts: number;
  /** Consecutive failures to put the addresses on. */
  readonly addressFailures: number;
  /** When an address that somebody took away was last put back. */
  readonly restoredAtMs?: number;
  /** When a lower-priority advert was last told, and answered by an announcement. */
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
      /** The servers behind our addresses have not all been checked; `serversChecked` follows. */
      readonly awaitsChecks?: true;
    }
  /** Every server has its first verdict, or nobody waits for it any longer. */
  | { readonly kind: 'serversChecked' }
  | { readonly kind: 'stopped' }
  | {
      readonly kind: 'advertReceived';
      readonly source: IpAddress;
      readonly priority: number;
      readonly advertIntervalMs: number;
    }
  | { readonly kind: 'timerFired'; readonly timer: TimerName; readonly deadlineMs: number }
  | { readonly kind: 'linkChanged'; readonly isUp: boolean }
  /** After tracking: the effective priority (an owner's never changes), and what is a fault. */
  | {
      readonly kind: 'trackingChanged';
      readonly priority: number;
      readonly faults: readonly string[];
    }
  /** The decision of our sync group; `by` is the member that made it necessary. */
  | { readonly kind: 'groupForced'; readonly order: GroupOrder; readonly by: string }
  /** An operator wants another router to be master. */
  | { readonly kind: 'handoverRequested' }
  /** An advert for our router id that is refused: a router that calls itself master, and we cannot agree. */
  | { readonly kind: 'foreignMasterHeard'; readonly source: IpAddress; readonly code: string }
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

/**
 * What a member of a sync group is told: become master, step back, fail, take part again, or only announce
 * the addresses because another member met a lower-priority master.
 */
export type GroupOrder = 'MASTER' | 'BACKUP' | 'FAULT' | 'READY' | 'ANNOUNCE';

/**
 * Where a member stands, as its sync group must know it. FAULT: by a cause of its own. READY: held in
 * FAULT by the group alone. LEAVING: a master that is letting go. HANDED: a master that has a successor
 * and only waits for the other members to have theirs.
 */
export type GroupStanding =
  | 'INIT'
  | 'FAULT'
  | 'READY'
  | 'BACKUP'
  | 'WANTS_MASTER'
  | 'MASTER'
  | 'LEAVING'
  | 'HANDED';

export type HandoverEnd =
  | { readonly ok: true; readonly successor: IpAddress }
  | { readonly ok: false; readonly code: 'NOT_MASTER' | 'ADDRESS_OWNER' | 'NO_SUCCESSOR' | 'BUSY' };

export type Burst =
  | 'master'
  | 'delayed'
  | 'refresh'
  | 'extra'
  | 'lowerPriority'
  | 'restored'
  | 'added';

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
  /** Told outside, and no change of state. */
  | {
      readonly kind: 'notice';
      readonly state: 'MASTER_RX_LOWER_PRI' | 'MASTER_PRIORITY' | 'BACKUP_PRIORITY';
      readonly reason: string;
    }
  | {
      readonly kind: 'report';
      readonly name: 'splitBrainDetected' | 'splitBrainHealed';
      readonly rival: Rival;
    }
  /** Members of a sync group only: our standing changed, or we met a lower-priority master. */
  | { readonly kind: 'tellGroup'; readonly tells: GroupStanding | 'LOWER_PRIORITY_HEARD' }
  | { readonly kind: 'handedOver'; readonly end: HandoverEnd }
  /** The instance has let go; nothing follows. */
  | { readonly kind: 'released' };

export type CounterName =
  | 'becameMaster'
  | 'priorityZeroReceived'
  | 'lowerPriorityReceived'
  /** A lower-priority master was left alone, as the servers have not all been checked. */
  | 'preemptionHeld'
  | 'silenceDoubted'
  | 'higherPriorityReceived'
  | 'staleTimers'
  | 'addressFailures'
  | 'addressesTakenAway'
  | 'splitBrains'
  | 'lateTimers'
  | 'rogueOwners';

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
