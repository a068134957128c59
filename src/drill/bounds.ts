/**
 * What a step may take. Every bound is the protocol's own time plus stated slack, so a bound that is
 * missed is a fault of the director and not of a slow machine.
 */
import {
  ADVERT_INTERVAL_MS,
  CHECK_RETRIES,
  CONNECT_TIMEOUT_MS,
  DELAY_BEFORE_RETRY_MS,
  DELAY_LOOP_MS,
  type DirectorName,
  PRIORITIES,
} from './lab.ts';

/** The client sends a request on a fresh connection this often: 50 a second. */
export const REQUEST_INTERVAL_MS = 20;
/** A request not answered by then has failed; it is also what TCP waits before it repeats a SYN. */
export const REQUEST_TIMEOUT_MS = 1_000;

/**
 * For timers, scheduling and the fork of the observing programs in a lab kernel with one processor,
 * where starting a program takes 10 to 20 ms.
 */
export const LAB_SLACK_MS = 500;

/**
 * A connection that is open while the VIP moves is lost: the new director has no entry for it until
 * there is a connection sync daemon, and answers a segment of an unknown connection with a reset. At 50
 * requests a second of a few milliseconds each, one is open at a time; two when the lab kernel stalls.
 * Nothing else may be lost where the VIP moves in an orderly way: handed over at SIGTERM or by command, or
 * preempted, it is on the new master and announced before the old one lets go.
 */
export const REQUESTS_IN_FLIGHT = 2;

/** Generous: only how long to go on looking before a step is given up as not held. */
export const OBSERVATION_DEADLINE_MS = 60_000;

/** RFC 9568 6.1: ((256 - priority) / 256) x advert interval. */
export function skewTimeMs(director: DirectorName): number {
  return ((256 - PRIORITIES[director]) * ADVERT_INTERVAL_MS) / 256;
}

/** RFC 9568 6.1: 3 x advert interval + skew. */
export function masterDownIntervalMs(director: DirectorName): number {
  return 3 * ADVERT_INTERVAL_MS + skewTimeMs(director);
}

/**
 * From the master's disappearance to the backup's announcement. The last advert was heard before the
 * fault, so the master down interval is the most it can take.
 */
export const HARD_TAKEOVER_BOUND_MS = masterDownIntervalMs('director2') + LAB_SLACK_MS;

/** From SIGTERM to the backup's announcement: priority 0 is sent at once, the backup waits its skew. */
export const ORDERLY_TAKEOVER_BOUND_MS = skewTimeMs('director2') + LAB_SLACK_MS;

/**
 * From the returning director's joining the election to its announcement: it waits out the down interval
 * before it may preempt. How long its program takes to start is the machine's time and not in it: the
 * lab kernel has one processor and pays dearly for page faults.
 */
export const PREEMPT_TAKEOVER_BOUND_MS = masterDownIntervalMs('director1') + LAB_SLACK_MS;

/**
 * From a web server's death to its removal from the table: it died just after a check passed, the next
 * check comes a delay_loop later, and is repeated after delay_before_retry. Each takes at most its
 * deadline.
 */
export const REMOVAL_BOUND_MS =
  DELAY_LOOP_MS +
  CHECK_RETRIES * DELAY_BEFORE_RETRY_MS +
  (CHECK_RETRIES + 1) * CONNECT_TIMEOUT_MS +
  LAB_SLACK_MS;

/** From a web server's return to its being in the table: the next check passes. */
export const RETURN_BOUND_MS = DELAY_LOOP_MS + CONNECT_TIMEOUT_MS + LAB_SLACK_MS;

/**
 * From SIGHUP to the table: the file is read and judged, and one plan is applied. Both directors do it at
 * once, on the lab kernel's one processor.
 */
export const RELOAD_BOUND_MS = 1_000 + 2 * LAB_SLACK_MS;

/** The promise: what a stranger changed in the table is put right within a second. */
export const DRIFT_BOUND_MS = 1_000 + LAB_SLACK_MS;

/** Requests that start within this time, rounded up. */
export function requestsWithin(ms: number): number {
  return Math.ceil(ms / REQUEST_INTERVAL_MS);
}
