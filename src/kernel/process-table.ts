/**
 * The processes of this machine, from /proc; nothing here waits in the event loop's own thread but
 * `readIdentity`, which reads what the kernel has at hand.
 */
import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';

export interface ProcessEntry {
  readonly pid: number;
  readonly comm: string;
  readonly words: readonly string[];
}

/** Pids that there are now. */
export async function listProcesses(): Promise<readonly number[]> {
  const names = await readdir('/proc');
  return names.filter((name) => /^\d+$/.test(name)).map(Number);
}

/**
 * One process; undefined when it is gone or a zombie. The words of its command line only when asked for:
 * the kernel may have to swap them in.
 */
export async function readProcess(
  pid: number,
  withWords: boolean,
): Promise<ProcessEntry | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // proc(5): `pid (comm) state …`; comm may hold parentheses and spaces itself.
    const end = stat.lastIndexOf(')');
    const state = stat[end + 2];
    if (end < 0 || state === 'Z' || state === 'X') return undefined;
    const comm = stat.slice(stat.indexOf('(') + 1, end);
    const line = withWords ? await readFile(`/proc/${pid}/cmdline`, 'utf8') : '';
    const words = line === '' ? [] : line.replace(/\0$/, '').split('\0');
    return { pid, comm, words };
  } catch {
    return undefined;
  }
}

/** What tells a process from a later one with the same pid. */
export interface ProcessIdentity {
  readonly processGroup: number;
  /** Clock ticks since boot (proc(5), field 22), as text. */
  readonly startTicks: string;
}

/** Undefined when there is no such process, or only its zombie. */
export function readIdentity(pid: number): ProcessIdentity | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state, , processGroup] = fields;
    const startTicks = fields[19];
    if (state === 'Z' || state === 'X' || startTicks === undefined) return undefined;
    return { processGroup: Number(processGroup), startTicks };
  } catch {
    return undefined;
  }
}

/** Another after every boot; pids and start times mean nothing across one. */
export function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}
