import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { DEADLINE_SLOT_MS, Deadlines } from '../../src/health/timers.ts';

describe('deadlines', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('expire once, soon after they are due, unless cancelled before', () => {
    const step = fc.record({
      waitMs: fc.integer({ min: 0, max: 30 }),
      delayMs: fc.integer({ min: 0, max: 200 }),
      cancelAfterMs: fc.option(fc.integer({ min: 0, max: 200 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const deadlines = new Deadlines();
        const expired = new Map<number, number>();
        const wanted = steps.map(({ waitMs, delayMs, cancelAfterMs }, index) => {
          vi.advanceTimersByTime(waitMs);
          const dueMs = performance.now() + delayMs;
          const deadline = deadlines.start(delayMs, () => {
            expect(expired.has(index)).toBe(false);
            expired.set(index, performance.now());
          });
          if (cancelAfterMs !== undefined) setTimeout(() => deadline.cancel(), cancelAfterMs);
          return { dueMs, isCancelled: cancelAfterMs !== undefined && cancelAfterMs < delayMs };
        });
        vi.advanceTimersByTime(1000);
        for (const [index, { dueMs, isCancelled }] of wanted.entries()) {
          const atMs = expired.get(index);
          if (isCancelled) {
            expect(atMs).toBeUndefined();
            continue;
          }
          // One that is cancelled between the moment it is due and the next slot may go either way.
          if (atMs === undefined && steps[index]?.cancelAfterMs !== undefined) continue;
          expect(atMs).toBeGreaterThanOrEqual(dueMs);
          expect(atMs).toBeLessThan(dueMs + DEADLINE_SLOT_MS + 1);
        }
        expect(vi.getTimerCount()).toBe(0);
      }),
      { numRuns: 500 },
    );
  });

  it('wait for longer than a timer can', () => {
    const set = vi.spyOn(globalThis, 'setTimeout');
    const farMs = 2 ** 31 + 1000;
    let expired = 0;
    new Deadlines().start(farMs, () => {
      expired += 1;
    });
    vi.advanceTimersByTime(farMs - 1);
    expect(expired).toBe(0);
    vi.advanceTimersByTime(1 + DEADLINE_SLOT_MS);
    expect(expired).toBe(1);
    expect(set).toHaveBeenCalledTimes(2);
    set.mockRestore();
  });

  it('expire though one before them throws', () => {
    const deadlines = new Deadlines();
    let expired = 0;
    deadlines.start(10, () => {
      throw new Error('mine');
    });
    deadlines.start(10, () => {
      expired += 1;
    });
    expect(() => vi.advanceTimersByTime(10)).toThrow('mine');
    vi.advanceTimersByTime(DEADLINE_SLOT_MS);
    expect(expired).toBe(1);
  });
});

const ended = (program: string): string =>
  execFileSync(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import { Deadlines } from './src/health/timers.ts';\n${program}`,
    ],
    { encoding: 'utf8', timeout: 30_000 },
  );

describe('a process', () => {
  it('stays for a deadline, also for one that begins when all others were cancelled', () => {
    const said = ended(`
      const deadlines = new Deadlines();
      deadlines.start(20, () => {}).cancel();
      deadlines.start(50, () => console.log('expired'));
    `);
    expect(said).toBe('expired\n');
  });

  it('does not stay for one that was cancelled', () => {
    const said = ended(`
      new Deadlines().start(3_600_000, () => {}).cancel();
      console.log('over');
    `);
    expect(said).toBe('over\n');
  });
});
