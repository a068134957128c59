/**
 * What becomes of the virtual IPs when the vrrp process dies or hangs: decided here, done by the
 * supervisor. The kernel keeps the addresses and IPVS keeps forwarding while the process is away, so a
 * replacement that adverts again before the backups' patience ends costs the client nothing. A backup
 * waits three intervals and its skew (RFC 9568 section 6.1); two are ours to use, the rest is for the
 * network. Where that does not work out the VIP is given up cleanly: priority 0, addresses off.
 */
import type { Mastership } from './messages.ts';

/** Advert intervals after the last advert within which a replacement must have adverted. */
export const RESUME_WITHIN_INTERVALS = 2;

export interface Inheritance {
  /** Instances for the replacement to go on with as MASTER. */
  readonly resume: readonly string[];
  /** Instances to give up now: their time is already over. */
  readonly letGo: readonly string[];
  /** When those in `resume` are given up if the replacement has not adverted: monotonic ms. */
  readonly deadlineMs: number;
}

/** `intervalMs` answers the advert interval of an instance; undefined when the configuration has none. */
export function inherit(
  masterships: readonly Mastership[],
  intervalMs: (name: string) => number | undefined,
  nowMs: number,
): Inheritance {
  const resume: string[] = [];
  const letGo: string[] = [];
  let deadlineMs = Number.POSITIVE_INFINITY;
  for (const mastership of masterships) {
    const interval = intervalMs(mastership.name);
    const until =
      mastership.lastAdvertSentMs +
      RESUME_WITHIN_INTERVALS * (interval ?? Number.NEGATIVE_INFINITY);
    if (until > nowMs) {
      resume.push(mastership.name);
      deadlineMs = Math.min(deadlineMs, until);
    } else {
      letGo.push(mastership.name);
    }
  }
  return { resume, letGo, deadlineMs };
}

/** Instances that were to be resumed and have not adverted since `diedMs`: to be given up at the deadline. */
export function notResumed(
  resume: readonly string[],
  masterships: readonly Mastership[],
  diedMs: number,
): readonly string[] {
  const adverted = new Set(
    masterships
      .filter((mastership) => mastership.lastAdvertSentMs >= diedMs)
      .map((mastership) => mastership.name),
  );
  return resume.filter((name) => !adverted.has(name));
}
