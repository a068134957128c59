/**
 * Runs notify scripts in order per object, within a time, and remembers how they ended. Never waits and is
 * never waited for, but for a bounded while when the daemon stops.
 */

import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { describeOutcome, type ScriptResult } from '../base/script-result.ts';
import type { NotifyResult, NotifyStatus } from '../observe/outside.ts';
import type { PlannedRun } from './notify-plan.ts';
import { NotifyQueue } from './notify-queue.ts';
import type { ScriptRun } from './script-runner.ts';
import type { SetTimer } from './timers.ts';

/** keepalived waits for ever, or not at all; a script that needs longer is killed. */
export const NOTIFY_TIMEOUT_MS = 60_000;
/** Runs per object that status shows. */
const RESULTS_KEPT = 8;

export interface NotifyJob extends PlannedRun {
  /** `MASTER`, `UP`, …: for status. */
  readonly state: string;
}

export interface NotifierPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly setTimer: SetTimer;
  readonly run: (job: PlannedRun, timeoutMs: number) => ScriptRun;
  readonly onResult: (object: string, result: NotifyResult) => void;
}

interface Line {
  readonly queue: NotifyQueue<NotifyJob>;
  readonly results: NotifyResult[];
}

export class Notifier {
  readonly #ports: NotifierPorts;
  readonly #lines = new Map<string, Line>();
  #idle: (() => void)[] = [];

  constructor(ports: NotifierPorts) {
    this.#ports = ports;
  }

  /** `object`: what has one order, `INSTANCE VI_1`. */
  notify(object: string, jobs: readonly NotifyJob[]): void {
    if (jobs.length === 0) return;
    const line = this.#lines.get(object) ?? { queue: new NotifyQueue<NotifyJob>(), results: [] };
    this.#lines.set(object, line);
    for (const job of jobs) {
      const left = line.queue.push(job);
      if (left === undefined) continue;
      const fields = { object, script: left.command.path, state: left.state };
      this.#ports.log.error(fields, 'too many notify scripts wait, the oldest is left out');
    }
    this.#pump(object, line);
  }

  /** Resolves when nothing runs or waits any more, or after `boundMs`. */
  settled(boundMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#ports.setTimer(boundMs, resolve);
      this.#idle.push(() => {
        cancel();
        resolve();
      });
      this.#tellIdle();
    });
  }

  status(): readonly NotifyStatus[] {
    return Array.from(this.#lines, ([object, { queue, results }]) => ({
      object,
      waiting: queue.length,
      dropped: queue.dropped,
      results: [...results],
    }));
  }

  #pump(object: string, line: Line): void {
    const job = line.queue.next();
    if (job === undefined) {
      this.#tellIdle();
      return;
    }
    void this.#ports.run(job, NOTIFY_TIMEOUT_MS).result.then((result) => {
      this.#record(object, line, job, result);
      line.queue.ended();
      this.#pump(object, line);
    });
  }

  #record(object: string, { results }: Line, job: NotifyJob, ended: ScriptResult): void {
    const { clock, log, onResult } = this.#ports;
    const result: NotifyResult = {
      script: job.command.path,
      state: job.state,
      outcome: describeOutcome(ended.outcome),
      tookMs: ended.tookMs,
      atMs: clock.realtimeMs(),
      stderr: ended.stderr,
    };
    results.push(result);
    if (results.length > RESULTS_KEPT) results.shift();
    const isGood = ended.outcome.kind === 'exited' && ended.outcome.code === 0;
    const { script, state, outcome, tookMs } = result;
    const fields = { object, script, state, outcome, tookMs, stderr: ended.stderr || undefined };
    log[isGood ? 'info' : 'error'](fields, 'notify script ended');
    onResult(object, result);
  }

  #tellIdle(): void {
    if ([...this.#lines.values()].some(({ queue }) => !queue.isIdle)) return;
    const idle = this.#idle;
    this.#idle = [];
    for (const tell of idle) tell();
  }
}
