/**
 * HTTP_GET and SSL_GET: one url, through its redirects, each request on a connection of its own, all under
 * the probe's one deadline. Several urls are as many probes: url-runs.ts. The only undici import.
 *
 * undici parses; everything else is kept out of its hands: its timers are off (their grain is 500 ms), the
 * connection is ours from birth so that an abort closes it in any phase, there is no pool, no keep-alive,
 * no redirect of its own.
 */
import type { Socket } from 'node:net';
import { Client, type Dispatcher } from 'undici';
import type { HttpUrlConfig } from '../config/model.ts';
import { type HttpFinding, HttpReply } from './http-reply.ts';
import { type HttpRequest, type HttpTarget, redirected, requestOf } from './http-request.ts';
import { askHttp2 } from './http2.ts';
import { closeLine, type Line, openLine } from './https-line.ts';
import type { Probe, ProbeIo, ProbeVerdict } from './probe.ts';
import { errorCode, errorMessage, type SocketVerdict, socketVerdict } from './socket-error.ts';

/**
 * Bytes of a reply's head, informational replies included; a server that sends more has failed. Checked
 * between reads, so one read more than this may be parsed.
 */
export const MAX_HEAD_BYTES = 64 * 1024;

/**
 * undici's own limit lies where ours comes first: past it, undici makes an error with a stack trace for every
 * single header that is left in the chunk, 70 ms of CPU for one flooding server.
 */
const UNDICI_MAX_HEADER_BYTES = 4 * MAX_HEAD_BYTES;

/** Informational (1xx) replies before the real one. */
const MAX_INFORMATIONAL = 8;

/** Made once: an error's stack trace is a tenth of a probe's cost. Nobody sees this one. */
const CUT_SHORT = new Error('The probe is over');

/** Asks the first url of the target. */
export const probeHttp: Probe<HttpTarget> = async (target, io) => {
  const startedMs = io.clock.monotonicMs();
  const [url] = target.urls;
  const verdict: ProbeVerdict =
    url === undefined ? { kind: 'pass', detail: 'no url' } : await ask(target, url, io);
  return { ...verdict, durationMs: io.clock.monotonicMs() - startedMs };
};

interface Passed {
  readonly kind: 'pass';
  readonly detail: string;
  readonly certificateEndsMs?: number;
}

/** One url, through the redirects that may be followed. */
async function ask(
  target: HttpTarget,
  url: HttpUrlConfig,
  io: ProbeIo,
): Promise<Passed | SocketVerdict> {
  const redirects = target.followRedirects ?? 0;
  let request = requestOf(target, url);
  for (let left = redirects; ; left -= 1) {
    const prefix = `${request.method} ${request.path}`;
    const line = await openLine(target, request, io);
    if (line.kind !== 'open') return { ...line, detail: `${prefix}: ${line.detail}` };
    const reply = new HttpReply(target, url, left);
    const found = await exchange({ target, request, line, reply, io });
    if (found.kind !== 'redirect') {
      const { certificateEndsMs } = line;
      const followed = left === redirects ? '' : `, ${redirects - left} redirects followed`;
      const detail = `${prefix}: ${found.detail}${followed}`;
      return found.kind === 'pass' && certificateEndsMs !== undefined
        ? { ...found, detail, certificateEndsMs }
        : { ...found, detail };
    }
    const scheme = target.kind === 'SSL_GET' ? 'https:' : 'http:';
    const next = redirected(request, found.status, found.location, scheme);
    if (!next.ok)
      return { kind: 'fail', reason: 'BAD_REDIRECT', detail: `${prefix}: ${next.detail}` };
    request = next.request;
  }
}

interface ExchangeParts {
  readonly target: HttpTarget;
  readonly request: HttpRequest;
  readonly line: Line;
  readonly reply: HttpReply;
  readonly io: ProbeIo;
}

type ExchangeFinding = HttpFinding | SocketVerdict;

/** One request and its reply on one connection, which is closed when this resolves. */
async function exchange(parts: ExchangeParts): Promise<ExchangeFinding> {
  const { target, line, io } = parts;
  const { signal } = io;
  const isPolite = target.tlsCompliant ?? target.urls.some(({ tlsCompliant }) => tlsCompliant);
  const letGo = isPolite ? keepOpen(line.stream) : noop;
  const finding = await (line.isHttp2
    ? askHttp2({ ...parts, signal, tooLate: () => tooLate(parts) })
    : new HttpExchange(parts).finding);
  letGo();
  await closeLine(line, isPolite, signal);
  return finding;
}

/** undici destroys the connection under a finished reply, before its end could be said. Until what this returns. */
function keepOpen(stream: Socket): () => void {
  const { destroy } = stream;
  stream.destroy = () => stream;
  return () => {
    stream.destroy = destroy;
  };
}

function tooLate({ target, reply }: ExchangeParts): SocketVerdict {
  const what = reply.status === 0 ? 'no reply' : `status ${reply.status}, but the body did not end`;
  const detail = `${what} within ${target.connectTimeoutMs} ms`;
  return { kind: 'fail', reason: 'TIMEOUT', detail };
}

/** The same in HTTP/1, by undici. */
class HttpExchange implements Dispatcher.DispatchHandler {
  readonly finding: Promise<ExchangeFinding>;
  readonly #parts: ExchangeParts;
  readonly #client: Client;
  #resolve: ((finding: ExchangeFinding) => void) | undefined;
  #isComplete = false;
  #informational = 0;
  #headBytes = 0;

  constructor(parts: ExchangeParts) {
    const { target, line, io } = parts;
    this.#parts = parts;
    this.finding = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#boundHead(line.stream);
    if (target.httpProtocol === undefined || target.httpProtocol.startsWith('1.0')) {
      speakHttp10(line.stream, target.httpProtocol === '1.0C');
    }
    const scheme = target.kind === 'SSL_GET' ? 'https' : 'http';
    this.#client = new Client(`${scheme}://${line.endpoint}`, {
      // Not at once: undici is not ready for it while it asks.
      connect: (_options, callback) => queueMicrotask(() => callback(null, line.stream)),
      headersTimeout: 0,
      bodyTimeout: 0,
      maxHeaderSize: UNDICI_MAX_HEADER_BYTES,
      allowH2: false,
    });
    if (io.signal.aborted) this.#onAbort();
    else this.#dispatch();
  }

  #dispatch(): void {
    const { request, io } = this.#parts;
    io.signal.addEventListener('abort', this.#onAbort);
    const headers = ['host', request.host, ...request.headers].map(latin1Bytes);
    const path = latin1Bytes(request.path);
    const method = request.method as Dispatcher.HttpMethod;
    const body = request.body === undefined ? null : request.body;
    this.#client.dispatch({ method, path, headers, body, reset: true }, this);
  }

  onRequestStart(): void {}

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status >= 200) {
      this.#find(this.#parts.reply.head(status, headers));
      return;
    }
    this.#informational += 1;
    if (this.#informational > MAX_INFORMATIONAL) {
      this.#fail('BAD_RESPONSE', `more than ${MAX_INFORMATIONAL} informational replies`);
    }
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#resolve !== undefined) this.#find(this.#parts.reply.data(chunk));
  }

  onResponseEnd(): void {
    this.#isComplete = true;
    if (this.#resolve !== undefined) this.#find(this.#parts.reply.end());
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#settle(
      socketVerdict(errorCode(error), 'connected', this.#parts.line.endpoint) ?? explain(error),
    );
  }

  /** Stops feeding undici once the head is too long. */
  #boundHead(stream: Socket): void {
    const { reply } = this.#parts;
    const read = stream.read.bind(stream);
    stream.read = (size?: number): unknown => {
      const chunk: unknown = read(size);
      if (reply.status !== 0 || !Buffer.isBuffer(chunk)) return chunk;
      if (this.#headBytes >= MAX_HEAD_BYTES) {
        this.#fail('HEADERS_TOO_LARGE', `no end of the headers in ${MAX_HEAD_BYTES} bytes`);
        return null;
      }
      this.#headBytes += chunk.length;
      return chunk;
    };
  }

  readonly #onAbort = (): void => this.#settle(tooLate(this.#parts));

  #find(finding: HttpFinding | undefined): void {
    if (finding !== undefined) this.#settle(finding);
  }

  #fail(reason: string, detail: string): void {
    this.#settle({ kind: 'fail', reason, detail });
  }

  #settle(finding: ExchangeFinding): void {
    const resolve = this.#resolve;
    if (resolve === undefined) return;
    this.#resolve = undefined;
    const { io, line } = this.#parts;
    io.signal.removeEventListener('abort', this.#onAbort);
    // A finished exchange leaves undici with nothing but a socket to close; one that is cut short leaves it a
    // request, which this fails. What is still reported meets the settled request above.
    if (!this.#isComplete) {
      line.stream.destroy();
      this.#client.destroy(CUT_SHORT, noop);
    }
    resolve(finding);
  }
}

function noop(): void {}

/**
 * undici, as node's own client, writes nothing but HTTP/1.1. Its first write is the whole head, so that its
 * first line can be changed on the way. keepalived says `Connection: close` with 1.0C only.
 */
function speakHttp10(stream: Socket, saysClose: boolean): void {
  const write = stream.write;
  stream.write = (chunk: unknown, ...rest: unknown[]): boolean => {
    stream.write = write;
    const head = String(chunk).replace(/ HTTP\/1\.1\r\n/, ' HTTP/1.0\r\n');
    const sent = saysClose ? head : head.replace(/^connection: close\r\n/m, '');
    return Boolean(Reflect.apply(write, stream, [sent, ...rest]));
  };
}

/** undici writes the head as latin1; this makes it write the UTF-8 bytes that stand in the file. */
function latin1Bytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** Errors that undici makes itself: what the server did, in our words. */
function explain(error: Error): SocketVerdict {
  const fail = (reason: string, detail: string): SocketVerdict => ({
    kind: 'fail',
    reason,
    detail,
  });
  const code = errorCode(error) ?? '';
  switch (code) {
    // The request never left: path, Host or a header cannot be put into a request.
    case 'UND_ERR_INVALID_ARG':
      return fail('BAD_REQUEST', errorMessage(error));
    case 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH':
      return fail('CLOSED_EARLY', 'body does not have its Content-Length');
    case 'HPE_INVALID_EOF_STATE':
      return fail('CLOSED_EARLY', 'connection closed in the middle of the reply');
    case 'UND_ERR_SOCKET':
      return error.message.startsWith('bad')
        ? fail('BAD_RESPONSE', 'an unexpected 100 or 101 reply')
        : fail('CLOSED_EARLY', 'connection closed before a complete reply');
    default:
      return fail('BAD_RESPONSE', errorMessage(error));
  }
}
