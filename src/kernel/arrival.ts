/**
 * When a datagram arrived, by the kernel's own stamp (SO_TIMESTAMPNS, socket(7)): between its arrival and
 * the moment it is read lie a wake-up and a turn of the event loop, and a deadline must not pay for them.
 * The stamp is of the wall clock, so its age is taken by the wall clock and given to the monotonic one.
 */
import { systemClock } from '../base/clock.ts';
import * as libc from './libc.ts';
import { CLOCK_REALTIME } from './linux.ts';

/**
 *      0          8          16
 *     +----------+----------+
 *     | seconds  | ns       |     timespec, linux/time.h
 *     +----------+----------+
 */
export const TIMESPEC_LENGTH = 16;

/** An age beyond this says that somebody set the clock, or that we stood still: it is not used then. */
export const ARRIVAL_AGE_MAX_MS = 5;

const MS_PER_SECOND = 1000;
const NS_PER_MS = 1e6;

const now = Buffer.allocUnsafeSlow(TIMESPEC_LENGTH).fill(0);

/** Monotonic ms of the arrival stamped `stamp`, a timespec that was read just now; without one, now. */
export function arrivalMs(stamp: Buffer | undefined): number {
  if (stamp === undefined || stamp.length < TIMESPEC_LENGTH) return systemClock.monotonicMs();
  libc.clockGettime(CLOCK_REALTIME, now);
  return systemClock.monotonicMs() - believedAgeMs(elapsedMs(stamp, now));
}

/** Between two timespecs, in ms; whole seconds are subtracted first, so that nothing is rounded away. */
export function elapsedMs(from: Buffer, to: Buffer): number {
  const seconds = Number(to.readBigInt64LE(0) - from.readBigInt64LE(0));
  const nanoseconds = Number(to.readBigInt64LE(8) - from.readBigInt64LE(8));
  return seconds * MS_PER_SECOND + nanoseconds / NS_PER_MS;
}

/** The age, or 0 when it cannot be true: a deadline is rather late than early. */
export function believedAgeMs(ageMs: number): number {
  return ageMs >= 0 && ageMs <= ARRIVAL_AGE_MAX_MS ? ageMs : 0;
}
