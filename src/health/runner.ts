/**
 * Runs one probe under one deadline, and is the only place that knows which checker is which probe. A new
 * checker is a file with its probe and a row below.
 */
import type { Clock } from '../base/clock.ts';
import type { CheckerConfig } from '../config/model.ts';
import { probeAgent } from './agent.ts';
import { probeBfd } from './bfd.ts';
import { probeDns } from './dns.ts';
import { probeDsr } from './dsr.ts';
import { probeFile } from './file.ts';
import { prepareHttp } from './http.ts';
import type { Outside } from './outside.ts';
import { probePing } from './ping.ts';
import { prepared } from './prepared.ts';
import {
  type Attempt,
  alwaysTold,
  brokenProbe,
  type PrepareProbe,
  type ProbeResult,
  type Run,
  type Settle,
  type StartAttempt,
} from './probe.ts';
import { probeRedis } from './redis.ts';
import { probeScript } from './script.ts';
import type { SelfDelay } from './self-delay.ts';
import { probeSmtp } from './smtp.ts';
import { prepareTcp } from './tcp.ts';
import type { Timer, Timers } from './timers.ts';
import { probeUdp } from './udp.ts';
import { UrlRuns } from './url-runs.ts';

type Kind = CheckerConfig['kind'];
type CheckerOf<K extends Kind> = { [P in K]: Extract<CheckerConfig, { kind: P }> }[K];

export type Probes = { readonly [K in Kind]: PrepareProbe<CheckerOf<K>> };

export const probes: Probes = {
  TCP_CHECK: prepareTcp,
  HTTP_GET: prepareHttp,
  SSL_GET: prepareHttp,
  SMTP_CHECK: prepared(probeSmtp),
  UDP_CHECK: prepared(probeUdp),
  DNS_CHECK: prepared(probeDns),
  PING_CHECK: prepared(probePing),
  MISC_CHECK: prepared(probeScript),
  FILE_CHECK: prepared(probeFile),
  BFD_CHECK: prepared(probeBfd),
  REDIS_CHECK: prepared(probeRedis),
  AGENT_CHECK: prepared(probeAgent),
  DSR_CHECK: prepared(probeDsr),
};

/** How long an aborted probe may take to settle, ms; then its deadline is its result. */
export const SETTLE_GRACE_MS = 5;

export interface RunPorts {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly selfDelay: SelfDelay;
  readonly outside: Outside;
}

/** What a checker asks, made ready: its one probe, or one for each url. */
export interface Question {
  readonly checker: CheckerConfig;
  readonly probes: Probes;
  readonly deadlineMs: number;
  readonly start: StartAttempt;
  /** One each of several urls; none otherwise. */
  readonly urls: readonly Question[];
}

export function questionOf(checker: CheckerConfig, map: Probes): Question {
  const isMany = 'urls' in checker && checker.urls.length > 1;
  return {
    checker,
    probes: map,
    deadlineMs: deadlineOf(checker),
    start: prepare(map, checker.kind, checker),
    urls: isMany ? checker.urls.map((url) => questionOf({ ...checker, urls: [url] }, map)) : [],
  };
}

/** Never throws, nor does what it returns: a checker that breaks fails, and the others go on. */
function prepare<K extends Kind>(map: Probes, kind: K, checker: CheckerOf<K>): StartAttempt {
  let start: StartAttempt;
  try {
    start = map[kind](checker);
  } catch (error) {
    return alwaysTold(brokenProbe(error, 0));
  }
  return (io, settle, startedMs) => {
    try {
      return start(io, settle, startedMs);
    } catch (error) {
      return alwaysTold(brokenProbe(error, 0))(io, settle, startedMs);
    }
  };
}

/** Aborts carry a reason made once: the default one costs a stack trace each. */
const DEADLINE = 'deadline';
const WITHDRAWN = 'withdrawn';

/**
 * How long a script may wait for its turn beside the time that it has: the supervisor runs only so many at
 * once.
 */
export const SCRIPT_WAIT_MS = 10_000;

/** Deadline of one whole probe, ms. */
export function deadlineOf(checker: CheckerConfig): number {
  switch (checker.kind) {
    case 'MISC_CHECK':
      return checker.timeoutMs + SCRIPT_WAIT_MS;
    case 'FILE_CHECK':
    case 'BFD_CHECK':
      return TOLD_DEADLINE_MS;
    default:
      return checker.connectTimeoutMs;
  }
}

/** The same question with at most `leftMs` to go, so that what is said of its time is true. */
function boundedBy(question: Question, leftMs: number): Question {
  const { checker, probes: map } = question;
  const boundMs = Math.max(1, Math.round(leftMs));
  if (checker.kind === 'FILE_CHECK' || checker.kind === 'BFD_CHECK') return question;
  if (checker.kind === 'MISC_CHECK') {
    if (boundMs >= checker.timeoutMs) return question;
    return questionOf({ ...checker, timeoutMs: boundMs }, map);
  }
  if (boundMs >= checker.connectTimeoutMs) return question;
  return questionOf({ ...checker, connectTimeoutMs: boundMs }, map);
}

/** What files hold and how sessions stand was told before it is asked about. */
const TOLD_DEADLINE_MS = 1000;

/**
 * Asks once; `onResult` is called once, never before this returns. At the latest a few ms after the deadline,
 * which counts from now, or the withdrawal, also when the probe itself does not settle. Several urls are asked
 * one after the other, and have a deadline each. `endMs`, total_timeout: it is over here at the latest,
 * monotonic ms.
 */
export function startRun(
  question: Question,
  ports: RunPorts,
  onResult: Settle,
  endMs?: number,
): Run {
  if (question.urls.length > 1) {
    return new UrlRuns(
      question.urls,
      (one, onAnswer) => startRun(one, ports, onAnswer, endMs),
      onResult,
    );
  }
  if (endMs === undefined) return new ProbeRun(question, ports, onResult);
  const bounded = boundedBy(question, endMs - ports.clock.monotonicMs());
  return new ProbeRun(bounded, ports, onResult);
}

class ProbeRun implements Run {
  readonly #question: Question;
  readonly #ports: RunPorts;
  readonly #startedMs: number;
  readonly #attempt: Attempt;
  #onResult: Settle | undefined;
  #timer: Timer;
  #isStarting = true;
  #aborted: string | undefined;

  constructor(question: Question, ports: RunPorts, onResult: Settle) {
    this.#question = question;
    this.#ports = ports;
    this.#onResult = onResult;
    this.#startedMs = ports.clock.monotonicMs();
    this.#timer = ports.timers.start(question.deadlineMs, () => this.#onDeadline());
    this.#attempt = question.start(ports, (result) => this.#settle(result), this.#startedMs);
    this.#isStarting = false;
  }

  withdraw(): void {
    this.#abort(WITHDRAWN);
  }

  #abort(reason: string): void {
    if (this.#onResult === undefined || this.#aborted !== undefined) return;
    this.#aborted = reason;
    this.#timer.cancel();
    this.#timer = this.#ports.timers.start(SETTLE_GRACE_MS, () => this.#settle(this.#timeout()));
    this.#attempt.abort(reason);
  }

  #onDeadline(): void {
    const { clock, timers, selfDelay } = this.#ports;
    selfDelay.timerFired(this.#startedMs + this.#question.deadlineMs, clock.monotonicMs());
    // Expired timers run before sockets are read, so the reply may be here already: look first.
    timers.afterPoll(() => this.#abort(DEADLINE));
  }

  #settle(result: ProbeResult): void {
    const onResult = this.#onResult;
    if (onResult === undefined) return;
    this.#onResult = undefined;
    this.#timer.cancel();
    const believed = this.#believe(result);
    if (this.#isStarting) queueMicrotask(() => onResult(believed));
    else onResult(believed);
  }

  /** A deadline that our own lag let expire is nobody's failure. */
  #believe(result: ProbeResult): ProbeResult {
    if (result.kind !== 'fail' || this.#aborted !== DEADLINE) return result;
    if (!this.#ports.selfDelay.coversTimeoutAt(this.#ports.clock.monotonicMs())) return result;
    const { durationMs } = result;
    const detail = `this process did not run for a while: ${result.detail}`;
    return { kind: 'inconclusive', durationMs, reason: 'SELF_DELAY', detail };
  }

  #timeout(): ProbeResult {
    const detail = `no result within ${this.#question.deadlineMs} ms`;
    const durationMs = this.#ports.clock.monotonicMs() - this.#startedMs;
    return { kind: 'fail', durationMs, reason: 'TIMEOUT', detail };
  }
}
