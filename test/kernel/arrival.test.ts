import { expect, test } from 'vitest';
import {
  ARRIVAL_AGE_MAX_MS,
  believedAgeMs,
  elapsedMs,
  TIMESPEC_LENGTH,
} from '../../src/kernel/arrival.ts';

function timespec(seconds: bigint, nanoseconds: bigint): Buffer {
  const bytes = Buffer.alloc(TIMESPEC_LENGTH);
  bytes.writeBigInt64LE(seconds, 0);
  bytes.writeBigInt64LE(nanoseconds, 8);
  return bytes;
}

test('the time between two stamps keeps its nanoseconds, across a second too', () => {
  const from = timespec(1_795_000_000n, 999_999_000n);
  expect(elapsedMs(from, timespec(1_795_000_001n, 250n))).toBeCloseTo(0.00125, 9);
  expect(elapsedMs(from, timespec(1_794_999_999n, 999_999_000n))).toBe(-1000);
});

test.each([
  ['the time of a wake-up is believed', 0.2, 0.2],
  ['the last that is believed', ARRIVAL_AGE_MAX_MS, ARRIVAL_AGE_MAX_MS],
  ['the clock was set forward: now', 3_600_000, 0],
  ['the clock was set back: now', -0.001, 0],
])('%s: age %d ms counts as %d', (_, ageMs, counted) => {
  expect(believedAgeMs(ageMs)).toBe(counted);
});
