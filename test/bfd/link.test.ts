/**
 * Two sessions of ours over a bad link. A run that fails says its seed; `BFD_SEED=N` replays it alone.
 */
import { describe, expect, it } from 'vitest';
import type { SessionConfig } from '../../src/bfd/session.ts';
import { Dice } from '../sim/random.ts';
import { Link, type LinkQuality } from './link.ts';

const SEEDS = 150;
const only = process.env.BFD_SEED;
const seeds =
  only === undefined ? Array.from({ length: SEEDS }, (_, index) => index + 1) : [Number(only)];

function configFrom(random: Dice): SessionConfig {
  return {
    minTxMs: random.between(5, 300),
    minRxMs: random.between(5, 300),
    idleTxMs: random.between(100, 2_000),
    multiplier: 1 + random.index(10),
    isPassive: false,
  };
}

const DEAD: LinkQuality = { loss: 1, duplicates: 0, delayMaxMs: 0.2 };
const GOOD: LinkQuality = { loss: 0, duplicates: 0, delayMaxMs: 0.2 };

/** At most: ten packets of the slower side, each 300 ms apart. */
const DETECTION_MAX_MS = 10 * 300;
/** Idle intervals of both, some of which are lost. */
const ESTABLISH_MAX_MS = 60_000;

const statesOf = (link: Link): readonly string[] => [link.session(0).state, link.session(1).state];

describe.each(seeds)('seed %d', (seed) => {
  it('comes up, holds, goes down and comes up again, on both ends', () => {
    const random = new Dice(seed);
    const configs = [configFrom(random), configFrom(random)] as const;
    const passive = random.next() < 0.3;
    const link = new Link(random, [configs[0], { ...configs[1], isPassive: passive }], {
      loss: random.next() * 0.4,
      duplicates: random.next() * 0.3,
      delayMaxMs: random.next() * 4,
    });
    // However bad the link, the protocol settles once it is good.
    link.run(ESTABLISH_MAX_MS);
    link.quality = GOOD;
    link.run(ESTABLISH_MAX_MS);
    expect(statesOf(link)).toEqual(['Up', 'Up']);

    // On a good link nothing goes down, also while both are configured anew; every Poll Sequence ends.
    const changes = link.changes.length;
    for (const side of [0, 1, 0] as const) {
      link.configure(side, { ...configFrom(random), isPassive: side === 1 && passive });
      link.run(random.between(1, 400));
    }
    link.run(ESTABLISH_MAX_MS);
    expect(link.changes.slice(changes)).toEqual([]);
    for (const side of [0, 1] as const) {
      const { poll, usedMinTxMs, desiredMinTxMs, usedMinRxMs, requiredMinRxMs } =
        link.session(side);
      expect({ poll, usedMinTxMs, usedMinRxMs }).toEqual({
        poll: 'none',
        usedMinTxMs: desiredMinTxMs,
        usedMinRxMs: requiredMinRxMs,
      });
    }

    // Cut: both are down within the detection time, and stay so.
    link.quality = DEAD;
    const cutMs = link.nowMs;
    link.run(DETECTION_MAX_MS + 10);
    expect(statesOf(link)).toEqual(['Down', 'Down']);
    const downs = link.changes.filter(({ atMs }) => atMs > cutMs);
    expect(downs.map(({ to }) => to)).toEqual(['Down', 'Down']);

    // Healed: up again, together.
    link.quality = GOOD;
    link.run(ESTABLISH_MAX_MS);
    expect(statesOf(link)).toEqual(['Up', 'Up']);
  });

  it('that is cut one way goes down on both ends', () => {
    const random = new Dice(seed);
    const link = new Link(random, [configFrom(random), configFrom(random)], GOOD);
    link.run(ESTABLISH_MAX_MS);
    expect(statesOf(link)).toEqual(['Up', 'Up']);
    link.cutTowards(0);
    link.run(2 * DETECTION_MAX_MS);
    // The one that hears cannot come up beyond Init: it hears Down.
    expect(link.session(0).state).toBe('Down');
    expect(link.session(1).state).not.toBe('Up');
  });
});
