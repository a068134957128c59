import { describe, expect, test } from 'vitest';
import { type LinkBelief, seeLink, waitForLink } from '../../src/vrrp/link-belief.ts';

const DELAYS = { downMs: 2000, upMs: 500 };

describe('interface_up_down_delays', () => {
  test('the first sight of a link is believed at once', () => {
    expect(seeLink(undefined, false, DELAYS, 0)).toEqual({ isUp: false });
    expect(seeLink(undefined, true, DELAYS, 0)).toEqual({ isUp: true });
  });

  test.each([
    { from: true, delayMs: 2000 },
    { from: false, delayMs: 500 },
  ])('a change from $from is believed when it has lasted $delayMs ms', ({ from, delayMs }) => {
    const changing = seeLink({ isUp: from }, !from, DELAYS, 100);
    expect(changing).toEqual({ isUp: from, changesAtMs: 100 + delayMs });
    expect(waitForLink(changing, 99 + delayMs)).toBe(changing);
    expect(waitForLink(changing, 100 + delayMs)).toEqual({ isUp: !from });
  });

  test('one that is undone before never was, and the next has the whole delay', () => {
    const seen: readonly (readonly [number, boolean, LinkBelief])[] = [
      [0, false, { isUp: true, changesAtMs: 2000 }],
      // Said again: the time goes on from the first.
      [1000, false, { isUp: true, changesAtMs: 2000 }],
      [1900, true, { isUp: true }],
      [1950, false, { isUp: true, changesAtMs: 3950 }],
    ];
    let belief: LinkBelief = { isUp: true };
    for (const [nowMs, isUp, expected] of seen) {
      belief = seeLink(belief, isUp, DELAYS, nowMs);
      expect(belief).toEqual(expected);
    }
  });

  test('without UP, what comes back is believed at once', () => {
    expect(seeLink({ isUp: false }, true, { downMs: 2000, upMs: 0 }, 7)).toEqual({ isUp: true });
  });
});
