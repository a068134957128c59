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
import { probeHttp } from './http.ts';
import { NOTHING_OUTSIDE, type Outside } from './outside.ts';
import { probePing } from './ping.ts';
import type { OutsideIo, Probe, ProbeResult, Run } from './probe.ts';
import { probeRedis } from './redis.ts';
import { probeScript } from './script.ts';
import type { SelfDelay } from './self-delay.ts';
import { probeSmtp } from './smtp.ts';
import { errorMessage } from './socket-error.ts';
import { probeTcp } from './tcp.ts';
import type { Timer, Timers } from './timers.ts';
import { probeUdp } from './udp.ts';
import { startUrlRuns } from './url-runs.ts';

type Kind = CheckerConfig['kind'];
type CheckerOf<K extends Kind> = { [P in K]: Extract<CheckerConfig, { kind: P }> }[K];

export type Probes = { readonly [K in Kind]: Probe<CheckerOf<K>, OutsideIo> };

export const probes: Probes = {
  TCP_CHECK: probeTcp,
  HTTP_GET: probeHttp,
  SSL_GET: probeHttp,
  SMTP_CHECK: probeSmtp,
  UDP_CHECK: probeUdp,
  DNS_CHECK: probeDns,
  PING_CHECK: probePing,
  MISC_CHECK: probeScript,
  FILE_CHECK: probeFile,
  BFD_CHECK: probeBfd,
  REDIS_CHECK: probeRedis,
  AGENT_CHECK: probeAgent,
  DSR_CHECK: probeDsr,
};

/** How long an aborted probe may take to settle, ms; then its deadline is its result. */
export const SETTLE_GRACE_MS = 5;

export interface RunPorts {
  readonly probes: Probes;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly selfDelay: SelfDelay;
  /** total_timeout: the probe ends here at the latest, monotonic ms. */
  readonly endMs?: number;
  /** Nothing is outside when absent. */
  readonly outside?: Outside;
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

/** The same check with at most `leftMs` to go, so that what it says of its time is true. */
function boundedBy(checker: CheckerConfig, leftMs: number): CheckerConfig {
  const boundMs = Math.max(1, Math.round(leftMs));
  if (checker.kind === 'FILE_CHECK' || checker.kind === 'BFD_CHECK') return checker;
  if (checker.kind === 'MISC_CHECK') {
    return boundMs < checker.timeoutMs ? { ...checker, timeoutMs: boundMs } : checker;
  }
  return boundMs < checker.connectTimeoutMs ? { ...checker, connectTimeoutMs: boundMs } : checker;
}

/** What files hold and how sessions stand was told before it is asked about. */
const TOLD_DEADLINE_MS = 1000;

/** Starts the probe of `checker`; its deadline counts from now. One after the other for several urls. */
export function startRun(checker: CheckerConfig, ports: RunPorts): Run {
  if ('urls' in checker && checker.urls.length > 1) {
    return startUrlRuns(checker, (one) => startRun(one, ports));
  }
  const run = new ProbeRun(checker, ports);
  return { result: run.result, withdraw: () => run.abort(WITHDRAWN) };
}

class ProbeRun {
  readonly result: Promise<ProbeResult>;
  readonly #deadlineMs: number;
  readonly #ports: RunPorts;
  readonly #startedMs: number;
  readonly #abort = new AbortController();
  #resolve: ((result: ProbeResult) => void) | undefined;
  #timer: Timer;

  constructor(checker: CheckerConfig, ports: RunPorts) {
    this.#ports = ports;
    this.#startedMs = ports.clock.monotonicMs();
    this.result = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    const bounded = boundedBy(checker, (ports.endMs ?? Number.POSITIVE_INFINITY) - this.#startedMs);
    this.#deadlineMs = deadlineOf(bounded);
    this.#timer = ports.timers.start(this.#deadlineMs, () => this.#onDeadline());
    const { clock, outside = NOTHING_OUTSIDE } = ports;
    const io = { signal: this.#abort.signal, clock, outside };
    startProbe(ports.probes, bounded.kind, bounded, io).then(
      (result) => this.#settle(result),
      (error: unknown) => this.#settle(this.#crash(error)),
    );
  }

  abort(reason: string): void {
    if (this.#resolve === undefined || this.#abort.signal.aborted) return;
    this.#timer.cancel();
    this.#timer = this.#ports.timers.start(SETTLE_GRACE_MS, () => this.#settle(this.#timeout()));
    this.#abort.abort(reason);
  }

  #onDeadline(): void {
    const { clock, timers, selfDelay } = this.#ports;
    selfDelay.timerFired(this.#startedMs + this.#deadlineMs, clock.monotonicMs());
    // Expired timers run before sockets are read, so the reply may be here already: look first.
    timers.afterPoll(() => this.abort(DEADLINE));
  }

  #settle(result: ProbeResult): void {
    const resolve = this.#resolve;
    if (resolve === undefined) return;
    this.#resolve = undefined;
    this.#timer.cancel();
    resolve(this.#believe(result));
  }

  /** A deadline that our own lag let expire is nobody's failure. */
  #believe(result: ProbeResult): ProbeResult {
    if (result.kind !== 'fail' || this.#abort.signal.reason !== DEADLINE) return result;
    if (!this.#ports.selfDelay.coversTimeoutAt(this.#ports.clock.monotonicMs())) return result;
    const { durationMs } = result;
    const detail = `this process did not run for a while: ${result.detail}`;
    return { kind: 'inconclusive', durationMs, reason: 'SELF_DELAY', detail };
  }

  #timeout(): ProbeResult {
    const detail = `no result within ${this.#deadlineMs} ms`;
    return { kind: 'fail', durationMs: this.#durationMs(), reason: 'TIMEOUT', detail };
  }

  /** Probes never reject; one that does is a fault of ours, and a check that cannot run has failed. */
  #crash(error: unknown): ProbeResult {
    const detail = `the check itself broke: ${errorMessage(error)}`;
    return { kind: 'fail', durationMs: this.#durationMs(), reason: 'PROBE_BROKEN', detail };
  }

  #durationMs(): number {
    return this.#ports.clock.monotonicMs() - this.#startedMs;
  }
}

/** Async, so that even a probe that throws outright becomes a result. */
async function startProbe<K extends Kind>(
  map: Probes,
  kind: K,
  checker: CheckerOf<K>,
  io: OutsideIo,
): Promise<ProbeResult> {
  return map[kind](checker, io);
}
