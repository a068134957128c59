/**
 * HTTP_GET and SSL_GET: one url, through its redirects, each request on a connection of its own, all under
 * the probe's one deadline. Several urls are as many probes: url-runs.ts. Why no client library reads HTTP/1:
 * docs/adr/0003.
 */
import { formatEndpoint } from '../base/address.ts';
import type { HttpUrlConfig } from '../config/model.ts';
import { DialAbortedError } from '../kernel/dial.ts';
import { openStream, type TcpStream } from '../kernel/stream.ts';
import { type HttpFinding, HttpReply } from './http-reply.ts';
import { type HttpRequest, type HttpTarget, redirected, requestOf } from './http-request.ts';
import { Http1Dialogue, type WrittenRequest, writeRequest } from './http1.ts';
import { Http2Dialogue } from './http2.ts';
import { requestFields } from './http2-fields.ts';
import { closeLine, type Line, openLine } from './https-line.ts';
import type { Probe, ProbeIo, ProbeVerdict } from './probe.ts';
import {
  connectFailure,
  errorCode,
  errorMessage,
  type SocketVerdict,
  socketVerdict,
} from './socket-error.ts';

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

interface ExchangeParts {
  readonly target: HttpTarget;
  readonly request: HttpRequest;
  readonly reply: HttpReply;
  readonly io: ProbeIo;
}

type ExchangeFinding = HttpFinding | SocketVerdict;

/** A finding, and the end of the certificate that was shown on the way. */
interface Answer {
  readonly found: ExchangeFinding;
  readonly certificateEndsMs?: number;
}

/** The first request of each url, and the bytes of each request: made once, not at every check. */
const requests = new WeakMap<
  HttpUrlConfig,
  { readonly target: HttpTarget; readonly request: HttpRequest }
>();
const bytesOf = new WeakMap<HttpRequest, WrittenRequest>();

function requestTo(target: HttpTarget, url: HttpUrlConfig): HttpRequest {
  const known = requests.get(url);
  if (known !== undefined && asksTheSame(known.target, target)) return known.request;
  const request = requestOf(target, url);
  requests.set(url, { target, request });
  return request;
}

/** A target may be copied for one check, with less time or fewer urls. */
function asksTheSame(a: HttpTarget, b: HttpTarget): boolean {
  if (a === b) return true;
  const isSameServer =
    a.connectAddress === b.connectAddress && a.connectPort === b.connectPort && a.kind === b.kind;
  const isSameWay = a.httpProtocol === b.httpProtocol && a.method === b.method;
  return isSameServer && isSameWay && a.headers === b.headers && a.body === b.body;
}

function writtenFor(request: HttpRequest, { httpProtocol }: HttpTarget): WrittenRequest {
  const known = bytesOf.get(request);
  if (known !== undefined) return known;
  const written = writeRequest(request, httpProtocol);
  bytesOf.set(request, written);
  return written;
}

/** One url, through the redirects that may be followed. */
async function ask(
  target: HttpTarget,
  url: HttpUrlConfig,
  io: ProbeIo,
): Promise<Passed | SocketVerdict> {
  const redirects = target.followRedirects ?? 0;
  let request = requestTo(target, url);
  for (let left = redirects; ; left -= 1) {
    const prefix = `${request.method} ${request.path}`;
    const parts = { target, request, io, reply: new HttpReply(target, url, left) };
    const isPlain = target.kind === 'HTTP_GET';
    const { found, certificateEndsMs } = await (isPlain ? askPlainly(parts) : askThroughTls(parts));
    if (found.kind !== 'redirect') {
      const followed = left === redirects ? '' : `, ${redirects - left} redirects followed`;
      const detail = `${prefix}: ${found.detail}${followed}`;
      return found.kind === 'pass' && certificateEndsMs !== undefined
        ? { ...found, detail, certificateEndsMs }
        : { ...found, detail };
    }
    const next = redirected(request, found.status, found.location, isPlain ? 'http:' : 'https:');
    if (!next.ok)
      return { kind: 'fail', reason: 'BAD_REDIRECT', detail: `${prefix}: ${next.detail}` };
    request = next.request;
  }
}

/** What ends an exchange, once: its finding, or an error that nobody foresaw, which the runner reports. */
interface Ending {
  /** Nothing is over while there is no finding. */
  readonly settle: (find: () => ExchangeFinding | undefined) => void;
}

/** `begin` starts the exchange; `end` is called once when it is over, whatever ends it. */
function exchange(
  { target, reply, io: { signal } }: ExchangeParts,
  begin: (ending: Ending) => void,
  {
    onAbort = () => tooLate(target, reply),
    end,
  }: { onAbort?: () => ExchangeFinding; end: () => void },
): Promise<ExchangeFinding> {
  return new Promise((resolve, reject) => {
    let isOver = false;
    const leave = (): void => {
      isOver = true;
      signal.removeEventListener('abort', abort);
      end();
    };
    const settle: Ending['settle'] = (find) => {
      if (isOver) return;
      try {
        const found = find();
        if (found === undefined) return;
        leave();
        resolve(found);
      } catch (error) {
        leave();
        reject(error);
      }
    };
    const abort = (): void => settle(onAbort);
    if (signal.aborted) {
      abort();
      return;
    }
    signal.addEventListener('abort', abort);
    begin({ settle });
  });
}

/** One request and its reply on a connection of our own, which is closed when this resolves. */
async function askPlainly(parts: ExchangeParts): Promise<Answer> {
  const { target, request, reply, io } = parts;
  const written = writtenFor(request, target);
  if (!written.ok) return { found: badRequest(written.detail) };
  const dialogue = new Http1Dialogue(request.method, reply);
  let isConnected = false;
  let stream: TcpStream | undefined;
  const fail = (error: unknown): ExchangeFinding =>
    isConnected ? broken(error, target) : connectFailure(error, target);
  const found = await exchange(
    parts,
    ({ settle }) => {
      try {
        stream = openStream(target, {
          onConnected: () => {
            isConnected = true;
            stream?.write(written.bytes);
          },
          onBytes: (bytes) => settle(() => dialogue.hear(bytes)),
          onEnd: () => settle(() => dialogue.closed()),
          onError: (error) => settle(() => fail(error)),
        });
      } catch (error) {
        settle(() => fail(error));
      }
    },
    {
      onAbort: () =>
        isConnected ? tooLate(target, reply) : fail(new DialAbortedError(io.signal.reason)),
      end: () => stream?.close(),
    },
  );
  return { found };
}

/** The same through TLS, in the version that ALPN chose. */
async function askThroughTls(parts: ExchangeParts): Promise<Answer> {
  const { target, request, io } = parts;
  const line = await openLine(target, request, io);
  if (line.kind !== 'open') return { found: line };
  const isPolite = target.tlsCompliant ?? target.urls.some(({ tlsCompliant }) => tlsCompliant);
  try {
    const found = await (line.isHttp2 ? askHttp2(parts, line) : askHttp1(parts, line));
    const { certificateEndsMs } = line;
    return certificateEndsMs === undefined ? { found } : { found, certificateEndsMs };
  } finally {
    await closeLine(line, isPolite, io.signal);
  }
}

/** What hears a connection, in one version of HTTP. */
type Dialogue = Pick<Http1Dialogue, 'hear' | 'closed'>;

async function askHttp1(parts: ExchangeParts, line: Line): Promise<ExchangeFinding> {
  const { target, request, reply } = parts;
  const written = writtenFor(request, target);
  if (!written.ok) return badRequest(written.detail);
  return askOn(line, parts, (send) => {
    send(written.bytes);
    return new Http1Dialogue(request.method, reply);
  });
}

async function askHttp2(parts: ExchangeParts, line: Line): Promise<ExchangeFinding> {
  const { request, reply } = parts;
  const written = requestFields(request);
  if (!written.ok) return badRequest(written.detail);
  return askOn(line, parts, (send) => new Http2Dialogue(request, written.fields, reply, send));
}

/** On a stream of Node, which stays the caller's to close. `speak` sends the request. */
function askOn(
  { stream }: Line,
  parts: ExchangeParts,
  speak: (send: (bytes: Buffer) => void) => Dialogue,
): Promise<ExchangeFinding> {
  return exchange(
    parts,
    ({ settle }) => {
      // Before its close, where there is one.
      stream.on('error', (error) => settle(() => broken(error, parts.target)));
      const dialogue = speak((bytes) => void stream.write(bytes));
      stream.on('data', (bytes: Buffer) => settle(() => dialogue.hear(bytes)));
      stream.once('end', () => settle(() => dialogue.closed()));
      stream.once('close', () => settle(() => dialogue.closed()));
    },
    { end: () => stream.pause() },
  );
}

function badRequest(detail: string): SocketVerdict {
  return { kind: 'fail', reason: 'BAD_REQUEST', detail };
}

function tooLate(target: HttpTarget, reply: HttpReply): SocketVerdict {
  const what = reply.status === 0 ? 'no reply' : `status ${reply.status}, but the body did not end`;
  const detail = `${what} within ${target.connectTimeoutMs} ms`;
  return { kind: 'fail', reason: 'TIMEOUT', detail };
}

/** A connection that broke after it had come about. */
function broken(error: unknown, target: HttpTarget): SocketVerdict {
  const endpoint = formatEndpoint(target.connectAddress, target.connectPort);
  return (
    socketVerdict(errorCode(error), 'connected', endpoint) ?? {
      kind: 'fail',
      reason: 'CONNECTION_FAILED',
      detail: `${endpoint}: ${errorMessage(error)}`,
    }
  );
}
