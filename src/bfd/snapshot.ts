/** What is told of sessions, to the supervisor at every change and to people on request: plain data. */
import type { BfdInstanceConfig } from '../config/model-vrrp.ts';
import { describeDiagnostic, type SessionState } from './packet.ts';
import { detectionTimeMs, type Session, transmitIntervalMs } from './session.ts';

/** How a session stands, for those who act on it. */
export interface SessionReport {
  /** That of its bfd_instance. */
  readonly name: string;
  readonly state: SessionState;
  /** Since this process has it: one that has not been up yet may still be on its way. */
  readonly hasBeenUp: boolean;
  /** Why, in words: the diagnostic that took it down. */
  readonly reason: string;
  /** Our own trouble, because of which the session says nothing about the neighbour. */
  readonly trouble?: string;
}

/** Times are ms; `sinceMs` is wall clock, ms since 1970. */
export interface BfdSnapshot {
  readonly name: string;
  readonly neighbor: string;
  readonly source?: string;
  readonly isMultihop: boolean;
  readonly isPassive: boolean;
  readonly state: SessionState;
  readonly sinceMs: number;
  readonly reason: string;
  readonly trouble?: string;
  /** Ours, in the words of RFC 5880. */
  readonly diagnostic: string;
  readonly discriminator: number;
  readonly remote: {
    readonly state: SessionState;
    readonly diagnostic: string;
    readonly discriminator: number;
    readonly minRxMs: number;
    readonly minTxMs: number;
    readonly multiplier: number;
  };
  /** Between our packets, before jitter. */
  readonly transmitIntervalMs: number;
  /** Silence that takes the session down; 0 before the neighbour was heard. */
  readonly detectionTimeMs: number;
  /** A change of intervals is being told. */
  readonly isPolling: boolean;
  readonly ups: number;
  readonly downs: number;
  readonly sent: number;
  readonly received: number;
  /** Packets that were discarded, by why. */
  readonly refused: Readonly<Record<string, number>>;
  /** Packets that could not be sent, by errno. */
  readonly sendErrors: Readonly<Record<string, number>>;
}

export interface SessionRecord {
  readonly instance: BfdInstanceConfig;
  readonly session: Session;
  readonly sinceMs: number;
  readonly hasBeenUp: boolean;
  /** The diagnostic of the last time that it went down. */
  readonly downDiagnostic: number | undefined;
  readonly trouble: string | undefined;
  readonly counts: SessionCounts;
}

export interface SessionCounts {
  ups: number;
  downs: number;
  sent: number;
  received: number;
  readonly refused: Map<string, number>;
  readonly sendErrors: Map<string, number>;
}

export function noCounts(): SessionCounts {
  return { ups: 0, downs: 0, sent: 0, received: 0, refused: new Map(), sendErrors: new Map() };
}

export function reportOf(record: SessionRecord): SessionReport {
  const { instance, session, hasBeenUp, trouble } = record;
  return {
    name: instance.name,
    state: session.state,
    hasBeenUp,
    reason: reasonOf(record),
    ...(trouble === undefined ? {} : { trouble }),
  };
}

function reasonOf({ session, downDiagnostic, instance, trouble }: SessionRecord): string {
  const { state, remote } = session;
  const who = `neighbor ${instance.neighbor.text}`;
  if (trouble !== undefined) return trouble;
  if (state === 'Up') return `${who} is up`;
  const why = downDiagnostic === undefined ? '' : `${describeDiagnostic(downDiagnostic)}, `;
  if (session.heardMs === undefined) return `${why}${who} is not heard`;
  return `${why}${who} says ${remote.state}`;
}

export function snapshotOf(record: SessionRecord): BfdSnapshot {
  const { instance, session, counts } = record;
  const { remote } = session;
  const { name, state, reason, trouble } = reportOf(record);
  return {
    name,
    neighbor: instance.neighbor.text,
    ...(instance.source === undefined ? {} : { source: instance.source.text }),
    isMultihop: instance.isMultihop,
    isPassive: instance.isPassive,
    state,
    sinceMs: record.sinceMs,
    reason,
    ...(trouble === undefined ? {} : { trouble }),
    diagnostic: describeDiagnostic(session.diagnostic),
    discriminator: session.discriminator,
    remote: {
      state: remote.state,
      diagnostic: describeDiagnostic(remote.diagnostic),
      discriminator: remote.discriminator,
      minRxMs: remote.minRxMs,
      minTxMs: remote.desiredMinTxMs,
      multiplier: remote.detectMult,
    },
    transmitIntervalMs: transmitIntervalMs(session),
    detectionTimeMs: detectionTimeMs(session),
    isPolling: session.poll !== 'none',
    ups: counts.ups,
    downs: counts.downs,
    sent: counts.sent,
    received: counts.received,
    refused: Object.fromEntries([...counts.refused].sort()),
    sendErrors: Object.fromEntries([...counts.sendErrors].sort()),
  };
}
