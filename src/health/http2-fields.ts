/** The fields of a request and of a reply in HTTP/2 (RFC 9113 8.2 and 8.3): pure. */
import type { HpackField } from './hpack.ts';
import type { HttpRequest } from './http-request.ts';
import { PATH, VALUE } from './http1.ts';
import { CONTROL, TOKEN } from './http1-head.ts';
import { readLength } from './http1-reply.ts';

/** They would speak of the connection, which HTTP/2 itself does (8.2.2). */
const OF_CONNECTION: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

export type RequestFields =
  | { readonly ok: true; readonly fields: readonly HpackField[] }
  | { readonly ok: false; readonly detail: string };

/** Of a request over TLS; the length of a body is said where the file does not say it. */
export function requestFields({ method, path, host, headers, body }: HttpRequest): RequestFields {
  if (!TOKEN.test(method)) return { ok: false, detail: `no method: ${method}` };
  if (!PATH.test(path)) return { ok: false, detail: `no path: ${JSON.stringify(path)}` };
  if (!VALUE.test(host)) return { ok: false, detail: `no host: ${JSON.stringify(host)}` };
  const fields: HpackField[] = [
    [':method', method],
    [':scheme', 'https'],
    [':authority', host],
    [':path', path],
  ];
  for (let index = 0; index < headers.length; index += 2) {
    const name = (headers[index] ?? '').toLowerCase();
    const value = headers[index + 1] ?? '';
    if (!TOKEN.test(name) || !VALUE.test(value) || OF_CONNECTION.has(name)) {
      return { ok: false, detail: `no header of HTTP/2: ${JSON.stringify(name)}` };
    }
    fields.push([name, value]);
  }
  if (body !== undefined && !fields.some(([name]) => name === 'content-length')) {
    fields.push(['content-length', String(Buffer.byteLength(body))]);
  }
  return { ok: true, fields };
}

export interface ReplyFields {
  /** undefined in trailers. */
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** What Content-Length says. */
  readonly length: number | undefined;
}

/** What is wrong as a text (8.1.1). Blanks around a value are taken off, as everybody does. */
export function replyFields(fields: readonly HpackField[]): ReplyFields | string {
  const headers: Record<string, string | readonly string[]> = Object.create(null);
  let status: number | undefined;
  let isRegular = false;
  for (const [name, text] of fields) {
    if (name.startsWith(':')) {
      if (name !== ':status' || status !== undefined || isRegular || !/^\d{3}$/.test(text)) {
        return 'the status is not one of HTTP/2';
      }
      status = Number(text);
      continue;
    }
    isRegular = true;
    if (!TOKEN.test(name) || /[A-Z]/.test(name)) return 'a header has no name of HTTP/2';
    if (OF_CONNECTION.has(name)) return `the header ${name} is none of HTTP/2`;
    const value = text.trim();
    if (CONTROL.test(value)) return `the header ${name} has control characters`;
    const before = headers[name];
    headers[name] = before === undefined ? value : [before, value].flat();
  }
  const said = headers['content-length'];
  const length = said === undefined ? undefined : readLength(said);
  if (said !== undefined && length === undefined) return 'the Content-Length is no number';
  return { status, headers, length };
}
