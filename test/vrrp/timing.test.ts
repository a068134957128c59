/** The intervals; those of the protocol are in test/rfc. */
import { describe, expect, it } from 'vitest';
import { releaseBoundMs, skewTimeMs, startDelayMs } from '../../src/vrrp/timing.ts';

describe('the delay of the start', () => {
  it('is none where nothing is written', () => {
    expect(startDelayMs({}, 0)).toBe(0);
  });
  it('counts vrrp_startup_delay from the start of the daemon', () => {
    expect(startDelayMs({ startupDelayMs: 5000 }, 1e9)).toBe(5000);
  });
  it('counts vrrp_delay_after_boot from the boot of the machine', () => {
    expect(startDelayMs({ delayAfterBootMs: 60_000 }, 45_000)).toBe(15_000);
    expect(startDelayMs({ delayAfterBootMs: 60_000 }, 61_000)).toBe(0);
  });
  it('is the longer of the two', () => {
    const both = { startupDelayMs: 5000, delayAfterBootMs: 60_000 };
    expect(startDelayMs(both, 0)).toBe(60_000);
    expect(startDelayMs(both, 58_000)).toBe(5000);
  });
});

describe('the bound of a release', () => {
  it.each([10, 100, 1000] as const)(
    'at %d ms leaves time for the slowest after a lost word',
    (ms) => {
      expect(releaseBoundMs(3, ms)).toBeGreaterThanOrEqual(ms + skewTimeMs(3, 1, ms));
    },
  );
});
