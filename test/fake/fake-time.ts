/** Time that moves only when told: a clock and one-shot timers that fire in order. */
import type { Clock } from '../../src/base/clock.ts';
import type { SetTimer } from '../../src/daemon/timers.ts';

export class FakeTime {
  #nowMs = 1_000_000;
  #nextId = 0;
  readonly #timers = new Map<number, { readonly atMs: number; readonly onExpire: () => void }>();

  readonly clock: Clock = {
    monotonicMs: () => this.#nowMs,
    realtimeMs: () => 1_700_000_000_000 + this.#nowMs,
  };

  readonly setTimer: SetTimer = (delayMs, onExpire) => {
    const id = this.#nextId;
    this.#nextId += 1;
    this.#timers.set(id, { atMs: this.#nowMs + Math.max(0, delayMs), onExpire });
    return () => {
      this.#timers.delete(id);
    };
  };

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Moves on, firing what falls due on the way, in order of time and then of arming. */
  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs;
    for (;;) {
      const due = [...this.#timers]
        .filter(([, timer]) => timer.atMs <= untilMs)
        .sort(([idA, a], [idB, b]) => a.atMs - b.atMs || idA - idB)[0];
      if (due === undefined) break;
      const [id, timer] = due;
      this.#timers.delete(id);
      this.#nowMs = Math.max(this.#nowMs, timer.atMs);
      timer.onExpire();
    }
    this.#nowMs = untilMs;
  }
}
