/**
 * What an instance or a sync group tells the outside, in the words of keepalived's notify contract: for
 * notify scripts, FIFOs and the list of events. The vrrp process only tells; the supervisor runs things.
 */

export type NoticeState =
  | 'MASTER'
  | 'BACKUP'
  | 'FAULT'
  | 'STOP'
  | 'DELETED'
  | 'MASTER_RX_LOWER_PRI'
  | 'MASTER_PRIORITY'
  | 'BACKUP_PRIORITY';

export interface Notice {
  readonly object: 'INSTANCE' | 'GROUP';
  readonly name: string;
  readonly state: NoticeState;
  /** Effective priority; 0 for a group. */
  readonly priority: number;
  /** A TransitionReason, or what else made it: for people. */
  readonly reason: string;
}

export type ReportName =
  /** Another master was heard while we are one. */
  | 'splitBrainDetected'
  | 'splitBrainHealed'
  /** An address, route or rule of ours was taken away by somebody else and put back. */
  | 'addressRestored'
  /** Another host on the link answers for an address of ours. */
  | 'addressConflict'
  /** Members of a sync group do not agree which director is better. */
  | 'groupContested';

/** Something that happened and is no change of state. */
export interface Report {
  readonly name: ReportName;
  /** INSTANCE when absent; `instance` is the name of a group with GROUP. */
  readonly object?: 'INSTANCE' | 'GROUP';
  /** `static` for what is there whatever the state of instances. */
  readonly instance: string;
  /** What is known: `peer`, `priority`, `address`, `mac`, `device`, `what`. */
  readonly fields: Readonly<Record<string, string | number>>;
}
