/**
 * What a callback of a watch may do, in a process where nothing else ever happens. `ticks`: goes on
 * after a promise and a tick. `throw`: throws.
 */
import { systemClock } from '../../../src/base/clock.ts';
import { DeadlineTimer } from '../../../src/kernel/timer.ts';
import { argument, say } from './lines.ts';

const role = argument(0);
const never = new DeadlineTimer(() => {});
never.arm(systemClock.monotonicMs() + 3_600_000);

const timer = new DeadlineTimer(() => {
  timer.close();
  if (role === 'throw') throw new Error('Thrown in a callback');
  void Promise.resolve().then(() => {
    process.nextTick(() => {
      never.close();
      say({ ticked: true });
    });
  });
});
timer.arm(0);
