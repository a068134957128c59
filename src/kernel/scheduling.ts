/** How this process is scheduled and how it ends with its parent. */
import { constants } from 'node:os';
import * as libc from './libc.ts';
import { PR_SET_PDEATHSIG, SCHED_RESET_ON_FORK, SCHED_RR } from './linux.ts';

export type RealtimeOutcome =
  | { readonly ok: true }
  | { readonly ok: false; readonly code: string; readonly detail: string };

const PRIORITY_MIN = 1;
const PRIORITY_MAX = 99;

/**
 * SCHED_RR for the calling thread alone. RESET_ON_FORK is not optional: without it the threads of
 * libuv's pool and every child inherit the priority and hold the event loop off the processor
 * (measured: p50 25 ms). Refused without CAP_SYS_NICE, and where cgroup v1 gives the group no
 * real-time budget: go on without it.
 */
export function trySetRealtime(priority: number): RealtimeOutcome {
  if (!Number.isInteger(priority) || priority < PRIORITY_MIN || priority > PRIORITY_MAX) {
    const detail = `A real-time priority is 1 to 99, not ${priority}`;
    return { ok: false, code: 'BAD_PRIORITY', detail };
  }
  try {
    libc.schedSetscheduler(SCHED_RR | SCHED_RESET_ON_FORK, priority);
    return { ok: true };
  } catch (error) {
    if (!(error instanceof libc.SysError)) throw error;
    const fix = 'it needs CAP_SYS_NICE, and in a cgroup v1 also cpu.rt_runtime_us above 0';
    return { ok: false, code: error.code, detail: `${error.message}; ${fix}` };
  }
}

/**
 * Has the kernel send `signal` to this process when the thread that started it dies, whatever it
 * dies of. A parent that died before this call sends nothing: compare `process.ppid` with the
 * parent's after it. Forgotten across setuid and exec of a file with capabilities. Throws SysError.
 */
export function setParentDeathSignal(signal: NodeJS.Signals): void {
  libc.prctl(PR_SET_PDEATHSIG, constants.signals[signal], 'PR_SET_PDEATHSIG');
}
