/**
 * Keeps the bfd process running while there is a bfd_instance, and tells what its sessions mean to those who
 * act on them. One that dies or hangs is replaced; what becomes of trackers and checks meanwhile is in
 * bfd-standing.ts.
 */

import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { BfdSnapshot, SessionReport } from '../bfd/snapshot.ts';
import type { BfdInstanceConfig } from '../config/model-vrrp.ts';
import type { BfdStatus } from '../observe/status.ts';
import type { TrackerState } from '../vrrp/tracker-state.ts';
import { afterDeath, type BackOff, noBackOff, startTimeoutMs } from './back-off.ts';
import { establishMs, type Standing, standingOf } from './bfd-standing.ts';
import {
  type ChildDeath,
  type ChildHandle,
  describeDeath,
  type SpawnChild,
} from './child-handle.ts';
import type { NamedBfdReading } from './messages.ts';
import { BFD_HEARTBEAT_TIMEOUT_MS, type FromBfd, type ToBfd } from './messages-bfd.ts';
import { SilenceWatch } from './silence-watch.ts';
import { Snapshots } from './snapshots.ts';
import type { CancelTimer, SetTimer } from './timers.ts';

/** Most of it is the start of the process. */
const CONFIGURE_TIMEOUT_MS = 10_000;
/** It says goodbye to its neighbours and ends. */
const STOP_TIMEOUT_MS = 2_000;
/** A start waits so long for sessions that are tracked; what is not up by then is down. */
export const FIRST_STANDINGS_MS = 3_000;

export interface BfdGuardPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly setTimer: SetTimer;
  readonly spawn: SpawnChild<ToBfd, FromBfd>;
  /** Runs `then` after everything that has already arrived was handled (setImmediate). */
  readonly afterPending: (then: () => void) => void;
  /** Of an instance for VRRP: up or down for track_bfd. */
  readonly onTracked: (state: TrackerState) => void;
  /** Of an instance for checkers. */
  readonly onChecked: (reading: NamedBfdReading) => void;
  /** A session came up, or was lost. */
  readonly onSession: (report: SessionReport) => void;
  /** The process died and is started again. */
  readonly onRestart: (death: string) => void;
}

interface Watched {
  instance: BfdInstanceConfig;
  report: SessionReport | undefined;
  isOverdue: boolean;
  /** Ends the time that it has to come up; undefined when it has none to keep. */
  cancel: CancelTimer | undefined;
  standing: Standing | undefined;
}

export class BfdGuard {
  readonly #ports: BfdGuardPorts;
  readonly #watched = new Map<string, Watched>();
  readonly #configurations: Snapshots<true>;
  readonly #snapshots: Snapshots<BfdStatus>;
  #instances: readonly BfdInstanceConfig[] = [];
  #child: ChildHandle<ToBfd> | undefined;
  #bornMs = 0;
  #isReady = false;
  readonly #silence: SilenceWatch;
  /** In a row, that were not ready in time. */
  #slowStarts = 0;
  #backOff: BackOff = noBackOff;
  #restarts = 0;
  #cancelRestart: CancelTimer = () => {};
  #stopped: (() => void) | undefined;
  #isRestarting = false;
  #onSettled: () => void = () => {};

  constructor(ports: BfdGuardPorts) {
    this.#ports = ports;
    this.#configurations = new Snapshots(ports.setTimer, CONFIGURE_TIMEOUT_MS);
    this.#snapshots = new Snapshots(ports.setTimer);
    this.#silence = new SilenceWatch(ports, (silentMs) => {
      if (!this.#isReady) this.#slowStarts += 1;
      ports.log.error({ silentMs }, 'bfd process hangs, replacing it');
      this.#child?.kill();
    });
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** Without instances there is no process. */
  get isNeeded(): boolean {
    return this.#instances.length > 0;
  }

  /**
   * Starts the process when there is a first instance, ends it after the last. Resolves with whether it runs
   * on these instances, at the latest after 10 s; a replacement does either way.
   */
  async configure(instances: readonly BfdInstanceConfig[]): Promise<boolean> {
    this.#instances = instances;
    this.#adopt(instances);
    if (!this.isNeeded) {
      await this.stop();
      return true;
    }
    if (this.#child === undefined && !this.#isRestarting) this.#spawn();
    return this.#tell();
  }

  /** Resolves when every session that VRRP tracks is up, or after 3 s: then what is not up is down. */
  firstStandings(): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        cancel();
        this.#onSettled = () => {};
        for (const watched of this.#watched.values()) {
          if (watched.instance.isForVrrp && watched.standing?.tracked === undefined) {
            this.#ports.onTracked(trackerState(watched, false));
          }
        }
        resolve();
      };
      const cancel = this.#ports.setTimer(FIRST_STANDINGS_MS, end);
      this.#onSettled = () => {
        const isOpen = ({ instance, standing }: Watched): boolean =>
          instance.isForVrrp && standing?.tracked === undefined;
        if (![...this.#watched.values()].some(isOpen)) end();
      };
      this.#onSettled();
    });
  }

  /** For a health process that starts. */
  readings(): readonly NamedBfdReading[] {
    return [...this.#watched.values()].flatMap((watched) =>
      watched.instance.isForChecker && watched.standing !== undefined ? [readingOf(watched)] : [],
    );
  }

  /** Undefined when there is no process, or when it does not answer. */
  snapshot(): Promise<BfdStatus | undefined> {
    if (this.#child === undefined) return Promise.resolve(undefined);
    return this.#snapshots.ask((id) => this.#child?.send({ kind: 'snapshot', id }));
  }

  /** The neighbours have been told and the process is gone when this resolves. */
  stop(): Promise<void> {
    this.#instances = [];
    this.#adopt([]);
    this.#cancelRestart();
    this.#isRestarting = false;
    this.#silence.end();
    if (this.#child === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#ports.setTimer(STOP_TIMEOUT_MS, () => this.#child?.kill());
      this.#stopped = () => {
        cancel();
        this.#stopped = undefined;
        resolve();
      };
      this.#child?.send({ kind: 'stop' });
    });
  }

  #adopt(instances: readonly BfdInstanceConfig[]): void {
    const wanted = new Map(instances.map((instance) => [instance.name, instance]));
    for (const [name, watched] of this.#watched) {
      const instance = wanted.get(name);
      if (instance !== undefined) watched.instance = instance;
      else {
        watched.cancel?.();
        this.#watched.delete(name);
      }
    }
    for (const [name, instance] of wanted) {
      if (this.#watched.has(name)) continue;
      const watched: Watched = {
        instance,
        report: undefined,
        isOverdue: false,
        cancel: undefined,
        standing: undefined,
      };
      this.#watched.set(name, watched);
      this.#giveTime(watched);
    }
    for (const watched of this.#watched.values()) this.#pass(watched);
  }

  /** From here on the session has so long to come up, once: a process that dies again and again buys no more. */
  #giveTime(watched: Watched): void {
    if (watched.cancel !== undefined || watched.isOverdue) return;
    watched.cancel = this.#ports.setTimer(establishMs(watched.instance), () => {
      watched.cancel = undefined;
      watched.isOverdue = true;
      this.#judge(watched);
    });
  }

  #judge(watched: Watched): void {
    const before = watched.standing;
    const standing = standingOf(watched);
    watched.standing = standing;
    if (!isSame(before, standing)) this.#pass(watched);
    this.#onSettled();
  }

  /** To whom it is meant for, as the `vrrp` and `checker` keywords say. */
  #pass(watched: Watched): void {
    const { instance, standing } = watched;
    if (standing === undefined) return;
    if (instance.isForVrrp && standing.tracked !== undefined) {
      this.#ports.onTracked(trackerState(watched, standing.tracked === 'up'));
    }
    if (instance.isForChecker) this.#ports.onChecked(readingOf(watched));
  }

  #spawn(): void {
    this.#isReady = false;
    this.#bornMs = this.#ports.clock.monotonicMs();
    this.#silence.heard();
    this.#child = this.#ports.spawn({
      onMessage: (message) => this.#receive(message),
      onDeath: (death) => this.#died(death),
    });
    this.#silence.start(startTimeoutMs(this.#slowStarts));
  }

  async #tell(): Promise<boolean> {
    if (this.#child === undefined) return false;
    const instances = this.#instances;
    const answer = await this.#configurations.ask((id) =>
      this.#child?.send({ kind: 'configure', id, instances }),
    );
    return answer === true;
  }

  #receive(message: FromBfd): void {
    this.#silence.heard();
    switch (message.kind) {
      case 'heartbeat':
        return;
      case 'log':
        this.#ports.log[message.level](message.fields, message.message);
        return;
      case 'configured':
        this.#configurations.answer(message.id, true);
        if (!this.#isReady) this.#silence.start(BFD_HEARTBEAT_TIMEOUT_MS);
        this.#isReady = true;
        this.#slowStarts = 0;
        return;
      case 'report':
        this.#hear(message.report);
        return;
      case 'snapshot':
        this.#snapshots.answer(message.id, statusOf(message.sessions, message.strangers));
        return;
      case 'stopped':
        return;
      default:
        message satisfies never;
    }
  }

  #hear(report: SessionReport): void {
    const watched = this.#watched.get(report.name);
    // The end of a session that was removed.
    if (watched === undefined || report.state === 'AdminDown') return;
    const wasUp = watched.report?.state === 'Up';
    watched.report = report;
    const isUp = report.state === 'Up';
    if (isUp) {
      watched.cancel?.();
      watched.cancel = undefined;
      watched.isOverdue = false;
    }
    if (isUp !== wasUp) this.#ports.onSession(report);
    this.#judge(watched);
  }

  #died(death: ChildDeath): void {
    this.#silence.end();
    this.#child = undefined;
    this.#configurations.abandon();
    this.#snapshots.abandon();
    for (const watched of this.#watched.values()) {
      watched.report = undefined;
      this.#giveTime(watched);
      this.#judge(watched);
    }
    if (this.#stopped !== undefined) {
      this.#stopped();
      return;
    }
    const livedMs = this.#ports.clock.monotonicMs() - this.#bornMs;
    const { delayMs, backOff } = afterDeath(this.#backOff, livedMs);
    this.#backOff = backOff;
    this.#restarts += 1;
    this.#ports.onRestart(describeDeath(death));
    const fields = { death: describeDeath(death), restartInMs: delayMs };
    this.#ports.log.error(fields, 'bfd process died, its sessions count for nothing meanwhile');
    this.#isRestarting = true;
    this.#cancelRestart = this.#ports.setTimer(delayMs, () => {
      this.#isRestarting = false;
      this.#spawn();
      void this.#tell();
    });
  }
}

function isSame(before: Standing | undefined, now: Standing): boolean {
  if (before === undefined) return false;
  const { tracked, checked, reason } = before;
  return tracked === now.tracked && checked === now.checked && reason === now.reason;
}

function trackerState({ instance, standing }: Watched, isUp: boolean): TrackerState {
  const reason = standing?.reason ?? 'has not come up yet';
  return { kind: 'bfd', name: instance.name, isUp, reason };
}

function readingOf({ instance, standing }: Watched): NamedBfdReading {
  const { checked: state, reason } = standing ?? {
    checked: 'unknown' as const,
    reason: 'not told',
  };
  return { name: instance.name, state, reason };
}

function statusOf(
  sessions: readonly BfdSnapshot[],
  strangers: Readonly<Record<string, number>>,
): BfdStatus {
  return { sessions, strangers };
}
