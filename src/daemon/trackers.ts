/**
 * Everything that instances track besides links: scripts, files, processes, services and BFD sessions, each
 * watched by its own driver, all states on one board. The vrrp process hears of every change; it runs and reads
 * nothing itself.
 */

import { open } from 'node:fs/promises';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { ScriptResult } from '../base/script-result.ts';
import type { Config } from '../config/model.ts';
import type { VrrpScriptConfig } from '../config/model-vrrp.ts';
import type { TrackerStatus } from '../observe/outside.ts';
import type { TrackerState } from '../vrrp/tracker-state.ts';
import { FileTrackers } from './file-trackers.ts';
import type { LaunchedScripts } from './launched-scripts.ts';
import type { ServiceState } from './messages.ts';
import { ProcessTrackers } from './process-trackers.ts';
import { type ScriptRun, ScriptRunner } from './script-runner.ts';
import { ScriptTrackers } from './script-trackers.ts';
import type { SetTimer } from './timers.ts';
import { TrackerBoard } from './tracker-board.ts';

/** Scripts under way at once; what is due beyond that waits. */
const RUNS_MAX = 64;
/** Files and processes are read within milliseconds, unless a file system hangs. */
const FIRST_LOOK_MS = 1_000;
/** A script that has no result by then counts as failed when VRRP starts. */
const FIRST_RESULT_MAX_MS = 3_000;

export interface TrackersPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly setTimer: SetTimer;
  readonly onChange: (state: TrackerState) => void;
  readonly launched?: LaunchedScripts;
}

export class Trackers {
  readonly #ports: TrackersPorts;
  readonly #board = new TrackerBoard();
  readonly #runner: ScriptRunner;
  readonly #scripts: ScriptTrackers;
  readonly #files: FileTrackers;
  readonly #processes: ProcessTrackers;
  #config: Config;

  constructor(config: Config, ports: TrackersPorts) {
    this.#config = config;
    this.#ports = ports;
    const { clock, log, setTimer } = ports;
    const onState = (state: TrackerState): void => this.#set(state);
    this.#runner = new ScriptRunner({ ...ports, limit: RUNS_MAX });
    const run = (script: VrrpScriptConfig): ScriptRun => this.#run(script);
    this.#scripts = new ScriptTrackers({ clock, log, setTimer, run, onState });
    this.#files = new FileTrackers({ log, setTimer, onState });
    this.#processes = new ProcessTrackers({ clock, log, setTimer, onState });
  }

  /** Begins. When this resolves everything is known, or counts as failed until it is. */
  async start(): Promise<void> {
    const timeouts = (this.#config.vrrpScripts ?? []).map(({ timeoutMs }) => timeoutMs);
    const boundMs = Math.min(FIRST_RESULT_MAX_MS, Math.max(0, ...timeouts));
    const look = this.#configure(true);
    await Promise.all([look, this.#scripts.firstResults(boundMs)]);
    for (const name of this.#scripts.unknown()) {
      this.#set({ kind: 'script', name, isUp: false, reason: 'has not ended yet' });
    }
  }

  /** What is kept keeps its state. A new script counts as up until its first result, as with keepalived. */
  async reconfigure(config: Config): Promise<void> {
    this.#config = config;
    await this.#configure(false);
  }

  setServices(services: readonly ServiceState[]): void {
    for (const { name, hasQuorum, reason } of services) {
      this.#set({ kind: 'virtual_server', name, isUp: hasQuorum, reason });
    }
    this.#board.keepOnly('virtual_server', new Set(services.map(({ name }) => name)));
  }

  /** A BFD session came up, or was lost. */
  setBfd(state: TrackerState): void {
    this.#set(state);
  }

  states(): readonly TrackerState[] {
    return this.#board.all();
  }

  status(): readonly TrackerStatus[] {
    const {
      vrrpScripts = [],
      trackFiles = [],
      trackProcesses = [],
      bfdInstances = [],
    } = this.#config;
    const blocks = {
      script: vrrpScripts,
      file: trackFiles,
      process: trackProcesses,
      bfd: bfdInstances,
    };
    return this.#board.all().map((state) => {
      const listed = state.kind in blocks ? blocks[state.kind as keyof typeof blocks] : [];
      const block = listed.find(({ name }) => name === state.name);
      const { weight = 0, isReversed = false } = block ?? {};
      const lastRun = state.kind === 'script' ? this.#scripts.lastRun(state.name) : undefined;
      return { ...state, weight, isReversed, ...(lastRun === undefined ? {} : { lastRun }) };
    });
  }

  close(): void {
    this.#scripts.close();
    this.#files.close();
    this.#processes.close();
    this.#runner.killAll();
  }

  async #configure(isStart: boolean): Promise<void> {
    const { vrrpScripts = [], trackFiles = [], trackProcesses = [], globalDefs } = this.#config;
    const { bfdInstances = [] } = this.#config;
    const names = (blocks: readonly { readonly name: string }[]): ReadonlySet<string> =>
      new Set(blocks.map(({ name }) => name));
    this.#board.keepOnly('script', names(vrrpScripts));
    this.#board.keepOnly('file', names(trackFiles));
    this.#board.keepOnly('process', names(trackProcesses));
    this.#board.keepOnly('bfd', names(bfdInstances.filter(({ isForVrrp }) => isForVrrp)));
    const ignoresFailure = globalDefs.scriptFailure === 'ignore';
    this.#scripts.configure(vrrpScripts, ignoresFailure);
    const looks = Promise.all([
      this.#files.configure(trackFiles, { isStart, ignoresFailure }),
      this.#processes.configure(trackProcesses),
    ]);
    const bound = Promise.withResolvers<void>();
    const cancel = this.#ports.setTimer(FIRST_LOOK_MS, bound.resolve);
    await Promise.race([looks, bound.promise]);
    cancel();
    for (const { name } of trackFiles) this.#assumeDown('file', name);
    for (const { name } of trackProcesses) this.#assumeDown('process', name);
  }

  #assumeDown(kind: 'file' | 'process', name: string): void {
    if (this.#board.get(kind, name) !== undefined) return;
    this.#set({ kind, name, isUp: false, reason: 'could not be looked at yet' });
  }

  #set(state: TrackerState): void {
    if (this.#board.set(state)) this.#ports.onChange(state);
  }

  #run({ probe, timeoutMs }: VrrpScriptConfig): ScriptRun {
    if (probe.kind === 'readable') return this.#tryRead(probe.path, timeoutMs);
    return this.#runner.run(probe.command, { rules: this.#config.globalDefs, timeoutMs });
  }

  /** `script "</path"`. */
  #tryRead(path: string, timeoutMs: number): ScriptRun {
    const { clock, setTimer } = this.#ports;
    const startedMs = clock.monotonicMs();
    const { promise, resolve } = Promise.withResolvers<ScriptResult>();
    const end = (outcome: ScriptResult['outcome'], stderr = ''): void => {
      cancel();
      resolve({ outcome, tookMs: Math.round(clock.monotonicMs() - startedMs), stderr });
    };
    const cancel = setTimer(timeoutMs, () => end({ kind: 'timedOut', afterMs: timeoutMs }));
    open(path, 'r')
      .then((file) => file.close())
      .then(
        () => end({ kind: 'exited', code: 0 }),
        (error: Error) => end({ kind: 'exited', code: 1 }, error.message),
      );
    return { result: promise, kill: () => end({ kind: 'signalled', signal: 'SIGTERM' }) };
  }
}
