/**
 * The supervisor's processes: started when the configuration needs them, each kept by its guard, and told what
 * the others and the trackers say. Table first, then VRRP, so that a director never holds a VIP whose table is
 * empty.
 */
import type { SessionReport } from '../bfd/snapshot.ts';
import type { Config } from '../config/model.ts';
import type { Notice } from '../vrrp/notice.ts';
import type { TrackerState } from '../vrrp/tracker-state.ts';
import { BfdGuard } from './bfd-guard.ts';
import { CHECK_RUNS_MAX, type CheckScriptPorts, CheckScripts } from './check-scripts.ts';
import { NO_HELPER_THREADS, spawnBeside } from './child-handle.ts';
import { giveUp } from './give-up.ts';
import { HealthGuard } from './health-guard.ts';
import type { LaunchedScripts } from './launched-scripts.ts';
import type { FromHealth, FromVrrp, Mastership, ToHealth, ToVrrp } from './messages.ts';
import type { FromBfd, ToBfd } from './messages-bfd.ts';
import type { Notices } from './notices.ts';
import type { ScriptRules } from './script-launch.ts';
import { ScriptRunner } from './script-runner.ts';
import { type Predecessor, SUCCESSION_GRACE_MS, type Succession } from './succession.ts';
import { CHECKS_AWAITED_MS, type SupervisorOptions } from './supervisor-options.ts';
import { syncRoleOf } from './sync-role.ts';
import { type CancelTimer, nodeTimers } from './timers.ts';
import type { Trackers } from './trackers.ts';
import { type GuardPorts, VrrpGuard } from './vrrp-guard.ts';

export interface ProcessesPorts {
  readonly options: SupervisorOptions;
  readonly launched: LaunchedScripts;
  readonly trackers: Trackers;
  readonly notices: Notices;
  readonly predecessor: Predecessor | undefined;
  /** What runs now. */
  readonly config: () => Config;
  readonly ownershipFile: () => string;
  /** The daemon stops. */
  readonly isEnding: () => boolean;
  /** A process says that no restart would help. */
  readonly onFatal: (code: string, message: string) => void;
}

export class Processes {
  readonly #ports: ProcessesPorts;
  readonly bfd: BfdGuard;
  #vrrp: VrrpGuard | undefined;
  #health: HealthGuard | undefined;
  /** Of each instance; the health process may be started after the news. */
  readonly #syncRoles = new Map<string, 'master' | 'backup'>();
  #cancelChecksWait: CancelTimer = () => {};

  constructor(ports: ProcessesPorts) {
    this.#ports = ports;
    const { options, trackers } = ports;
    const { clock, log } = options;
    this.bfd = new BfdGuard({
      clock,
      log,
      setTimer: nodeTimers,
      spawn: spawnBeside<ToBfd, FromBfd>('bfd-process', NO_HELPER_THREADS),
      afterPending: setImmediate,
      onTracked: (state) => trackers.setBfd(state),
      onChecked: (reading) => this.#health?.tellBfd(reading),
      onSession: (report) => this.#tellSession(report),
      onRestart: (death) => this.#tellDeath('bfd', death),
    });
  }

  get vrrp(): VrrpGuard | undefined {
    return this.#vrrp;
  }

  get health(): HealthGuard | undefined {
    return this.#health;
  }

  get neededBfd(): BfdGuard | undefined {
    return this.bfd.isNeeded ? this.bfd : undefined;
  }

  tellTracker(state: TrackerState): void {
    this.#vrrp?.tellTrackers([state]);
    if (state.kind === 'file') this.#health?.tellFiles([state]);
  }

  /** Orderly: the virtual IPs are handed over when this resolves. */
  async stopVrrp(): Promise<void> {
    this.#cancelChecksWait();
    await this.#vrrp?.stop();
  }

  /**
   * This program goes, and its next start takes over: the vrrp process serves on alone, the health process ends
   * when it sees that nobody is there, and leaves the table. BFD sessions end: their ports must be free.
   */
  async leave(): Promise<Succession> {
    const vrrpPid = this.#vrrp?.pid;
    const pids = [...(this.#vrrp?.pids ?? []), this.#health?.pid, ...this.#ports.launched.pids];
    const children = pids.filter((pid) => pid !== undefined);
    this.#health?.leave();
    const masterships = (await this.#vrrp?.awaitSuccessor(SUCCESSION_GRACE_MS)) ?? [];
    await this.bfd.stop();
    return { ...(vrrpPid === undefined ? {} : { vrrpPid }), masterships, children };
  }

  /** Sessions come up while the table is made. */
  startTrackers(): Promise<void> {
    void this.configureBfd();
    return Promise.all([this.#ports.trackers.start(), this.bfd.firstStandings()]).then(() => {});
  }

  configureBfd(): Promise<boolean> {
    return this.bfd.configure(this.#ports.config().bfdInstances ?? []);
  }

  #tellSession({ name, state, reason }: SessionReport): void {
    const text = `${name} is ${state}: ${reason}`;
    this.#ports.notices.event({
      kind: 'bfd',
      object: 'session',
      name,
      text,
      fields: { state, reason },
    });
  }

  /**
   * Starts what the configuration needs and is not there yet: the table first, and what is tracked known
   * (`watching`), then VRRP.
   */
  async startNeeded(watching: Promise<void>): Promise<void> {
    const { config, isEnding, predecessor, options } = this.#ports;
    const { vrrpInstances, virtualServers } = config();
    const isNewVrrp = this.#vrrp === undefined && vrrpInstances.length > 0;
    const isNewHealth = this.#health === undefined && virtualServers.length > 0;
    if (isNewVrrp) {
      // Of a daemon that starts: one that runs has its servers checked.
      this.#vrrp = this.#newVrrp(isNewHealth);
      this.#vrrp.prepare();
    }
    if (isNewHealth) {
      this.#health = this.#newHealth();
      for (const [name, role] of this.#syncRoles) this.#health.setRole(name, role);
      await this.#health.start();
    }
    await watching;
    if (!isNewVrrp) predecessor?.letGo();
    if (!isNewVrrp || isEnding()) return;
    const held = await this.#takeOver();
    if (isEnding()) {
      giveUp(config(), held, options.log);
      return;
    }
    this.#vrrp?.start(held);
    if (this.#vrrp?.awaitsChecks === true) this.#boundChecksWait();
  }

  #newVrrp(awaitsChecks: boolean): VrrpGuard {
    const { config, options, trackers, notices, onFatal } = this.#ports;
    const { clock, log } = options;
    const ports: GuardPorts = {
      clock,
      log,
      setTimer: nodeTimers,
      onFatal,
      spawn: spawnBeside<ToVrrp, FromVrrp>('vrrp-process', NO_HELPER_THREADS),
      afterPending: setImmediate,
      giveUp: (given, masterships) => giveUp(given, masterships, log),
      trackers: () => trackers.states(),
      onNotice: (notice) => this.#hearNotice(notice),
      onReport: (report) => notices.report(report),
      onRestart: (death) => this.#tellDeath('vrrp', death),
    };
    return new VrrpGuard(config(), ports, awaitsChecks);
  }

  #newHealth(): HealthGuard {
    const { config, options, trackers, notices, onFatal, predecessor, ownershipFile } = this.#ports;
    const { clock, log, adopt, blocks } = options;
    const isOurs = predecessor !== undefined;
    return new HealthGuard(
      config(),
      { ownershipFile: ownershipFile(), adopt, isOurs },
      {
        clock,
        log,
        setTimer: nodeTimers,
        onFatal,
        spawn: spawnBeside<ToHealth, FromHealth>('health-process'),
        isSameService: (a, b) => blocks.isSame(a, b),
        newScripts: (onEnd) => this.#newCheckScripts(onEnd),
        files: () => trackers.states().filter(({ kind }) => kind === 'file'),
        bfd: () => this.bfd.readings(),
        onServices: (states) => trackers.setServices(states),
        onServersChecked: () => this.#serversChecked(),
        onNotice: (notice) => notices.service(notice),
        onExpiry: (warning) => notices.expiry(warning),
        onRestart: (death) => this.#tellDeath('health', death),
      },
    );
  }

  #boundChecksWait(): void {
    this.#cancelChecksWait = nodeTimers(CHECKS_AWAITED_MS, () => {
      const fields = { waitedMs: CHECKS_AWAITED_MS };
      const { log } = this.#ports.options;
      log.warn(fields, 'not every server has been checked, preempting all the same');
      this.#vrrp?.serversChecked();
    });
  }

  /** What the predecessor's vrrp process held until now; it is ended when ours is loaded. */
  async #takeOver(): Promise<readonly Mastership[]> {
    const predecessor = this.#ports.predecessor;
    if (predecessor === undefined) return [];
    await this.#vrrp?.loaded();
    return predecessor.end(this.#ports.config(), () => this.#ports.options.clock.monotonicMs());
  }

  #serversChecked(): void {
    this.#cancelChecksWait();
    this.#vrrp?.serversChecked();
  }

  #newCheckScripts(onEnd: CheckScriptPorts['onEnd']): CheckScripts {
    const ports = {
      clock: this.#ports.options.clock,
      setTimer: nodeTimers,
      launched: this.#ports.launched,
    };
    const runner = new ScriptRunner({ ...ports, limit: CHECK_RUNS_MAX });
    const rules = (): ScriptRules => this.#ports.config().globalDefs;
    return new CheckScripts({ runner, setTimer: nodeTimers, rules, onEnd });
  }

  #hearNotice(notice: Notice): void {
    this.#ports.notices.notice(notice);
    const role = notice.object === 'INSTANCE' ? syncRoleOf(notice.state) : undefined;
    if (role === undefined) return;
    this.#syncRoles.set(notice.name, role);
    this.#health?.setRole(notice.name, role);
  }

  #tellDeath(name: 'vrrp' | 'health' | 'bfd', death: string): void {
    const text = `the ${name} process died (${death}) and is started again`;
    this.#ports.notices.event({
      kind: 'process',
      object: 'process',
      name,
      text,
      fields: { death },
    });
  }
}
