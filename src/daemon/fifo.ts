/**
 * A notify FIFO, and the script that reads it. The pipe is ours to open for reading and writing at once, so
 * that it exists with nobody at the other end. What does not fit into a full pipe waits here, within a
 * bound; what is left out beyond that is counted and told. keepalived loses it silently, and never starts
 * a script again that has died.
 */

import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { describeOutcome } from '../base/script-result.ts';
import type { NotifyFifoConfig } from '../config/model-global.ts';
import { mkfifo, SysError } from '../kernel/libc.ts';
import type { FifoStatus } from '../observe/outside.ts';
import { afterDeath, type BackOff, noBackOff } from './back-off.ts';
import type { PlannedRun } from './notify-plan.ts';
import type { ScriptRun } from './script-runner.ts';
import type { CancelTimer, SetTimer } from './timers.ts';

const FIFO_MODE = 0o644;
/** A pipe holds 64 KiB, some 1500 lines; as many again wait here. */
const PENDING_MAX = 1_024;
const RETRY_MS = 200;

export interface FifoPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly setTimer: SetTimer;
  /** Without an end in time. */
  readonly run: (job: PlannedRun) => ScriptRun;
}

export class Fifo {
  readonly config: NotifyFifoConfig;
  readonly #ports: FifoPorts;
  #fd: number | undefined;
  #problem: string | undefined;
  readonly #pending: string[] = [];
  #written = 0;
  #lost = 0;
  #run: ScriptRun | undefined;
  #restarts = 0;
  #lastOutcome: string | undefined;
  #backOff: BackOff = noBackOff;
  #isClosed = false;
  #cancelRetry: CancelTimer = () => {};
  #cancelRestart: CancelTimer = () => {};

  constructor(config: NotifyFifoConfig, ports: FifoPorts) {
    this.config = config;
    this.#ports = ports;
    const opened = openFifo(config.path);
    if (opened.ok) this.#fd = opened.fd;
    else {
      this.#problem = opened.problem;
      ports.log.error({ path: config.path, problem: opened.problem }, 'no notify FIFO');
    }
    if (opened.ok) this.#startScript();
  }

  /** In order, whole, never waiting. */
  write(line: string): void {
    if (this.#fd === undefined) return;
    this.#pending.push(line);
    this.#flush();
    if (this.#pending.length <= PENDING_MAX) return;
    this.#pending.shift();
    if (this.#lost === 0) {
      this.#ports.log.error({ path: this.config.path }, 'nobody reads the FIFO, lines are lost');
    }
    this.#lost += 1;
  }

  /** Ends the script too. */
  close(): void {
    this.#isClosed = true;
    this.#cancelRetry();
    this.#cancelRestart();
    this.#run?.kill();
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  status(): FifoStatus {
    const { path, script } = this.config;
    const lastOutcome = this.#lastOutcome;
    return {
      path,
      ...(this.#problem === undefined ? {} : { problem: this.#problem }),
      written: this.#written,
      waiting: this.#pending.length,
      lost: this.#lost,
      ...(script === undefined
        ? {}
        : {
            script: {
              path: script.path,
              isRunning: this.#run !== undefined,
              restarts: this.#restarts,
              ...(lastOutcome === undefined ? {} : { lastOutcome }),
            },
          }),
    };
  }

  #flush(): void {
    this.#cancelRetry();
    while (this.#fd !== undefined && this.#pending.length > 0) {
      try {
        // Shorter than PIPE_BUF: all of it or EAGAIN (pipe(7)).
        writeSync(this.#fd, this.#pending[0] ?? '');
        this.#pending.shift();
        this.#written += 1;
      } catch {
        this.#cancelRetry = this.#ports.setTimer(RETRY_MS, () => this.#flush());
        return;
      }
    }
  }

  #startScript(): void {
    const { path, script } = this.config;
    if (script === undefined || this.#isClosed) return;
    const { clock, log, setTimer, run } = this.#ports;
    const startedMs = clock.monotonicMs();
    const started = run({ command: script, args: [path] });
    this.#run = started;
    void started.result.then(({ outcome, stderr }) => {
      this.#run = undefined;
      if (this.#isClosed) return;
      const next = afterDeath(this.#backOff, clock.monotonicMs() - startedMs);
      this.#backOff = next.backOff;
      this.#lastOutcome = describeOutcome(outcome);
      this.#restarts += 1;
      const fields = {
        script: script.path,
        outcome: this.#lastOutcome,
        stderr: stderr || undefined,
      };
      log.error({ ...fields, restartInMs: next.delayMs }, 'the script of the FIFO ended');
      this.#cancelRestart = setTimer(next.delayMs, () => this.#startScript());
    });
  }
}

type OpenFifo =
  | { readonly ok: true; readonly fd: number }
  | { readonly ok: false; readonly problem: string };

function openFifo(path: string): OpenFifo {
  try {
    mkfifo(path, FIFO_MODE);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    if (error.code !== 'EEXIST')
      return { ok: false, problem: `${path} cannot be made (${error.code})` };
  }
  let fd: number;
  try {
    const { O_RDWR, O_NONBLOCK, O_NOFOLLOW } = constants;
    fd = openSync(path, O_RDWR | O_NONBLOCK | O_NOFOLLOW);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    return { ok: false, problem: `${path} cannot be opened (${code})` };
  }
  const stats = fstatSync(fd);
  const problem = !stats.isFIFO()
    ? `${path} is there and is no FIFO: remove it`
    : stats.uid !== process.geteuid?.()
      ? `${path} belongs to user ${stats.uid}, not to lvsd: remove it`
      : undefined;
  if (problem === undefined) return { ok: true, fd };
  closeSync(fd);
  return { ok: false, problem };
}
