/**
 * Which seeds run. LVSD_SIM_SEED=n: that one alone, of both kinds. LVSD_SIM_SEEDS=n: so many instead of the usual
 * number. LVSD_SIM_EVENTS=n: so many events of a failing run are shown.
 */
import { it } from 'vitest';
import { runGroupSeed } from './group-run.ts';
import { runSeed, runSeeds } from './run.ts';

const SEEDS = Number(process.env.LVSD_SIM_SEEDS ?? 10_000);
const ONLY = process.env.LVSD_SIM_SEED;
/** Test files that share the seeds: each core of a small machine has one. */
export const SHARES = 2;
/** Of so many seeds one is of directors with sync groups. */
const ONE_GROUP_OF = 5;
const TIMEOUT_PER_SEED_MS = 100;

interface Kind {
  readonly law: string;
  readonly seeds: number;
  readonly run: (seed: number) => void;
}

const KINDS: readonly Kind[] = [
  {
    law: 'one master, the right one, with its addresses',
    seeds: SEEDS - Math.ceil(SEEDS / ONE_GROUP_OF),
    run: runSeed,
  },
  {
    law: 'sync groups of one mind, handed over whole',
    seeds: Math.ceil(SEEDS / ONE_GROUP_OF),
    run: runGroupSeed,
  },
];

/** The tests of one share: every SHARES-th seed, from `share` on. */
export function testShare(share: number): void {
  for (const { law, seeds, run } of KINDS) {
    if (ONLY !== undefined) {
      it(`seed ${ONLY}: ${law}`, { timeout: 60_000 }, () => run(Number(ONLY)));
      continue;
    }
    const count = Math.ceil(seeds / SHARES);
    const timeout = 20_000 + count * TIMEOUT_PER_SEED_MS;
    it(`${count} seeds, every ${SHARES}nd from ${share}: ${law}`, { timeout }, () =>
      runSeeds(share, SHARES, count, run),
    );
  }
}
