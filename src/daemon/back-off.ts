/**
 * How long to wait before a child that died is started again (keepalived's 0, 1, 2, 4 … 60 s), and how long for
 * the one that was started.
 */
const FIRST_DELAY_MS = 1_000;
const LONGEST_DELAY_MS = 60_000;
/** A child that lived this long has recovered: its next death counts as the first. */
const RECOVERED_AFTER_MS = 60_000;

export interface BackOff {
  readonly deaths: number;
}

export const noBackOff: BackOff = { deaths: 0 };

/** The delay before the next start, and the state to keep for the death after that. */
export function afterDeath(
  backOff: BackOff,
  livedMs: number,
): { readonly delayMs: number; readonly backOff: BackOff } {
  const deaths = livedMs >= RECOVERED_AFTER_MS ? 0 : backOff.deaths;
  const delayMs = deaths === 0 ? 0 : Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (deaths - 1));
  return { delayMs, backOff: { deaths: deaths + 1 } };
}

/** A fresh child that is not ready by then is stuck. */
const START_TIMEOUT_MS = 15_000;
const LONGEST_START_DOUBLINGS = 3;

/**
 * How long a child may take to be ready, ms, after so many in a row that were not: a machine too busy to start
 * it in time is not helped by starting it once more, so each has twice as long, up to two minutes.
 */
export function startTimeoutMs(slowStarts: number): number {
  return START_TIMEOUT_MS * 2 ** Math.min(slowStarts, LONGEST_START_DOUBLINGS);
}
