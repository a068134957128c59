/**
 * Keeps a vrrp process running and is the dead-man's switch of what it holds: a process that dies or
 * falls silent is replaced and resumes as master while the backups still wait; where that does not work
 * out, the virtual IPs are given up for it. Decisions about time are in dead-mans-switch.ts.
 */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Config } from '../config/model.ts';
import type { Notice, Report } from '../vrrp/notice.ts';
import type { InstanceSnapshot } from '../vrrp/snapshot.ts';
import type { TrackerState } from '../vrrp/tracker-state.ts';
import { afterDeath, type BackOff, noBackOff, startTimeoutMs } from './back-off.ts';
import {
  type ChildDeath,
  type ChildHandle,
  describeDeath,
  type SpawnChild,
} from './child-handle.ts';
import { type Inheritance, inherit, notResumed } from './dead-mans-switch.ts';
import {
  type FromVrrp,
  type HandoverOutcome,
  heartbeatTiming,
  type Mastership,
  type ToVrrp,
} from './messages.ts';
import { SilenceWatch } from './silence-watch.ts';
import { Snapshots } from './snapshots.ts';
import type { CancelTimer, SetTimer } from './timers.ts';

/**
 * A process in reserve is brought up so long after the one that works: starting one takes longer than the
 * two advert intervals that there are to resume in, where these are short.
 */
const RESERVE_DELAY_MS = 1_000;
/** Beyond the protocol's own bound of an orderly release. */
const STOP_SLACK_MS = 2_000;
const RELEASE_INTERVALS = 2;
/** The process bounds a handover itself, by advert intervals of at most 255 s. */
export const HANDOVER_TIMEOUT_MS = 600_000;
/** It waits 10 s for instances that a reload removed. */
const RECONFIGURE_TIMEOUT_MS = 12_000;

export interface GuardPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly spawn: SpawnChild<ToVrrp, FromVrrp>;
  readonly setTimer: SetTimer;
  /** Runs `then` after everything that has already arrived was handled (setImmediate). */
  readonly afterPending: (then: () => void) => void;
  /** Priority 0 on the wire for these instances, and their addresses off. */
  readonly giveUp: (config: Config, masterships: readonly Mastership[]) => void;
  /** What is known of everything that is tracked, now. */
  readonly trackers: () => readonly TrackerState[];
  readonly onNotice: (notice: Notice) => void;
  readonly onReport: (report: Report) => void;
  /** The process died and is started again. */
  readonly onRestart: (death: string) => void;
  /** The child says that no restart would help. */
  readonly onFatal: (code: string, message: string) => void;
}

export class VrrpGuard {
  readonly #ports: GuardPorts;
  readonly #snapshots: Snapshots<readonly InstanceSnapshot[]>;
  readonly #handovers: Snapshots<HandoverOutcome>;
  readonly #reconfigurations: Snapshots<readonly string[]>;
  readonly #farewells: Snapshots<readonly Mastership[]>;
  #config: Config;
  #child: ChildHandle<ToVrrp> | undefined;
  /** Brought up and told nothing: it takes over from one that dies. */
  #reserve: ChildHandle<ToVrrp> | undefined;
  #cancelReserve: CancelTimer = () => {};
  #loaded: Promise<void> = Promise.resolve();
  #tellLoaded: () => void = () => {};
  #bornMs = 0;
  #isReady = false;
  readonly #silence: SilenceWatch;
  /** In a row, that were not ready in time. */
  #slowStarts = 0;
  #mayStart = false;
  #awaitsChecks: boolean;
  #masterships: readonly Mastership[] = [];
  #backOff: BackOff = noBackOff;
  #restarts = 0;
  #cancelDeadline: CancelTimer = () => {};
  #cancelRestart: CancelTimer = () => {};
  #stopped: (() => void) | undefined;

  /** `awaitsChecks`: nobody is preempted before `serversChecked`. */
  constructor(config: Config, ports: GuardPorts, awaitsChecks = false) {
    this.#config = config;
    this.#awaitsChecks = awaitsChecks;
    this.#ports = ports;
    this.#snapshots = new Snapshots(ports.setTimer);
    this.#silence = new SilenceWatch(ports, (silentMs) => {
      if (!this.#isReady) this.#slowStarts += 1;
      ports.log.error({ silentMs }, 'vrrp process hangs, replacing it');
      this.#child?.kill();
    });
    this.#farewells = new Snapshots(ports.setTimer);
    this.#reconfigurations = new Snapshots(ports.setTimer, RECONFIGURE_TIMEOUT_MS);
    this.#handovers = new Snapshots(ports.setTimer, HANDOVER_TIMEOUT_MS);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Of the one that works and the one in reserve. */
  get pids(): readonly number[] {
    return [this.#child, this.#reserve].flatMap((child) => child?.pid ?? []);
  }

  /** As the process said last. */
  get masterships(): readonly Mastership[] {
    return this.#masterships;
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** Brings the process up without letting it begin: what it waits for comes up meanwhile. */
  prepare(): void {
    this.#loaded = new Promise((resolve) => {
      this.#tellLoaded = resolve;
    });
    this.#spawn([]);
  }

  /** Resolves when a process that was prepared can begin at once, or is gone. */
  loaded(): Promise<void> {
    return this.#loaded;
  }

  /** The instances begin; those in `held`, which a predecessor held until now, go on as MASTER. */
  start(held: readonly Mastership[] = []): void {
    this.#mayStart = true;
    const nowMs = this.#ports.clock.monotonicMs();
    const inheritance = this.#bequeath(held, nowMs);
    if (this.#child === undefined) this.#spawn(inheritance.resume);
    else this.#begin(inheritance.resume);
    if (inheritance.resume.length > 0) this.#armDeadline(held, inheritance, nowMs);
  }

  /**
   * Has the process serve on alone for `graceMs` when this program goes away. Resolves with what it holds;
   * with undefined when it does not answer, or there is none.
   */
  async awaitSuccessor(graceMs: number): Promise<readonly Mastership[] | undefined> {
    this.#cancelRestart();
    this.#cancelDeadline();
    this.#silence.end();
    this.#dismissReserve();
    if (this.#child === undefined) return undefined;
    return this.#farewells.ask((id) => this.#child?.send({ kind: 'awaitSuccessor', id, graceMs }));
  }

  /**
   * Resolves when the process runs on `config`, with the instances that are still being released;
   * with undefined when it is away, or takes too long. A replacement starts with `config` either way.
   */
  reconfigure(config: Config): Promise<readonly string[] | undefined> {
    this.#config = config;
    this.tellTrackers(this.#ports.trackers());
    if (this.#child === undefined) return Promise.resolve(undefined);
    return this.#reconfigurations.ask((id) =>
      this.#child?.send({ kind: 'reconfigure', id, config: withoutTable(config) }),
    );
  }

  get awaitsChecks(): boolean {
    return this.#awaitsChecks;
  }

  /** From here on living masters of lower priority are preempted. */
  serversChecked(): void {
    if (!this.#awaitsChecks) return;
    this.#awaitsChecks = false;
    if (this.#mayStart) this.#child?.send({ kind: 'serversChecked' });
  }

  tellTrackers(states: readonly TrackerState[]): void {
    if (this.#mayStart) this.#child?.send({ kind: 'trackers', states });
  }

  /** Hands mastership over; undefined when the process died over it. */
  handover(instance: string): Promise<HandoverOutcome | undefined> {
    if (this.#child === undefined) return Promise.resolve(undefined);
    return this.#handovers.ask((id) => this.#child?.send({ kind: 'handover', id, instance }));
  }

  /** What the process knows; undefined when it does not answer in time. */
  snapshot(): Promise<readonly InstanceSnapshot[] | undefined> {
    return this.#snapshots.ask((id) => this.#child?.send({ kind: 'snapshot', id }));
  }

  /** Orderly release; when the process cannot, the addresses are given up for it. Resolves when it is gone. */
  stop(): Promise<void> {
    this.#cancelRestart();
    this.#cancelDeadline();
    this.#silence.end();
    this.#dismissReserve();
    if (this.#child === undefined) return Promise.resolve();
    const intervals = this.#config.vrrpInstances.map((instance) => instance.advertIntervalMs);
    const boundMs = RELEASE_INTERVALS * Math.max(0, ...intervals) + STOP_SLACK_MS;
    return new Promise((resolve) => {
      const cancel = this.#ports.setTimer(boundMs, () => {
        this.#ports.log.error({ boundMs }, 'vrrp process does not stop, killing it');
        this.#child?.kill();
      });
      this.#stopped = () => {
        cancel();
        resolve();
      };
      this.#child?.send({ kind: 'stop' });
    });
  }

  /** The one in reserve, or a new one. */
  #spawn(resumeAsMaster: readonly string[]): void {
    this.#isReady = false;
    this.#bornMs = this.#ports.clock.monotonicMs();
    this.#silence.heard();
    this.#child = this.#reserve ?? this.#fork();
    this.#reserve = undefined;
    if (this.#mayStart) this.#begin(resumeAsMaster);
  }

  #fork(): ChildHandle<ToVrrp> {
    const child: ChildHandle<ToVrrp> = this.#ports.spawn({
      onMessage: (message) => {
        if (this.#child === child) this.#receive(message);
      },
      onDeath: (death) => {
        if (this.#child === child) this.#died(death);
        // Without a word: it did nothing yet, and another one follows at the next start.
        else if (this.#reserve === child) this.#reserve = undefined;
      },
    });
    return child;
  }

  #bringUpReserve(): void {
    this.#cancelReserve();
    this.#cancelReserve = this.#ports.setTimer(RESERVE_DELAY_MS, () => {
      this.#reserve ??= this.#fork();
    });
  }

  #dismissReserve(): void {
    this.#cancelReserve();
    const reserve = this.#reserve;
    this.#reserve = undefined;
    reserve?.kill();
  }

  #begin(resumeAsMaster: readonly string[]): void {
    const trackers = this.#ports.trackers();
    const awaitsChecks = this.#awaitsChecks;
    this.#child?.send({
      kind: 'start',
      config: withoutTable(this.#config),
      resumeAsMaster,
      trackers,
      awaitsChecks,
    });
    this.#silence.heard();
    this.#silence.start(startTimeoutMs(this.#slowStarts));
  }

  #receive(message: FromVrrp): void {
    this.#silence.heard();
    switch (message.kind) {
      case 'loaded':
        this.#tellLoaded();
        return;
      case 'awaitsSuccessor':
        this.#farewells.answer(message.id, message.masterships);
        return;
      case 'ready':
        this.#isReady = true;
        this.#slowStarts = 0;
        this.#bringUpReserve();
        this.#silence.start(heartbeatTiming(this.#config).timeoutMs);
        return;
      case 'log':
        this.#ports.log[message.level](message.fields, message.message);
        return;
      case 'heartbeat':
        this.#masterships = message.masterships;
        return;
      case 'snapshot':
        this.#snapshots.answer(message.id, message.instances);
        return;
      case 'notice':
        this.#ports.onNotice(message.notice);
        return;
      case 'report':
        this.#ports.onReport(message.report);
        return;
      case 'reconfigured':
        this.#reconfigurations.answer(message.id, message.releasing);
        return;
      case 'handedOver':
        this.#handovers.answer(message.id, message.outcome);
        return;
      case 'stopped':
        this.#masterships = [];
        return;
      case 'fatal':
        this.#ports.onFatal(message.code, message.message);
        return;
      default:
        message satisfies never;
    }
  }

  #died(death: ChildDeath): void {
    const { clock, log } = this.#ports;
    this.#silence.end();
    this.#cancelDeadline();
    this.#cancelReserve();
    this.#snapshots.abandon();
    this.#handovers.abandon();
    this.#reconfigurations.abandon();
    this.#farewells.abandon();
    this.#tellLoaded();
    this.#child = undefined;
    const nowMs = clock.monotonicMs();
    const held = this.#masterships;
    this.#masterships = [];
    if (this.#stopped !== undefined) {
      this.#ports.giveUp(this.#config, held);
      this.#stopped();
      return;
    }
    const { delayMs, backOff } = afterDeath(this.#backOff, nowMs - this.#bornMs);
    this.#backOff = backOff;
    this.#restarts += 1;
    this.#ports.onRestart(describeDeath(death));
    const inheritance = this.#bequeath(held, nowMs + delayMs);
    log.error(
      {
        death: describeDeath(death),
        ready: this.#isReady,
        restartInMs: delayMs,
        resume: inheritance.resume.join(' '),
        giveUp: inheritance.letGo.join(' '),
      },
      'vrrp process died',
    );
    this.#cancelRestart = this.#ports.setTimer(delayMs, () => this.#spawn(inheritance.resume));
    if (inheritance.resume.length > 0) this.#armDeadline(held, inheritance, nowMs);
  }

  /** What a process that begins at `startMs` may go on with; the rest is given up. */
  #bequeath(held: readonly Mastership[], startMs: number): Inheritance {
    const inheritance = inherit(held, (name) => this.#intervalMs(name), startMs);
    const letGo = new Set(inheritance.letGo);
    this.#ports.giveUp(
      this.#config,
      held.filter((mastership) => letGo.has(mastership.name)),
    );
    return inheritance;
  }

  /** The replacement must have adverted by the deadline, or what it was to resume is given up. */
  #armDeadline(held: readonly Mastership[], inheritance: Inheritance, diedMs: number): void {
    this.#cancelDeadline = this.#ports.setTimer(inheritance.deadlineMs - diedMs, () =>
      this.#ports.afterPending(() => {
        const late = new Set(notResumed(inheritance.resume, this.#masterships, diedMs));
        if (late.size === 0) return;
        this.#ports.log.error({ instances: [...late].join(' ') }, 'too late to resume, giving up');
        this.#child?.kill();
        this.#ports.giveUp(
          this.#config,
          held.filter((mastership) => late.has(mastership.name)),
        );
      }),
    );
  }

  #intervalMs(name: string): number | undefined {
    return this.#config.vrrpInstances.find((instance) => instance.name === name)?.advertIntervalMs;
  }
}

/**
 * Without what is the health process's alone: of 37,298 servers the vrrp process would read eight
 * megabytes of text between two adverts.
 */
function withoutTable(config: Config): Config {
  const { virtualServerGroups: _, ...rest } = config;
  return { ...rest, virtualServers: [] };
}
