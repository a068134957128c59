/** Turns a reconciler as the event loop would, without waiting for it: what is due is done at once. */
import { type Clock, systemClock } from '../../src/base/clock.ts';
import type { ReconcilerTimer } from '../../src/ipvs/reconciler-options.ts';

export class HandTimer implements ReconcilerTimer {
  readonly #onExpire: () => void;
  readonly #clock: Clock;
  #deadlineMs = Number.POSITIVE_INFINITY;

  constructor(onExpire: () => void, clock: Clock = systemClock) {
    this.#onExpire = onExpire;
    this.#clock = clock;
  }

  /** How long it would wait now, ms; 0 when something is due. */
  get pauseMs(): number {
    return Math.max(0, this.#deadlineMs - this.#clock.monotonicMs());
  }

  arm(deadlineMs: number): void {
    this.#deadlineMs = deadlineMs;
  }

  disarm(): void {
    this.#deadlineMs = Number.POSITIVE_INFINITY;
  }

  close(): void {
    this.disarm();
  }

  /** Until it would wait. */
  turn(): void {
    while (this.#deadlineMs <= this.#clock.monotonicMs()) this.expire();
  }

  /** What is waited for comes now. */
  expire(): void {
    this.disarm();
    this.#onExpire();
  }
}
