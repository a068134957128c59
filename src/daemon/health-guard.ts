/**
 * Keeps the health process running. While it is away the kernel goes on with the table as it is; the
 * replacement adopts it, so nothing is cut.
 */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { IsSameService } from '../config/diff.ts';
import type { Config } from '../config/model.ts';
import type { LvsStopPolicy } from '../config/model-global.ts';
import type { ExpiryWarning } from '../health/checker.ts';
import type { LvsNotice } from '../ipvs/notice.ts';
import type { HealthSnapshot } from '../observe/status.ts';
import type { TrackerState } from '../vrrp/tracker-state.ts';
import { afterDeath, type BackOff, noBackOff } from './back-off.ts';
import type { CheckScriptPorts, CheckScripts } from './check-scripts.ts';
import {
  type ChildDeath,
  type ChildHandle,
  describeDeath,
  type SpawnChild,
} from './child-handle.ts';
import { changeOf } from './config-change.ts';
import type {
  FromHealth,
  ListingOutcome,
  NamedBfdReading,
  PlannedOperation,
  ServiceState,
  TableOutcome,
  ToHealth,
} from './messages.ts';
import { Snapshots } from './snapshots.ts';
import type { CancelTimer, SetTimer } from './timers.ts';

/** Withdrawing tens of thousands of servers takes seconds; a child that needs longer is stuck. */
const STOP_TIMEOUT_MS = 10_000;
/** Making tens of thousands of servers takes seconds. */
const RECONFIGURE_TIMEOUT_MS = 30_000;

export interface HealthGuardPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly spawn: SpawnChild<ToHealth, FromHealth>;
  readonly setTimer: SetTimer;
  readonly isSameService: IsSameService;
  /** Every check has had its first result. */
  readonly onServersChecked: () => void;
  readonly onServices: (states: readonly ServiceState[]) => void;
  /** The process died and is started again. */
  readonly onRestart: (death: string) => void;
  readonly onFatal: (code: string, message: string) => void;
  /** Runs the scripts of checks. */
  readonly newScripts: (onEnd: CheckScriptPorts['onEnd']) => CheckScripts;
  /** Every tracked file, for a process that starts. */
  readonly files: () => readonly TrackerState[];
  /** Every BFD session of checkers, for a process that starts. */
  readonly bfd: () => readonly NamedBfdReading[];
  /** For scripts, FIFOs and events. */
  readonly onNotice: (notice: LvsNotice) => void;
  readonly onExpiry: (warning: ExpiryWarning) => void;
}

export class HealthGuard {
  readonly #ports: HealthGuardPorts;
  readonly #snapshots: Snapshots<HealthSnapshot>;
  readonly #reconfigurations: Snapshots<TableOutcome>;
  readonly #previews: Snapshots<readonly PlannedOperation[]>;
  readonly #listings: Snapshots<ListingOutcome>;
  readonly #scripts: CheckScripts;
  readonly #ownershipFile: string;
  #config: Config;
  /** What the process that runs was told last. */
  #told: Config;
  #adopt: boolean;
  #child: ChildHandle<ToHealth> | undefined;
  #bornMs = 0;
  /** `lvs_flush` is done once for a daemon, not for every replacement of this process. */
  #mayFlush: boolean;
  readonly #roles = new Map<string, 'master' | 'backup'>();
  #backOff: BackOff = noBackOff;
  #restarts = 0;
  #cancelRestart: CancelTimer = () => {};
  #ready: (() => void) | undefined;
  #stopped: (() => void) | undefined;

  constructor(
    config: Config,
    options: {
      readonly ownershipFile: string;
      readonly adopt: boolean;
      /** The table is the one that this daemon made: `lvs_flush` was done. */
      readonly isOurs: boolean;
    },
    ports: HealthGuardPorts,
  ) {
    this.#config = config;
    this.#told = config;
    this.#ownershipFile = options.ownershipFile;
    this.#adopt = options.adopt;
    this.#mayFlush = !options.isOurs;
    this.#ports = ports;
    this.#snapshots = new Snapshots(ports.setTimer);
    this.#reconfigurations = new Snapshots(ports.setTimer, RECONFIGURE_TIMEOUT_MS);
    this.#listings = new Snapshots(ports.setTimer, RECONFIGURE_TIMEOUT_MS);
    this.#previews = new Snapshots(ports.setTimer, RECONFIGURE_TIMEOUT_MS);
    this.#scripts = ports.newScripts((id, result) =>
      this.#child?.send({ kind: 'scriptEnded', id, result }),
    );
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** This program goes; the process ends when it sees that, and leaves the table as it is. */
  leave(): void {
    this.#cancelRestart();
    this.#scripts.killAll();
  }

  /** Resolves when the table is in the kernel for the first time. */
  start(): Promise<void> {
    return new Promise((resolve) => {
      this.#ready = resolve;
      this.#spawn();
    });
  }

  /**
   * Resolves with what came of the table; with undefined when the process is away, or takes too long.
   * A replacement starts with `config` either way.
   */
  reconfigure(config: Config): Promise<TableOutcome | undefined> {
    this.#config = config;
    if (this.#child === undefined) return Promise.resolve(undefined);
    const change = changeOf(this.#told, config, this.#ports.isSameService);
    this.#told = config;
    return this.#reconfigurations.ask((id) =>
      this.#child?.send({ kind: 'reconfigure', id, change }),
    );
  }

  /** What {@link reconfigure} would do to the kernel; undefined when the process does not say. */
  preview(config: Config): Promise<readonly PlannedOperation[] | undefined> {
    if (this.#child === undefined) return Promise.resolve(undefined);
    const change = changeOf(this.#told, config, this.#ports.isSameService);
    return this.#previews.ask((id) => this.#child?.send({ kind: 'preview', id, change }));
  }

  /** Tells which side of the connection synchronisation this director is. */
  setRole(instance: string, role: 'master' | 'backup'): void {
    if (this.#roles.get(instance) === role) return;
    this.#roles.set(instance, role);
    this.#child?.send({ kind: 'role', instance, role });
  }

  listing(): Promise<ListingOutcome | undefined> {
    if (this.#child === undefined) return Promise.resolve(undefined);
    return this.#listings.ask((id) => this.#child?.send({ kind: 'listing', id }));
  }

  /** Tracked files that were read. */
  tellFiles(states: readonly TrackerState[]): void {
    this.#child?.send({ kind: 'files', states });
  }

  /** A BFD session came up, or was lost. */
  tellBfd(reading: NamedBfdReading): void {
    this.#child?.send({ kind: 'bfd', readings: [reading] });
  }

  snapshot(): Promise<HealthSnapshot | undefined> {
    return this.#snapshots.ask((id) => this.#child?.send({ kind: 'snapshot', id }));
  }

  /** The table is as `policy` says and the process is gone when this resolves. */
  stop(policy: LvsStopPolicy = 'remove'): Promise<void> {
    this.#cancelRestart();
    if (this.#child === undefined) return Promise.resolve();
    return new Promise((resolve) => {
      const timeoutMs = STOP_TIMEOUT_MS + (policy === 'drain' ? longestDrainMs(this.#config) : 0);
      const cancel = this.#ports.setTimer(timeoutMs, () => {
        this.#ports.log.error({}, 'health process does not stop, killing it');
        this.#child?.kill();
      });
      this.#stopped = () => {
        cancel();
        resolve();
      };
      this.#child?.send({ kind: 'stop', policy });
    });
  }

  /** Ends a drain that {@link stop} began. */
  hurry(): void {
    if (this.#stopped !== undefined) this.#child?.send({ kind: 'stop', policy: 'remove' });
  }

  #spawn(): void {
    this.#bornMs = this.#ports.clock.monotonicMs();
    const child = this.#ports.spawn({
      onMessage: (message) => this.#receive(message),
      onDeath: (death) => this.#died(death),
    });
    this.#child = child;
    this.#told = this.#config;
    child.send({
      kind: 'start',
      config: this.#config,
      ownershipFile: this.#ownershipFile,
      adopt: this.#adopt,
      flush: this.#mayFlush && this.#config.globalDefs.flushesLvs === true,
    });
    child.send({ kind: 'files', states: this.#ports.files() });
    child.send({ kind: 'bfd', readings: this.#ports.bfd() });
    for (const [instance, role] of this.#roles) child.send({ kind: 'role', instance, role });
  }

  #receive(message: FromHealth): void {
    switch (message.kind) {
      case 'ready':
        // From here on what is in the ownership file is ours; a restart takes over nothing else.
        this.#adopt = false;
        this.#mayFlush = false;
        this.#ready?.();
        return;
      case 'log':
        this.#ports.log[message.level](message.fields, message.message);
        return;
      case 'snapshot':
        this.#snapshots.answer(message.id, message.snapshot);
        return;
      case 'reconfigured':
        this.#reconfigurations.answer(message.id, message.outcome);
        return;
      case 'listing':
        this.#listings.answer(message.id, message.outcome);
        return;
      case 'previewed':
        this.#previews.answer(message.id, message.operations);
        return;
      case 'services':
        this.#ports.onServices(message.states);
        return;
      case 'runScript':
        this.#scripts.run(message.id, message.command, message.timeoutMs);
        return;
      case 'killScript':
        this.#scripts.kill(message.id);
        return;
      case 'serversChecked':
        this.#ports.onServersChecked();
        return;
      case 'lvsNotice':
        this.#ports.onNotice(message.notice);
        return;
      case 'expiry':
        this.#ports.onExpiry(message.warning);
        return;
      case 'stopped':
        return;
      case 'fatal':
        this.#ports.onFatal(message.code, message.message);
        return;
      default:
        message satisfies never;
    }
  }

  #died(death: ChildDeath): void {
    this.#child = undefined;
    this.#scripts.killAll();
    this.#snapshots.abandon();
    this.#reconfigurations.abandon();
    this.#previews.abandon();
    this.#listings.abandon();
    if (this.#stopped !== undefined) {
      this.#stopped();
      return;
    }
    const livedMs = this.#ports.clock.monotonicMs() - this.#bornMs;
    const { delayMs, backOff } = afterDeath(this.#backOff, livedMs);
    this.#backOff = backOff;
    this.#restarts += 1;
    this.#ports.onRestart(describeDeath(death));
    this.#ports.log.error(
      { death: describeDeath(death), restartInMs: delayMs },
      'health process died, the kernel keeps the table as it is',
    );
    this.#cancelRestart = this.#ports.setTimer(delayMs, () => this.#spawn());
  }
}

/** How long a drain of everything can take, ms. */
function longestDrainMs({ virtualServers }: Config): number {
  return virtualServers.reduce((most, each) => Math.max(most, each.drainTimeoutMs ?? 0), 0);
}
