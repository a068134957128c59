import { describe, expect, it } from 'vitest';
import type { VrrpState } from '../../src/vrrp/machine.ts';
import { masterDownIntervalMs, releaseBoundMs, skewTimeMs } from '../../src/vrrp/timing.ts';
import { requireLegal } from '../../src/vrrp/transition.ts';

const states: readonly VrrpState[] = ['INIT', 'BACKUP', 'MASTER', 'FAULT'];
const pairs = states.flatMap((from) => states.map((to) => [from, to] as const));

describe('the table of transitions', () => {
  it.each(pairs)('%s -> %s', (from, to) => {
    if (from === to) expect(() => requireLegal(from, to)).toThrow('Illegal');
    else expect(() => requireLegal(from, to)).not.toThrow();
  });
});

describe('intervals', () => {
  it.each([
    // version, priority, interval, skew, master down
    [3, 100, 1000, 609.375, 3609.375],
    [3, 100, 100, 60.9375, 360.9375],
    [3, 100, 10, 6.09375, 36.09375],
    [3, 254, 1000, 7.8125, 3007.8125],
    [3, 1, 1000, 996.09375, 3996.09375],
    [2, 100, 1000, 609.375, 3609.375],
    [2, 100, 3000, 609.375, 9609.375],
  ] as const)('v%i priority %i, %i ms', (version, priority, intervalMs, skewMs, downMs) => {
    expect(skewTimeMs(version, priority, intervalMs)).toBe(skewMs);
    expect(masterDownIntervalMs(version, priority, intervalMs)).toBe(downMs);
  });

  it('a release covers every successor that heard either of the two resignations', () => {
    for (const intervalMs of [10, 100, 1000, 40_950]) {
      const slowestMs = intervalMs + skewTimeMs(3, 1, intervalMs);
      expect(releaseBoundMs(3, intervalMs)).toBeGreaterThanOrEqual(slowestMs);
    }
  });
});
