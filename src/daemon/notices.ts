/**
 * Where everything that happens is told: notify scripts, FIFOs, and the list of events. The processes only
 * say what happened.
 */
import { formatEndpoint } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { describeOutcome, hasPassed } from '../base/script-result.ts';
import type { Config, VirtualServerConfig } from '../config/model.ts';
import type { NotifyFifoConfig, TimedScript } from '../config/model-global.ts';
import { serviceName } from '../config/names.ts';
import type { ExpiryWarning } from '../health/checker.ts';
import type { LvsNotice } from '../ipvs/notice.ts';
import { EventLog, type EventsPage, type NewEvent } from '../observe/events.ts';
import type { FifoStatus, NotifyStatus } from '../observe/outside.ts';
import type { Notice, Report } from '../vrrp/notice.ts';
import { Fifo } from './fifo.ts';
import type { LaunchedScripts } from './launched-scripts.ts';
import { Notifier } from './notify.ts';
import { fifoLine, type NotifySource, planNotice } from './notify-plan.ts';
import type { ScriptRules } from './script-launch.ts';
import { ScriptRunner } from './script-runner.ts';
import type { SetTimer } from './timers.ts';

/** Scripts of different objects at once. */
const RUNS_MAX = 64;
/** One script for each of the three FIFOs, and those that are just being ended. */
const FIFO_SCRIPTS_MAX = 8;

export interface NoticesPorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly setTimer: SetTimer;
  readonly launched?: LaunchedScripts;
}

const FIFO_KINDS = ['notifyFifo', 'vrrpNotifyFifo', 'lvsNotifyFifo'] as const;
type FifoKind = (typeof FIFO_KINDS)[number];

export class Notices {
  readonly #ports: NoticesPorts;
  readonly #events = new EventLog();
  readonly #runner: ScriptRunner;
  readonly #fifoRunner: ScriptRunner;
  readonly #notifier: Notifier;
  readonly #fifos = new Map<FifoKind, Fifo>();
  /** Of each object: what it is told by, also after a reload has removed it. */
  #sources: ReadonlyMap<string, NotifySource> = new Map();
  /** The state that each object was last told in. */
  readonly #told = new Map<string, Notice>();
  /** Services of the file by name; the state that each of them, and of their servers, was last told in. */
  #services: ReadonlyMap<string, VirtualServerConfig> = new Map();
  readonly #endpoints = new WeakMap<VirtualServerConfig, ReadonlySet<string>>();
  readonly #toldServices = new Map<string, LvsNotice['state']>();
  /** By server and check: the end of the certificate that was warned about. */
  readonly #toldExpiries = new Map<string, number>();
  #rules: ScriptRules = {};

  constructor(ports: NoticesPorts) {
    this.#ports = ports;
    const { clock, log, setTimer } = ports;
    this.#runner = new ScriptRunner({ ...ports, limit: RUNS_MAX });
    this.#fifoRunner = new ScriptRunner({ ...ports, limit: FIFO_SCRIPTS_MAX });
    this.#notifier = new Notifier({
      clock,
      log,
      setTimer,
      run: ({ command, args }, timeoutMs) =>
        this.#runner.run(command, { rules: this.#rules, timeoutMs, args }),
      onResult: (object, { script, state, outcome, tookMs }) =>
        this.event({
          kind: 'notify',
          object: 'script',
          name: object,
          text: `${script} for ${state}: ${outcome} after ${tookMs} ms`,
          fields: { script, state, outcome, tookMs },
        }),
    });
  }

  /** FIFOs that are kept stay open; `isReload`: they may get all states again. */
  configure(config: Config, isReload: boolean): void {
    const { globalDefs } = config;
    this.#rules = globalDefs;
    const before = this.#sources;
    this.#sources = new Map([
      ...before,
      ...config.vrrpInstances.map((each) => [`INSTANCE ${each.name}`, each] as const),
      ...(config.vrrpSyncGroups ?? []).map((each) => [`GROUP ${each.name}`, each] as const),
    ]);
    this.#services = new Map(config.virtualServers.map((each) => [serviceName(each), each]));
    for (const key of this.#toldServices.keys()) {
      if (!this.#isOfFile(key)) this.#toldServices.delete(key);
    }
    for (const kind of FIFO_KINDS) this.#configureFifo(kind, globalDefs[kind]);
    if (isReload && globalDefs.writesFifoOnReload === true) this.#writeStates(config);
  }

  /**
   * Whether the file has the service or the server of a notice: `VS NAME`, `RS NAME/ENDPOINT`. Only of
   * services that have something to tell their servers are looked at: a file may have tens of thousands.
   */
  #isOfFile(key: string): boolean {
    const name = key.slice(3);
    if (key.startsWith('VS ')) return this.#services.has(name);
    const slash = name.lastIndexOf('/');
    const service = this.#services.get(name.slice(0, slash));
    if (service === undefined) return false;
    const endpoints = this.#endpoints.get(service) ?? endpointsIn(service);
    this.#endpoints.set(service, endpoints);
    return endpoints.has(name.slice(slash + 1));
  }

  notice(notice: Notice): void {
    const key = `${notice.object} ${notice.name}`;
    const { object, name, state, priority, reason } = notice;
    const text = `${name} ${describeState(state)}, priority ${priority}: ${reason}`;
    this.event({ kind: 'vrrp', object, name, text, fields: { state, priority, reason } });
    const isState = state === 'MASTER' || state === 'BACKUP' || state === 'FAULT';
    // A vrrp process that was replaced begins by saying what everybody has heard already.
    if (isState && this.#told.get(key)?.state === state) return;
    if (isState) this.#told.set(key, notice);
    else if (state === 'STOP' || state === 'DELETED') this.#told.delete(key);
    const { runs, line } = planNotice(notice, this.#sources.get(key) ?? {});
    this.#notifier.notify(
      key,
      runs.map((run) => ({ ...run, state })),
    );
    if (line !== undefined) this.#write(['notifyFifo', 'vrrpNotifyFifo'], line);
  }

  report({ name, object = 'INSTANCE', instance, fields }: Report): void {
    const details = Object.entries(fields).map(([field, value]) => `${field} ${value}`);
    const text = [`${instance}: ${REPORT_WORDS[name]}`, ...details].join(', ');
    this.event({
      kind: 'vrrp',
      object,
      name: instance,
      text,
      fields: { report: name, ...fields },
    });
  }

  service({ object, name, state, reason, isInitial, line, command }: LvsNotice): void {
    const key = `${object} ${name}`;
    // A health process that was replaced begins by saying how things stand.
    if (isInitial && this.#toldServices.get(key) === state) return;
    if (this.#isOfFile(key)) this.#toldServices.set(key, state);
    const text = `${name} is ${state}: ${reason}`;
    this.event({ kind: 'service', object, name, text, fields: { state, reason } });
    if (command !== undefined) {
      this.#notifier.notify(key, [{ command, args: [], state }]);
    }
    // keepalived writes the string with the NUL at its end.
    this.#write(['notifyFifo', 'lvsNotifyFifo'], `${line}\n\0`);
  }

  /** `cert_expiry_warn`. */
  expiry({ serverName: name, checker, endsMs }: ExpiryWarning): void {
    const key = `${name} ${checker}`;
    // A health process that was replaced warns again.
    if (this.#toldExpiries.get(key) === endsMs) return;
    this.#toldExpiries.set(key, endsMs);
    const ends = new Date(endsMs).toISOString();
    const hasEnded = endsMs <= this.#ports.clock.realtimeMs();
    const text = `${name}: the certificate that ${checker} was shown ${hasEnded ? 'ended' : 'ends'} ${ends}`;
    this.event({ kind: 'service', object: 'RS', name, text, fields: { checker, ends } });
  }

  /** `startup_script`, `shutdown_script`: resolves when it has ended or was killed for its time. */
  async runAlone(keyword: string, { command, timeoutMs }: TimedScript): Promise<void> {
    const run = this.#runner.run(command, { rules: this.#rules, timeoutMs });
    const { outcome, tookMs, stderr } = await run.result;
    const words = describeOutcome(outcome);
    const isGood = hasPassed(outcome, false);
    const fields = { script: command.path, outcome: words, tookMs, stderr: stderr || undefined };
    this.#ports.log[isGood ? 'info' : 'error'](fields, `${keyword} ended`);
    const text = `${keyword} ${command.path}: ${words} after ${tookMs} ms`;
    this.event({ kind: 'notify', object: keyword, name: command.path, text, fields: { tookMs } });
  }

  event(event: NewEvent): void {
    this.#events.add(event, new Date(this.#ports.clock.realtimeMs()).toISOString());
  }

  eventsSince(since: number): EventsPage {
    return this.#events.since(since);
  }

  status(): { readonly scripts: readonly NotifyStatus[]; readonly fifos: readonly FifoStatus[] } {
    const fifos = Array.from(this.#fifos.values(), (fifo) => fifo.status());
    return { scripts: this.#notifier.status(), fifos };
  }

  /** Lets the scripts that run or wait end, within `boundMs`; then nothing of them is left. */
  async stop(boundMs: number): Promise<void> {
    await this.#notifier.settled(boundMs);
    this.#runner.killAll();
    for (const fifo of this.#fifos.values()) fifo.close();
    this.#fifos.clear();
  }

  #configureFifo(kind: FifoKind, config: NotifyFifoConfig | undefined): void {
    const before = this.#fifos.get(kind);
    if (JSON.stringify(before?.config) === JSON.stringify(config)) return;
    before?.close();
    this.#fifos.delete(kind);
    if (config === undefined) return;
    const fifo = new Fifo(config, {
      ...this.#ports,
      run: ({ command, args }) => this.#fifoRunner.run(command, { rules: this.#rules, args }),
    });
    this.#fifos.set(kind, fifo);
  }

  /** `fifo_write_vrrp_states_on_reload`. */
  #writeStates(config: Config): void {
    const groups = new Set((config.vrrpSyncGroups ?? []).map(({ name }) => name));
    const instances = new Set(config.vrrpInstances.map(({ name }) => name));
    for (const notice of this.#told.values()) {
      const known = notice.object === 'GROUP' ? groups : instances;
      if (known.has(notice.name)) this.#write(['notifyFifo', 'vrrpNotifyFifo'], fifoLine(notice));
    }
  }

  #write(kinds: readonly FifoKind[], line: string): void {
    for (const kind of kinds) this.#fifos.get(kind)?.write(line);
  }
}

/** `10.0.0.1:80`: what tells the servers of a service apart. */
function endpointsIn(service: VirtualServerConfig): ReadonlySet<string> {
  const servers = [...service.realServers, ...(service.backupPool ?? [])];
  return new Set(servers.map(({ address, port }) => formatEndpoint(address, port)));
}

const REPORT_WORDS: Readonly<Record<Report['name'], string>> = {
  groupContested: 'its members do not agree which director is better, so who serves is chance',
  splitBrainDetected: 'split brain, another master is heard',
  splitBrainHealed: 'split brain is over',
  addressRestored: 'what somebody took away was put back',
  addressConflict: 'another host answers for an address of ours',
};

function describeState(state: Notice['state']): string {
  switch (state) {
    case 'MASTER':
    case 'BACKUP':
    case 'FAULT':
      return `became ${state}`;
    case 'STOP':
      return 'was stopped';
    case 'DELETED':
      return 'was removed by a reload';
    case 'MASTER_RX_LOWER_PRI':
      return 'heard a master of lower priority';
    case 'MASTER_PRIORITY':
    case 'BACKUP_PRIORITY':
      return 'has another priority';
    default:
      return state satisfies never;
  }
}
