/**
 * What a system error from a socket says about the server, or about us. One table for every checker that
 * connects.
 */

/** A result without its duration: what every socket probe ends in when it does not pass. */
export interface SocketVerdict {
  readonly kind: 'fail' | 'inconclusive';
  readonly reason: string;
  readonly detail: string;
}

/** Whether the three-way handshake was over: ETIMEDOUT before and after it means different things. */
export type SocketPhase = 'connecting' | 'connected';

/**
 * Local exhaustion: no descriptor, no buffer, no free local port. The server was not asked, so nothing is
 * known about it.
 */
const OUR_TROUBLE: ReadonlyMap<string, string> = new Map([
  ['EMFILE', 'this process has no file descriptor left'],
  ['ENFILE', 'this host has no file descriptor left'],
  ['ENOBUFS', 'this host has no network buffers left'],
  ['ENOMEM', 'this host has no memory left'],
  ['EADDRNOTAVAIL', 'this host has no local port or address for the connection'],
]);

/** A reset can overtake the news of the connection, so it has one name in both phases. */
const CONNECTING: ReadonlyMap<string, readonly [reason: string, what: string]> = new Map([
  ['ECONNREFUSED', ['CONNECT_REFUSED', 'connection refused']],
  ['ETIMEDOUT', ['CONNECT_TIMEOUT', 'no answer to the connection request']],
  ['ECONNRESET', ['CONNECTION_RESET', 'connection reset']],
  ['ECONNABORTED', ['CONNECTION_RESET', 'connection aborted']],
  ['EHOSTUNREACH', ['HOST_UNREACHABLE', 'host unreachable']],
  ['EHOSTDOWN', ['HOST_UNREACHABLE', 'host down']],
  ['ENETUNREACH', ['NETWORK_UNREACHABLE', 'network unreachable']],
  ['ENETDOWN', ['NETWORK_UNREACHABLE', 'network interface down']],
  ['EPERM', ['CONNECT_DENIED', 'connection denied by a local rule']],
  ['EACCES', ['CONNECT_DENIED', 'connection denied by a local rule']],
]);

const CONNECTED: ReadonlyMap<string, readonly [reason: string, what: string]> = new Map([
  ['ECONNRESET', ['CONNECTION_RESET', 'connection reset']],
  ['EPIPE', ['CLOSED_EARLY', 'connection closed']],
  ['ETIMEDOUT', ['TIMEOUT', 'no acknowledgement for what was sent']],
  ['EHOSTUNREACH', ['HOST_UNREACHABLE', 'host unreachable']],
  ['ENETUNREACH', ['NETWORK_UNREACHABLE', 'network unreachable']],
]);

/**
 * The verdict for errno name `code`, or undefined when it is not a known system error. An unknown errno
 * while connecting is a failure all the same: `socketVerdict` never makes a server look better.
 */
export function socketVerdict(
  code: string | undefined,
  phase: SocketPhase,
  endpoint: string,
): SocketVerdict | undefined {
  if (code === undefined) return undefined;
  const ours = OUR_TROUBLE.get(code);
  if (ours !== undefined) {
    return {
      kind: 'inconclusive',
      reason: code,
      detail: `${endpoint} not asked: ${ours} (${code})`,
    };
  }
  const known = (phase === 'connecting' ? CONNECTING : CONNECTED).get(code);
  if (known === undefined) return undefined;
  return { kind: 'fail', reason: known[0], detail: `${endpoint}: ${known[1]}` };
}

/** The `code` of a system or undici error, when it has one. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** The message of whatever was thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
