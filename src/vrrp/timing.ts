/**
 * The intervals of RFC 9568 6.1 (version 3) and RFC 3768 6.1 (version 2), in milliseconds with fractions:
 * one place, one unit.
 */
import type { VrrpVersion } from '../config/model.ts';

/** Adverts that may be missed before the master counts as dead, where `down_timer_adverts` says nothing. */
export const MISSED_ADVERTS = 3;
const PRIORITY_STEPS = 256;
const MS_PER_SECOND = 1000;
/** The lowest priority a router can be configured with waits longest. */
const PRIORITY_MIN = 1;
const RELEASE_MIN_MS = 100;

/**
 * Skew_Time: the higher the priority, the sooner. Version 3 scales it by the master's interval, version 2
 * counts in whole seconds whatever the interval is.
 */
export function skewTimeMs(version: VrrpVersion, priority: number, intervalMs: number): number {
  const unitMs = version === 2 ? MS_PER_SECOND : intervalMs;
  return ((PRIORITY_STEPS - priority) * unitMs) / PRIORITY_STEPS;
}

/**
 * Master_Down_Interval: silence after which a backup takes over. Priority 100, 1 s: 3609.375 ms.
 * `missedAdverts` is keepalived's `down_timer_adverts`.
 */
export function masterDownIntervalMs(
  version: VrrpVersion,
  priority: number,
  intervalMs: number,
  missedAdverts = MISSED_ADVERTS,
): number {
  return missedAdverts * intervalMs + skewTimeMs(version, priority, intervalMs);
}

/** keepalived's start with `state MASTER`: one advert interval and the skew, not the whole down interval. */
export function initialWaitMs(version: VrrpVersion, priority: number, intervalMs: number): number {
  return intervalMs + skewTimeMs(version, priority, intervalMs);
}

/**
 * How long a resigning master goes on serving when it hears no successor. A backup that heard the
 * resignation speaks within its skew, at most that of priority 1; one interval more covers a
 * resignation that was lost and is repeated after one interval. About two intervals, and with fast
 * adverts long enough for a successor that its machine lets wait: while nobody else serves, letting go
 * early helps nobody.
 */
export function releaseBoundMs(version: VrrpVersion, intervalMs: number): number {
  return Math.max(intervalMs + skewTimeMs(version, PRIORITY_MIN, intervalMs), RELEASE_MIN_MS);
}

/**
 * What is left to wait before the first state machine: `vrrp_startup_delay` counts from the start of the
 * daemon, `vrrp_delay_after_boot` from the boot of the machine, and the longer wait counts.
 */
export function startDelayMs(
  delays: { readonly startupDelayMs?: number; readonly delayAfterBootMs?: number },
  uptimeMs: number,
): number {
  return Math.max(delays.startupDelayMs ?? 0, (delays.delayAfterBootMs ?? 0) - uptimeMs, 0);
}
