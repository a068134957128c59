import { expect, it } from 'vitest';
import { afterDeath, noBackOff, startTimeoutMs } from '../../src/daemon/back-off.ts';

it('restarts at once, then after 1, 2, 4 … 60 s, as keepalived does', () => {
  const delays: number[] = [];
  let state = noBackOff;
  for (let death = 0; death < 9; death += 1) {
    const next = afterDeath(state, 10);
    delays.push(next.delayMs);
    state = next.backOff;
  }
  expect(delays).toEqual([0, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
});

it('forgets the past of a child that lived for a minute', () => {
  const tired = { deaths: 7 };
  expect(afterDeath(tired, 60_000).delayMs).toBe(0);
  expect(afterDeath(tired, 59_999).delayMs).toBe(60_000);
});

it('gives each start twice the time of one that was not ready, up to two minutes', () => {
  expect([0, 1, 2, 3, 4, 9].map(startTimeoutMs)).toEqual([
    15_000, 30_000, 60_000, 120_000, 120_000, 120_000,
  ]);
});
