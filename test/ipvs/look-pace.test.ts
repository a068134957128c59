import { expect, test } from 'vitest';
import {
  LOOK_INTERVAL_MAX_MS,
  LOOK_INTERVAL_MS,
  LOOK_SHARE,
  LookPace,
} from '../../src/ipvs/look-pace.ts';

test('looks again in time after a look that cost little, however long it took', () => {
  const pace = new LookPace();
  pace.note({ endedMs: 4000, cpuMs: 75, isDone: true });
  expect(pace.nextMs).toBe(4000 + LOOK_INTERVAL_MS);
});

test('gives the rest of the machine its time after a look that cost much, up to a bound', () => {
  const pace = new LookPace();
  pace.note({ endedMs: 1000, cpuMs: 100, isDone: false });
  pace.note({ endedMs: 1200, cpuMs: 100, isDone: true });
  expect(pace.nextMs).toBe(1200 + 200 * LOOK_SHARE);
  pace.note({ endedMs: 3000, cpuMs: 10, isDone: true });
  expect(pace.nextMs).toBe(3000 + LOOK_INTERVAL_MS);
  pace.note({ endedMs: 5000, cpuMs: 60_000, isDone: true });
  expect(pace.nextMs).toBe(5000 + LOOK_INTERVAL_MAX_MS);
});

test('forgets a look that was broken off when the whole table was read', () => {
  const pace = new LookPace();
  pace.note({ endedMs: 1000, cpuMs: 1000, isDone: false });
  pace.restart(2000);
  expect(pace.nextMs).toBe(2000 + LOOK_INTERVAL_MS);
  pace.note({ endedMs: 2600, cpuMs: 1, isDone: true });
  expect(pace.nextMs).toBe(2600 + LOOK_INTERVAL_MS);
});
