/**
 * One question that is asked again and again: its configuration, its verdict and its evidence. Servers whose
 * file asks the same, timing and all, share it: one probe, many verdicts.
 */
import { formatEndpoint } from '../base/address.ts';
import type { CheckerConfig } from '../config/model.ts';
import type { Advice, ProbeResult, Run } from './probe.ts';
import type { Question } from './runner.ts';
import { Due } from './schedule.ts';
import type { CheckerState } from './verdict.ts';

/** Results kept per checker: enough to see a pattern, little enough for 37,000 servers. */
export const HISTORY_LENGTH = 8;

/** One finished check, as shown to people. */
export interface CheckRecord {
  readonly kind: ProbeResult['kind'];
  /** Wall clock at the end of the check, ms since 1970. */
  readonly atMs: number;
  readonly durationMs: number;
  /** Absent for a pass. */
  readonly reason?: string;
  readonly detail: string;
  readonly advice?: Advice;
  readonly certificateEndsMs?: number;
}

export interface CheckerHealth {
  readonly kind: CheckerConfig['kind'];
  /** `10.0.0.1:80`: where it connects; a script, or the name of a track_file. */
  readonly target: string;
  readonly isUp: boolean;
  readonly lastResult?: CheckRecord;
  /** The last results, oldest first, `lastResult` included. */
  readonly history: readonly CheckRecord[];
  readonly consecutiveFailures: number;
  /** Checks since the checker started that said something, and how many of these failed. */
  readonly checks: number;
  readonly failures: number;
  /** Checks that our own trouble spoiled. */
  readonly inconclusive: number;
  /** Until the next check; 0 while one is under way or due. */
  readonly nextCheckInMs: number;
  /** Of TLS: end of the certificate that was shown last, ms since 1970. */
  readonly certificateEndsMs?: number;
  /** `cert_expiry_warn`, where it is on. */
  readonly certExpiryWarnDays?: number;
}

/** A certificate ends within `cert_expiry_warn`, or has ended. */
export interface ExpiryWarning {
  readonly serverName: string;
  readonly checker: CheckerConfig['kind'];
  /** Wall clock, ms since 1970. */
  readonly endsMs: number;
}

const DAY_MS = 86_400_000;

export class Checker {
  /** Another one that asks the same may take its place: where it stands in the file. */
  config: CheckerConfig;
  state: CheckerState;
  /** Where it is in the queue of checks. */
  readonly due = new Due();
  /** The check under way. A result of any other run is stale and dropped. */
  run: Run | undefined;
  /** Made ready when it is first asked: a start with thousands of checkers does not wait for that. */
  question: Question | undefined;
  /** What it asks about has changed since that began. */
  isOutdated = false;
  #advice: Advice = {};
  #certificateEndsMs: number | undefined;
  /** The certificate that was warned about, by its end. */
  #warnedOfEndMs: number | undefined;
  /**
   * The last results, in a ring: `#next` is where the next one goes. One that says what the one before it said
   * is that one, and only its time is kept: eight of each of 37,000 checkers, and most say the same.
   */
  #history: ProbeResult[] = [];
  /** By place in the ring: the end of a check, and what it took. */
  readonly #times = new Float64Array(2 * HISTORY_LENGTH);
  #next = 0;
  #checks = 0;
  #failures = 0;
  #inconclusive = 0;

  constructor(config: CheckerConfig, state: CheckerState) {
    this.config = config;
    this.state = state;
  }

  /** The same question with other timing: verdict and evidence go on. */
  successor(config: CheckerConfig, state: CheckerState): Checker {
    const heir = new Checker(config, state);
    heir.#advice = this.#advice;
    heir.#certificateEndsMs = this.#certificateEndsMs;
    heir.#warnedOfEndMs = this.#warnedOfEndMs;
    heir.#history = [...this.#history];
    heir.#times.set(this.#times);
    heir.#next = this.#next;
    heir.#checks = this.#checks;
    heir.#failures = this.#failures;
    heir.#inconclusive = this.#inconclusive;
    return heir;
  }

  /** What its passes have said so far. */
  get advice(): Advice {
    return this.#advice;
  }

  /** Keeps the evidence of a finished check. */
  record(result: ProbeResult, atMs: number): void {
    if (result.kind === 'pass' && result.advice !== undefined) {
      this.#advice = { ...this.#advice, ...result.advice };
    }
    if (result.kind === 'pass' && result.certificateEndsMs !== undefined) {
      this.#certificateEndsMs = result.certificateEndsMs;
    }
    const before = this.#history[(this.#next + HISTORY_LENGTH - 1) % HISTORY_LENGTH];
    this.#history[this.#next] =
      before !== undefined && saysTheSame(before, result) ? before : result;
    this.#times[2 * this.#next] = atMs;
    this.#times[2 * this.#next + 1] = result.durationMs;
    this.#next = (this.#next + 1) % HISTORY_LENGTH;
    if (result.kind === 'inconclusive') this.#inconclusive += 1;
    else this.#checks += 1;
    if (result.kind === 'fail') this.#failures += 1;
  }

  /** Oldest first. */
  #records(): readonly CheckRecord[] {
    const records = this.#history.map((result, at) => ({
      ...result,
      atMs: this.#times[2 * at] ?? 0,
      durationMs: this.#times[2 * at + 1] ?? 0,
    }));
    return [...records.slice(this.#next), ...records.slice(0, this.#next)];
  }

  /**
   * The end of the certificate once it is nearer than `cert_expiry_warn`, and undefined when there is
   * nothing to warn about. Told once for each certificate. `nowMs`: wall clock.
   */
  takeExpiryWarning(nowMs: number): number | undefined {
    const endsMs = this.#certificateEndsMs;
    const days = warnDaysOf(this.config);
    if (days === 0 || endsMs === undefined || endsMs === this.#warnedOfEndMs) return undefined;
    if (endsMs - nowMs > days * DAY_MS) return undefined;
    this.#warnedOfEndMs = endsMs;
    return endsMs;
  }

  snapshot(nowMs: number): CheckerHealth {
    const { config, state } = this;
    const history = this.#records();
    const lastResult = history.at(-1);
    const certExpiryWarnDays = warnDaysOf(config);
    return {
      kind: config.kind,
      target: targetOf(config),
      isUp: state.isUp,
      ...(lastResult === undefined ? {} : { lastResult }),
      history,
      consecutiveFailures: state.consecutiveFailures,
      checks: this.#checks,
      failures: this.#failures,
      inconclusive: this.#inconclusive,
      nextCheckInMs: this.run === undefined ? Math.max(0, state.dueMs - nowMs) : 0,
      ...(this.#certificateEndsMs === undefined
        ? {}
        : { certificateEndsMs: this.#certificateEndsMs }),
      ...(certExpiryWarnDays === 0 ? {} : { certExpiryWarnDays }),
    };
  }
}

/** But for the time that it took. A pass with advice or a certificate is never the same: seldom, and not compared. */
function saysTheSame(one: ProbeResult, other: ProbeResult): boolean {
  if (one.kind === 'pass') {
    return other.kind === 'pass' && one.detail === other.detail && isPlain(one) && isPlain(other);
  }
  return one.kind === other.kind && one.reason === other.reason && one.detail === other.detail;
}

function isPlain({ advice, certificateEndsMs }: Extract<ProbeResult, { kind: 'pass' }>): boolean {
  return advice === undefined && certificateEndsMs === undefined;
}

/** 0: nobody wants to be warned. */
function warnDaysOf(config: CheckerConfig): number {
  return config.kind === 'SSL_GET' ? (config.certExpiryWarnDays ?? 0) : 0;
}

function targetOf(config: CheckerConfig): string {
  if (config.kind === 'MISC_CHECK') return config.command.path;
  if (config.kind === 'FILE_CHECK') return config.trackFile;
  if (config.kind === 'BFD_CHECK') return config.name;
  if (config.kind === 'PING_CHECK') return config.connectAddress.text;
  return formatEndpoint(config.connectAddress, config.connectPort);
}
