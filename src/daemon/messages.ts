/**
 * What the supervisor and its children say to one another: JSON over the channel that fork() makes; what the
 * bfd process says and hears is in messages-bfd.ts. The vrrp and the health process are handed the same Config,
 * so they act on the same bytes of the same file. A health process that has one already is told what changed,
 * since there may be tens of thousands of servers in it.
 *
 *   supervisor ── start / reconfigure / snapshot / stop ──▶ child
 *   supervisor ◀── ready / log / heartbeat / snapshot / stopped / fatal ── child
 *
 * The channel is also the dead-man's switch of the other direction: when it closes, the supervisor is
 * gone and a child lets go of what it holds.
 */
import type { IpAddress } from '../base/address.ts';
import type { LogFields, LogLevel } from '../base/log.ts';
import type { ScriptResult } from '../base/script-result.ts';
import type { Config } from '../config/model.ts';
import type { LvsStopPolicy } from '../config/model-global.ts';
import type { ScriptCommand } from '../config/model-vrrp.ts';
import type { ExpiryWarning } from '../health/checker.ts';
import type { BfdReading } from '../health/outside.ts';
import type { LvsNotice } from '../ipvs/notice.ts';
import type { OperationKind } from '../ipvs/plan.ts';
import type { IpvsListing } from '../observe/ipvs-listing.ts';
import type { HealthSnapshot } from '../observe/status.ts';
import type { Notice, Report } from '../vrrp/notice.ts';
import type { InstanceSnapshot } from '../vrrp/snapshot.ts';
import type { TrackerState } from '../vrrp/tracker-state.ts';
import type { ConfigChange } from './config-change.ts';

/** What the supervisor must know to give an instance up when its process cannot. */
export interface Mastership {
  readonly name: string;
  /** Source address of our adverts. */
  readonly source: IpAddress;
  /** When the last advert left, CLOCK_MONOTONIC ms: comparable across processes of one machine. */
  readonly lastAdvertSentMs: number;
}

/** Tells a vrrp process that awaits a successor of its supervisor that none will come. */
export const LET_GO_SIGNAL = 'SIGUSR2';

export type ToVrrp =
  | {
      readonly kind: 'start';
      readonly config: Config;
      /** Instances that were MASTER a moment ago, in a process that died: they go on as MASTER. */
      readonly resumeAsMaster: readonly string[];
      /** Of every tracker but links. */
      readonly trackers: readonly TrackerState[];
      /** Not every server has been checked yet: nobody is preempted before `serversChecked`. */
      readonly awaitsChecks: boolean;
    }
  | { readonly kind: 'serversChecked' }
  | { readonly kind: 'reconfigure'; readonly id: number; readonly config: Config }
  /**
   * Those that changed; before a reconfigure all of them, also those that only the new configuration
   * names.
   */
  | { readonly kind: 'trackers'; readonly states: readonly TrackerState[] }
  /** Hand mastership of an instance, or of every member of its sync group, to another router. */
  | { readonly kind: 'handover'; readonly id: number; readonly instance: string }
  | { readonly kind: 'snapshot'; readonly id: number }
  /** The supervisor begins anew: for so long its going is no reason to hand over. */
  | { readonly kind: 'awaitSuccessor'; readonly id: number; readonly graceMs: number }
  | { readonly kind: 'stop' };

/** How a handover ended. */
export type HandoverOutcome =
  | { readonly ok: true; readonly successor: string; readonly tookMs: number }
  | {
      readonly ok: false;
      readonly code: 'UNKNOWN_INSTANCE' | 'NOT_MASTER' | 'ADDRESS_OWNER' | 'NO_SUCCESSOR' | 'BUSY';
      readonly message: string;
    };

export type ToHealth =
  | {
      readonly kind: 'start';
      readonly config: Config;
      readonly ownershipFile: string;
      readonly adopt: boolean;
      /** `lvs_flush`: empty the table first. Never for a replacement. */
      readonly flush?: boolean;
    }
  /** From the configuration that it was told last. */
  | { readonly kind: 'reconfigure'; readonly id: number; readonly change: ConfigChange }
  /** What `reconfigure` would do to the kernel's table; changes nothing. */
  | { readonly kind: 'preview'; readonly id: number; readonly change: ConfigChange }
  | { readonly kind: 'snapshot'; readonly id: number }
  /** The kernel's table, read now. */
  | { readonly kind: 'listing'; readonly id: number }
  /** A second one with `remove` ends a drain. */
  | { readonly kind: 'stop'; readonly policy: LvsStopPolicy }
  /** Tracked files that were read: all at a start, then those that changed. */
  | { readonly kind: 'files'; readonly states: readonly TrackerState[] }
  | { readonly kind: 'scriptEnded'; readonly id: number; readonly result: ScriptResult }
  /** BFD sessions of checkers: all at a start, then those that changed. */
  | { readonly kind: 'bfd'; readonly readings: readonly NamedBfdReading[] }
  /** An instance became master, or is not any more: for lvs_sync_daemon. */
  | {
      readonly kind: 'role';
      readonly instance: string;
      readonly role: 'master' | 'backup';
    };

export interface NamedBfdReading extends BfdReading {
  /** That of the bfd_instance. */
  readonly name: string;
}

export interface FromAnyChild {
  readonly ready: { readonly kind: 'ready' };
  readonly log: {
    readonly kind: 'log';
    readonly level: LogLevel;
    readonly fields: LogFields;
    readonly message: string;
  };
  readonly stopped: { readonly kind: 'stopped' };
  /** The child cannot do its work and a restart would not help: the daemon stops with this sentence. */
  readonly fatal: { readonly kind: 'fatal'; readonly code: string; readonly message: string };
}

export type FromVrrp =
  | FromAnyChild[keyof FromAnyChild]
  /** Everything is loaded: a `start` takes effect at once. */
  | { readonly kind: 'loaded' }
  | {
      readonly kind: 'awaitsSuccessor';
      readonly id: number;
      readonly masterships: readonly Mastership[];
    }
  | { readonly kind: 'heartbeat'; readonly masterships: readonly Mastership[] }
  | { readonly kind: 'notice'; readonly notice: Notice }
  | { readonly kind: 'report'; readonly report: Report }
  /** The configuration is in force; instances that are being handed over go in their own time. */
  | { readonly kind: 'reconfigured'; readonly id: number; readonly releasing: readonly string[] }
  | { readonly kind: 'handedOver'; readonly id: number; readonly outcome: HandoverOutcome }
  | {
      readonly kind: 'snapshot';
      readonly id: number;
      readonly instances: readonly InstanceSnapshot[];
    };

/** What came of the table after a configuration was taken over. */
export type TableOutcome =
  | { readonly ok: true; readonly operations: number; readonly draining: number }
  | { readonly ok: false; readonly code: string; readonly detail: string };

/** The kernel's table, or why it could not be read. */
export type ListingOutcome =
  | { readonly ok: true; readonly result: IpvsListing }
  | { readonly ok: false; readonly code: string; readonly message: string };

/** An operation on the kernel's table, as people read it. */
export interface PlannedOperation {
  readonly kind: OperationKind;
  /** `tcp 10.0.0.1:80`. */
  readonly service: string;
  /** `10.0.0.7:80`; absent where the service itself is meant. */
  readonly server?: string;
  /** `add 10.0.0.7:80 to tcp 10.0.0.1:80`. */
  readonly text: string;
  /** `not in the kernel`, `weight 1 -> 3`. */
  readonly reason: string;
}

export type FromHealth =
  | FromAnyChild[keyof FromAnyChild]
  /** Every check has had its first result since the process began. */
  | { readonly kind: 'serversChecked' }
  /** All services: before `ready`, and when one lost or regained its quorum. */
  | { readonly kind: 'services'; readonly states: readonly ServiceState[] }
  | { readonly kind: 'snapshot'; readonly id: number; readonly snapshot: HealthSnapshot }
  | { readonly kind: 'reconfigured'; readonly id: number; readonly outcome: TableOutcome }
  | { readonly kind: 'listing'; readonly id: number; readonly outcome: ListingOutcome }
  | {
      readonly kind: 'previewed';
      readonly id: number;
      readonly operations: readonly PlannedOperation[];
    }
  /** MISC_CHECK: answered with scriptEnded, unless killScript comes first. */
  | {
      readonly kind: 'runScript';
      readonly id: number;
      readonly command: ScriptCommand;
      readonly timeoutMs: number;
    }
  | { readonly kind: 'killScript'; readonly id: number }
  /** The quorum of a service or the verdict on a server; how things stand, at a start. */
  | { readonly kind: 'lvsNotice'; readonly notice: LvsNotice }
  | { readonly kind: 'expiry'; readonly warning: ExpiryWarning };

/** Whether the service at an endpoint, of every protocol, has its quorum. */
export interface ServiceState {
  /** `192.168.10.188:80`, as track_virtual_server names it. */
  readonly name: string;
  readonly hasQuorum: boolean;
  /** `weight 2 of 3 up, quorum 1`. */
  readonly reason: string;
}

/** How often the vrrp process speaks up, and the silence after which it is believed to be stuck. */
export interface HeartbeatTiming {
  readonly periodMs: number;
  readonly timeoutMs: number;
}

const HEARTBEAT_PERIOD_MAX_MS = 125;
const HEARTBEAT_PERIOD_MIN_MS = 10;
const HEARTBEATS_PER_INTERVAL = 8;
const HEARTBEAT_TIMEOUT_MIN_MS = 200;
const HEARTBEAT_TIMEOUTS_PER_INTERVAL = 2;

/**
 * Eight times in the shortest advert interval, within bounds; silence of half an interval (and never less
 * than 200 ms: an unlucky scheduler is not a hung process) means that the process is stuck. At worst its
 * last advert left one interval before its last heartbeat, so half an interval of the two remains in
 * which a replacement may resume as master.
 */
export function heartbeatTiming(config: Config): HeartbeatTiming {
  const intervals = config.vrrpInstances.map((instance) => instance.advertIntervalMs);
  const shortestMs = Math.min(...intervals, HEARTBEAT_PERIOD_MAX_MS * HEARTBEATS_PER_INTERVAL);
  return {
    periodMs: Math.max(HEARTBEAT_PERIOD_MIN_MS, shortestMs / HEARTBEATS_PER_INTERVAL),
    timeoutMs: Math.max(HEARTBEAT_TIMEOUT_MIN_MS, shortestMs / HEARTBEAT_TIMEOUTS_PER_INTERVAL),
  };
}
