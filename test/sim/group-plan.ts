/**
 * From a seed: directors whose instances are in sync groups over two segments, and everything that goes wrong
 * there. Plain data, so that it shrinks.
 */
import type { RouterConfig } from '../../src/vrrp/machine.ts';
import { PRIORITY_OWNER } from '../../src/vrrp/packet.ts';
import { sealedConfig } from '../vrrp/hmac.ts';
import { ip, peer, router, vip } from '../vrrp/router.ts';
import type { WireFault } from './network.ts';
import { Dice } from './random.ts';

export type GroupFault =
  | WireFault
  | { readonly kind: 'stall'; readonly director: number; readonly ms: number }
  | { readonly kind: 'crash' | 'start' | 'stop' | 'handover'; readonly director: number }
  | { readonly kind: 'kill'; readonly director: number; readonly resumeMs: number | undefined }
  | { readonly kind: 'link'; readonly member: number; readonly isUp: boolean }
  /** A tracker of one member without a weight. */
  | { readonly kind: 'tracker'; readonly member: number; readonly isUp: boolean }
  /** A tracker of the whole group with a weight. */
  | { readonly kind: 'weight'; readonly director: number; readonly amount: number }
  | { readonly kind: 'heal' };

/** How a handover on the healed segments goes: heard by all, by nobody, or its end unheard on one segment. */
export type Finale = 'heard' | 'unheard' | 'halfHeard';

export interface GroupPlan {
  readonly seed: number;
  /** The members of every director; without `syncGroup` each stands alone. */
  readonly directors: readonly (readonly RouterConfig[])[];
  readonly intervalMs: number;
  readonly faults: readonly { readonly afterMs: number; readonly fault: GroupFault }[];
  readonly finale: Finale;
}

const SEGMENTS = 2;
const FAULTS_PER_PHASE = 12;
const PHASES = 2;
/** Unlike the seeds of plan.ts. */
const SEED_FACTOR = 6151;

export function makeGroupPlan(seed: number): GroupPlan {
  const dice = new Dice(seed * SEED_FACTOR);
  const intervalMs = dice.pick([10, 100, 1000]);
  const directors = makeDirectors(dice, intervalMs);
  const faults: { afterMs: number; fault: GroupFault }[] = [];
  for (let phase = 0; phase < PHASES; phase += 1) {
    for (let count = 0; count < FAULTS_PER_PHASE; count += 1) {
      const afterMs = dice.between(0, 3 * intervalMs);
      faults.push({ afterMs, fault: makeFault(dice, directors, intervalMs) });
    }
    faults.push({ afterMs: dice.between(0, intervalMs), fault: { kind: 'heal' } });
  }
  return {
    seed,
    directors,
    intervalMs,
    faults,
    finale: dice.pick(['heard', 'unheard', 'halfHeard']),
  };
}

/**
 * The directors rank alike in every member: where they do not, two of them can be better each on one segment,
 * and no group can win. That is a mistake of the configuration, and keepalived has no better answer.
 */
function makeDirectors(dice: Dice, intervalMs: number): GroupPlan['directors'] {
  const count = 2 + dice.index(2);
  const memberCount = 2 + dice.index(2);
  const hasOwner = dice.chance(0.1);
  const arePreemptive = dice.chance(0.7);
  const isMixed = dice.chance(0.25);
  const isUnicast = dice.chance(0.3);
  const common: Partial<RouterConfig> = {
    advertIntervalMs: intervalMs,
    ...(dice.chance(0.25) ? { hmac: sealedConfig() } : {}),
  };
  return Array.from({ length: count }, (_, director) => {
    const isOwner = hasOwner && director === 0;
    const basePriority = 200 - dice.pick([0, 40 * director, 1 + dice.index(120)]);
    const preempt = isOwner || arePreemptive || dice.chance(0.5);
    const preemptDelayMs = !isOwner && dice.chance(0.2) ? intervalMs * (1 + dice.index(4)) : 0;
    const isGrouped = director === 0 || !isMixed;
    return Array.from({ length: memberCount }, (_member, member) => {
      const segment = member % SEGMENTS;
      const device = `eth${segment}`;
      const addressOf = (other: number): string => `10.0.${segment}.${other + 1}`;
      const others = [...Array(count).keys()].filter((other) => other !== director);
      return router({
        ...common,
        name: `D${director}.V${member}`,
        virtualRouterId: 51 + member,
        interface: device,
        ...(isGrouped ? { syncGroup: `G${director}` } : {}),
        priority: isOwner ? PRIORITY_OWNER : basePriority + member,
        preempt,
        preemptDelayMs,
        initialState: dice.chance(0.5) ? 'MASTER' : 'BACKUP',
        primaryAddress: ip(addressOf(director)),
        virtualAddresses: [vip(`10.0.${segment}.${100 + member}/24`, device)],
        ...(isUnicast ? { unicastPeers: others.map((other) => peer(addressOf(other))) } : {}),
      });
    });
  });
}

function makeFault(dice: Dice, directors: GroupPlan['directors'], intervalMs: number): GroupFault {
  const director = dice.index(directors.length);
  const memberCount = directors[0]?.length ?? 0;
  const member = dice.index(directors.length * memberCount);
  const onSameSegment = member % memberCount;
  const makers: readonly (() => GroupFault)[] = [
    () => ({ kind: 'loss', rate: dice.next() * 0.6 }),
    () => ({ kind: 'duplicate', rate: dice.next() * 0.5 }),
    () => ({
      kind: 'cut',
      from: member,
      to: dice.index(directors.length) * memberCount + onSameSegment,
    }),
    () => ({ kind: 'uncut' }),
    () => ({ kind: 'stall', director, ms: dice.next() * 6 * intervalMs }),
    () => ({ kind: 'crash', director }),
    () => ({ kind: 'start', director }),
    () => ({ kind: 'start', director: dice.index(directors.length) }),
    () => ({ kind: 'stop', director }),
    () => ({ kind: 'handover', director }),
    () => ({ kind: 'handover', director: dice.index(directors.length) }),
    () => ({
      kind: 'kill',
      director,
      resumeMs: dice.chance(0.7) ? dice.next() * 2 * intervalMs : undefined,
    }),
    () => ({ kind: 'link', member, isUp: false }),
    () => ({ kind: 'link', member, isUp: true }),
    () => ({ kind: 'tracker', member, isUp: false }),
    () => ({ kind: 'tracker', member, isUp: true }),
    () => ({ kind: 'weight', director, amount: dice.index(100) - 50 }),
  ];
  return dice.pick(makers)();
}
