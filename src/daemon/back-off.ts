/** How long to wait before a child that died is started again: keepalived's 0, 1, 2, 4 … 60 s. */
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
