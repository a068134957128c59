/**
 * Watches a timer's descriptor, keeps no reference to the watch, and collects garbage between
 * events
 * (run with --expose-gc). Says how many events came.
 */
import { DeadlineTimer } from '../../../src/kernel/timer.ts';
import { argument, say } from './lines.ts';

const rounds = Number(argument(0));
let events = 0;

function startOrphan(): void {
  const timer = new DeadlineTimer(() => {
    events += 1;
    globalThis.gc?.();
    if (events === rounds) return timer.close();
    timer.arm(0);
  });
  timer.arm(0);
}

startOrphan();
globalThis.gc?.();
process.on('exit', () => say({ events, hasGc: globalThis.gc !== undefined }));
