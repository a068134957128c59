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
/** Several times what getting ready for a takeover takes on a slow machine; awake for that long before it. */
const APPROACH_MS = 5;

/** What is done shortly before a deadline that is approached; either may arm another. */
export interface Waking {
  /** Once, some milliseconds before it: to get ready. */
  readonly onApproach: () => void;
  /** Again and again until it comes: what is short and allocates nothing that a collector would want. */
  readonly onWait: () => void;
}

/**
 * One deadline at a time; arming again replaces it, and a deadline that was replaced never fires.
 */
export class DeadlineTimer {
  readonly #fd: number;
  readonly #watch: Watch;
  readonly #onExpire: () => void;
  readonly #waking: Waking | undefined;
  /** The deadline that is waited for awake, from the moment the wake-up is armed until it comes. */
  #approached: number | undefined;
  /** Of armings, disarmings and the end: one that is waited for awake may be put off meanwhile. */
  #changes = 0;
  readonly #expirations = Buffer.alloc(8);
  #isClosed = false;

  /** Throws SysError when the process has no file descriptors left. */
  constructor(onExpire: () => void, waking?: Waking) {
    this.#onExpire = onExpire;
    this.#waking = waking;
    this.#fd = libc.timerfdCreate(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    this.#watch = watchReadable(this.#fd, () => this.#expire());
  }

  /**
   * Fires once at `deadlineMs` of the monotonic clock or as soon after as the loop turns. For one that is
   * rarely reached and must be punctual, `isApproached`: a processor that slept needs some 200 us from the
   * timer's expiry to the first system call, so the last milliseconds are spent awake.
   */
  arm(deadlineMs: number, isApproached = false): void {
    this.#changes += 1;
    this.#approached = isApproached ? deadlineMs : undefined;
    this.#set(isApproached ? deadlineMs - APPROACH_MS : deadlineMs);
  }

  disarm(): void {
    this.#changes += 1;
    this.#approached = undefined;
    libc.timerfdSettime(this.#fd, 0, Buffer.alloc(ITIMERSPEC_LENGTH));
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#changes += 1;
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
    const changes = this.#changes;
    this.#waking?.onApproach();
    if (this.#changes !== changes) return false;
    this.#approached = undefined;
    this.#set(deadlineMs);
    // The timer itself says when: never early.
    while (!this.#hasExpired()) {
      this.#waking?.onWait();
      if (this.#changes !== changes) return false;
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
