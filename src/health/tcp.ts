/**
 * TCP_CHECK: passes when the three-way handshake completes, as keepalived's. The connection is closed at
 * once, nothing is sent.
 */
import { formatEndpoint } from '../base/address.ts';
import type { TcpCheckConfig } from '../config/model.ts';
import { DialAbortedError } from '../kernel/dial.ts';
import { type StreamHandlers, StreamTarget, TcpStream } from '../kernel/stream.ts';
import type {
  Attempt,
  AttemptIo,
  PrepareProbe,
  ProbeVerdict,
  Settle,
  StartAttempt,
} from './probe.ts';
import { connectFailure } from './socket-error.ts';

/**
 * Connects to `connectAddress:connectPort`. Settles at the connection, its failure, or the abort,
 * whichever is first; the descriptor is closed before it settles.
 */
export const prepareTcp: PrepareProbe<TcpCheckConfig> = (target) => {
  const endpoint = formatEndpoint(target.connectAddress, target.connectPort);
  const question: Question = {
    target,
    to: new StreamTarget(target),
    connected: { kind: 'pass', detail: `connected to ${endpoint}` },
    selfConnected: {
      kind: 'fail',
      reason: 'CONNECT_REFUSED',
      detail: `${endpoint}: connected to itself, nobody listens there`,
    },
  };
  const start: StartAttempt = (io, settle, startedMs) =>
    new TcpAttempt(question, io, settle, startedMs);
  return start;
};

interface Question {
  readonly target: TcpCheckConfig;
  readonly to: StreamTarget;
  readonly connected: ProbeVerdict;
  readonly selfConnected: ProbeVerdict;
}

class TcpAttempt implements Attempt, StreamHandlers {
  readonly #question: Question;
  readonly #io: AttemptIo;
  readonly #settle: Settle;
  readonly #startedMs: number;
  #stream: TcpStream | undefined;

  constructor(question: Question, io: AttemptIo, settle: Settle, startedMs: number) {
    this.#question = question;
    this.#io = io;
    this.#settle = settle;
    this.#startedMs = startedMs;
    try {
      this.#stream = new TcpStream(question.to, this);
    } catch (error) {
      this.onError(error);
    }
  }

  abort(reason: unknown): void {
    this.onError(new DialAbortedError(reason));
  }

  onConnected(): void {
    const { connected, selfConnected } = this.#question;
    this.#end(this.#stream?.isSelfConnected() === true ? selfConnected : connected);
  }

  onBytes(): void {}

  onEnd(): void {}

  onError(error: unknown): void {
    this.#end(connectFailure(error, this.#question.target));
  }

  #end(verdict: ProbeVerdict): void {
    this.#stream?.close();
    const durationMs = this.#io.clock.monotonicMs() - this.#startedMs;
    this.#settle({ ...verdict, durationMs });
  }
}
