/**
 * The sync groups of this director: keeps where their members stand, asks the pure coordinator, and passes
 * its orders on. An order may change where a member stands, which may bring the next orders: they are
 * worked off one after another, never inside one another.
 */
import type { SyncGroupConfig } from '../config/model-vrrp.ts';
import type { GroupOrder, GroupStanding } from '../vrrp/machine.ts';
import type { Notice } from '../vrrp/notice.ts';
import type { GroupNews } from '../vrrp/ports.ts';
import { decide, type GroupState, groupState, type Order } from '../vrrp/sync-group.ts';

export interface SyncGroupsOptions {
  readonly force: (member: string, order: GroupOrder, by: string) => void;
  readonly onNotice: (notice: Notice) => void;
}

/** More in one go means that two members order one another about: a defect. */
const ROUNDS_MAX = 100;

interface Group {
  readonly config: SyncGroupConfig;
  readonly standings: Map<string, GroupStanding>;
  told: GroupState | undefined;
}

export class SyncGroups {
  readonly #options: SyncGroupsOptions;
  #groups: readonly Group[] = [];
  readonly #dirty = new Set<Group>();
  readonly #announcements: Order[] = [];
  #isSettling = false;
  #isPaused = false;

  constructor(options: SyncGroupsOptions) {
    this.#options = options;
  }

  /** The groups of a new configuration; members keep where they stand. */
  configure(configs: readonly SyncGroupConfig[]): void {
    const known = new Map(this.#groups.flatMap(({ standings }) => [...standings]));
    const told = new Map(this.#groups.map((group) => [group.config.name, group.told]));
    this.#groups = configs.map((config) => ({
      config,
      standings: new Map(config.members.map((name) => [name, known.get(name) ?? 'INIT'])),
      told: told.get(config.name),
    }));
    this.#dirty.clear();
    for (const group of this.#groups) this.#dirty.add(group);
  }

  /** The name of the group that `member` is in. */
  groupOf(member: string): SyncGroupConfig | undefined {
    return this.#find(member)?.config;
  }

  /** While several members are started or changed, nothing is decided on half of what is known. */
  batch(change: () => void): void {
    this.#isPaused = true;
    try {
      change();
    } finally {
      this.#isPaused = false;
    }
    this.#settle();
  }

  /** A member says where it stands, or that it met a lower-priority master. */
  hear(member: string, news: GroupNews): void {
    const group = this.#find(member);
    if (group === undefined) return;
    if (news === 'LOWER_PRIORITY_HEARD') {
      for (const other of group.config.members) {
        if (other === member) continue;
        this.#announcements.push({ member: other, order: 'ANNOUNCE', by: member });
      }
    } else group.standings.set(member, news);
    this.#dirty.add(group);
    this.#settle();
  }

  /** The daemon ends: every group is told so once. */
  end(): void {
    for (const { config } of this.#groups) this.#tell(config.name, 'STOP', 'STOPPED');
    this.#groups = [];
    this.#dirty.clear();
  }

  /** `notify_priority_changes` of a group. */
  priorityChanged(member: string, state: 'MASTER_PRIORITY' | 'BACKUP_PRIORITY'): void {
    const config = this.groupOf(member);
    if (config?.notifiesPriorityChanges) this.#tell(config.name, state, `priority of ${member}`);
  }

  #settle(): void {
    if (this.#isSettling || this.#isPaused) return;
    this.#isSettling = true;
    try {
      for (let round = 0; this.#dirty.size > 0 || this.#announcements.length > 0; round += 1) {
        if (round === ROUNDS_MAX) throw new Error('A sync group does not settle');
        const orders = this.#announcements.splice(0);
        for (const group of this.#dirty) {
          this.#tellState(group);
          orders.push(...decide(group.standings));
        }
        this.#dirty.clear();
        for (const { member, order, by } of orders) this.#options.force(member, order, by);
      }
    } finally {
      this.#isSettling = false;
    }
  }

  #tellState(group: Group): void {
    const state = groupState(group.standings);
    if (state === undefined || state === group.told) return;
    group.told = state;
    this.#tell(group.config.name, state, 'every member follows');
  }

  #tell(name: string, state: Notice['state'], reason: string): void {
    this.#options.onNotice({ object: 'GROUP', name, state, priority: 0, reason });
  }

  #find(member: string): Group | undefined {
    return this.#groups.find(({ standings }) => standings.has(member));
  }
}
