/** The processes of this machine, from /proc; nothing here waits in the event loop's own thread. */
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
