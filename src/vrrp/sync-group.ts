/**
 * A sync group: instances that are master together or not at all. Decides from where its members stand;
 * which of them must move, the instances themselves carry out.
 *
 *   one FAULT           -> all FAULT, until every member is free of causes of its own
 *   one BACKUP          -> no MASTER: those that are let go, make before break
 *   all ready, together -> MASTER (keepalived: vrrp_sync_can_goto_master)
 *   handed over         -> all have a successor: BACKUP; one has none and is MASTER: MASTER again
 */
import type { GroupOrder, GroupStanding } from './machine.ts';

/** By the name of the member; of every member of the group. */
export type Standings = ReadonlyMap<string, GroupStanding>;

export interface Order {
  readonly member: string;
  readonly order: GroupOrder;
  /** The member that makes it necessary. */
  readonly by: string;
}

/** What keepalived calls the state of the group, told once for all members. */
export type GroupState = 'MASTER' | 'BACKUP' | 'FAULT';

/** The orders that follow, empty when the group is of one mind. Giving them again changes nothing. */
export function decide(standings: Standings): readonly Order[] {
  const members = [...standings];
  const first = (...wanted: readonly GroupStanding[]): string | undefined =>
    members.find(([, standing]) => wanted.includes(standing))?.[0];
  const give = (
    order: GroupOrder,
    by: string,
    ...wanted: readonly GroupStanding[]
  ): readonly Order[] =>
    members
      .filter(([member, standing]) => member !== by && wanted.includes(standing))
      .map(([member]) => ({ member, order, by }));

  const faulty = first('FAULT');
  if (faulty !== undefined) {
    return give('FAULT', faulty, 'BACKUP', 'WANTS_MASTER', 'MASTER', 'LEAVING', 'HANDED');
  }
  // A member that is not started yet, or ended, or is letting go: it will say more.
  const unsettled = first('INIT', 'LEAVING');
  if (unsettled !== undefined) return [];
  const handed = endHandover(members, first('BACKUP', 'WANTS_MASTER') ?? first('MASTER'));
  if (handed.length > 0) return handed;
  const held = first('READY');
  if (held !== undefined) {
    return members
      .filter(([, standing]) => standing === 'READY')
      .map(([member]) => ({ member, order: 'READY', by: held }));
  }
  const backup = first('BACKUP');
  if (backup !== undefined) return give('BACKUP', backup, 'MASTER');
  const ready = first('WANTS_MASTER');
  if (ready === undefined) return [];
  return members
    .filter(([, standing]) => standing === 'WANTS_MASTER')
    .map(([member]) => ({ member, order: 'MASTER', by: ready }));
}

/**
 * A handover of the group ends for all members alike: those that have a successor come back when another
 * member found none and goes on as master (`decider`), and go when it is no master any more.
 */
function endHandover(
  members: readonly (readonly [string, GroupStanding])[],
  decider: string | undefined,
): readonly Order[] {
  const isKept = members.some(([member, standing]) => member === decider && standing === 'MASTER');
  return members
    .filter(([, standing]) => standing === 'HANDED')
    .map(([member]) => ({ member, order: isKept ? 'MASTER' : 'BACKUP', by: decider ?? member }));
}

/** MASTER only when all are; undefined before they all have started, and while the group ends. */
export function groupState(standings: Standings): GroupState | undefined {
  const all = [...standings.values()];
  if (all.length === 0 || all.includes('INIT')) return undefined;
  if (all.includes('FAULT') || all.includes('READY')) return 'FAULT';
  const serving: readonly GroupStanding[] = ['MASTER', 'LEAVING', 'HANDED'];
  const isServing = all.every((standing) => serving.includes(standing));
  return isServing ? 'MASTER' : 'BACKUP';
}
