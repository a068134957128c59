/** What processes cost, as /proc tells it. */
import { readdirSync, readFileSync } from 'node:fs';

/** A process and all that descend from it. */
export function familyOf(root: number): readonly number[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync('/proc')) {
    const fields = statOf(Number(entry));
    if (fields === undefined) continue;
    const parent = Number(fields[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
  }
  const family: number[] = [];
  const waiting = [root];
  for (let pid = waiting.pop(); pid !== undefined; pid = waiting.pop()) {
    family.push(pid);
    waiting.push(...(children.get(pid) ?? []));
  }
  return family;
}

/** /proc/PID/stat from the state on: state, ppid, …; undefined when there is no such process. */
function statOf(pid: number): readonly string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    // It ended meanwhile, or is no process.
    return undefined;
  }
}

const TICKS_PER_SECOND = 100;
const UTIME = 11;
const STIME = 12;

/** User and system of all its threads, s; 0 when it has ended. */
export function cpuSecondsOf(pid: number): number {
  const fields = statOf(pid);
  return (Number(fields?.[UTIME] ?? 0) + Number(fields?.[STIME] ?? 0)) / TICKS_PER_SECOND;
}

/** Proportional set size, KiB; 0 when it has ended. */
export function memoryOf(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    return Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? 0);
  } catch {
    // It ended meanwhile.
    return 0;
  }
}

/** Resident set size, KiB; 0 when it has ended. */
export function residentOf(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
  } catch {
    // It ended meanwhile.
    return 0;
  }
}
