/**
 * What a system error from a socket says about the server, or about us. One table for every checker that
 * connects.
 */
import { formatEndpoint } from '../base/address.ts';
import type { CheckerBase } from '../config/model.ts';

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

/**
 * The source that the configuration asks for cannot be had. A check that cannot run has failed: waiting for
 * better times would keep a server that nobody looks at.
 */
const SOURCE: ReadonlyMap<string, readonly [reason: string, what: string]> = new Map([
  ['EADDRNOTAVAIL', ['SOURCE_UNAVAILABLE', 'this host does not have the address of bindto']],
  ['EADDRINUSE', ['SOURCE_UNAVAILABLE', 'another program has the port of bind_port']],
  ['EACCES', ['SOURCE_UNAVAILABLE', 'the port of bind_port is a privileged one']],
  [
    'EINVAL',
    ['SOURCE_UNAVAILABLE', 'the address of bindto does not fit: a link-local one needs bind_if'],
  ],
  ['ENODEV', ['SOURCE_UNAVAILABLE', 'the interface of bind_if is not there']],
  ['EPERM', ['SOURCE_UNAVAILABLE', 'no privilege for bind_if or fwmark']],
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

/**
 * The verdict when `connect` (connection.ts) rejected with `error`: at the probe's deadline, for a system
 * error, or for anything else; never undefined, an error nobody foresaw is a failure.
 */
export function connectFailure(
  error: unknown,
  target: Pick<CheckerBase, 'connectAddress' | 'connectPort' | 'connectTimeoutMs'>,
): SocketVerdict {
  const endpoint = formatEndpoint(target.connectAddress, target.connectPort);
  const code = errorCode(error);
  if (code === 'ABORTED') {
    const detail = `${endpoint}: no connection within ${target.connectTimeoutMs} ms`;
    return { kind: 'fail', reason: 'CONNECT_TIMEOUT', detail };
  }
  const source = isAboutSource(error) ? SOURCE.get(code ?? '') : undefined;
  if (source !== undefined) {
    return {
      kind: 'fail',
      reason: source[0],
      detail: `${endpoint} not asked: ${source[1]} (${code})`,
    };
  }
  return (
    socketVerdict(code, 'connecting', endpoint) ?? {
      kind: 'fail',
      reason: 'CONNECT_FAILED',
      detail: `${endpoint}: ${errorMessage(error)}`,
    }
  );
}

/** The kernel refused the source, not the connection: dial.ts says which call it was. */
function isAboutSource(error: unknown): boolean {
  if (!(error instanceof Error) || !('syscall' in error)) return false;
  const { syscall } = error;
  return (
    typeof syscall === 'string' && /^(?:bind|setsockopt SO_(?:BINDTODEVICE|MARK))\b/.test(syscall)
  );
}

/** The `code` of a system error, ours or Node's, when it has one. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** The message of whatever was thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
