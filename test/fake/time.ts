import type { Clock } from '../../src/base/clock.ts';
import type { Timer, Timers } from '../../src/health/timers.ts';

/** 2023-11-14 22:13:20 UTC: where the wall clock of FakeTime stands at monotonic 0. */
const EPOCH_MS = 1_700_000_000_000;

interface Pending {
  readonly dueMs: number;
  readonly onExpire: () => void;
}

/** Clock and timers that move only when told. */
export class FakeTime implements Clock, Timers {
  #nowMs = 0;
  #pending: Pending[] = [];
  #arrivals: { readonly atMs: number; readonly onRead: () => void }[] = [];
  #afterPoll: (() => void)[] = [];

  monotonicMs(): number {
    return this.#nowMs;
  }

  realtimeMs(): number {
    return EPOCH_MS + this.#nowMs;
  }

  start(delayMs: number, onExpire: () => void): Timer {
    const entry = { dueMs: this.#nowMs + delayMs, onExpire };
    this.#pending.push(entry);
    return {
      cancel: () => {
        this.#pending = this.#pending.filter((other) => other !== entry);
      },
    };
  }

  afterPoll(onDone: () => void): void {
    this.#afterPoll.push(onDone);
  }

  /** Something reaches a socket at `atMs`; it is read after the timers of that moment, as in libuv. */
  arriveAt(atMs: number, onRead: () => void): void {
    this.#arrivals.push({ atMs, onRead });
  }

  get armedTimers(): number {
    return this.#pending.length;
  }

  /** Moves on by `ms`, firing each timer at its moment and letting promises settle in between. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await this.settle();
    for (;;) {
      const next = this.#earliest();
      if (next === undefined || next.dueMs > untilMs) break;
      this.#pending = this.#pending.filter((other) => other !== next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.onExpire();
      await this.settle();
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
    await this.settle();
  }

  /** The process stands still for `ms`: timers that come due fire late, all at the end. */
  stall(ms: number): void {
    this.#nowMs += ms;
  }

  /** Lets everything that needs no time happen. */
  async settle(): Promise<void> {
    do {
      await this.#poll();
      const due = this.#afterPoll;
      this.#afterPoll = [];
      for (const onDone of due) onDone();
    } while (this.#afterPoll.length > 0);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }

  async #poll(): Promise<void> {
    const due = this.#arrivals.filter((arrival) => arrival.atMs <= this.#nowMs);
    this.#arrivals = this.#arrivals.filter((arrival) => arrival.atMs > this.#nowMs);
    for (const arrival of due) arrival.onRead();
    await new Promise<void>((resolve) => setImmediate(resolve));
  }

  #earliest(): Pending | undefined {
    return this.#pending.reduce<Pending | undefined>(
      (first, entry) => (first === undefined || entry.dueMs < first.dueMs ? entry : first),
      undefined,
    );
  }
}
