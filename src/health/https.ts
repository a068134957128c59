/** SSL_GET: HTTP through TLS, in the version that ALPN chose. Each request on a connection of its own. */
import type { HttpUrlConfig, SslGetConfig } from '../config/model.ts';
import { afterReply, badRequest, broken, type ExchangeFinding, tooLate } from './http-finding.ts';
import { HttpReply } from './http-reply.ts';
import { type HttpRequest, requestOf } from './http-request.ts';
import { Http1Dialogue, writeRequest } from './http1.ts';
import { Http2Dialogue } from './http2.ts';
import { requestFields } from './http2-fields.ts';
import { closeLine, type Line, openLine } from './https-line.ts';
import type { Probe, ProbeIo, ProbeVerdict } from './probe.ts';

/** Asks the first url of the target. */
export const probeHttps: Probe<SslGetConfig> = async (target, io) => {
  const startedMs = io.clock.monotonicMs();
  const [url] = target.urls;
  const verdict: ProbeVerdict =
    url === undefined ? { kind: 'pass', detail: 'no url' } : await ask(target, url, io);
  return { ...verdict, durationMs: io.clock.monotonicMs() - startedMs };
};

interface ExchangeParts {
  readonly target: SslGetConfig;
  readonly request: HttpRequest;
  readonly reply: HttpReply;
  readonly io: ProbeIo;
}

/** A finding, and the end of the certificate that was shown on the way. */
interface Answer {
  readonly found: ExchangeFinding;
  readonly certificateEndsMs?: number;
}

/** One url, through the redirects that may be followed. */
async function ask(target: SslGetConfig, url: HttpUrlConfig, io: ProbeIo): Promise<ProbeVerdict> {
  let request = requestOf(target, url);
  for (let followed = 0; ; followed += 1) {
    const reply = new HttpReply(target, url, (target.followRedirects ?? 0) - followed);
    const { found, certificateEndsMs } = await exchange({ target, request, io, reply });
    const after = afterReply(found, { request, followed, scheme: 'https:' });
    if (after.kind === 'ask') request = after.request;
    else if (after.kind === 'pass' && certificateEndsMs !== undefined) {
      return { ...after, certificateEndsMs };
    } else return after;
  }
}

/** One request and its reply on a connection of our own, which is closed when this resolves. */
async function exchange(parts: ExchangeParts): Promise<Answer> {
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
  const written = writeRequest(request, target.httpProtocol);
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
  { target, reply, io: { signal } }: ExchangeParts,
  speak: (send: (bytes: Buffer) => void) => Dialogue,
): Promise<ExchangeFinding> {
  return new Promise((resolve, reject) => {
    let isOver = false;
    const leave = (): void => {
      isOver = true;
      signal.removeEventListener('abort', onAbort);
      stream.pause();
    };
    /** Nothing is over while there is no finding. */
    const settle = (find: () => ExchangeFinding | undefined): void => {
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
    const onAbort = (): void => settle(() => tooLate(target, reply));
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort);
    // Before its close, where there is one.
    stream.on('error', (error) => settle(() => broken(error, target)));
    const dialogue = speak((bytes) => void stream.write(bytes));
    stream.on('data', (bytes: Buffer) => settle(() => dialogue.hear(bytes)));
    stream.once('end', () => settle(() => dialogue.closed()));
    stream.once('close', () => settle(() => dialogue.closed()));
  });
}
