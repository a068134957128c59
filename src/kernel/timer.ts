/**
 * Deadlines that are never early. `setTimeout` fires up to half a millisecond before its time;
 * timerfd counts nanoseconds of CLOCK_MONOTONIC, the clock of `systemClock.monotonicMs`.
 */
import * as libc from './libc.ts';
import { CLOCK_MONOTONIC, TFD_CLOEXEC, TFD_NONBLOCK, TFD_TIMER_ABSTIME } from './linux.ts';
import { type Watch, watchReadable } from './poller.ts';

const ITIMERSPEC_LENGTH = 32;
const MS_PER_SECOND = 1000;
const NS_PER_MS = 1e6;
const NS_PER_SECOND = 1e9;
/** Twice what a rehearsed takeover takes on a slow machine; awake for that long before one deadline. */
const APPROACH_MS = 3;

/**
 * One deadline at a time; arming again replaces it, and a deadline that was replaced never fires.
 */
export class DeadlineTimer {
  readonly #fd: number;
  readonly #watch: Watch;
  readonly #onExpire: () => void;
  readonly #onApproach: (() => void) | undefined;
  /** The deadline that is waited for awake, from the moment the wake-up is armed until it comes. */
  #approached: number | undefined;
  readonly #expirations = Buffer.alloc(8);
  #isClosed = false;

  /**
   * `onApproach` is called some milliseconds before a deadline that was armed with `isApproached`: to get
   * ready. Throws SysError when the process has no file descriptors left.
   */
  constructor(onExpire: () => void, onApproach?: () => void) {
    this.#onExpire = onExpire;
    this.#onApproach = onApproach;
    this.#fd = libc.timerfdCreate(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    this.#watch = watchReadable(this.#fd, () => this.#expire());
  }

  /**
   * Fires once at `deadlineMs` of the monotonic clock or as soon after as the loop turns. For one that is
   * rarely reached and must be punctual, `isApproached`: a processor that slept needs some 200 us from the
   * timer's expiry to the first system call, so the last milliseconds are spent awake.
   */
  arm(deadlineMs: number, isApproached = false): void {
    this.#approached = isApproached ? deadlineMs : undefined;
    this.#set(isApproached ? deadlineMs - APPROACH_MS : deadlineMs);
  }

  disarm(): void {
    this.#approached = undefined;
    libc.timerfdSettime(this.#fd, 0, Buffer.alloc(ITIMERSPEC_LENGTH));
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#watch.close();
    libc.close(this.#fd);
  }

  /**
   * Arming and disarming clear the count, so a wake-up that came for an older deadline reads none.
   */
  #expire(): void {
    if (!this.#hasExpired()) return;
    if (this.#approached !== undefined && !this.#approach(this.#approached)) return;
    this.#onExpire();
  }

  /** Gets ready, then waits awake; false when the deadline was changed meanwhile, or all is over. */
  #approach(deadlineMs: number): boolean {
    this.#onApproach?.();
    if (this.#isClosed || this.#approached !== deadlineMs) return false;
    this.#approached = undefined;
    this.#set(deadlineMs);
    while (!this.#hasExpired()) {
      // The timer itself says when: never early, and nothing is allocated that a collector would want.
    }
    return true;
  }

  #hasExpired(): boolean {
    return libc.read(this.#fd, this.#expirations) !== undefined;
  }

  #set(deadlineMs: number): void {
    libc.timerfdSettime(this.#fd, TFD_TIMER_ABSTIME, packDeadline(deadlineMs));
  }
}

/**
 * itimerspec with no interval (linux/time.h): the first nanosecond that is not before the deadline.
 *
 *      0            8              16        24       32
 *     +------------+--------------+---------+--------+
 *     | interval s | interval ns  | value s | ns     |      value 0, 0 disarms
 *     +------------+--------------+---------+--------+
 */
export function packDeadline(deadlineMs: number): Buffer {
  if (!Number.isFinite(deadlineMs)) throw new RangeError(`No deadline: ${deadlineMs}`);
  const wanted = Math.max(deadlineMs, 0);
  let seconds = Math.floor(wanted / MS_PER_SECOND);
  let nanoseconds = Math.floor((wanted - seconds * MS_PER_SECOND) * NS_PER_MS) + 1;
  if (nanoseconds >= NS_PER_SECOND) {
    seconds += 1;
    nanoseconds -= NS_PER_SECOND;
  }
  const bytes = Buffer.alloc(ITIMERSPEC_LENGTH);
  bytes.writeBigInt64LE(BigInt(seconds), 16);
  bytes.writeBigInt64LE(BigInt(nanoseconds), 24);
  return bytes;
}
