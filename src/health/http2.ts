/**
 * HTTP/2 of SSL_GET, where the server took it in ALPN, by Node's own client.
 */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import type { HttpFinding, HttpHeaders, HttpReply } from './http-reply.ts';
import type { HttpRequest } from './http-request.ts';
import type { Line } from './https-line.ts';
import { errorCode, errorMessage, type SocketVerdict, socketVerdict } from './socket-error.ts';

/** Header fields of a reply. */
const MAX_HEADER_PAIRS = 1000;

/** What one session may hold, MB. */
const MAX_MEMORY_MB = 2;

export interface Http2Parts {
  readonly request: HttpRequest;
  readonly line: Line;
  readonly reply: HttpReply;
  readonly signal: AbortSignal;
  /** What it means that the deadline came. */
  readonly tooLate: () => SocketVerdict;
}

/** One request in one session; the connection stays the caller's to close. Never rejects. */
export function askHttp2(parts: Http2Parts): Promise<HttpFinding | SocketVerdict> {
  const { request, line, reply, signal } = parts;
  return new Promise((resolve) => {
    const session = connect(`https://${line.endpoint}`, {
      createConnection: () => line.stream,
      maxHeaderListPairs: MAX_HEADER_PAIRS,
      maxSessionMemory: MAX_MEMORY_MB,
      settings: { enablePush: false },
    });
    let stream: ClientHttp2Stream | undefined;
    const settle = (finding: HttpFinding | SocketVerdict | undefined): void => {
      if (finding === undefined) return;
      signal.removeEventListener('abort', onAbort);
      stream?.destroy();
      session.destroy();
      resolve(finding);
    };
    const onAbort = (): void => settle(parts.tooLate());
    const onError = (error: unknown): void => settle(explain(error, line.endpoint));
    session.on('error', onError);
    session.once('close', () => settle(closedEarly(line.endpoint)));
    session.once('goaway', (code) => {
      if (code !== constants.NGHTTP2_NO_ERROR) settle(closedEarly(line.endpoint));
    });
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort);
    try {
      stream = begin(session, request);
    } catch (error) {
      settle({ kind: 'fail', reason: 'BAD_REQUEST', detail: errorMessage(error) });
      return;
    }
    let isOver = false;
    stream.on('error', onError);
    stream.on('response', (headers) => {
      settle(reply.head(Number(headers[':status']), plainHeaders(headers)));
    });
    stream.on('data', (chunk: Buffer) => {
      if (isOver) return;
      const finding = reply.data(chunk);
      isOver = finding !== undefined;
      settle(finding);
    });
    stream.once('end', () => {
      if (isOver || reply.status === 0) return;
      isOver = true;
      settle(stream?.rstCode === 0 ? reply.end() : closedEarly(line.endpoint));
    });
    stream.once('close', () => settle(closedEarly(line.endpoint)));
  });
}

function begin(session: ClientHttp2Session, request: HttpRequest): ClientHttp2Stream {
  const headers: Record<string, string | string[]> = {
    ':method': request.method,
    ':path': request.path,
    ':authority': request.host,
  };
  for (let index = 0; index < request.headers.length; index += 2) {
    const name = (request.headers[index] ?? '').toLowerCase();
    const value = request.headers[index + 1] ?? '';
    const before = headers[name];
    headers[name] = before === undefined ? value : [before, value].flat();
  }
  const stream = session.request(headers, { endStream: request.body === undefined });
  if (request.body !== undefined) stream.end(request.body);
  return stream;
}

function plainHeaders(headers: Readonly<Record<string, unknown>>): HttpHeaders {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.map(String) : String(value),
    ]),
  );
}

function closedEarly(endpoint: string): SocketVerdict {
  const detail = `${endpoint}: connection closed before a complete reply`;
  return { kind: 'fail', reason: 'CLOSED_EARLY', detail };
}

function explain(error: unknown, endpoint: string): SocketVerdict {
  return (
    socketVerdict(errorCode(error), 'connected', endpoint) ?? {
      kind: 'fail',
      reason: 'BAD_RESPONSE',
      detail: `${endpoint}: ${errorMessage(error)}`,
    }
  );
}
