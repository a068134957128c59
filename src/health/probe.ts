/**
 * The contract of every checker: one probe, one deadline, one result with a reason. Timing, retries and
 * judgement live elsewhere, once (verdict.ts, schedule.ts).
 */
import type { Clock } from '../base/clock.ts';
import type { Outside } from './outside.ts';
import { errorMessage } from './socket-error.ts';

/** How a check wants the server's weight: each is applied to the weight in the file, never to a result. */
export type WeightAdvice =
  /** This weight (misc_dynamic). */
  | { readonly kind: 'set'; readonly weight: number }
  /** So much more, or less where negative (FILE_CHECK); 0 is the weight in the file. */
  | { readonly kind: 'add'; readonly points: number }
  /** So much of the weight in the file, rounded (AGENT_CHECK). */
  | { readonly kind: 'scale'; readonly percent: number };

/** What a pass may say beside passing. A field that is absent stays as this checker's last pass had it. */
export interface Advice {
  readonly weight?: WeightAdvice;
  /** drain: up with weight 0. maint: out, though it answers. ready: neither, as at the start. */
  readonly mode?: 'ready' | 'drain' | 'maint';
}

export type ProbeResult =
  | {
      readonly kind: 'pass';
      readonly durationMs: number;
      readonly detail: string;
      /** Only of checkers that judge how much a server can take; of most a pass says nothing more. */
      readonly advice?: Advice;
      /** End of the certificate that the server showed: wall clock, ms since 1970. */
      readonly certificateEndsMs?: number;
    }
  | {
      readonly kind: 'fail';
      readonly durationMs: number;
      /** Stable UPPER_SNAKE word for metrics and tests: CONNECT_REFUSED, TIMEOUT, BAD_STATUS… */
      readonly reason: string;
      readonly detail: string;
    }
  | {
      /** Our own trouble (EMFILE, ENOMEM, a stalled loop): says nothing about the server. */
      readonly kind: 'inconclusive';
      readonly durationMs: number;
      readonly reason: string;
      readonly detail: string;
    };

type Untimed<Result> = Result extends unknown ? Omit<Result, 'durationMs'> : never;

/** A result before the time it took is known. */
export type ProbeVerdict = Untimed<ProbeResult>;

export interface ProbeIo {
  /** Aborted at the probe's deadline, or when the check is withdrawn. The probe then leaves no fd behind. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

/** For checkers that need the supervisor. */
export interface OutsideIo extends ProbeIo {
  readonly outside: Outside;
}

/** Never rejects: whatever happens is a result. */
export type Probe<Target, Io = ProbeIo> = (target: Target, io: Io) => Promise<ProbeResult>;

/** A probe under way that calls back. */
export interface Attempt {
  /** The deadline, or the withdrawal: it ends at once, with its socket, and says so to `settle`. */
  abort(reason: unknown): void;
}

/** Where a probe leaves its result; only the first counts. */
export type Settle = (result: ProbeResult) => void;

/** What an attempt needs of the world. */
export type AttemptIo = Omit<OutsideIo, 'signal'>;

/**
 * Asks once. Never throws: whatever happens is told to `settle`, perhaps before this returns. `startedMs`: now,
 * monotonic ms.
 */
export type StartAttempt = (io: AttemptIo, settle: Settle, startedMs: number) => Attempt;

/**
 * A checker in two steps: what can be made once for its configuration is made here, then it is asked again and
 * again. For the checkers there are thousands of (TCP_CHECK, HTTP_GET): promises and an AbortController for
 * each check cost a tenth of it. The others are made of a `Probe` by `prepared`.
 */
export type PrepareProbe<Target> = (target: Target) => StartAttempt;

/** Probes never fail in themselves; one that does is a fault of ours, and a check that cannot run has failed. */
export function brokenProbe(error: unknown, durationMs: number): ProbeResult {
  const detail = `the check itself broke: ${errorMessage(error)}`;
  return { kind: 'fail', durationMs, reason: 'PROBE_BROKEN', detail };
}

/** Asks nobody: the result is known. */
export function alwaysTold(result: ProbeResult): StartAttempt {
  return (_io, settle) => {
    settle(result);
    return { abort: () => {} };
  };
}

/** A probe under way, as who asked for it sees it. */
export interface Run {
  /** The check is not wanted any more: aborts the probe, which closes its socket. Its result comes all the same. */
  withdraw(): void;
}
