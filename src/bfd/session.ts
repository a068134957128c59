/**
 * One BFD session (RFC 5880 section 6.8), asynchronous mode, no echo function, no authentication:
 * `step(session, event, at) -> {session, actions}`. Times are monotonic ms.
 *
 *     state \ received   AdminDown   Down    Init    Up      nothing in time
 *     Down               Down        Init    Up      Down    Down
 *     Init               Down        Init    Up      Up      Down
 *     Up                 Down        Down    Up      Up      Down
 *     AdminDown          nothing moves it: it is the end of a session
 *
 * Deadlines are not kept but follow from the state, so an interval that changes is honoured at once; `step`
 * with `timer` does what is due by then, and nothing when it comes early.
 */
import {
  ADMINISTRATIVELY_DOWN,
  CONTROL_DETECTION_TIME_EXPIRED,
  type ControlPacket,
  NEIGHBOR_SIGNALED_SESSION_DOWN,
  NO_DIAGNOSTIC,
  type SessionState,
} from './packet.ts';

/** keepalived's keywords: `min_tx`, `min_rx`, `idle_tx`, `multiplier`, `passive`. */
export interface SessionConfig {
  readonly minTxMs: number;
  readonly minRxMs: number;
  readonly idleTxMs: number;
  readonly multiplier: number;
  readonly isPassive: boolean;
}

/** What the neighbour said last (bfd.Remote...). */
export interface RemoteState {
  /** 0: not known, or not heard of for a detection time. */
  readonly discriminator: number;
  readonly state: SessionState;
  readonly diagnostic: number;
  readonly isDemand: boolean;
  readonly minRxMs: number;
  readonly desiredMinTxMs: number;
  readonly detectMult: number;
}

/**
 * Section 6.5. `due`: a Poll Sequence begins with the next packet; `again`: parameters changed after its first
 * packet, so that another one follows.
 */
export type PollSequence = 'none' | 'due' | 'sent' | 'again';

export interface Session {
  readonly config: SessionConfig;
  /** bfd.LocalDiscr. */
  readonly discriminator: number;
  readonly state: SessionState;
  /** bfd.LocalDiag. */
  readonly diagnostic: number;
  readonly remote: RemoteState;
  /** bfd.DesiredMinTxInterval and bfd.RequiredMinRxInterval: what packets say. */
  readonly desiredMinTxMs: number;
  readonly requiredMinRxMs: number;
  /** What counts until the end of a Poll Sequence, where section 6.8.3 makes a change wait for it. */
  readonly usedMinTxMs: number;
  readonly usedMinRxMs: number;
  readonly poll: PollSequence;
  /** The last packet other than an answer to a Poll. */
  readonly sentMs: number;
  /** 0 to 1: the jitter of the next one. */
  readonly chance: number;
  /** Absent when nothing was heard for a detection time. */
  readonly heardMs?: number;
}

export type SessionEvent =
  /** A packet that section 6.8.6 does not discard; `receivedMs`: when it arrived. */
  | { readonly kind: 'packet'; readonly packet: ControlPacket; readonly receivedMs: number }
  /** Believed: all that arrived before it was handed over. */
  | { readonly kind: 'timer' }
  | { readonly kind: 'configured'; readonly config: SessionConfig }
  /** The end: AdminDown. */
  | { readonly kind: 'closed' };

export type SessionAction =
  | { readonly kind: 'send'; readonly packet: ControlPacket }
  | {
      readonly kind: 'changed';
      readonly from: SessionState;
      readonly to: SessionState;
      readonly diagnostic: number;
    };

export interface Step {
  readonly session: Session;
  readonly actions: readonly SessionAction[];
}

/** Now, and a number from 0 to 1 by chance. */
export interface Moment {
  readonly nowMs: number;
  readonly chance: number;
}

/** Section 6.8.3: the least DesiredMinTxInterval of a session that is not Up. */
export const SLOW_TX_MS = 1_000;
/** bfd.RemoteMinRxInterval begins as 1 us (section 6.8.1). */
const FIRST_REMOTE_MIN_RX_MS = 0.001;
const US_PER_MS = 1_000;

/** Section 6.8.7: an interval is 75 to 100 % of what was negotiated, 75 to 90 % where one loss ends all. */
const JITTER_LEAST = 0.75;
const JITTER_RANGE = 0.25;
const JITTER_RANGE_OF_ONE = 0.15;

/** A session that is Down; its first packet is due at once. `discriminator`: not 0, by chance, unique here. */
export function openSession(config: SessionConfig, discriminator: number, at: Moment): Session {
  const txMs = slowTxMs(config);
  return {
    config,
    discriminator,
    state: 'Down',
    diagnostic: NO_DIAGNOSTIC,
    remote: {
      discriminator: 0,
      state: 'Down',
      diagnostic: NO_DIAGNOSTIC,
      isDemand: false,
      minRxMs: FIRST_REMOTE_MIN_RX_MS,
      desiredMinTxMs: 0,
      detectMult: 0,
    },
    desiredMinTxMs: txMs,
    requiredMinRxMs: config.minRxMs,
    usedMinTxMs: txMs,
    usedMinRxMs: config.minRxMs,
    poll: 'none',
    sentMs: at.nowMs - txMs,
    chance: at.chance,
  };
}

export function step(session: Session, event: SessionEvent, at: Moment): Step {
  if (session.state === 'AdminDown') return { session, actions: [] };
  switch (event.kind) {
    case 'packet':
      return receive(session, event.packet, event.receivedMs, at);
    case 'timer':
      return expire(session, at);
    case 'configured': {
      const { config } = event;
      return { session: withIntervals({ ...session, config }), actions: [] };
    }
    case 'closed':
      return close(session, at);
    default:
      return event satisfies never;
  }
}

/** When `step` with `timer` has something to do; undefined when only a packet can move the session. */
export function deadlineOf(session: Session): number | undefined {
  const sendMs = nextSendMs(session);
  const detectMs = detectionDeadlineMs(session);
  if (sendMs === undefined) return detectMs;
  return detectMs === undefined ? sendMs : Math.min(sendMs, detectMs);
}

/** Section 6.8.2: what packets are apart, before jitter, ms. */
export function transmitIntervalMs({ usedMinTxMs, remote }: Session): number {
  return Math.max(usedMinTxMs, remote.minRxMs);
}

/** Section 6.8.4: silence that ends the session, ms; 0 before the neighbour was heard. */
export function detectionTimeMs({ usedMinRxMs, remote }: Session): number {
  return remote.detectMult * Math.max(usedMinRxMs, remote.desiredMinTxMs);
}

function detectionDeadlineMs(session: Session): number | undefined {
  const { heardMs, state } = session;
  const isWaiting = heardMs !== undefined && state !== 'AdminDown';
  return !isWaiting ? undefined : heardMs + detectionTimeMs(session);
}

function nextSendMs(session: Session): number | undefined {
  if (!sendsPeriodically(session)) return undefined;
  const { multiplier } = session.config;
  const range = multiplier === 1 ? JITTER_RANGE_OF_ONE : JITTER_RANGE;
  const jitter = JITTER_LEAST + range * session.chance;
  return session.sentMs + jitter * transmitIntervalMs(session);
}

/** Section 6.8.7: what forbids periodic packets. */
function sendsPeriodically({ config, state, remote, poll }: Session): boolean {
  if (state === 'AdminDown' || remote.minRxMs === 0) return false;
  if (config.isPassive && remote.discriminator === 0) return false;
  const isDemanded = remote.isDemand && state === 'Up' && remote.state === 'Up';
  return !isDemanded || poll !== 'none';
}

function receive(before: Session, packet: ControlPacket, receivedMs: number, at: Moment): Step {
  const heard: Session = {
    ...before,
    remote: {
      discriminator: packet.myDiscriminator,
      state: packet.state,
      diagnostic: packet.diagnostic,
      isDemand: packet.isDemand,
      minRxMs: packet.requiredMinRxUs / US_PER_MS,
      desiredMinTxMs: packet.desiredMinTxUs / US_PER_MS,
      detectMult: packet.detectMult,
    },
    heardMs: receivedMs,
  };
  const polled = packet.isFinal ? endPoll(heard) : heard;
  const to = nextState(before.state, packet.state);
  const { session, actions } = moveTo(polled, to, NEIGHBOR_SIGNALED_SESSION_DOWN);
  if (packet.isPoll) {
    const answer = packetOf(session, { isPoll: false, isFinal: true });
    return { session, actions: [...actions, { kind: 'send', packet: answer }] };
  }
  return sendNews(session, actions, at);
}

/** Section 6.8.6. */
function nextState(state: SessionState, received: SessionState): SessionState {
  if (received === 'AdminDown') return 'Down';
  switch (state) {
    case 'Down':
      if (received === 'Down') return 'Init';
      return received === 'Init' ? 'Up' : 'Down';
    case 'Init':
      return received === 'Down' ? 'Init' : 'Up';
    case 'Up':
      return received === 'Down' ? 'Down' : 'Up';
    case 'AdminDown':
      return 'AdminDown';
    default:
      return state satisfies never;
  }
}

function expire(session: Session, at: Moment): Step {
  const detectMs = detectionDeadlineMs(session);
  if (detectMs !== undefined && at.nowMs >= detectMs) {
    const { heardMs: _, ...rest } = session;
    // Section 6.8.1: in any state, the neighbour's discriminator is forgotten then.
    const silent = { ...rest, remote: { ...session.remote, discriminator: 0 } };
    const { session: down, actions } = moveTo(silent, 'Down', CONTROL_DETECTION_TIME_EXPIRED);
    if (actions.length > 0) return sendNews(down, actions, at);
    return sendDue(down, at);
  }
  return sendDue(session, at);
}

function sendDue(session: Session, at: Moment): Step {
  const sendMs = nextSendMs(session);
  return sendMs === undefined || at.nowMs < sendMs
    ? { session, actions: [] }
    : sendPeriodic(session, at);
}

/** Section 6.8.7: a change of state is told between the periodic packets. */
function sendNews(session: Session, actions: readonly SessionAction[], at: Moment): Step {
  if (actions.length === 0 || !sendsPeriodically(session)) return { session, actions };
  const sent = sendPeriodic(session, at);
  return { session: sent.session, actions: [...actions, ...sent.actions] };
}

function sendPeriodic(session: Session, { nowMs, chance }: Moment): Step {
  const packet = packetOf(session, { isPoll: session.poll !== 'none', isFinal: false });
  const poll = session.poll === 'due' ? 'sent' : session.poll;
  return {
    session: { ...session, poll, sentMs: nowMs, chance },
    actions: [{ kind: 'send', packet }],
  };
}

function close(session: Session, at: Moment): Step {
  const closed: Session = {
    ...session,
    state: 'AdminDown',
    diagnostic: ADMINISTRATIVELY_DOWN,
    desiredMinTxMs: slowTxMs(session.config),
    sentMs: at.nowMs,
  };
  const actions: SessionAction[] = [
    { kind: 'changed', from: session.state, to: 'AdminDown', diagnostic: ADMINISTRATIVELY_DOWN },
  ];
  // Once, and not for a detection time: what is lost, the neighbour's detection time makes up for.
  if (sendsPeriodically(session) || session.state === 'Up') {
    actions.push({ kind: 'send', packet: packetOf(closed, { isPoll: false, isFinal: false }) });
  }
  return { session: closed, actions };
}

function moveTo(session: Session, to: SessionState, downDiagnostic: number): Step {
  const from = session.state;
  if (from === to) return { session, actions: [] };
  // Why the session was lost is said until there is another.
  const kept = to === 'Up' ? NO_DIAGNOSTIC : session.diagnostic;
  const diagnostic = to === 'Down' ? downDiagnostic : kept;
  const moved = withIntervals({ ...session, state: to, diagnostic });
  return { session: moved, actions: [{ kind: 'changed', from, to, diagnostic }] };
}

/** What the session wants in its state and with its configuration: a change is told by a Poll Sequence. */
function withIntervals(session: Session): Session {
  const { config, state } = session;
  const isUp = state === 'Up';
  const desiredMinTxMs = isUp ? config.minTxMs : slowTxMs(config);
  const requiredMinRxMs = config.minRxMs;
  const isSame =
    desiredMinTxMs === session.desiredMinTxMs && requiredMinRxMs === session.requiredMinRxMs;
  if (isSame && isUp) return session;
  return {
    ...session,
    desiredMinTxMs,
    requiredMinRxMs,
    // Section 6.8.3: while Up, slower sending and earlier detection wait for the end of the Poll Sequence.
    usedMinTxMs: isUp ? Math.min(session.usedMinTxMs, desiredMinTxMs) : desiredMinTxMs,
    usedMinRxMs: isUp ? Math.max(session.usedMinRxMs, requiredMinRxMs) : requiredMinRxMs,
    poll: isSame ? session.poll : startPoll(session.poll),
  };
}

function startPoll(poll: PollSequence): PollSequence {
  return poll === 'none' || poll === 'due' ? 'due' : 'again';
}

/** A Final that nobody asked for ends nothing. */
function endPoll(session: Session): Session {
  if (session.poll === 'again') return { ...session, poll: 'due' };
  if (session.poll !== 'sent') return session;
  const { desiredMinTxMs: usedMinTxMs, requiredMinRxMs: usedMinRxMs } = session;
  return { ...session, poll: 'none', usedMinTxMs, usedMinRxMs };
}

function slowTxMs({ idleTxMs }: SessionConfig): number {
  return Math.max(SLOW_TX_MS, idleTxMs);
}

function packetOf(
  session: Session,
  bits: { readonly isPoll: boolean; readonly isFinal: boolean },
): ControlPacket {
  return {
    ...bits,
    diagnostic: session.diagnostic,
    state: session.state,
    isControlPlaneIndependent: false,
    hasAuthentication: false,
    isDemand: false,
    detectMult: session.config.multiplier,
    myDiscriminator: session.discriminator,
    yourDiscriminator: session.remote.discriminator,
    desiredMinTxUs: Math.round(session.desiredMinTxMs * US_PER_MS),
    requiredMinRxUs: Math.round(session.requiredMinRxMs * US_PER_MS),
    requiredMinEchoRxUs: 0,
  };
}
