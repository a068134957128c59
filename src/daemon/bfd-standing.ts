/**
 * What the state of a BFD session means to those who act on it. Pure.
 *
 *                                      track_bfd              BFD_CHECK
 *   Up                                 up                     passes
 *   not Up, after it was               down at once           fails at once
 *   not Up yet, within its time        as before              inconclusive
 *   not Up yet, its time is over       down                   fails
 *   our trouble: process, port         as before for that     inconclusive, however long
 *                                      time, then down
 *
 * "As before" of a session that is new to a running daemon is not known: it moves no priority and is no fault.
 * So a bfd process that dies moves no VIP while it is replaced and its sessions come up again; but a director
 * that cannot see its neighbours any more fails closed. Servers are not cut for what is wrong with us.
 */
import type { SessionReport } from '../bfd/snapshot.ts';
import type { BfdInstanceConfig } from '../config/model-vrrp.ts';

export interface Standing {
  /** Undefined: as before. */
  readonly tracked: 'up' | 'down' | undefined;
  readonly checked: 'up' | 'down' | 'unknown';
  readonly reason: string;
}

export interface StandingInput {
  /** What the bfd process said last; undefined when it is away, or has not said anything yet. */
  readonly report: SessionReport | undefined;
  /** The time that a session has to come up is over. */
  readonly isOverdue: boolean;
}

const NO_PROCESS = 'the bfd process is away';

export function standingOf({ report, isOverdue }: StandingInput): Standing {
  const trouble = report === undefined ? NO_PROCESS : report.trouble;
  if (report === undefined || trouble !== undefined) {
    const reason = trouble ?? NO_PROCESS;
    return { tracked: isOverdue ? 'down' : undefined, checked: 'unknown', reason };
  }
  const { state, hasBeenUp, reason } = report;
  if (state === 'Up') return { tracked: 'up', checked: 'up', reason };
  if (hasBeenUp || isOverdue) return { tracked: 'down', checked: 'down', reason };
  return { tracked: undefined, checked: 'unknown', reason };
}

const SLOW_TX_MS = 1_000;
/** Down, Init, Up: three packets, one of which may be lost. */
const SLOW_PACKETS = 4;
const SLACK_MS = 1_000;

/** How long a session may take to come up before it counts as down, ms: 5 s by default. */
export function establishMs({ idleTxMs }: Pick<BfdInstanceConfig, 'idleTxMs'>): number {
  return SLOW_PACKETS * Math.max(SLOW_TX_MS, idleTxMs) + SLACK_MS;
}
