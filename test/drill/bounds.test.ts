import { expect, test } from 'vitest';
import {
  HARD_TAKEOVER_BOUND_MS,
  masterDownIntervalMs,
  requestsWithin,
  skewTimeMs,
} from '../../src/drill/bounds.ts';

test('protocol times are those of RFC 9568 6.1 at one advert a second', () => {
  expect(skewTimeMs('director2')).toBe(609.375);
  expect(masterDownIntervalMs('director2')).toBe(3_609.375);
  expect(HARD_TAKEOVER_BOUND_MS).toBe(4_109.375);
});

test('requests within a time are rounded up', () => {
  expect(requestsWithin(0)).toBe(0);
  expect(requestsWithin(21)).toBe(2);
});
