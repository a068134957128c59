/** How health waits: injected, so that tests own time. */

export interface Timer {
  cancel(): void;
}

export interface Timers {
  /** Calls back once, about `delayMs` from now; may be a little early, and late without bound. */
  start(delayMs: number, onExpire: () => void): Timer;
  /** Calls back once, after every socket that is ready now has been read. */
  afterPoll(onDone: () => void): void;
}

/** Longest delay setTimeout knows, ms (24.8 days); more would fire at once. */
const SET_TIMEOUT_MAX_MS = 2 ** 31 - 1;

/** The event loop's own timers. Rounded up to whole ms, so that they are rarely early. */
export const eventLoopTimers: Timers = {
  start(delayMs, onExpire) {
    const handle = setTimeout(onExpire, Math.min(Math.ceil(delayMs), SET_TIMEOUT_MAX_MS));
    return { cancel: () => clearTimeout(handle) };
  },
  afterPoll(onDone) {
    // The check phase follows the poll phase; timers, which precede it, must not be believed before.
    setImmediate(onDone);
  },
};
