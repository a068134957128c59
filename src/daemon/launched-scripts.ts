/**
 * Scripts that run, in a file beside the control socket: a script outlives a supervisor that was killed
 * (kill -9), because Node sets no PR_SET_PDEATHSIG between fork and exec, and the next start ends it. So the
 * MASTER script of a dead daemon does not work against the BACKUP script of the one that came after it,
 * and a reader that was left behind does not eat the lines of the new one's FIFO.
 *
 * A process is ended only when boot, pid, start time and process group are those that were written, and the
 * file is our own user's and nobody else could have changed it.
 */
import {
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { Log } from '../base/log.ts';
import { readBootId, readIdentity } from '../kernel/process-table.ts';
import type { SetTimer } from './timers.ts';

/** From TERM to KILL. */
export const TERM_GRACE_MS = 2_000;
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o755;
const WRITABLE_BY_OTHERS = 0o022;

interface LaunchedScript {
  readonly pid: number;
  readonly startTicks: string;
  /** As the file of the configuration names it. */
  readonly script: string;
}

export interface LaunchedScriptsPorts {
  /** Where the file is now. */
  readonly path: () => string;
  readonly log: Log;
  readonly setTimer: SetTimer;
}

export class LaunchedScripts {
  readonly #ports: LaunchedScriptsPorts;
  readonly #running = new Map<number, LaunchedScript>();
  #isWritable = true;

  constructor(ports: LaunchedScriptsPorts) {
    this.#ports = ports;
  }

  get pids(): readonly number[] {
    return [...this.#running.keys()];
  }

  /** It runs now, as the leader of a process group of its own. */
  started(pid: number, script: string): void {
    const identity = readIdentity(pid);
    if (identity === undefined) return;
    this.#running.set(pid, { pid, startTicks: identity.startTicks, script });
    this.#write();
  }

  /** Its entry is left in the file until the next change: it fits no process. The last takes the file away. */
  ended(pid: number): void {
    if (this.#running.delete(pid) && this.#running.size === 0) this.#write();
  }

  /** TERM, and KILL after a grace, to what an earlier supervisor left running. Never waits. */
  endLeftovers(): void {
    const { log, setTimer } = this.#ports;
    for (const left of readLaunched(this.#ports.path()).filter(isStillThere)) {
      const { pid, script } = left;
      log.warn({ pid, script }, 'ending a script that an earlier daemon left running');
      // Kept in the file: should this daemon be killed before the grace is over, the next one ends it.
      this.#running.set(pid, left);
      signalGroup(pid, 'SIGTERM');
      setTimer(TERM_GRACE_MS, () => {
        if (isStillThere(left)) signalGroup(pid, 'SIGKILL');
        this.ended(pid);
      });
    }
  }

  #write(): void {
    const path = this.#ports.path();
    const temporary = `${path}.new`;
    try {
      rmSync(this.#running.size === 0 ? path : temporary, { force: true });
      if (this.#running.size === 0) return;
      mkdirSync(dirname(path), { recursive: true, mode: DIRECTORY_MODE });
      const content = { bootId: readBootId(), scripts: [...this.#running.values()] };
      const file = openSync(temporary, 'wx', FILE_MODE);
      try {
        writeFileSync(file, JSON.stringify(content));
      } finally {
        closeSync(file);
      }
      renameSync(temporary, path);
      this.#isWritable = true;
    } catch (cause) {
      if (this.#isWritable) {
        const fields = { path, error: String(cause) };
        this.#ports.log.warn(fields, 'scripts that run cannot be written down');
      }
      this.#isWritable = false;
    }
  }
}

/** TERM or KILL to a process group; one that is gone is no error. */
export function signalGroup(leader: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-leader, signal);
  } catch {
    // The whole group is gone already.
  }
}

/** Nothing where there is no file, or one that is not to be trusted, or of another boot. */
function readLaunched(path: string): readonly LaunchedScript[] {
  try {
    const fact = lstatSync(path);
    if (!fact.isFile() || fact.uid !== process.geteuid?.()) return [];
    if ((fact.mode & WRITABLE_BY_OTHERS) !== 0) return [];
    const content: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof content !== 'object' || content === null) return [];
    if (!('bootId' in content) || content.bootId !== readBootId()) return [];
    if (!('scripts' in content) || !Array.isArray(content.scripts)) return [];
    return content.scripts.filter(isLaunchedScript);
  } catch {
    return [];
  }
}

function isLaunchedScript(entry: unknown): entry is LaunchedScript {
  if (typeof entry !== 'object' || entry === null) return false;
  if (!('pid' in entry && 'startTicks' in entry && 'script' in entry)) return false;
  const { pid, startTicks, script } = entry;
  const isText = typeof startTicks === 'string' && typeof script === 'string';
  return isText && typeof pid === 'number' && Number.isSafeInteger(pid) && pid > 1;
}

function isStillThere({ pid, startTicks }: LaunchedScript): boolean {
  const identity = readIdentity(pid);
  return identity?.startTicks === startTicks && identity.processGroup === pid;
}
