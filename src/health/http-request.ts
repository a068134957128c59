/** The request of one url: what is sent, and where a redirect leads. */
import { formatEndpoint } from '../base/address.ts';
import type { HttpGetConfig, HttpUrlConfig, SslGetConfig } from '../config/model.ts';

export type HttpTarget = HttpGetConfig | SslGetConfig;

export interface HttpRequest {
  readonly method: string;
  /** Begins with a slash. */
  readonly path: string;
  /** Host header, and the name in the TLS handshake where that is asked for. */
  readonly host: string;
  /** Beside Host; names and values alternate. */
  readonly headers: readonly string[];
  readonly body?: string;
}

const USER_AGENT = 'lvsd';

export function requestOf(target: HttpTarget, url: HttpUrlConfig): HttpRequest {
  const { method = 'GET', body } = target;
  const written = (target.headers ?? []).map(readHeader);
  const host = written.find(({ name }) => name.toLowerCase() === 'host')?.value;
  const others = written.filter(({ name }) => name.toLowerCase() !== 'host');
  const isNamed = others.some(({ name }) => name.toLowerCase() === 'user-agent');
  const headers = isNamed ? others : [{ name: 'user-agent', value: USER_AGENT }, ...others];
  return {
    method,
    path: url.path,
    host: host ?? url.virtualhost ?? formatEndpoint(target.connectAddress, target.connectPort),
    headers: headers.flatMap(({ name, value }) => [name, value]),
    ...(body === undefined ? {} : { body }),
  };
}

/** `NAME: VALUE`; the value is empty where there is no colon. */
export function readHeader(line: string): { readonly name: string; readonly value: string } {
  const colon = line.indexOf(':');
  if (colon < 0) return { name: line.trim(), value: '' };
  return { name: line.slice(0, colon).trim(), value: line.slice(colon + 1).trim() };
}

export type RedirectOutcome =
  | { readonly ok: true; readonly request: HttpRequest }
  | { readonly ok: false; readonly detail: string };

/**
 * What is asked next when `request` was answered with `status` and `location`. It goes to the same server,
 * whatever host the location names: that one becomes the Host header, because it is this server that is
 * checked. A location of another scheme cannot be asked for on the port of the check.
 */
export function redirected(
  request: HttpRequest,
  status: number,
  location: string,
  scheme: 'http:' | 'https:',
): RedirectOutcome {
  const base = `${scheme}//${request.host}${request.path}`;
  const next = URL.canParse(location, base) ? new URL(location, base) : undefined;
  if (next === undefined) {
    return { ok: false, detail: `redirected to '${location.slice(0, MAX_SHOWN)}', no location` };
  }
  if (next.protocol !== scheme) {
    const detail = `redirected to ${next.protocol}//, which needs a check of its own`;
    return { ok: false, detail };
  }
  const isSeenOther =
    status === 303 || (status !== 307 && status !== 308 && request.method === 'POST');
  const { body: _, ...bare } = request;
  const kept = isSeenOther
    ? { ...bare, method: request.method === 'HEAD' ? 'HEAD' : 'GET' }
    : request;
  const isSameHost = next.host === new URL(base).host;
  return {
    ok: true,
    request: {
      ...kept,
      path: `${next.pathname}${next.search}`,
      host: isSameHost ? request.host : next.host,
    },
  };
}

const MAX_SHOWN = 200;

export function isRedirect(status: number): boolean {
  return REDIRECTS.has(status);
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
