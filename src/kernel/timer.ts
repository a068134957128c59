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

/**
 * One deadline at a time; arming again replaces it, and a deadline that was replaced never fires.
 */
export class DeadlineTimer {
  readonly #fd: number;
  readonly #watch: Watch;
  readonly #onExpire: () => void;
  readonly #expirations = Buffer.alloc(8);
  #isClosed = false;

  /** Throws SysError when the process has no file descriptors left. */
  constructor(onExpire: () => void) {
    this.#onExpire = onExpire;
    this.#fd = libc.timerfdCreate(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    this.#watch = watchReadable(this.#fd, () => this.#expire());
  }

  /** Fires once at `deadlineMs` of the monotonic clock or as soon after as the loop turns. */
  arm(deadlineMs: number): void {
    libc.timerfdSettime(this.#fd, TFD_TIMER_ABSTIME, packDeadline(deadlineMs));
  }

  disarm(): void {
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
    if (libc.read(this.#fd, this.#expirations) !== undefined) this.#onExpire();
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
