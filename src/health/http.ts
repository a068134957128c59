/**
 * HTTP_GET and SSL_GET: one url, through its redirects, each request on a connection of its own, all under
 * the probe's one deadline. Several urls are as many probes: url-runs.ts. Why no client library reads HTTP/1:
 * docs/adr/0003. Through TLS: https.ts.
 */
import type { HttpUrlConfig } from '../config/model.ts';
import { DialAbortedError } from '../kernel/dial.ts';
import { type StreamHandlers, StreamTarget, TcpStream } from '../kernel/stream.ts';
import { afterReply, badRequest, broken, type ExchangeFinding, tooLate } from './http-finding.ts';
import { HttpReply } from './http-reply.ts';
import { type HttpRequest, type HttpTarget, requestOf } from './http-request.ts';
import { Http1Dialogue, type WrittenRequest, writeRequest } from './http1.ts';
import { probeHttps } from './https.ts';
import { prepared } from './prepared.ts';
import {
  type Attempt,
  type AttemptIo,
  alwaysTold,
  brokenProbe,
  type PrepareProbe,
  type ProbeVerdict,
  type Settle,
} from './probe.ts';
import { connectFailure } from './socket-error.ts';

const prepareHttps = prepared(probeHttps);

/** Asks the first url of the target. */
export const prepareHttp: PrepareProbe<HttpTarget> = (target) => {
  if (target.kind === 'SSL_GET') return prepareHttps(target);
  const [url] = target.urls;
  if (url === undefined) return alwaysTold({ kind: 'pass', durationMs: 0, detail: 'no url' });
  const request = requestOf(target, url);
  const written = writeRequest(request, target.httpProtocol);
  const to = new StreamTarget(target);
  const question = { target, to, url, first: { request, written } };
  return (io, settle, startedMs) => new HttpAttempt(question, io, settle, startedMs);
};

interface Question {
  readonly target: HttpTarget;
  readonly to: StreamTarget;
  readonly url: HttpUrlConfig;
  /** Made once, not at every check. */
  readonly first: Asking;
}

interface Asking {
  readonly request: HttpRequest;
  readonly written: WrittenRequest;
}

/** One connection after the other, the last of which is closed when this settles. */
class HttpAttempt implements Attempt, StreamHandlers {
  readonly #question: Question;
  readonly #io: AttemptIo;
  readonly #settle: Settle;
  readonly #startedMs: number;
  #followed = 0;
  #asking: Asking;
  #reply: HttpReply;
  #dialogue: Http1Dialogue;
  #stream: TcpStream | undefined;
  #isConnected = false;

  constructor(question: Question, io: AttemptIo, settle: Settle, startedMs: number) {
    this.#question = question;
    this.#io = io;
    this.#settle = settle;
    this.#startedMs = startedMs;
    this.#asking = question.first;
    this.#reply = this.#newReply();
    this.#dialogue = new Http1Dialogue(this.#asking.request.method, this.#reply);
    this.#open();
  }

  abort(reason: unknown): void {
    if (this.#isConnected) this.#conclude(tooLate(this.#question.target, this.#reply));
    else this.onError(new DialAbortedError(reason));
  }

  onConnected(): void {
    this.#isConnected = true;
    const { written } = this.#asking;
    if (written.ok) this.#stream?.write(written.bytes);
  }

  onBytes(bytes: Buffer): void {
    this.#judge(() => this.#dialogue.hear(bytes));
  }

  onEnd(): void {
    this.#judge(() => this.#dialogue.closed());
  }

  /** What is thrown by who hears the result is none of the probe's. */
  #judge(find: () => ExchangeFinding | undefined): void {
    let found: ExchangeFinding | undefined;
    try {
      found = find();
    } catch (error) {
      this.#break(error);
      return;
    }
    if (found !== undefined) this.#conclude(found);
  }

  onError(error: unknown): void {
    const { target } = this.#question;
    this.#conclude(this.#isConnected ? broken(error, target) : connectFailure(error, target));
  }

  #newReply(): HttpReply {
    const { target, url } = this.#question;
    return new HttpReply(target, url, (target.followRedirects ?? 0) - this.#followed);
  }

  #open(): void {
    const { written } = this.#asking;
    if (!written.ok) {
      this.#conclude(badRequest(written.detail));
      return;
    }
    try {
      this.#stream = new TcpStream(this.#question.to, this);
    } catch (error) {
      this.onError(error);
    }
  }

  #conclude(found: ExchangeFinding): void {
    this.#stream?.close();
    const { request } = this.#asking;
    const after = afterReply(found, { request, followed: this.#followed, scheme: 'http:' });
    if (after.kind === 'ask') this.#follow(after.request);
    else this.#end(after);
  }

  #follow(request: HttpRequest): void {
    this.#followed += 1;
    this.#asking = { request, written: writeRequest(request, this.#question.target.httpProtocol) };
    this.#reply = this.#newReply();
    this.#dialogue = new Http1Dialogue(request.method, this.#reply);
    this.#isConnected = false;
    this.#open();
  }

  #end(verdict: ProbeVerdict): void {
    this.#settle({ ...verdict, durationMs: this.#durationMs() });
  }

  /** What nobody foresaw. */
  #break(error: unknown): void {
    this.#stream?.close();
    this.#settle(brokenProbe(error, this.#durationMs()));
  }

  #durationMs(): number {
    return this.#io.clock.monotonicMs() - this.#startedMs;
  }
}
