/**
 * Programs of the lab, by argument array, never through a shell. The drill is the one place of lvsd
 * that runs other programs: they are the lab's cables and its independent readers.
 */
import { execFile, spawnSync } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';

/** Debian keeps ip, ipvsadm and tcpdump where an ordinary user's PATH does not look. */
const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The search path of every program of the lab. */
export function searchPath(): string {
  const own = process.env.PATH;
  return own === undefined ? SYSTEM_PATH : `${own}:${SYSTEM_PATH}`;
}

export class CommandFailed extends Error {
  readonly code = 'COMMAND_FAILED';
}

const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

/**
 * Runs a program to its end and returns its stdout. Rejects with CommandFailed, and what the program
 * said, when it cannot be started or exits non-zero.
 */
export function run(argv: readonly string[], input = ''): Promise<string> {
  const { order, done } = runOnOrder(argv);
  order(input);
  return done;
}

export interface Ordered {
  /** Gives the program all its input, upon which it does its work. */
  readonly order: (input: string) => void;
  /** As `run`. */
  readonly done: Promise<string>;
}

/** Starts a program that reads its standard input before it does anything. */
export function runOnOrder(argv: readonly string[]): Ordered {
  const [file = '', ...args] = argv;
  let order = (_input: string): void => {};
  const done = new Promise<string>((resolve, reject) => {
    const child = execFile(
      file,
      args,
      { env: { ...process.env, PATH: searchPath() }, maxBuffer: MAX_OUTPUT_BYTES },
      (error, stdout, stderr) => {
        if (error === null) return resolve(stdout);
        const said = stderr.trim() === '' ? error.message : stderr.trim();
        reject(new CommandFailed(`"${argv.join(' ')}" failed: ${said}`, { cause: error }));
      },
    );
    // A program that does not read its input may be gone already; its exit status tells.
    child.stdin?.on('error', () => {});
    order = (input) => void child.stdin?.end(input);
  });
  return { order: (input) => order(input), done };
}

/** The same, blocking: for the last cleanup, when no event loop will turn again. */
export function runSync(argv: readonly string[]): {
  readonly ok: boolean;
  readonly stdout: string;
} {
  const [file = '', ...args] = argv;
  const result = spawnSync(file, args, {
    encoding: 'utf8',
    env: { ...process.env, PATH: searchPath() },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return { ok: result.status === 0, stdout: result.stdout ?? '' };
}

export interface PollOptions {
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  readonly intervalMs?: number;
}

const POLL_INTERVAL_MS = 30;

export type PollOutcome<Value> =
  | { readonly ok: true; readonly value: Value; readonly atMs: number }
  | { readonly ok: false };

/**
 * Looks until `look` answers with something other than undefined, or the deadline has passed. `atMs` is
 * when the look that succeeded had answered (CLOCK_MONOTONIC): what was seen had happened by then, at
 * most one interval and two looks before. Rejects when the drill is interrupted.
 */
export async function poll<Value>(
  look: () => Value | undefined | Promise<Value | undefined>,
  { deadlineMs, signal, intervalMs = POLL_INTERVAL_MS }: PollOptions,
): Promise<PollOutcome<Value>> {
  const giveUpAt = nowMs() + deadlineMs;
  for (;;) {
    signal.throwIfAborted();
    const value = await look();
    if (value !== undefined) return { ok: true, value, atMs: nowMs() };
    if (nowMs() >= giveUpAt) return { ok: false };
    await delay(intervalMs, undefined, { signal });
  }
}

/** CLOCK_MONOTONIC, ms: the same clock in every process and namespace of one kernel. */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
