/** One request of HTTP/1 on a connection that is there, and what its reply comes to. Bytes in, a finding out. */

import type { HttpFinding, HttpReply } from './http-reply.ts';
import type { HttpRequest, HttpTarget } from './http-request.ts';
import { TOKEN } from './http1-head.ts';
import { Http1Reply, type ReplyEvent } from './http1-reply.ts';

/** Methods whose request has a length even where it has no body (RFC 9110 8.6). */
const WITH_BODY: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);
export const PATH = /^(?:\/|https?:\/\/)[^\s\p{Cc}]*$/u;
export const VALUE = /^(?:\t|\P{Cc})*$/u;

export type WrittenRequest =
  | { readonly ok: true; readonly bytes: Buffer }
  | { readonly ok: false; readonly detail: string };

/**
 * The bytes of the request. keepalived says `Connection: close` with 1.0C only, and the connection is closed
 * anyway; with 1.1 it must be said.
 */
export function writeRequest(
  { method, path, host, headers, body }: HttpRequest,
  version: HttpTarget['httpProtocol'] = '1.0',
): WrittenRequest {
  if (!TOKEN.test(method)) return { ok: false, detail: `no method: ${method}` };
  if (!PATH.test(path)) return { ok: false, detail: `no path: ${JSON.stringify(path)}` };
  const fields = ['host', host];
  if (version !== '1.0') fields.push('connection', 'close');
  fields.push(...headers);
  if (body !== undefined) fields.push('content-length', String(Buffer.byteLength(body)));
  else if (WITH_BODY.has(method)) fields.push('content-length', '0');
  let head = `${method} ${path} HTTP/1.${version.startsWith('1.0') ? 0 : 1}\r\n`;
  for (let index = 0; index < fields.length; index += 2) {
    const [name = '', value = ''] = [fields[index], fields[index + 1]];
    if (!TOKEN.test(name) || !VALUE.test(value)) {
      return { ok: false, detail: `no header: ${JSON.stringify(`${name}: ${value}`)}` };
    }
    head += `${name}: ${value}\r\n`;
  }
  return { ok: true, bytes: Buffer.from(`${head}\r\n${body ?? ''}`) };
}

/** Judges the reply to one request as it comes. After a finding nothing more is asked of it. */
export class Http1Dialogue {
  readonly #reply: HttpReply;
  readonly #read: Http1Reply;

  constructor(method: string, reply: HttpReply) {
    this.#reply = reply;
    this.#read = new Http1Reply(method, reply.wantedFields);
  }

  /** What these bytes come to; undefined while more are needed. */
  hear(bytes: Buffer): HttpFinding | undefined {
    for (const event of this.#read.push(bytes)) {
      const finding = judge(this.#reply, event);
      if (finding !== undefined) return finding;
    }
    return undefined;
  }

  /** What it comes to when the server ends the connection. */
  closed(): HttpFinding {
    const event = this.#read.close();
    const finding = event === undefined ? undefined : judge(this.#reply, event);
    return finding ?? { kind: 'fail', reason: 'CLOSED_EARLY', detail: CLOSED_EARLY };
  }
}

/** What one event comes to; undefined while more are needed. */
export function judge(reply: HttpReply, event: ReplyEvent): HttpFinding | undefined {
  switch (event.kind) {
    case 'head':
      return reply.head(event.status, event.headers);
    case 'data':
      return reply.data(event.bytes);
    case 'end':
      return reply.end();
    case 'bad':
      return { kind: 'fail', reason: event.reason, detail: event.detail };
    default:
      return event satisfies never;
  }
}

const CLOSED_EARLY = 'connection closed before a complete reply';
