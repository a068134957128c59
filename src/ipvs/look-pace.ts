/** When to look at the table next: at least so often, and for a bounded share of a processor. Pure. */

/** The table is looked at this often, so that a change by hand does not last. */
export const LOOK_INTERVAL_MS = 500;
/** The pause after a look is at least so many times as long as it took: a ninth of a processor. */
export const LOOK_SHARE = 8;
/** However large the table, it is looked at so often. */
export const LOOK_INTERVAL_MAX_MS = 5_000;

export class LookPace {
  #nextMs = 0;
  #tookMs = 0;

  /** Monotonic ms. */
  get nextMs(): number {
    return this.#nextMs;
  }

  /** A slice of a look took from `beganMs` to `endedMs`; with the last one the pause begins. */
  note({
    beganMs,
    endedMs,
    isDone,
  }: {
    readonly beganMs: number;
    readonly endedMs: number;
    readonly isDone: boolean;
  }): void {
    this.#tookMs += endedMs - beganMs;
    if (!isDone) return;
    const pauseMs = Math.max(LOOK_INTERVAL_MS, this.#tookMs * LOOK_SHARE);
    this.#nextMs = endedMs + Math.min(pauseMs, LOOK_INTERVAL_MAX_MS);
    this.#tookMs = 0;
  }

  /** The table was read as a whole. */
  restart(nowMs: number): void {
    this.#nextMs = nowMs + LOOK_INTERVAL_MS;
    this.#tookMs = 0;
  }
}
