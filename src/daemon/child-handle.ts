/** The supervisor's end of a child: fork, messages, death. */
import { type ChildProcess, fork } from 'node:child_process';

export interface ChildDeath {
  readonly code: number | null;
  readonly signal: string | null;
}

export interface ChildHandle<To> {
  readonly pid: number | undefined;
  send(message: To): void;
  kill(): void;
}

export type SpawnChild<To, From> = (handlers: {
  readonly onMessage: (message: From) => void;
  readonly onDeath: (death: ChildDeath) => void;
}) => ChildHandle<To>;

/**
 * V8 without threads of its own, for a process at real-time priority. A collection else waits for helper
 * threads, which run at ordinary priority: with both cores busy the vrrp process was seen asleep for 44 and
 * 69 ms (ftrace), until one of them had had its turn, and at 10 ms adverts its backup took over.
 */
export const NO_HELPER_THREADS = ['--single-threaded'] as const;

/**
 * Forks the module `entry` (without its ending, which is .ts in the source tree and .js when built)
 * beside this file. Its stderr is ours, so that a crash is not silent; its stdin and stdout are nowhere.
 * `flags` are Node's, beside those of this process.
 */
export function spawnBeside<To extends object, From>(
  entry: string,
  flags: readonly string[] = [],
): SpawnChild<To, From> {
  const ending = import.meta.url.slice(import.meta.url.lastIndexOf('.'));
  const module = new URL(`./${entry}${ending}`, import.meta.url);
  return ({ onMessage, onDeath }) => {
    const child: ChildProcess = fork(module, [], {
      serialization: 'json',
      execArgv: [...process.execArgv, ...flags],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    // The child runs this same program: what it says has the shape that it was compiled with.
    child.on('message', (message) => onMessage(message as From));
    let isDead = false;
    const die = (death: ChildDeath): void => {
      if (isDead) return;
      isDead = true;
      onDeath(death);
    };
    child.once('exit', (code, signal) => die({ code, signal }));
    child.once('error', () => {
      if (child.pid === undefined) die({ code: null, signal: null });
    });
    return {
      pid: child.pid,
      send: (message) => {
        // A failed write means that the child is going; its exit follows and is acted on.
        if (child.connected) child.send(message, undefined, {}, () => {});
      },
      kill: () => {
        child.kill('SIGKILL');
      },
    };
  };
}

/** `exit code 1`, `signal SIGKILL`: for logs. */
export function describeDeath(death: ChildDeath): string {
  if (death.signal !== null) return `signal ${death.signal}`;
  return death.code === null ? 'could not be started' : `exit code ${death.code}`;
}
