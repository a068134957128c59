/**
 * What must hold of directors with sync groups: after every event the members of a group are of one mind and
 * the addresses are on masters alone; at rest there is one master, the right one, for every virtual router.
 */
import type { GroupStanding } from '../../src/vrrp/machine.ts';
import { PRIORITY_OWNER } from '../../src/vrrp/packet.ts';
import type { Director } from './director.ts';
import { LawBroken } from './laws.ts';
import type { Network } from './network.ts';
import type { SimulatedRouter } from './simulated-router.ts';

/** Standings that cannot be together when the group has decided. */
const APART: readonly (readonly [GroupStanding, readonly GroupStanding[]])[] = [
  ['FAULT', ['BACKUP', 'WANTS_MASTER', 'MASTER', 'LEAVING', 'HANDED']],
  ['READY', ['BACKUP', 'WANTS_MASTER', 'MASTER', 'LEAVING', 'HANDED']],
];
/** And these, unless a member is about to say more. */
const APART_WHEN_DECIDED: typeof APART = [['MASTER', ['BACKUP', 'WANTS_MASTER', 'HANDED']]];
const WILL_SAY_MORE: readonly GroupStanding[] = ['INIT', 'LEAVING'];
/** A group of nothing but these should have moved on. */
const UNDECIDED: readonly GroupStanding[] = ['READY', 'WANTS_MASTER', 'HANDED'];

export class GroupLaws {
  readonly #network: Network;
  readonly #directors: readonly Director[];
  readonly #ofMember: ReadonlyMap<SimulatedRouter, Director>;
  /** Somebody must answer for every virtual router: while nothing is wrong. */
  mustServe = false;
  /** How long two directors may have the same addresses while nothing is wrong. */
  overlapMaxMs = Number.POSITIVE_INFINITY;
  readonly #overlapSinceMs = new Map<number, number>();

  constructor(network: Network, directors: readonly Director[]) {
    this.#network = network;
    this.#directors = directors;
    this.#ofMember = new Map(
      directors.flatMap((director) => director.members.map((member) => [member, director])),
    );
    network.onEvent = (router) => this.#afterEvent(router);
  }

  #afterEvent(router: SimulatedRouter): void {
    const director = this.#ofMember.get(router);
    if (director === undefined) return;
    for (const member of director.members) this.#checkAddresses(member);
    if (director.isGrouped && director.isRunning && !director.isStopping) {
      this.#checkStandings(director);
    }
    if (this.mustServe) this.#checkService();
  }

  #checkAddresses(member: SimulatedRouter): void {
    const { state, held, config, isOrphaned } = member;
    const wanted = config.virtualAddresses.length;
    if (state === 'MASTER' && held.size !== wanted) {
      throw this.#broken(`${member.name} is MASTER without its addresses`);
    }
    if (state !== 'MASTER' && held.size > 0 && !isOrphaned) {
      throw this.#broken(`${member.name} ${state} holds ${[...held].join(' ')}`);
    }
  }

  #checkStandings(director: Director): void {
    const all = director.members.map(({ name }) => director.standings.get(name) ?? 'INIT');
    const isDecided = !all.some((standing) => WILL_SAY_MORE.includes(standing));
    const apart = isDecided ? [...APART, ...APART_WHEN_DECIDED] : APART;
    const isBroken =
      apart.some(
        ([one, others]) => all.includes(one) && others.some((other) => all.includes(other)),
      ) || UNDECIDED.some((standing) => all.every((other) => other === standing));
    if (isBroken) throw this.#broken(`the group of ${director.name} is split: ${all.join(' ')}`);
  }

  #checkService(): void {
    for (const [virtualRouterId, routers] of this.#virtualRouters()) {
      const holders = routers.filter(({ held }) => held.size > 0);
      if (holders.length === 0) throw this.#broken(`nobody serves ${virtualRouterId}`);
      if (holders.length === 1) {
        this.#overlapSinceMs.delete(virtualRouterId);
        continue;
      }
      const sinceMs = this.#overlapSinceMs.get(virtualRouterId) ?? this.#network.nowMs;
      this.#overlapSinceMs.set(virtualRouterId, sinceMs);
      if (this.#network.nowMs - sinceMs > this.overlapMaxMs) {
        const names = holders.map(({ name }) => name).join(' ');
        throw this.#broken(`${names} serve together since ${sinceMs} ms`);
      }
    }
  }

  /** The directors that are master, by virtual router: one each. */
  checkSettled(): readonly Director[] {
    const masters = [...this.#virtualRouters()].map(([virtualRouterId, routers]) => {
      const [master, ...others] = routers.filter(({ state }) => state === 'MASTER');
      const holders = routers.filter(({ held }) => held.size > 0);
      if (master === undefined || others.length > 0 || holders.length !== 1) {
        const states = routers.map(({ name, state }) => `${name} ${state}`).join(', ');
        throw this.#broken(`settled ${virtualRouterId}: ${states}`);
      }
      return master;
    });
    for (const director of this.#directors) this.#checkDirector(director, masters);
    return masters.flatMap((master) => this.#ofMember.get(master) ?? []);
  }

  #checkDirector(director: Director, masters: readonly SimulatedRouter[]): void {
    const states = director.members.map(({ state }) => state);
    if (states.includes('FAULT')) throw this.#broken(`${director.name} is in FAULT when healed`);
    if (director.isGrouped && new Set(states).size > 1) {
      throw this.#broken(`settled, and ${director.name} is ${states.join(' ')}`);
    }
    const units = director.isGrouped
      ? [director.members]
      : director.members.map((member) => [member]);
    const masterOf = (member: SimulatedRouter): SimulatedRouter | undefined =>
      masters.find(({ config }) => config.virtualRouterId === member.config.virtualRouterId);
    for (const unit of units) {
      if (!unit.every((member) => outranks(member, masterOf(member)))) continue;
      throw this.#broken(`${unit.map(({ name }) => name).join(' ')} should be master`);
    }
  }

  #virtualRouters(): ReadonlyMap<number, readonly SimulatedRouter[]> {
    return Map.groupBy(this.#network.routers, ({ config }) => config.virtualRouterId);
  }

  #broken(what: string): LawBroken {
    return new LawBroken(`at ${this.#network.nowMs.toFixed(3)} ms: ${what}`);
  }
}

/** Whether it would preempt this master. */
function outranks(member: SimulatedRouter, master: SimulatedRouter | undefined): boolean {
  if (master === undefined || master === member) return false;
  const [own, other] = [member.instance?.snapshot(), master.instance?.snapshot()];
  if (own === undefined || other === undefined || own.handedOver) return false;
  const preempts = member.config.preempt || own.priority === PRIORITY_OWNER;
  return preempts && own.effectivePriority > other.effectivePriority;
}
