/**
 * HTTP_GET: every url in turn, each on a connection of its own, all under the probe's one deadline. The
 * only undici import.
 *
 * undici parses; everything else is kept out of its hands: its timers are off (their grain is 500 ms),
 * the socket is ours from birth so that an abort closes it in any phase, there is no pool, no keep-alive,
 * no redirect. keepalived asks one url per delay_loop; asking all at every check recovers sooner.
 */
import { connect, type Socket } from 'node:net';
import { type buildConnector, Client, type Dispatcher } from 'undici';
import { formatEndpoint } from '../base/address.ts';
import type { HttpGetConfig, HttpUrlConfig } from '../config/model.ts';
import type { Probe, ProbeIo, ProbeResult } from './probe.ts';
import {
  errorCode,
  errorMessage,
  type SocketPhase,
  type SocketVerdict,
  socketVerdict,
} from './socket-error.ts';

/**
 * Bytes of a reply's head, informational replies included; a server that sends more has failed. Checked
 * between reads, so one read more than this may be parsed.
 */
export const MAX_HEAD_BYTES = 64 * 1024;

/**
 * Body bytes read before the connection is closed. The status decides, so a longer body is no failure:
 * it is just not read to its end.
 */
export const MAX_BODY_BYTES = 1024 * 1024;

/**
 * undici's own limit lies where ours comes first: past it, undici makes an error with a stack trace for every
 * single header that is left in the chunk, 70 ms of CPU for one flooding server.
 */
const UNDICI_MAX_HEADER_BYTES = 4 * MAX_HEAD_BYTES;

/** Informational (1xx) replies before the real one. */
const MAX_INFORMATIONAL = 8;

const USER_AGENT = 'lvsd';

/** Made once: an error's stack trace is a tenth of a probe's cost. Nobody sees this one. */
const CUT_SHORT = new Error('The probe is over');

/** Asks the urls in order; the first that is not answered as wanted decides. */
export const probeHttp: Probe<HttpGetConfig> = async (target, io) => {
  const startedMs = io.clock.monotonicMs();
  let detail = '';
  for (const url of target.urls) {
    const answer = await new UrlRequest(target, url, io).answer;
    if (answer.kind !== 'pass') {
      return { ...answer, durationMs: io.clock.monotonicMs() - startedMs };
    }
    detail = answer.detail;
  }
  if (target.urls.length > 1) detail = `${target.urls.length} urls, last: ${detail}`;
  const durationMs = io.clock.monotonicMs() - startedMs;
  return { kind: 'pass', durationMs, detail } satisfies ProbeResult;
};

type Answer = SocketVerdict | { readonly kind: 'pass'; readonly detail: string };

/** One GET on one connection, from connect to close. */
class UrlRequest implements Dispatcher.DispatchHandler {
  readonly answer: Promise<Answer>;
  readonly #target: HttpGetConfig;
  readonly #url: HttpUrlConfig;
  readonly #io: ProbeIo;
  readonly #endpoint: string;
  readonly #client: Client;
  #resolve: ((answer: Answer) => void) | undefined;
  #socket: Socket | undefined;
  #phase: SocketPhase = 'connecting';
  #status: number | undefined;
  #isComplete = false;
  #informational = 0;
  #headBytes = 0;
  #bodyBytes = 0;

  constructor(target: HttpGetConfig, url: HttpUrlConfig, io: ProbeIo) {
    this.#target = target;
    this.#url = url;
    this.#io = io;
    this.#endpoint = formatEndpoint(target.connectAddress, target.connectPort);
    this.answer = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#client = new Client(`http://${this.#endpoint}`, {
      connect: this.#connect,
      headersTimeout: 0,
      bodyTimeout: 0,
      maxHeaderSize: UNDICI_MAX_HEADER_BYTES,
      allowH2: false,
    });
    if (io.signal.aborted) this.#onAbort();
    else this.#dispatch();
  }

  #dispatch(): void {
    const host = this.#url.virtualhost ?? this.#endpoint;
    this.#io.signal.addEventListener('abort', this.#onAbort);
    const headers = ['host', latin1Bytes(host), 'user-agent', USER_AGENT];
    const path = latin1Bytes(this.#url.path);
    this.#client.dispatch({ method: 'GET', path, headers, reset: true }, this);
  }

  onRequestStart(): void {}

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    if (status < 200) {
      this.#informational += 1;
      if (this.#informational > MAX_INFORMATIONAL) {
        this.#fail('BAD_RESPONSE', `more than ${MAX_INFORMATIONAL} informational replies`);
      }
      return;
    }
    this.#status = status;
    if (!this.#url.statusCodes.some((range) => status >= range.from && status <= range.to)) {
      this.#fail('BAD_STATUS', `status ${status}, expected ${formatRanges(this.#url)}`);
    }
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bodyBytes += chunk.length;
    if (this.#bodyBytes >= MAX_BODY_BYTES)
      this.#pass(`, body not read past ${MAX_BODY_BYTES} bytes`);
  }

  onResponseEnd(): void {
    this.#isComplete = true;
    this.#pass('');
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const verdict = socketVerdict(errorCode(error), this.#phase, this.#endpoint);
    if (verdict?.kind === 'inconclusive') {
      this.#settle(verdict);
    } else {
      const { reason, detail } = verdict ?? explainReply(error, this.#phase);
      this.#fail(reason, detail);
    }
  }

  /** undici's connector: a plain socket that this request keeps hold of. */
  readonly #connect: buildConnector.connector = (_options, callback) => {
    const { connectAddress, connectPort } = this.#target;
    const socket = connect({ host: connectAddress.text, port: connectPort });
    this.#socket = socket;
    this.#boundHead(socket);
    socket.once('connect', () => {
      this.#phase = 'connected';
      callback(null, socket);
    });
    // Stays: a late error of a destroyed socket must not be an uncaught one.
    socket.on('error', (error) => {
      if (this.#phase === 'connecting') callback(error, null);
    });
  };

  /** Stops feeding undici once the head is too long. */
  #boundHead(socket: Socket): void {
    const read = socket.read.bind(socket);
    socket.read = (size?: number): unknown => {
      const chunk: unknown = read(size);
      if (this.#status !== undefined || !Buffer.isBuffer(chunk)) return chunk;
      if (this.#headBytes >= MAX_HEAD_BYTES) {
        this.#fail('HEADERS_TOO_LARGE', `no end of the headers in ${MAX_HEAD_BYTES} bytes`);
        return null;
      }
      this.#headBytes += chunk.length;
      return chunk;
    };
  }

  readonly #onAbort = (): void => {
    const within = `within ${this.#target.connectTimeoutMs} ms`;
    if (this.#phase === 'connecting') {
      this.#fail('CONNECT_TIMEOUT', `no connection ${within}`);
    } else if (this.#status === undefined) {
      this.#fail('TIMEOUT', `no reply ${within}`);
    } else {
      this.#fail('TIMEOUT', `status ${this.#status}, but the body did not end ${within}`);
    }
  };

  #pass(suffix: string): void {
    this.#settle({
      kind: 'pass',
      detail: `GET ${this.#url.path}: status ${this.#status}${suffix}`,
    });
  }

  #fail(reason: string, detail: string): void {
    this.#settle({ kind: 'fail', reason, detail: `GET ${this.#url.path}: ${detail}` });
  }

  #settle(answer: Answer): void {
    const resolve = this.#resolve;
    if (resolve === undefined) return;
    this.#resolve = undefined;
    this.#io.signal.removeEventListener('abort', this.#onAbort);
    // A finished exchange leaves undici with nothing but a closed socket; one that is cut short leaves it
    // a request, which this fails. What is still reported meets the settled request above.
    this.#socket?.destroy();
    if (!this.#isComplete) this.#client.destroy(CUT_SHORT, noop);
    resolve(answer);
  }
}

function noop(): void {}

/** undici writes the head as latin1; this makes it write the UTF-8 bytes that stand in the file. */
function latin1Bytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

function formatRanges(url: HttpUrlConfig): string {
  const texts = url.statusCodes.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`));
  return texts.join(' ');
}

/** Errors that undici makes itself: what the server did, in our words. */
function explainReply(error: Error, phase: SocketPhase): { reason: string; detail: string } {
  const code = errorCode(error) ?? '';
  if (phase === 'connecting') {
    // The request never left: path or Host cannot be put into a request line.
    const reason = code === 'UND_ERR_INVALID_ARG' ? 'BAD_REQUEST' : 'CONNECT_FAILED';
    return { reason, detail: errorMessage(error) };
  }
  switch (code) {
    case 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH':
      return { reason: 'CLOSED_EARLY', detail: 'body does not have its Content-Length' };
    case 'HPE_INVALID_EOF_STATE':
      return { reason: 'CLOSED_EARLY', detail: 'connection closed in the middle of the reply' };
    case 'UND_ERR_SOCKET':
      return error.message.startsWith('bad')
        ? { reason: 'BAD_RESPONSE', detail: 'an unexpected 100 or 101 reply' }
        : { reason: 'CLOSED_EARLY', detail: 'connection closed before a complete reply' };
    default:
      return { reason: 'BAD_RESPONSE', detail: errorMessage(error) };
  }
}
