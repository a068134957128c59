/** A director whose instances are one process: started, stalled, killed together, and in one sync group or none. */
import type { Handable } from '../../src/daemon/handover.ts';
import { handOver } from '../../src/daemon/handover.ts';
import type { HandoverOutcome } from '../../src/daemon/messages.ts';
import { SyncGroups } from '../../src/daemon/sync-groups.ts';
import type { GroupStanding } from '../../src/vrrp/machine.ts';
import { PRIORITY_OWNER } from '../../src/vrrp/packet.ts';
import type { Network } from './network.ts';
import type { SimulatedRouter } from './simulated-router.ts';

/** The supervisor's patience with a dead vrrp process, after which it gives the addresses up. */
const GIVE_UP_INTERVALS = 2;

export class Director {
  readonly name: string;
  readonly members: readonly SimulatedRouter[];
  readonly isGrouped: boolean;
  /** Where the members stand, in the words of the group. */
  readonly standings = new Map<string, GroupStanding>();
  readonly #network: Network;
  #groups: SyncGroups | undefined;
  #weight = 0;
  readonly #failed = new Set<SimulatedRouter>();

  constructor(network: Network, members: readonly SimulatedRouter[]) {
    const { name, syncGroup } = members[0]?.config ?? { name: '' };
    this.name = name.replace(/\..*/, '');
    this.members = members;
    this.isGrouped = syncGroup !== undefined;
    this.#network = network;
    for (const member of members) {
      member.onGroupNews = (news) => {
        if (news !== 'LOWER_PRIORITY_HEARD') this.standings.set(member.name, news);
        this.#groups?.hear(member.name, news);
      };
      this.#track(member);
    }
  }

  get isRunning(): boolean {
    return this.members.some(({ instance }) => instance !== undefined);
  }

  get isStopping(): boolean {
    return this.members.some(({ isStopping }) => isStopping);
  }

  boot(resumed: ReadonlySet<SimulatedRouter> = new Set()): void {
    if (this.isRunning) return;
    this.standings.clear();
    const groups = new SyncGroups({
      force: (name, order, by) => this.#member(name)?.instance?.forceByGroup(order, by),
      onNotice: () => {},
    });
    this.#groups = groups;
    const [first] = this.members;
    if (this.isGrouped && first !== undefined) {
      groups.configure([
        {
          name: first.config.syncGroup ?? '',
          span: first.config.span,
          members: this.members.map(({ name }) => name),
          usesMemberWeights: false,
          notifiesPriorityChanges: false,
        },
      ]);
    }
    groups.batch(() => {
      for (const member of this.members) {
        this.#network.note(member, resumed.has(member) ? 'starts, resumes' : 'starts');
        member.boot(resumed.has(member));
      }
    });
    this.#judge();
  }

  crash(): void {
    for (const { index } of this.members) this.#network.crash(index);
  }

  stop(): void {
    for (const { index } of this.members) {
      this.#network.touch(index, 'is told to stop', (router) => router.stop());
    }
  }

  stall(ms: number): void {
    for (const { index } of this.members) this.#network.stall(index, ms);
  }

  /** SIGKILL of the vrrp process, and what the supervisor does about it. */
  kill(resumeMs: number | undefined): void {
    if (!this.isRunning || this.isStopping) return;
    const masters = new Set(this.members.filter(({ state }) => state === 'MASTER'));
    for (const member of this.members) {
      this.#network.note(member, 'is killed');
      member.die();
    }
    const isDead = (): boolean => !this.isRunning;
    if (resumeMs !== undefined) {
      this.#network.later(resumeMs, () => {
        if (isDead()) this.boot(masters);
      });
    }
    const intervalMs = this.members[0]?.config.advertIntervalMs ?? 0;
    this.#network.later(GIVE_UP_INTERVALS * intervalMs, () => {
      if (!isDead()) return;
      for (const member of this.members) {
        member.held.clear();
        member.isOrphaned = false;
      }
    });
  }

  /** A tracker without a weight, of one member. */
  setTracker(member: SimulatedRouter, isUp: boolean): void {
    if (isUp) this.#failed.delete(member);
    else this.#failed.add(member);
    this.#track(member);
  }

  /** A tracker with a weight, of the group. */
  setWeight(amount: number): void {
    this.#weight = amount;
    this.#groups?.batch(() => {
      for (const member of this.members) this.#track(member);
    });
    this.#judge();
  }

  handOver(onOutcome: (outcome: HandoverOutcome) => void): void {
    const [named] = this.members;
    if (named?.instance === undefined || this.members.some(({ instance }) => !instance)) return;
    const hosts = new Map(this.members.map((member) => [member.name, this.#handable(member)]));
    const clock = { monotonicMs: () => this.#network.nowMs, realtimeMs: () => 0 };
    const touched = (outcome: HandoverOutcome): void => {
      this.#network.note(named, `handover: ${outcome.ok ? outcome.successor : outcome.code}`);
      onOutcome(outcome);
    };
    this.#network.touch(named.index, 'is to hand over', () => {
      handOver(named.name, hosts, clock, touched);
    });
  }

  #handable(member: SimulatedRouter): Handable {
    return {
      config: member.config,
      handoverObstacle: () =>
        member.instance === undefined ? 'NOT_MASTER' : member.instance.handoverObstacle(),
      handOver: (onEnd) => member.instance?.handOver(onEnd),
    };
  }

  #track(member: SimulatedRouter): void {
    const { priority: base } = member.config;
    const priority = base === PRIORITY_OWNER ? base : base + this.#weight;
    const faults = this.#failed.has(member) ? ['script chk'] : [];
    member.track({ priority, faults, contributions: [] });
    this.#judge();
  }

  #judge(): void {
    for (const member of this.members) this.#network.onEvent(member);
  }

  #member(name: string): SimulatedRouter | undefined {
    return this.members.find((member) => member.name === name);
  }
}
