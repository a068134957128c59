/** How health waits: injected, so that tests own time. */
import { Due, SlotQueue } from './schedule.ts';

export interface Timer {
  cancel(): void;
}

export interface Timers {
  /** Calls back once, about `delayMs` from now; may be a little early, and late without bound. */
  start(delayMs: number, onExpire: () => void): Timer;
  /**
   * As `start`, up to DEADLINE_SLOT_MS later: for what is nearly always cancelled, a deadline of every check.
   */
  startDeadline(delayMs: number, onExpire: () => void): Timer;
  /** Calls back once, after every socket that is ready now has been read. */
  afterPoll(onDone: () => void): void;
}

/** Longest delay setTimeout knows, ms (24.8 days); more would fire at once. */
const SET_TIMEOUT_MAX_MS = 2 ** 31 - 1;

/** Whole ms, rounded up, that setTimeout takes for what they are. */
function setTimeoutMs(delayMs: number): number {
  return Math.min(Math.max(0, Math.ceil(delayMs)), SET_TIMEOUT_MAX_MS);
}

/** Deadlines expire at multiples of this. */
export const DEADLINE_SLOT_MS = 5;

/**
 * Deadlines, of which few expire. A timer of Node's for each costs ten times as much, for its lists are made
 * for timers that stay: one timer for all, which is left alone when what it waits for is cancelled.
 */
export class Deadlines {
  readonly #queue = new SlotQueue<Deadline>(DEADLINE_SLOT_MS);
  /** Armed for the earliest there was. Keeps the event loop alive while there are any. */
  #timer: NodeJS.Timeout | undefined;
  #timerDueMs = Number.POSITIVE_INFINITY;

  start(delayMs: number, onExpire: () => void): Timer {
    const nowMs = performance.now();
    const deadline = new Deadline(this, onExpire);
    this.#queue.put(deadline, nowMs + delayMs);
    this.#arm(nowMs);
    return deadline;
  }

  cancel(deadline: Deadline): void {
    this.#queue.remove(deadline);
    if (this.#queue.size === 0) this.#timer?.unref();
  }

  #arm(nowMs: number): void {
    const nextMs = this.#queue.nextDueMs();
    if (nextMs === undefined) return;
    if (nextMs < this.#timerDueMs) {
      clearTimeout(this.#timer);
      this.#timerDueMs = nextMs;
      this.#timer = setTimeout(() => this.#expire(), setTimeoutMs(nextMs - nowMs));
    } else if (this.#queue.size === 1) this.#timer?.ref();
  }

  #expire(): void {
    this.#timer = undefined;
    this.#timerDueMs = Number.POSITIVE_INFINITY;
    const nowMs = performance.now();
    try {
      for (;;) {
        const deadline = this.#queue.takeDue(nowMs);
        if (deadline === undefined) break;
        deadline.onExpire();
      }
    } finally {
      this.#arm(nowMs);
    }
  }
}

class Deadline implements Timer {
  readonly due = new Due();
  readonly onExpire: () => void;
  readonly #deadlines: Deadlines;

  constructor(deadlines: Deadlines, onExpire: () => void) {
    this.#deadlines = deadlines;
    this.onExpire = onExpire;
  }

  cancel(): void {
    this.#deadlines.cancel(this);
  }
}

const deadlines = new Deadlines();

/** The event loop's own timers. Rounded up to whole ms, so that they are rarely early. */
export const eventLoopTimers: Timers = {
  start(delayMs, onExpire) {
    const handle = setTimeout(onExpire, setTimeoutMs(delayMs));
    return { cancel: () => clearTimeout(handle) };
  },
  startDeadline: (delayMs, onExpire) => deadlines.start(delayMs, onExpire),
  afterPoll(onDone) {
    // The check phase follows the poll phase; timers, which precede it, must not be believed before.
    setImmediate(onDone);
  },
};
