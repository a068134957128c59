/** Looks now and then whether a sync group is contested (vrrp/group-contest.ts), and tells it once. */
import type { Config } from '../config/model.ts';
import { compareMembers, type MemberView, type Rivalry } from '../vrrp/group-contest.ts';
import type { Report } from '../vrrp/notice.ts';

const LOOK_EVERY_MS = 1000;
/** Tracking moves the members of a director one after another: a contest must outlast that. */
const LASTS_ADVERTS = 3;

/** The host of an instance. */
export interface Viewed {
  /** Undefined while it does not stand. */
  view(): MemberView | undefined;
}

interface Watched {
  readonly sinceMs: number;
  readonly isTold: boolean;
}

export class GroupContests {
  readonly #watched = new Map<string, Watched>();
  #lookedAtMs = Number.NEGATIVE_INFINITY;

  /** What is to be told now. */
  look(
    config: Pick<Config, 'vrrpSyncGroups'> | undefined,
    hosts: ReadonlyMap<string, Viewed>,
    nowMs: number,
  ): readonly Report[] {
    if (nowMs - this.#lookedAtMs < LOOK_EVERY_MS) return [];
    this.#lookedAtMs = nowMs;
    return (config?.vrrpSyncGroups ?? []).flatMap(({ name, members }) =>
      this.#lookAt(
        name,
        members.flatMap((member) => hosts.get(member)?.view() ?? []),
        nowMs,
      ),
    );
  }

  #lookAt(group: string, members: readonly MemberView[], nowMs: number): readonly Report[] {
    const agreement = compareMembers(members, nowMs);
    // While one of the two is silent, nothing is known: neither begun nor over.
    if (agreement === undefined) return [];
    if (agreement === 'AGREED') {
      this.#watched.delete(group);
      return [];
    }
    const { sinceMs, isTold } = this.#watched.get(group) ?? { sinceMs: nowMs, isTold: false };
    const intervalMs = Math.max(...members.map(({ advertIntervalMs }) => advertIntervalMs));
    const isLasting = nowMs - sinceMs >= LASTS_ADVERTS * intervalMs;
    this.#watched.set(group, { sinceMs, isTold: isTold || isLasting });
    if (isTold || !isLasting) return [];
    const { better, worse } = agreement;
    const fields = { better: describe(better), worse: describe(worse), fix: fixOf(better, worse) };
    return [{ name: 'groupContested', object: 'GROUP', instance: group, fields }];
  }
}

function describe({ name, ours, theirs }: Rivalry): string {
  return `${name} (${ours} here, ${theirs} there)`;
}

function fixOf(better: Rivalry, worse: Rivalry): string {
  return (
    `raise the priority of ${worse.name} above ${worse.theirs} here, ` +
    `or lower that of ${better.name} below ${better.theirs}; ` +
    'where tracking makes the difference, sync_group_tracking_weight applies it to all members'
  );
}
