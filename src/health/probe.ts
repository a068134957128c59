/**
 * The contract of every checker: one probe, one deadline, one result with a reason. Timing, retries and
 * judgement live elsewhere, once (verdict.ts, schedule.ts).
 */
import type { Clock } from '../base/clock.ts';

export type ProbeResult =
  | { readonly kind: 'pass'; readonly durationMs: number; readonly detail: string }
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

export interface ProbeIo {
  /** Aborted at the probe's deadline, or when the check is withdrawn. The probe then leaves no fd behind. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

/** Never rejects: whatever happens is a result. */
export type Probe<Target> = (target: Target, io: ProbeIo) => Promise<ProbeResult>;
