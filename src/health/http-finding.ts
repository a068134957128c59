/** What an exchange of HTTP comes to, and what comes after it. */
import { formatEndpoint } from '../base/address.ts';
import type { HttpFinding, HttpReply } from './http-reply.ts';
import { type HttpRequest, type HttpTarget, redirected } from './http-request.ts';
import { errorCode, errorMessage, type SocketVerdict, socketVerdict } from './socket-error.ts';

export type ExchangeFinding = HttpFinding | SocketVerdict;

interface Passed {
  readonly kind: 'pass';
  readonly detail: string;
}

/** What was asked, and how many redirects led to it. */
export interface Asked {
  readonly request: HttpRequest;
  readonly followed: number;
  readonly scheme: 'http:' | 'https:';
}

/** The verdict, told with what was asked; or the request that a redirect leads to. */
export function afterReply(
  found: ExchangeFinding,
  { request, followed, scheme }: Asked,
): Passed | SocketVerdict | { readonly kind: 'ask'; readonly request: HttpRequest } {
  const prefix = `${request.method} ${request.path}`;
  if (found.kind !== 'redirect') {
    const suffix = followed === 0 ? '' : `, ${followed} redirects followed`;
    return { ...found, detail: `${prefix}: ${found.detail}${suffix}` };
  }
  const next = redirected(request, found.status, found.location, scheme);
  if (next.ok) return { kind: 'ask', request: next.request };
  return { kind: 'fail', reason: 'BAD_REDIRECT', detail: `${prefix}: ${next.detail}` };
}

export function badRequest(detail: string): SocketVerdict {
  return { kind: 'fail', reason: 'BAD_REQUEST', detail };
}

export function tooLate(target: HttpTarget, reply: HttpReply): SocketVerdict {
  const what = reply.status === 0 ? 'no reply' : `status ${reply.status}, but the body did not end`;
  const detail = `${what} within ${target.connectTimeoutMs} ms`;
  return { kind: 'fail', reason: 'TIMEOUT', detail };
}

/** A connection that broke after it had come about. */
export function broken(error: unknown, target: HttpTarget): SocketVerdict {
  const endpoint = formatEndpoint(target.connectAddress, target.connectPort);
  return (
    socketVerdict(errorCode(error), 'connected', endpoint) ?? {
      kind: 'fail',
      reason: 'CONNECTION_FAILED',
      detail: `${endpoint}: ${errorMessage(error)}`,
    }
  );
}
