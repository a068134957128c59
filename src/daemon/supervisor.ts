/**
 * The supervisor: reads the configuration once, starts the two processes, restarts them, hands on
 * reloads, answers the control socket, and ends everything in order.
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
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Diagnostic } from '../config/diagnostics.ts';
import { describeChange, diffConfig } from '../config/diff.ts';
import { type LoadResult, loadConfig } from '../config/load.ts';
import type { Config } from '../config/model.ts';
import type { DaemonStatus } from '../observe/status.ts';
import type { Notice } from '../vrrp/notice.ts';
import { spawnBeside } from './child-handle.ts';
import {
  CONTROL_PROTOCOL_VERSION,
  type ControlRequest,
  type ControlResponse,
} from './control-protocol.ts';
import { type ControlServer, openControlServer } from './control-server.ts';
import { giveUp } from './give-up.ts';
import { HealthGuard } from './health-guard.ts';
import { findInstance } from './instance-name.ts';
import type { FromHealth, FromVrrp, ToHealth, ToVrrp } from './messages.ts';
import { Notices } from './notices.ts';
import { judgePreflight, type Problem } from './preflight.ts';
import { gatherFacts } from './preflight-facts.ts';
import { syncRoleOf } from './sync-role.ts';
import { type CancelTimer, nodeTimers } from './timers.ts';
import { Trackers } from './trackers.ts';
import { type GuardPorts, VrrpGuard } from './vrrp-guard.ts';

const OWNERSHIP_FILE = 'ipvs-owned.json';
/** Notify scripts of a stop have so long before they are killed. */
const LAST_NOTICES_MS = 5_000;

export interface SupervisorOptions {
  readonly configFile: string;
  readonly configId: string;
  /** Reloads as it was started: errors on which keepalived would start are warnings. */
  readonly compat?: boolean;
  /** Overrides the configuration's control_socket path. */
  readonly socketPath?: string;
  /** Take over IPVS services that are already there and are in the configuration. */
  readonly adopt: boolean;
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * A director that returns preempts nobody before its servers have been checked, so that it does not take the
 * traffic with a table that it only hopes is true; but not longer than this.
 */
const CHECKS_AWAITED_MS = 30_000;

/** Why the daemon did not start; nothing of it is left behind. */
export interface Refusal {
  readonly problems: readonly Problem[];
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #log: Log;
  readonly #startedAt: string;
  #config: Config;
  #loadedAt: string;
  #control: ControlServer | undefined;
  #vrrp: VrrpGuard | undefined;
  #health: HealthGuard | undefined;
  readonly #trackers: Trackers;
  readonly #notices: Notices;
  /** Of each instance; the health process may be started after the news. */
  readonly #syncRoles = new Map<string, 'master' | 'backup'>();
  #cancelChecksWait: CancelTimer = () => {};
  #ending: Promise<void> | undefined;
  #isReloading = false;
  readonly #onEnded: (exitStatus: number) => void;

  /** `config` is the configuration of `options.configFile` as loaded; `onEnded` gets the exit status. */
  constructor(config: Config, options: SupervisorOptions, onEnded: (exitStatus: number) => void) {
    this.#config = config;
    this.#options = options;
    this.#log = options.log;
    this.#onEnded = onEnded;
    this.#startedAt = this.#now();
    this.#loadedAt = this.#startedAt;
    const { clock, log } = options;
    this.#notices = new Notices({ clock, log, setTimer: nodeTimers });
    this.#trackers = new Trackers(config, {
      clock,
      log,
      setTimer: nodeTimers,
      onChange: (state) => {
        this.#vrrp?.tellTrackers([state]);
        const { kind, name, isUp, reason } = state;
        const text = `${kind} ${name} is ${isUp ? 'up' : 'down'}: ${reason}`;
        this.#notices.event({ kind: 'tracker', object: kind, name, text, fields: { isUp } });
      },
    });
  }

  /** Starts everything; a refusal means that nothing was touched. */
  async start(): Promise<Refusal | undefined> {
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
    this.#tellConfig('started');
    this.#notices.configure(this.#config, false);
    const { startupScript } = this.#config.globalDefs;
    if (startupScript !== undefined) {
      await this.#notices.runAlone('startup_script', startupScript);
    }
    // Told to stop meanwhile.
    if (this.#ending === undefined) await this.#startProcesses(this.#trackers.start());
    return undefined;
  }

  /** Validates everything first; on any error the running configuration stays. */
  reload(): void {
    if (this.#ending !== undefined || this.#isReloading) return;
    const { configFile: file, configId, compat } = this.#options;
    const loaded = loadConfig(file, { configId, compat: compat === true });
    const config = this.#acceptReload(loaded, file);
    if (config === undefined) return;
    const before = this.#config;
    this.#config = config;
    this.#loadedAt = this.#now();
    // The table first: what has changed takes a large file a while to find out.
    this.#health?.reconfigure(config);
    const changes = diffConfig(before, config);
    for (const change of changes) this.#log.info({ change: describeChange(change) }, 'reload');
    this.#log.info({ file, changes: changes.length }, 'reloaded');
    this.#tellConfig('reloaded');
    this.#isReloading = true;
    void this.#apply(config).then(() => {
      this.#isReloading = false;
    });
  }

  async #apply(config: Config): Promise<void> {
    this.#notices.configure(config, true);
    await this.#trackers.reconfigure(config);
    if (this.#ending !== undefined) return;
    this.#vrrp?.reconfigure(config);
    await this.#startProcesses(Promise.resolve());
  }

  /** Orderly stop: hand the virtual IPs over, then withdraw the table, then end with `exitStatus`. */
  stop(reason: string, exitStatus: number): void {
    if (this.#ending !== undefined) return;
    this.#log.info({ reason }, 'stopping');
    this.#ending = this.#end().then(() => {
      this.#log.info({ exitStatus }, 'stopped');
      this.#onEnded(exitStatus);
    });
  }

  async #end(): Promise<void> {
    this.#cancelChecksWait();
    await this.#vrrp?.stop();
    this.#trackers.close();
    await this.#health?.stop();
    await this.#notices.stop(LAST_NOTICES_MS);
    const { shutdownScript } = this.#config.globalDefs;
    if (shutdownScript !== undefined) {
      await this.#notices.runAlone('shutdown_script', shutdownScript);
    }
    this.#control?.close();
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
        spawn: spawnBeside<ToVrrp, FromVrrp>('vrrp-process'),
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
        { ownershipFile: this.#ownershipFile(), adopt: this.#options.adopt },
        {
          ...common,
          spawn: spawnBeside<ToHealth, FromHealth>('health-process'),
          onServices: (states) => this.#trackers.setServices(states),
          onServersChecked: () => this.#serversChecked(),
          onNotice: (notice) => this.#notices.service(notice),
          onRestart: (death) => this.#tellDeath('health', death),
        },
      );
      for (const [name, role] of this.#syncRoles) this.#health.setRole(name, role);
      await this.#health.start();
    }
    await watching;
    if (!isNewVrrp || this.#ending !== undefined) return;
    this.#vrrp?.start();
    if (this.#vrrp?.awaitsChecks !== true) return;
    this.#cancelChecksWait = nodeTimers(CHECKS_AWAITED_MS, () => {
      const fields = { waitedMs: CHECKS_AWAITED_MS };
      this.#log.warn(fields, 'not every server has been checked, preempting all the same');
      this.#vrrp?.serversChecked();
    });
  }

  #serversChecked(): void {
    this.#cancelChecksWait();
    this.#vrrp?.serversChecked();
  }

  #hearNotice(notice: Notice): void {
    this.#notices.notice(notice);
    const role = notice.object === 'INSTANCE' ? syncRoleOf(notice.state) : undefined;
    if (role === undefined) return;
    this.#syncRoles.set(notice.name, role);
    this.#health?.setRole(notice.name, role);
  }

  #acceptReload(loaded: LoadResult, file: string): Config | undefined {
    for (const diagnostic of loaded.diagnostics) this.#logDiagnostic(diagnostic);
    const { config } = loaded;
    if (config === undefined) {
      const problem = loaded.unreadable?.message;
      this.#log.error({ file, problem }, 'reload refused, the running configuration stays');
      return undefined;
    }
    const problems = this.#preflight(config, false);
    for (const problem of problems) this.#log.error({ code: problem.code }, problem.message);
    if (problems.length > 0) {
      this.#log.error({ file }, 'reload refused, the running configuration stays');
      return undefined;
    }
    const before = this.#config.globalDefs.controlSocket;
    const after = config.globalDefs.controlSocket;
    if (JSON.stringify(before) !== JSON.stringify(after)) {
      this.#log.warn({ path: before.path }, 'control_socket changes only when lvsd is restarted');
    }
    return config;
  }

  #preflight(config: Config, adopt: boolean): readonly Problem[] {
    return judgePreflight(config, gatherFacts(config, this.#ownershipFile()), adopt);
  }

  #logDiagnostic(diagnostic: Diagnostic): void {
    const { code, message, help, compat, span } = diagnostic;
    const fields = { code, at: `${span.file}:${span.line}:${span.column}`, help, compat };
    if (diagnostic.severity === 'error') this.#log.error(fields, message);
    else this.#log.warn(fields, message);
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

  #tellConfig(what: 'started' | 'reloaded'): void {
    const name = this.#options.configFile;
    const text = `${what} with ${name}`;
    this.#notices.event({ kind: 'config', object: 'daemon', name, text, fields: {} });
  }

  #tellDeath(name: 'vrrp' | 'health', death: string): void {
    const text = `the ${name} process died (${death}) and is started again`;
    this.#notices.event({ kind: 'process', object: 'process', name, text, fields: { death } });
  }

  async #status(): Promise<DaemonStatus> {
    const [vrrp, health] = await Promise.all([this.#vrrp?.snapshot(), this.#health?.snapshot()]);
    return {
      protocol: CONTROL_PROTOCOL_VERSION,
      version: this.#options.version,
      pid: process.pid,
      configFile: this.#options.configFile,
      configId: this.#options.configId,
      startedAt: this.#startedAt,
      loadedAt: this.#loadedAt,
      processes: { vrrp: processStatus(this.#vrrp), health: processStatus(this.#health) },
      vrrp: vrrp ?? [],
      trackers: this.#trackers.status(),
      notify: this.#notices.status(),
      ...(health === undefined ? {} : { health }),
    };
  }

  #socketPath(): string {
    return this.#options.socketPath ?? this.#config.globalDefs.controlSocket.path;
  }

  /** Beside the control socket: /run is emptied at boot, as the kernel's table is. */
  #ownershipFile(): string {
    return join(dirname(this.#socketPath()), OWNERSHIP_FILE);
  }

  #now(): string {
    return new Date(this.#options.clock.realtimeMs()).toISOString();
  }
}

function processStatus(
  guard: VrrpGuard | HealthGuard | undefined,
): DaemonStatus['processes']['vrrp'] {
  if (guard === undefined) return { state: 'not-needed', restarts: 0 };
  const { pid, restarts } = guard;
  return pid === undefined
    ? { state: 'restarting', restarts }
    : { state: 'running', pid, restarts };
}
