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
  /** An address of ours was taken off by somebody else and put back. */
  | 'addressRestored'
  /** Another host on the link answers for an address of ours. */
  | 'addressConflict';

/** Something that happened and is no change of state. */
export interface Report {
  readonly name: ReportName;
  readonly instance: string;
  /** What is known: `peer`, `priority`, `address`, `mac`, `device`. */
  readonly fields: Readonly<Record<string, string | number>>;
}
