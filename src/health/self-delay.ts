/**
 * Our own lag. When this process did not run for a while, replies lie unread in its sockets, and the
 * deadline that comes first afterwards says nothing about the server. Pure: times are arguments.
 */

/** A timer this late means that the event loop stood still, ms. */
export const STALL_BOUND_MS = 100;

export class SelfDelay {
  #stallEndedMs = Number.NEGATIVE_INFINITY;
  #stalls = 0;

  /** Stalls noticed so far, for `status`. */
  get stalls(): number {
    return this.#stalls;
  }

  /** A timer that was due at `dueMs` fired at `nowMs`. */
  timerFired(dueMs: number, nowMs: number): void {
    if (nowMs - dueMs <= STALL_BOUND_MS) return;
    this.#stalls += 1;
    this.#stallEndedMs = nowMs;
  }

  /**
   * Whether a deadline that expires at `nowMs` cannot be believed: a stall ended less than a bound ago, so
   * what arrived during it may not have been read to its end.
   */
  coversTimeoutAt(nowMs: number): boolean {
    return nowMs - this.#stallEndedMs <= STALL_BOUND_MS;
  }
}
