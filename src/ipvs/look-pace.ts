/**
 * When to look at the table next: at least so often, and for a bounded share of a processor. What a look
 * cost is processor time: a busy machine makes it longer, which is no reason to look less often. Pure.
 */

/** The table is looked at this often, so that a change by hand does not last. */
export const LOOK_INTERVAL_MS = 500;
/**
 * The pause after a look is at least so many times what it cost: at most a fifth of a processor, and of
 * 125 ms, more than the largest tables known cost, no longer than after a small one.
 */
export const LOOK_SHARE = 4;
/** However large the table, it is looked at so often. */
export const LOOK_INTERVAL_MAX_MS = 5_000;

export class LookPace {
  #nextMs = 0;
  /** Of the slices of the look that was begun. */
  #costMs = 0;

  /** Monotonic ms. */
  get nextMs(): number {
    return this.#nextMs;
  }

  /**
   * A slice of a look ended at `endedMs`; with the last one the pause begins. `cpuMs`: what it cost, 0 of what only
   * this look had to do.
   */
  note({
    endedMs,
    cpuMs,
    isDone,
  }: {
    readonly endedMs: number;
    readonly cpuMs: number;
    readonly isDone: boolean;
  }): void {
    this.#costMs += cpuMs;
    if (!isDone) return;
    const pauseMs = Math.max(LOOK_INTERVAL_MS, this.#costMs * LOOK_SHARE);
    this.#nextMs = endedMs + Math.min(pauseMs, LOOK_INTERVAL_MAX_MS);
    this.#costMs = 0;
  }

  /** The table was read as a whole. */
  restart(nowMs: number): void {
    this.#nextMs = nowMs + LOOK_INTERVAL_MS;
    this.#costMs = 0;
  }
}
