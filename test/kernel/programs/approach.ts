/** One deadline that is approached, put off while it is, and again while it is waited for: says in which order what happened. */
import { systemClock } from '../../../src/base/clock.ts';
import { DeadlineTimer } from '../../../src/kernel/timer.ts';
import { say } from './lines.ts';

const FIRST_MS = 20;
const PUT_OFF_MS = 40;
const PUT_OFF_AGAIN_MS = 60;

const startedMs = systemClock.monotonicMs();
const happened: string[] = [];
const timer = new DeadlineTimer(
  () => {
    const isEarly = systemClock.monotonicMs() < startedMs + PUT_OFF_AGAIN_MS;
    happened.push(isEarly ? 'fired early' : 'fired');
    timer.close();
    say({ happened });
  },
  {
    onApproach: () => {
      happened.push('approached');
      if (happened.length === 1) timer.arm(startedMs + PUT_OFF_MS, true);
    },
    onWait: () => {
      if (happened.at(-1) === 'waited') return;
      happened.push('waited');
      if (happened.length === 3) timer.arm(startedMs + PUT_OFF_AGAIN_MS, true);
    },
  },
);
timer.arm(startedMs + FIRST_MS, true);
