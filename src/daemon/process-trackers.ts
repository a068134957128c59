/**
 * vrrp_track_process: which processes there are, by the proc connector where the kernel lets us hear it,
 * else by looking at /proc once a second; with the connector too it is looked at, less often, for what
 * was missed.
 */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { TrackProcessConfig } from '../config/model-vrrp.ts';
import type { ProcessEvent } from '../kernel/process-event-codec.ts';
import { type OpenProcessEvents, openProcessEvents } from '../kernel/process-events.ts';
import { listProcesses, type ProcessEntry, readProcess } from '../kernel/process-table.ts';
import {
  describeProcesses,
  initialProcessVerdict,
  judgeProcesses,
  matchesProcess,
  needsWords,
  type ProcessVerdict,
} from '../vrrp/process-verdict.ts';
import type { TrackerState } from '../vrrp/tracker-state.ts';
import type { CancelTimer, SetTimer } from './timers.ts';

const SCAN_INTERVAL_MS = 1_000;
/** With the connector. */
const AUDIT_INTERVAL_MS = 10_000;
/** Pids that wait to be looked at; beyond that everything is. */
const PENDING_MAX = 1024;

export interface ProcessTrackerPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly setTimer: SetTimer;
  readonly onState: (state: TrackerState) => void;
}

interface Tracked {
  config: TrackProcessConfig;
  verdict: ProcessVerdict | undefined;
  cancelTimer: CancelTimer;
}

export class ProcessTrackers {
  readonly #ports: ProcessTrackerPorts;
  readonly #tracked = new Map<string, Tracked>();
  /** Names of the trackers that a process counts for. */
  readonly #matched = new Map<number, ReadonlySet<string>>();
  readonly #pending = new Set<number>();
  #mustScan = true;
  #isLooking = false;
  #isHeard = false;
  #events: OpenProcessEvents | undefined;
  #cancelScan: CancelTimer = () => {};

  constructor(ports: ProcessTrackerPorts) {
    this.#ports = ports;
  }

  /** Resolves when the processes were looked at once. */
  async configure(processes: readonly TrackProcessConfig[]): Promise<void> {
    const names = new Set(processes.map(({ name }) => name));
    for (const [name, tracked] of this.#tracked) {
      if (names.has(name)) continue;
      tracked.cancelTimer();
      this.#tracked.delete(name);
    }
    for (const config of processes) {
      const tracked = this.#tracked.get(config.name);
      if (tracked === undefined) {
        this.#tracked.set(config.name, { config, verdict: undefined, cancelTimer: () => {} });
      } else {
        tracked.config = config;
      }
    }
    if (this.#tracked.size === 0) {
      this.close();
      return;
    }
    this.#listen();
    this.#mustScan = true;
    await this.#look();
  }

  close(): void {
    this.#cancelScan();
    if (this.#events?.ok === true) this.#events.close();
    this.#events = undefined;
    this.#isHeard = false;
    for (const { cancelTimer } of this.#tracked.values()) cancelTimer();
    this.#tracked.clear();
    this.#matched.clear();
  }

  #listen(): void {
    if (this.#events !== undefined) return;
    this.#events = openProcessEvents({
      onEvent: (event) => this.#heard(event),
      onLost: () => this.#scanSoon(),
    });
    if (this.#events.ok) return;
    const { code } = this.#events;
    this.#ports.log.info({ code }, 'no proc connector, processes are looked at every second');
  }

  #heard(event: ProcessEvent): void {
    switch (event.kind) {
      case 'listening':
        this.#isHeard = true;
        return;
      case 'fork':
        if (this.#matched.has(event.parent)) this.#lookAt(event.pid);
        return;
      case 'changed':
        this.#lookAt(event.pid);
        return;
      case 'exit':
        this.#pending.delete(event.pid);
        if (this.#matched.delete(event.pid)) this.#judge();
        return;
      default:
        event satisfies never;
    }
  }

  #lookAt(pid: number): void {
    if (this.#pending.size >= PENDING_MAX) this.#scanSoon();
    else this.#pending.add(pid);
    void this.#look();
  }

  #scanSoon(): void {
    this.#mustScan = true;
    void this.#look();
  }

  /** Looks at what has to be looked at; one at a time, so that a pid is not judged by an old reading. */
  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    while (this.#mustScan || this.#pending.size > 0) {
      if (this.#mustScan) await this.#scan();
      for (const pid of this.#pending) {
        this.#pending.delete(pid);
        await this.#read(pid);
      }
      this.#judge();
    }
    this.#isLooking = false;
    this.#cancelScan();
    if (this.#tracked.size === 0) return;
    const intervalMs = this.#isHeard ? AUDIT_INTERVAL_MS : SCAN_INTERVAL_MS;
    this.#cancelScan = this.#ports.setTimer(intervalMs, () => this.#scanSoon());
  }

  async #scan(): Promise<void> {
    this.#mustScan = false;
    this.#pending.clear();
    try {
      const pids = await listProcesses();
      const present = new Set(pids);
      for (const pid of this.#matched.keys()) if (!present.has(pid)) this.#matched.delete(pid);
      for (const pid of pids) await this.#read(pid);
    } catch (error) {
      this.#ports.log.error({ error: String(error) }, '/proc cannot be read');
    }
  }

  async #read(pid: number): Promise<void> {
    const configs = [...this.#tracked.values()].map(({ config }) => config);
    const entry = await readProcess(pid, configs.some(needsWords));
    const names = entry === undefined ? [] : matching(configs, entry);
    if (names.length === 0) this.#matched.delete(pid);
    else this.#matched.set(pid, new Set(names));
  }

  #judge(): void {
    const counts = new Map<string, number>();
    for (const names of this.#matched.values()) {
      for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    for (const tracked of this.#tracked.values()) {
      this.#judgeOne(tracked, counts.get(tracked.config.name) ?? 0);
    }
  }

  #judgeOne(tracked: Tracked, count: number): void {
    const { clock, log, setTimer, onState } = this.#ports;
    const { config, verdict: before } = tracked;
    const nowMs = clock.monotonicMs();
    const verdict =
      before === undefined
        ? initialProcessVerdict(config, count)
        : judgeProcesses(config, before, count, nowMs);
    tracked.verdict = verdict;
    tracked.cancelTimer();
    if (verdict.turnsAtMs !== undefined) {
      const waitMs = Math.max(1, verdict.turnsAtMs - nowMs);
      tracked.cancelTimer = setTimer(waitMs, () => this.#judge());
    }
    if (before?.isUp === verdict.isUp && before.count === verdict.count) return;
    const reason = describeProcesses(config, verdict);
    if (before?.isUp !== verdict.isUp) {
      const level = verdict.isUp ? 'info' : 'warn';
      log[level]({ process: config.name, up: verdict.isUp, reason }, 'vrrp_track_process decided');
    }
    onState({ kind: 'process', name: config.name, isUp: verdict.isUp, reason });
  }
}

function matching(configs: readonly TrackProcessConfig[], entry: ProcessEntry): string[] {
  return configs.filter((config) => matchesProcess(config, entry)).map(({ name }) => name);
}
