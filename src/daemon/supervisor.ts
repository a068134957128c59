/**
 * The supervisor: reads the configuration once, starts its processes, restarts them, hands on reloads,
 * answers the control socket, and ends everything in order. The bfd process is not drawn.
 *
 *                       ┌──────────── supervisor ────────────┐
 *     SIGHUP, SIGTERM ─▶│ load · preflight · control · guards │◀─ control socket (lvsd status)
 *                       └───┬────────────────────────────┬────┘
 *               fork, JSON  │                            │  fork, JSON
 *                     ┌─────▼─────┐               ┌──────▼──────┐
 *                     │   vrrp    │               │   health    │
 *                     │ adverts,  │               │ checks,     │
 *                     │ VIP, GARP │               │ IPVS        │
 *                     └───────────┘               └─────────────┘
 *
 * Start: table first, then VRRP, so that a director never holds a VIP whose table is empty. Stop: VRRP
 * first, while the table goes on serving, then the table.
 */
import { dirname, join } from 'node:path';
import type { Log } from '../base/log.ts';
import type { SessionReport } from '../bfd/snapshot.ts';
import { type Change, describeChange, diffConfig } from '../config/diff.ts';
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config/model.ts';
import type { DaemonStatus } from '../observe/status.ts';
import type { Notice } from '../vrrp/notice.ts';
import { BfdGuard } from './bfd-guard.ts';
import { CHECK_RUNS_MAX, type CheckScriptPorts, CheckScripts } from './check-scripts.ts';
import { NO_HELPER_THREADS, spawnBeside } from './child-handle.ts';
import {
  CONTROL_PROTOCOL_VERSION,
  type ControlRequest,
  type ControlResponse,
} from './control-protocol.ts';
import { type ControlServer, openControlServer } from './control-server.ts';
import { giveUp } from './give-up.ts';
import { HealthGuard } from './health-guard.ts';
import { findInstance } from './instance-name.ts';
import { LaunchedScripts } from './launched-scripts.ts';
import type {
  FromHealth,
  FromVrrp,
  Mastership,
  PlannedOperation,
  ToHealth,
  ToVrrp,
} from './messages.ts';
import type { FromBfd, ToBfd } from './messages-bfd.ts';
import { askNextStart } from './next-start.ts';
import { Notices } from './notices.ts';
import { judgePreflight, type Problem } from './preflight.ts';
import { gatherFacts, readTable } from './preflight-facts.ts';
import {
  type Applied,
  type FileAnswer,
  type Judged,
  judgeFile,
  logJudgement,
  NO_LISTING,
  NO_TABLE,
  STOPPED,
  STOPPING,
  summarize,
} from './reload.ts';
import { TaskQueue } from './reload-queue.ts';
import type { ScriptRules } from './script-launch.ts';
import { ScriptRunner } from './script-runner.ts';
import {
  Predecessor,
  SUCCESSION_GRACE_MS,
  SUCCESSION_MASTERSHIPS_MAX,
  succeedSelf,
  TOO_MANY_HELD,
} from './succession.ts';
import {
  CHECKS_AWAITED_MS,
  processStatus,
  type Refusal,
  type SupervisorOptions,
  stopPolicyOf,
} from './supervisor-options.ts';
import { syncRoleOf } from './sync-role.ts';
import { planFirstTable } from './table-preview.ts';
import { type CancelTimer, nodeTimers } from './timers.ts';
import { Trackers } from './trackers.ts';
import { type GuardPorts, VrrpGuard } from './vrrp-guard.ts';

const OWNERSHIP_FILE = 'ipvs-owned.json';
const SCRIPTS_FILE = 'scripts-running.json';
/** Notify scripts of a stop have so long before they are killed. */
const LAST_NOTICES_MS = 5_000;

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #log: Log;
  readonly #startedAt: string;
  #config: Config;
  #loadedAt: string;
  #control: ControlServer | undefined;
  #vrrp: VrrpGuard | undefined;
  #health: HealthGuard | undefined;
  readonly #bfd: BfdGuard;
  readonly #launched: LaunchedScripts;
  readonly #trackers: Trackers;
  readonly #notices: Notices;
  /** Of each instance; the health process may be started after the news. */
  readonly #syncRoles = new Map<string, 'master' | 'backup'>();
  #cancelChecksWait: CancelTimer = () => {};
  /** The vrrp process of the program that was in this process before. */
  readonly #predecessor: Predecessor | undefined;
  #ending: Promise<void> | undefined;
  /** What is read: that of the start, or of the last reload that named another. */
  #file: string;
  readonly #reloads = new TaskQueue();
  readonly #onEnded: (exitStatus: number) => void;

  /** `config` is the configuration of `options.configFile` as loaded; `onEnded` gets the exit status. */
  constructor(config: Config, options: SupervisorOptions, onEnded: (exitStatus: number) => void) {
    this.#config = config;
    this.#options = options;
    this.#file = options.configFile;
    this.#log = options.log;
    this.#onEnded = onEnded;
    this.#startedAt = this.#now();
    this.#loadedAt = this.#startedAt;
    const { clock, log, succession } = options;
    this.#predecessor = succession && new Predecessor(succession, log);
    const path = (): string => this.#besideSocket(SCRIPTS_FILE);
    const launched = new LaunchedScripts({ path, log, setTimer: nodeTimers });
    this.#launched = launched;
    this.#notices = new Notices({ clock, log, setTimer: nodeTimers, launched });
    this.#trackers = new Trackers(config, {
      clock,
      log,
      setTimer: nodeTimers,
      launched,
      onChange: (state) => {
        this.#vrrp?.tellTrackers([state]);
        if (state.kind === 'file') this.#health?.tellFiles([state]);
        const { kind, name, isUp, reason } = state;
        // A session has events of its own.
        if (kind === 'bfd') return;
        const text = `${kind} ${name} is ${isUp ? 'up' : 'down'}: ${reason}`;
        this.#notices.event({ kind: 'tracker', object: kind, name, text, fields: { isUp } });
      },
    });
    this.#bfd = new BfdGuard({
      clock,
      log,
      setTimer: nodeTimers,
      spawn: spawnBeside<ToBfd, FromBfd>('bfd-process', NO_HELPER_THREADS),
      afterPending: setImmediate,
      onTracked: (state) => this.#trackers.setBfd(state),
      onChecked: (reading) => this.#health?.tellBfd(reading),
      onSession: (report) => this.#tellSession(report),
      onRestart: (death) => this.#tellDeath('bfd', death),
    });
  }

  /** Starts everything; a refusal means that nothing was touched. */
  async start(): Promise<Refusal | undefined> {
    const refusal = await this.#start();
    if (refusal !== undefined) this.#predecessor?.letGo();
    return refusal;
  }

  async #start(): Promise<Refusal | undefined> {
    const problems = this.#preflight(this.#config, this.#options.adopt);
    if (problems.length > 0) return { problems };
    const socket = { ...this.#config.globalDefs.controlSocket, path: this.#socketPath() };
    const control = await openControlServer({
      socket,
      log: this.#log,
      answer: (request) => this.#answer(request),
    });
    if (!control.ok) return { problems: [control] };
    this.#control = control.server;
    this.#log.info(
      {
        version: this.#options.version,
        file: this.#options.configFile,
        id: this.#options.configId,
        socket: socket.path,
      },
      'starting',
    );
    this.#launched.endLeftovers();
    this.#tellConfig(this.#predecessor === undefined ? 'started' : 'restarted');
    this.#notices.configure(this.#config, false);
    const { startupScript } = this.#config.globalDefs;
    if (startupScript !== undefined && this.#predecessor === undefined) {
      await this.#notices.runAlone('startup_script', startupScript);
    }
    // Told to stop meanwhile.
    if (this.#ending === undefined) await this.#startProcesses(this.#startTrackers());
    return undefined;
  }

  /**
   * Validates everything first; on any error the running configuration stays. One at a time. `file` is what
   * the daemon reads from then on, unless it is refused.
   */
  reload(file?: string, color = false): Promise<FileAnswer<'reload'>> {
    return this.#reloads.run(() => this.#reload(file ?? this.#file, color));
  }

  async #reload(file: string, color: boolean): Promise<FileAnswer<'reload'>> {
    const beganMs = this.#options.clock.monotonicMs();
    if (this.#ending !== undefined) return STOPPING;
    const judged = this.#judge(file, color);
    logJudgement(this.#log, judged, file);
    if (!judged.ok) return judged;
    const { config, report } = judged;
    this.#warnOfControlSocket(config);
    const changes = this.#changesTo(config);
    this.#config = config;
    this.#file = file;
    this.#loadedAt = this.#now();
    for (const change of changes) this.#log.info({ change: describeChange(change) }, 'reload');
    this.#log.info({ file, changes: changes.length }, 'reloaded');
    this.#tellConfig('reloaded');
    const applied = await this.#apply(config);
    const tookMs = this.#options.clock.monotonicMs() - beganMs;
    const { operations, draining, pending } = applied;
    this.#log.info({ file, operations, draining, tookMs: Math.round(tookMs) }, 'reload applied');
    for (const what of pending) this.#log.warn({ what }, 'reload pending');
    return { ok: true, result: { file, changes, report, ...applied, tookMs } };
  }

  async #apply(config: Config): Promise<Applied> {
    const tableDone = this.#health?.reconfigure(config);
    this.#notices.configure(config, true);
    const bfdDone = this.#configureBfd();
    await this.#trackers.reconfigure(config);
    if (this.#ending !== undefined) return STOPPED;
    const vrrpDone = this.#vrrp?.reconfigure(config);
    await this.#startProcesses(Promise.resolve());
    const [health, vrrp, bfd] = await Promise.all([tableDone, vrrpDone, bfdDone]);
    return summarize({
      health: tableDone === undefined ? 'not-needed' : health,
      vrrp: vrrpDone === undefined ? 'not-needed' : vrrp,
      isBfdDone: bfd,
    });
  }

  /** What a reload with this file would do; nothing is changed. */
  async #plan(file: string, color: boolean): Promise<FileAnswer<'plan'>> {
    const judged = this.#judge(file, color);
    if (!judged.ok) return judged;
    const { config, report } = judged;
    const operations = await this.#planTable(config);
    if (operations === undefined) return NO_TABLE;
    return {
      ok: true,
      result: { file, changes: this.#changesTo(config), report, operations },
    };
  }

  async #planTable(config: Config): Promise<readonly PlannedOperation[] | undefined> {
    if (this.#health !== undefined) return this.#health.preview(config);
    if (config.virtualServers.length === 0) return [];
    const found = readTable(this.#besideSocket(OWNERSHIP_FILE));
    const nowMs = this.#options.clock.monotonicMs();
    return found && planFirstTable(config, found.table, found.owned, nowMs);
  }

  #changesTo(config: Config): readonly Change[] {
    return diffConfig(this.#config, config, (a, b) => this.#options.blocks.isSame(a, b));
  }

  #judge(file: string, color: boolean): Judged {
    const { configId, compat, blocks } = this.#options;
    const loaded = loadConfig(file, { configId, compat: compat === true, blocks });
    const preflight = (config: Config): readonly Problem[] => this.#preflight(config, false);
    return judgeFile(loaded, file, { color, preflight });
  }

  /** Orderly stop: hand the virtual IPs over, then withdraw the table, then end with `exitStatus`. */
  stop(reason: string, exitStatus: number): void {
    if (this.#ending !== undefined) {
      this.#health?.hurry();
      return;
    }
    this.#log.info({ reason }, 'stopping');
    this.#ending = this.#end().then(() => {
      this.#log.info({ exitStatus }, 'stopped');
      this.#onEnded(exitStatus);
    });
  }

  async #end(): Promise<void> {
    this.#cancelChecksWait();
    this.#predecessor?.letGo();
    await this.#vrrp?.stop();
    this.#trackers.close();
    await this.#health?.stop(stopPolicyOf(this.#options, this.#config));
    await this.#bfd.stop();
    await this.#notices.stop(LAST_NOTICES_MS);
    const { shutdownScript } = this.#config.globalDefs;
    if (shutdownScript !== undefined) {
      await this.#notices.runAlone('shutdown_script', shutdownScript);
    }
    this.#control?.close();
  }

  /** Sessions come up while the table is made. */
  #startTrackers(): Promise<void> {
    void this.#configureBfd();
    return Promise.all([this.#trackers.start(), this.#bfd.firstStandings()]).then(() => {});
  }

  #configureBfd(): Promise<boolean> {
    return this.#bfd.configure(this.#config.bfdInstances ?? []);
  }

  #tellSession({ name, state, reason }: SessionReport): void {
    const text = `${name} is ${state}: ${reason}`;
    this.#notices.event({ kind: 'bfd', object: 'session', name, text, fields: { state, reason } });
  }

  /**
   * Starts what the configuration needs and is not there yet: the table first, and what is tracked known
   * (`watching`), then VRRP.
   */
  async #startProcesses(watching: Promise<void>): Promise<void> {
    const { clock } = this.#options;
    const onFatal = (code: string, message: string): void => {
      this.#log.error({ code }, message);
      this.stop(code, 1);
    };
    const common = { clock, log: this.#log, setTimer: nodeTimers, onFatal };
    const isNewVrrp = this.#vrrp === undefined && this.#config.vrrpInstances.length > 0;
    if (isNewVrrp) {
      // Of a daemon that starts: one that runs has its servers checked.
      const awaitsChecks = this.#config.virtualServers.length > 0 && this.#health === undefined;
      const ports: GuardPorts = {
        ...common,
        spawn: spawnBeside<ToVrrp, FromVrrp>('vrrp-process', NO_HELPER_THREADS),
        afterPending: setImmediate,
        giveUp: (config, masterships) => giveUp(config, masterships, this.#log),
        trackers: () => this.#trackers.states(),
        onNotice: (notice) => this.#hearNotice(notice),
        onReport: (report) => this.#notices.report(report),
        onRestart: (death) => this.#tellDeath('vrrp', death),
      };
      this.#vrrp = new VrrpGuard(this.#config, ports, awaitsChecks);
      this.#vrrp.prepare();
    }
    if (this.#health === undefined && this.#config.virtualServers.length > 0) {
      this.#health = new HealthGuard(
        this.#config,
        {
          ownershipFile: this.#besideSocket(OWNERSHIP_FILE),
          adopt: this.#options.adopt,
          isOurs: this.#predecessor !== undefined,
        },
        {
          ...common,
          spawn: spawnBeside<ToHealth, FromHealth>('health-process'),
          isSameService: (a, b) => this.#options.blocks.isSame(a, b),
          newScripts: (onEnd) => this.#newCheckScripts(onEnd),
          files: () => this.#trackers.states().filter(({ kind }) => kind === 'file'),
          bfd: () => this.#bfd.readings(),
          onServices: (states) => this.#trackers.setServices(states),
          onServersChecked: () => this.#serversChecked(),
          onNotice: (notice) => this.#notices.service(notice),
          onExpiry: (warning) => this.#notices.expiry(warning),
          onRestart: (death) => this.#tellDeath('health', death),
        },
      );
      for (const [name, role] of this.#syncRoles) this.#health.setRole(name, role);
      await this.#health.start();
    }
    await watching;
    if (!isNewVrrp) this.#predecessor?.letGo();
    if (!isNewVrrp || this.#ending !== undefined) return;
    const held = await this.#takeOver();
    if (this.#ending !== undefined) {
      giveUp(this.#config, held, this.#log);
      return;
    }
    this.#vrrp?.start(held);
    if (this.#vrrp?.awaitsChecks !== true) return;
    this.#cancelChecksWait = nodeTimers(CHECKS_AWAITED_MS, () => {
      const fields = { waitedMs: CHECKS_AWAITED_MS };
      this.#log.warn(fields, 'not every server has been checked, preempting all the same');
      this.#vrrp?.serversChecked();
    });
  }

  /** What the predecessor's vrrp process held until now; it is ended when ours is loaded. */
  async #takeOver(): Promise<readonly Mastership[]> {
    const predecessor = this.#predecessor;
    if (predecessor === undefined) return [];
    await this.#vrrp?.loaded();
    return predecessor.end(this.#config, () => this.#options.clock.monotonicMs());
  }

  /** Begins anew in the same process; everything is served meanwhile. Refused as a unit. */
  async #restart(): Promise<FileAnswer<'restart'>> {
    if (this.#ending !== undefined) return STOPPING;
    const judged = this.#judge(this.#options.configFile, false);
    if (!judged.ok) return judged;
    if ((this.#vrrp?.masterships ?? []).length > SUCCESSION_MASTERSHIPS_MAX) return TOO_MANY_HELD;
    const next = await askNextStart(this.#options);
    if (!next.ok) return next;
    // The answer leaves first.
    setImmediate(() => void this.#reloads.run(() => this.#beginAnew()));
    return { ok: true, result: { pid: process.pid } };
  }

  async #beginAnew(): Promise<void> {
    if (this.#ending !== undefined) return;
    this.#log.info({}, 'restarting in place');
    const vrrpPid = this.#vrrp?.pid;
    const children = [
      ...[...(this.#vrrp?.pids ?? []), this.#health?.pid].filter((pid) => pid !== undefined),
      ...this.#launched.pids,
    ];
    this.#health?.leave();
    this.#trackers.close();
    await this.#notices.stop(LAST_NOTICES_MS);
    const masterships = (await this.#vrrp?.awaitSuccessor(SUCCESSION_GRACE_MS)) ?? [];
    // Its ports are free then for the next start; the vrrp process goes by what it was told last.
    await this.#bfd.stop();
    // A stop that came meanwhile is an end.
    if (this.#ending !== undefined) return;
    this.#control?.close();
    succeedSelf({ ...(vrrpPid === undefined ? {} : { vrrpPid }), masterships, children });
  }

  #serversChecked(): void {
    this.#cancelChecksWait();
    this.#vrrp?.serversChecked();
  }

  #newCheckScripts(onEnd: CheckScriptPorts['onEnd']): CheckScripts {
    const ports = { clock: this.#options.clock, setTimer: nodeTimers, launched: this.#launched };
    const runner = new ScriptRunner({ ...ports, limit: CHECK_RUNS_MAX });
    const rules = (): ScriptRules => this.#config.globalDefs;
    return new CheckScripts({ runner, setTimer: nodeTimers, rules, onEnd });
  }

  #hearNotice(notice: Notice): void {
    this.#notices.notice(notice);
    const role = notice.object === 'INSTANCE' ? syncRoleOf(notice.state) : undefined;
    if (role === undefined) return;
    this.#syncRoles.set(notice.name, role);
    this.#health?.setRole(notice.name, role);
  }

  #warnOfControlSocket(config: Config): void {
    const before = this.#config.globalDefs.controlSocket;
    if (JSON.stringify(before) === JSON.stringify(config.globalDefs.controlSocket)) return;
    this.#log.warn({ path: before.path }, 'control_socket changes only when lvsd is restarted');
  }

  #preflight(config: Config, adopt: boolean): readonly Problem[] {
    // At the start nothing of the configuration runs yet.
    const running = this.#control === undefined ? undefined : this.#config;
    const facts = gatherFacts(config, this.#besideSocket(OWNERSHIP_FILE), running);
    return judgePreflight(config, facts, adopt);
  }

  async #answer(request: ControlRequest): Promise<ControlResponse> {
    const { id } = request;
    switch (request.command) {
      case 'status':
        return { id, ok: true, result: await this.#status() };
      case 'events':
        return { id, ok: true, result: this.#notices.eventsSince(request.since) };
      case 'handover':
        return this.#handover(id, request.name);
      case 'reload':
        return { id, ...(await this.reload(request.file, request.color)) };
      case 'restart':
        return { id, ...(await this.#reloads.run(() => this.#restart())) };
      case 'ipvs':
        return { id, ...((await this.#health?.listing()) ?? NO_LISTING) };
      case 'plan':
        return { id, ...(await this.#plan(request.file ?? this.#file, request.color === true)) };
      default:
        return request satisfies never;
    }
  }

  async #handover(id: number, given: string): Promise<ControlResponse> {
    const found = findInstance(this.#config, given);
    if (!found.ok) return { id, ...found };
    const instance = found.name;
    this.#log.info({ instance }, 'handover asked for');
    const outcome = await this.#vrrp?.handover(instance);
    if (outcome === undefined) {
      const message = `The vrrp process went away over the handover of ${instance}: see \`lvsd status\``;
      return { id, ok: false, code: 'NO_ANSWER', message };
    }
    if (!outcome.ok) return { id, ...outcome };
    const { successor, tookMs } = outcome;
    return { id, ok: true, result: { instance, successor, tookMs } };
  }

  #tellConfig(what: 'started' | 'restarted' | 'reloaded'): void {
    const name = this.#file;
    const text = `${what} with ${name}`;
    this.#notices.event({ kind: 'config', object: 'daemon', name, text, fields: {} });
  }

  #tellDeath(name: 'vrrp' | 'health' | 'bfd', death: string): void {
    const text = `the ${name} process died (${death}) and is started again`;
    this.#notices.event({ kind: 'process', object: 'process', name, text, fields: { death } });
  }

  async #status(): Promise<DaemonStatus> {
    const [vrrp, health, bfd] = await Promise.all([
      this.#vrrp?.snapshot(),
      this.#health?.snapshot(),
      this.#bfd.snapshot(),
    ]);
    return {
      protocol: CONTROL_PROTOCOL_VERSION,
      version: this.#options.version,
      pid: process.pid,
      configFile: this.#file,
      configId: this.#options.configId,
      startedAt: this.#startedAt,
      loadedAt: this.#loadedAt,
      processes: {
        vrrp: processStatus(this.#vrrp),
        health: processStatus(this.#health),
        bfd: processStatus(this.#bfd.isNeeded ? this.#bfd : undefined),
      },
      vrrp: vrrp ?? [],
      trackers: this.#trackers.status(),
      notify: this.#notices.status(),
      ...(health === undefined ? {} : { health }),
      ...(bfd === undefined ? {} : { bfd }),
    };
  }

  #socketPath(): string {
    return this.#options.socketPath ?? this.#config.globalDefs.controlSocket.path;
  }

  /** /run is emptied at boot, as the kernel's table is. */
  #besideSocket(file: string): string {
    return join(dirname(this.#socketPath()), file);
  }

  #now(): string {
    return new Date(this.#options.clock.realtimeMs()).toISOString();
  }
}
