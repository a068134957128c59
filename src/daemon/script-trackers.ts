/**
 * Runs the vrrp_scripts, each at its interval and never twice at once, and says what they make of
 * themselves. The first run of each is at once, the later ones are spread over the interval.
 */

import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { describeOutcome, hasPassed, type ScriptResult } from '../base/script-result.ts';
import type { VrrpScriptConfig } from '../config/model-vrrp.ts';
import type { ScriptRunStatus } from '../observe/outside.ts';
import { initialVerdict, judgeRun, type ScriptVerdict } from '../vrrp/script-verdict.ts';
import type { TrackerState } from '../vrrp/tracker-state.ts';
import type { ScriptRun } from './script-runner.ts';
import type { CancelTimer, SetTimer } from './timers.ts';

export interface ScriptTrackerPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly setTimer: SetTimer;
  readonly run: (script: VrrpScriptConfig) => ScriptRun;
  readonly onState: (state: TrackerState) => void;
}

interface Tracked {
  config: VrrpScriptConfig;
  verdict: ScriptVerdict;
  /** Later runs: part of the interval, so that many scripts do not run in step. */
  offsetMs: number;
  startedMs: number;
  last?: ScriptRunStatus;
  run?: ScriptRun;
  cancelTimer: CancelTimer;
}

export class ScriptTrackers {
  readonly #ports: ScriptTrackerPorts;
  readonly #tracked = new Map<string, Tracked>();
  #ignoresFailure = false;
  #waiters: (() => void)[] = [];

  constructor(ports: ScriptTrackerPorts) {
    this.#ports = ports;
  }

  /**
   * Tracks these scripts from now on. One that is kept keeps its verdict, and its runs when it runs the
   * same thing; one that is gone is killed.
   */
  configure(scripts: readonly VrrpScriptConfig[], ignoresFailure: boolean): void {
    this.#ignoresFailure = ignoresFailure;
    const names = new Set(scripts.map(({ name }) => name));
    for (const [name, tracked] of this.#tracked) if (!names.has(name)) this.#drop(name, tracked);
    for (const [index, config] of scripts.entries()) {
      const offsetMs = (config.intervalMs * (index + 1)) / scripts.length;
      const tracked = this.#tracked.get(config.name);
      if (tracked !== undefined && isSameRun(tracked.config, config)) {
        tracked.config = config;
        continue;
      }
      if (tracked !== undefined) this.#drop(config.name, tracked);
      // A kept name with another command: its first result decides, until then the old verdict holds.
      const verdict = tracked
        ? { ...tracked.verdict, isKnown: false, against: 0 }
        : initialVerdict(config);
      this.#add({ config, verdict, offsetMs, startedMs: 0, cancelTimer: () => {} });
    }
    this.#tellWaiters();
  }

  /** Resolves when every script has had a first result, or after `boundMs`. */
  firstResults(boundMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#ports.setTimer(boundMs, resolve);
      this.#waiters.push(() => {
        cancel();
        resolve();
      });
      this.#tellWaiters();
    });
  }

  /** Scripts that have no result yet. */
  unknown(): readonly string[] {
    return [...this.#tracked.values()]
      .filter(({ verdict }) => !verdict.isKnown)
      .map(({ config }) => config.name);
  }

  lastRun(name: string): ScriptRunStatus | undefined {
    return this.#tracked.get(name)?.last;
  }

  close(): void {
    for (const [name, tracked] of this.#tracked) this.#drop(name, tracked);
  }

  #add(tracked: Tracked): void {
    this.#tracked.set(tracked.config.name, tracked);
    this.#tell(tracked, 'has not run yet');
    this.#start(tracked);
  }

  #drop(name: string, tracked: Tracked): void {
    this.#tracked.delete(name);
    tracked.cancelTimer();
    tracked.run?.kill();
  }

  #start(tracked: Tracked): void {
    tracked.startedMs = this.#ports.clock.monotonicMs();
    const run = this.#ports.run(tracked.config);
    tracked.run = run;
    void run.result.then((result) => {
      if (this.#tracked.get(tracked.config.name) !== tracked) return;
      delete tracked.run;
      this.#judge(tracked, result);
      const { clock, setTimer } = this.#ports;
      const intervalMs = tracked.offsetMs || tracked.config.intervalMs;
      tracked.offsetMs = 0;
      const delayMs = tracked.startedMs + intervalMs - clock.monotonicMs();
      tracked.cancelTimer = setTimer(Math.max(0, delayMs), () => this.#start(tracked));
    });
  }

  #judge(tracked: Tracked, { outcome, tookMs, stderr }: ScriptResult): void {
    const { clock, log } = this.#ports;
    const { config, verdict: before } = tracked;
    const words = describeOutcome(outcome);
    const isCause = tracked.last?.outcome !== words;
    tracked.last = { outcome: words, tookMs, atMs: clock.realtimeMs(), stderr };
    tracked.verdict = judgeRun(config, before, hasPassed(outcome, this.#ignoresFailure));
    const fields = { script: config.name, outcome: words, tookMs, stderr: stderr || undefined };
    if (before.isUp !== tracked.verdict.isUp || !before.isKnown) {
      const to = tracked.verdict.isUp ? 'up' : 'down';
      log[tracked.verdict.isUp ? 'info' : 'warn']({ ...fields, to }, 'vrrp_script decided');
    } else if (isCause && outcome.kind !== 'exited') {
      log.warn(fields, 'vrrp_script did not end by itself');
    }
    this.#tell(tracked, words);
    this.#tellWaiters();
  }

  #tell({ config: { name }, verdict: { isUp } }: Tracked, reason: string): void {
    this.#ports.onState({ kind: 'script', name, isUp, reason });
  }

  #tellWaiters(): void {
    if (this.unknown().length > 0) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const tell of waiters) tell();
  }
}

/** What is run is the same; weights and thresholds may differ. */
function isSameRun(a: VrrpScriptConfig, b: VrrpScriptConfig): boolean {
  const essence = ({ probe, intervalMs, timeoutMs }: VrrpScriptConfig): string =>
    JSON.stringify([probe, intervalMs, timeoutMs]);
  return essence(a) === essence(b);
}
