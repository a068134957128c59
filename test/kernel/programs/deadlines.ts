/** Arms COUNT deadlines one after the other and says how late the earliest was, in nanoseconds. */
import { systemClock } from '../../../src/base/clock.ts';
import { DeadlineTimer } from '../../../src/kernel/timer.ts';
import { argument, say } from './lines.ts';

const count = Number(argument(0));
let fired = 0;
let deadlineMs = 0;
let earliestMs = Number.POSITIVE_INFINITY;

const timer = new DeadlineTimer(() => {
  earliestMs = Math.min(earliestMs, systemClock.monotonicMs() - deadlineMs);
  fired += 1;
  // With --expose-gc: a handle that nothing references would not survive this.
  globalThis.gc?.();
  if (fired < count) return armNext();
  timer.close();
  say({ fired, earliestMs });
});

/** Steps of 0.1 to 3.1 ms in no round numbers; the first arming is replaced and must not fire. */
function armNext(): void {
  timer.arm(systemClock.monotonicMs() + 0.01);
  deadlineMs = systemClock.monotonicMs() + 0.1 + ((fired * 7) % 31) / 10.3;
  timer.arm(deadlineMs);
}

armNext();
