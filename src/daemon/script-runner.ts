/**
 * Runs scripts: a program with its words, no shell (but what has no #! line is given to sh, by libuv's
 * execvp), in a session and process group of its own, with stdin and stdout nowhere and nothing else of
 * ours open, within a time. It never waits: results come later, and no more than a bound run at once.
 *
 * A script that outlives the supervisor (kill -9) is ended by the next start (launched-scripts.ts).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Clock } from '../base/clock.ts';
import type { ScriptOutcome, ScriptResult } from '../base/script-result.ts';
import { SCRIPT_PATH } from '../config/file-facts.ts';
import { findScript } from '../config/load.ts';
import type { ScriptCommand } from '../config/model-vrrp.ts';
import { withoutAmbient } from '../kernel/capabilities.ts';
import { closeAllOnExec } from '../kernel/descriptors.ts';
import { type LaunchedScripts, signalGroup, TERM_GRACE_MS } from './launched-scripts.ts';
import { planLaunch, type ScriptRules, scriptEnvironment } from './script-launch.ts';
import type { SetTimer } from './timers.ts';

/** What is kept of what a script says on stderr. */
const STDERR_BYTES_MAX = 1024;
/** How long the last words of a script that has ended are waited for. */
const STDERR_DRAIN_MS = 100;

export interface RunnerPorts {
  readonly clock: Clock;
  readonly setTimer: SetTimer;
  /** Scripts under way at once; more wait in order. */
  readonly limit: number;
  /** Where what runs is written down; absent: nobody ends it when this process is killed. */
  readonly launched?: LaunchedScripts;
}

export interface ScriptRun {
  /** Never rejects. */
  readonly result: Promise<ScriptResult>;
  /** TERM and then KILL to its whole process group; one that waits is not started. */
  kill(): void;
}

export interface RunOptions {
  readonly rules: ScriptRules;
  /** Absent: as long as it likes. */
  readonly timeoutMs?: number;
  /** After those of the command. */
  readonly args?: readonly string[];
  /** It checks a server: never as root unless the file says so. */
  readonly isCheck?: boolean;
  /** Its turn has come, and it has been started. */
  readonly onStart?: () => void;
}

interface Job {
  readonly command: ScriptCommand;
  readonly options: RunOptions;
  readonly resolve: (result: ScriptResult) => void;
  child?: ChildProcess;
  outcome?: ScriptOutcome;
}

export class ScriptRunner {
  readonly #ports: RunnerPorts;
  readonly #waiting: Job[] = [];
  readonly #running = new Set<Job>();

  constructor(ports: RunnerPorts) {
    closeAllOnExec();
    this.#ports = ports;
  }

  run(command: ScriptCommand, options: RunOptions): ScriptRun {
    const { promise, resolve } = Promise.withResolvers<ScriptResult>();
    const job: Job = { command, options, resolve };
    this.#waiting.push(job);
    this.#fill();
    return { result: promise, kill: () => this.#kill(job) };
  }

  /** Everything that runs or waits. */
  killAll(): void {
    for (const job of [...this.#waiting, ...this.#running]) this.#kill(job);
  }

  #fill(): void {
    while (this.#running.size < this.#ports.limit) {
      const job = this.#waiting.shift();
      if (job === undefined) return;
      this.#running.add(job);
      this.#start(job);
    }
  }

  #start(job: Job): void {
    const startedMs = this.#ports.clock.monotonicMs();
    const end = (outcome: ScriptOutcome, stderr: string): void => {
      if (!this.#running.delete(job)) return;
      cancelTimeout();
      const tookMs = Math.round(this.#ports.clock.monotonicMs() - startedMs);
      job.resolve({ outcome, tookMs, stderr });
      this.#fill();
    };
    let cancelTimeout = (): void => {};
    const started = startProgram(job.command, job.options);
    if (!started.ok) {
      // In a turn of its own: whoever asked has not got the run yet.
      setImmediate(() => end({ kind: 'cannotRun', reason: started.reason }, ''));
      return;
    }
    const { child } = started;
    job.child = child;
    if (child.pid !== undefined) this.#ports.launched?.started(child.pid, job.command.path);
    job.options.onStart?.();
    const stderr = collectStderr(child, this.#ports.setTimer);
    const { timeoutMs } = job.options;
    if (timeoutMs !== undefined) {
      cancelTimeout = this.#ports.setTimer(timeoutMs, () => {
        job.outcome = { kind: 'timedOut', afterMs: timeoutMs };
        this.#terminate(child);
      });
    }
    child.once('error', (error) => {
      if (child.pid === undefined) {
        end({ kind: 'cannotRun', reason: describe(error, job.command) }, '');
      }
    });
    child.once('exit', (code, signal) => {
      if (child.pid !== undefined) this.#ports.launched?.ended(child.pid);
      // Whoever of its group has survived a TERM does not survive this.
      if (job.outcome !== undefined) signalChild(child, 'SIGKILL');
      const outcome: ScriptOutcome =
        job.outcome ??
        (signal === null ? { kind: 'exited', code: code ?? 0 } : { kind: 'signalled', signal });
      stderr((text) => end(outcome, text));
    });
  }

  #kill(job: Job): void {
    const index = this.#waiting.indexOf(job);
    if (index >= 0) {
      this.#waiting.splice(index, 1);
      job.resolve({ outcome: { kind: 'signalled', signal: 'SIGTERM' }, tookMs: 0, stderr: '' });
    } else if (job.child !== undefined && this.#running.has(job)) {
      job.outcome ??= { kind: 'signalled', signal: 'SIGTERM' };
      this.#terminate(job.child);
    }
  }

  #terminate(child: ChildProcess): void {
    signalChild(child, 'SIGTERM');
    const cancel = this.#ports.setTimer(TERM_GRACE_MS, () => signalChild(child, 'SIGKILL'));
    child.once('exit', cancel);
  }
}

type Started =
  | { readonly ok: true; readonly child: ChildProcess }
  | { readonly ok: false; readonly reason: string };

function startProgram(command: ScriptCommand, options: RunOptions): Started {
  const { rules, args = [], isCheck = false } = options;
  const launch = planLaunch(
    command,
    { ...rules, isCheck },
    {
      accounts: {
        passwd: readText('/etc/passwd'),
        group: readText('/etc/group'),
      },
      ownUid: process.geteuid?.() ?? 0,
      found: findScript(command.path),
    },
  );
  if (!launch.ok) return launch;
  try {
    const child = withoutAmbient(() =>
      spawn(launch.file, [...command.args, ...args], {
        argv0: command.path,
        detached: true,
        cwd: '/',
        env: scriptEnvironment(process.env, SCRIPT_PATH),
        stdio: ['ignore', 'ignore', 'pipe'],
        ...launch.identity,
      }),
    );
    return { ok: true, child };
  } catch (error) {
    return { ok: false, reason: describe(error, command) };
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function describe(error: unknown, { path }: ScriptCommand): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  if (code === 'ENOENT') return `the interpreter that ${path} names does not exist (ENOENT)`;
  if (code === 'EPERM')
    return `the daemon may not become the user that ${path} is to run as (EPERM)`;
  return `${path} cannot be started (${code})`;
}

/** Keeps the first of what the script says; the rest is read, so that it does not stop for a full pipe. */
function collectStderr(
  { stderr: stream }: ChildProcess,
  setTimer: SetTimer,
): (then: (text: string) => void) => void {
  let bytes = Buffer.alloc(0);
  stream?.on('data', (chunk: Buffer) => {
    const room = STDERR_BYTES_MAX - bytes.length;
    if (room > 0) bytes = Buffer.concat([bytes, chunk.subarray(0, room)]);
  });
  stream?.on('error', () => {});
  return (then) => {
    let isDone = false;
    const done = (): void => {
      if (isDone) return;
      isDone = true;
      cancel();
      then(bytes.toString('utf8').trimEnd());
    };
    // A daemon that the script left behind may hold the pipe for ever.
    const cancel = setTimer(STDERR_DRAIN_MS, done);
    if (stream === null || stream.closed) done();
    else stream.once('close', done);
  };
}

function signalChild({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid !== undefined) signalGroup(pid, signal);
}
