/** What a reconciliation comes to: done, or refused with a code and words; and when to try again. */
import type { Operation } from './plan.ts';
import type { ServiceName } from './types.ts';

/** Pause after the first failure; doubles with each further one up to the second. */
export const BACKOFF_FIRST_MS = 1_000;
export const BACKOFF_LAST_MS = 30_000;

export interface Refusal {
  readonly ok: false;
  /** FOREIGN_SERVICE, or the code of the client or of the ownership file. */
  readonly code: string;
  readonly detail: string;
  /** With FOREIGN_SERVICE: the wanted services that are somebody else's. */
  readonly services?: readonly ServiceName[];
}

export interface Reconciled {
  readonly ok: true;
  /** Operations done, in order. Empty: the kernel was as wanted. */
  readonly applied: readonly Operation[];
}

export type ReconcileOutcome = Reconciled | Refusal;

/** `adopted`: wanted services that were in the kernel already and are ours. */
export type StartOutcome =
  | {
      readonly ok: true;
      readonly adopted: readonly ServiceName[];
      readonly first: ReconcileOutcome;
    }
  | Refusal;

/** Pause before retry number `failures`, ms: 1 s, 2 s, 4 s … 30 s. */
export function backoffMs(failures: number): number {
  return Math.min(BACKOFF_FIRST_MS * 2 ** (failures - 1), BACKOFF_LAST_MS);
}

/** These wanted services are somebody else's. */
export function foreignRefusal(services: readonly ServiceName[]): Refusal {
  const detail =
    `IPVS already has ${services.join(', ')}, and lvsd did not make it: ` +
    'remove it with ipvsadm -D, or take it over with --adopt';
  return { ok: false, code: 'FOREIGN_SERVICE', detail, services };
}
