/**
 * A sync group whose members do not agree which director is better: ours in one, the other in another.
 * keepalived and lvsd alike let such a group rest with whoever has it, as a member that is better waits for
 * the one that is not; but who has it is chance, and two that become master at one moment (both start, a
 * partition heals) each yield in one member, give up the group, and may try again at one moment. The
 * protocol has no cure for it, so people are told: priorities must be in the same order in every member.
 */
import type { PeerSnapshot } from './peer-table.ts';

/** What a member shows of itself and of the others. */
export interface MemberView {
  readonly name: string;
  /** As advertised, after tracking. */
  readonly priority: number;
  /** The interval in force, ms. */
  readonly advertIntervalMs: number;
  readonly peers: readonly PeerSnapshot[];
}

/** One member each way, with the highest priority that was heard there. */
export interface Contest {
  readonly better: Rivalry;
  readonly worse: Rivalry;
}

export interface Rivalry {
  readonly name: string;
  readonly ours: number;
  readonly theirs: number;
}

/** Undefined: nobody else speaks, so nothing is known. */
export type Agreement = Contest | 'AGREED' | undefined;

/** An advert counts as long as its sender would be believed to live. */
const FRESH_ADVERTS = 3;

/** Of a group's members that stand, at a monotonic time in ms. */
export function compareMembers(members: readonly MemberView[], nowMs: number): Agreement {
  const rivalries = members.flatMap((member): Rivalry[] => {
    const { name, priority: ours, advertIntervalMs, peers } = member;
    const fresh = peers.filter(
      ({ lastHeardMs, priority }) =>
        // Whoever resigns is no rival.
        priority > 0 && nowMs - lastHeardMs <= FRESH_ADVERTS * advertIntervalMs,
    );
    if (fresh.length === 0) return [];
    return [{ name, ours, theirs: Math.max(...fresh.map(({ priority }) => priority)) }];
  });
  if (rivalries.length === 0) return undefined;
  const better = rivalries.find(({ ours, theirs }) => ours > theirs);
  const worse = rivalries.find(({ ours, theirs }) => ours < theirs);
  return better === undefined || worse === undefined ? 'AGREED' : { better, worse };
}
