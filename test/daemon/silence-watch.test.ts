import { expect, it } from 'vitest';
import { SilenceWatch } from '../../src/daemon/silence-watch.ts';

const TIMEOUT_MS = 200;

/** A watch whose timers fire when the test says, early enough or late. */
function watching() {
  let nowMs = 0;
  let armed: { readonly dueMs: number; readonly expire: () => void } | undefined;
  const pending: (() => void)[] = [];
  const silences: number[] = [];
  const ports = {
    clock: { monotonicMs: () => nowMs, realtimeMs: () => nowMs },
    setTimer: (delayMs: number, expire: () => void) => {
      const timer = { dueMs: nowMs + delayMs, expire };
      armed = timer;
      return () => {
        if (armed === timer) armed = undefined;
      };
    },
    afterPending: (then: () => void): void => {
      pending.push(then);
    },
  };
  const watch = new SilenceWatch(ports, (silentMs) => silences.push(silentMs));
  return {
    watch,
    silences,
    /** The timer fires so late; what `arrived` meanwhile is handled before anybody is judged. */
    expire(lateMs: number, arrived: () => void = () => {}): void {
      const timer = armed;
      if (timer === undefined) throw new Error('No timer is armed');
      armed = undefined;
      nowMs = timer.dueMs + lateMs;
      timer.expire();
      arrived();
      for (const then of pending.splice(0)) then();
    },
    due: () => (armed === undefined ? undefined : armed.dueMs - nowMs),
  };
}

it('notices a silence once', () => {
  const { watch, silences, expire, due } = watching();
  watch.heard();
  watch.start(TIMEOUT_MS);
  expire(0);
  expect(silences).toEqual([TIMEOUT_MS]);
  expect(due()).toBeUndefined();
});

it('counts what has arrived before it judges', () => {
  const { watch, silences, expire, due } = watching();
  watch.heard();
  watch.start(TIMEOUT_MS);
  expire(500, () => watch.heard());
  expect(silences).toEqual([]);
  expect(due()).toBe(TIMEOUT_MS);
});

it.each([
  { lateMs: 40, graceMs: 40 },
  { lateMs: 5_000, graceMs: TIMEOUT_MS },
])('woken $lateMs ms late, gives the child $graceMs ms, once', ({ lateMs, graceMs }) => {
  const { watch, silences, expire, due } = watching();
  watch.heard();
  watch.start(TIMEOUT_MS);
  expire(lateMs);
  expect(silences).toEqual([]);
  expect(due()).toBe(graceMs);
  expire(1_000);
  expect(silences).toEqual([TIMEOUT_MS + lateMs + graceMs + 1_000]);
});

it('a child that speaks within that time is left alone', () => {
  const { watch, silences, expire, due } = watching();
  watch.heard();
  watch.start(TIMEOUT_MS);
  expire(5_000);
  expire(0, () => watch.heard());
  expect(silences).toEqual([]);
  expect(due()).toBe(TIMEOUT_MS);
});

it('is over at once, even between the timer and the judgement', () => {
  const { watch, silences, expire, due } = watching();
  watch.heard();
  watch.start(TIMEOUT_MS);
  expire(0, () => watch.end());
  expect(silences).toEqual([]);
  expect(due()).toBeUndefined();
});
