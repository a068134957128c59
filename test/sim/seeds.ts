/**
 * Which seeds run. LVSD_SIM_SEED=n: that one alone. LVSD_SIM_SEEDS=n: so many instead of the usual number.
 * LVSD_SIM_EVENTS=n: so many events of a failing run are shown.
 */
import { it } from 'vitest';
import { runSeed, runSeeds } from './run.ts';

const SEEDS = Number(process.env.LVSD_SIM_SEEDS ?? 10_000);
const ONLY = process.env.LVSD_SIM_SEED;
/** Test files that share the seeds: each core of a small machine has one. */
export const SHARES = 2;
const TIMEOUT_PER_SEED_MS = 100;

/** The tests of one share: every SHARES-th seed, from `share` on. */
export function testShare(share: number): void {
  if (ONLY !== undefined) {
    it(`seed ${ONLY}`, { timeout: 60_000 }, () => runSeed(Number(ONLY)));
    return;
  }
  const count = Math.ceil(SEEDS / SHARES);
  const title = `${count} seeds, every ${SHARES}nd from ${share}: one master, the right one, with its addresses`;
  it(title, { timeout: 20_000 + count * TIMEOUT_PER_SEED_MS }, () =>
    runSeeds(share, SHARES, count),
  );
}
