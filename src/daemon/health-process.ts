/**
 * The health child: checks real servers and keeps the IPVS table as the verdicts say.
 *
 *   checks ─▶ verdicts ─▶ intent: quorum, weights, table ─▶ reconciler ─▶ kernel
 *                            └─▶ notices ─▶ supervisor
 */
import { processCpuMs, systemClock } from '../base/clock.ts';
import type { Config } from '../config/model.ts';
import type { LvsStopPolicy } from '../config/model-global.ts';
import { HealthEngine } from '../health/engine.ts';
import type { ServerChange } from '../health/watched-server.ts';
import { IpvsClient } from '../ipvs/client.ts';
import { inheritedVerdicts } from '../ipvs/inheritance.ts';
import { Intent } from '../ipvs/intent.ts';
import type { LvsNotice } from '../ipvs/notice.ts';
import { loadOwnership } from '../ipvs/ownership.ts';
import { Reconciler } from '../ipvs/reconciler.ts';
import { IpvsSettings } from '../ipvs/settings.ts';
import type { Table } from '../ipvs/types.ts';
import { DeadlineTimer } from '../kernel/timer.ts';
import { listIpvs } from '../observe/ipvs-listing.ts';
import type { HealthSnapshot } from '../observe/status.ts';
import type { TrackerState } from '../vrrp/tracker-state.ts';
import { AddressWatch } from './address-watch.ts';
import { type ChildChannel, openChildChannel, sendLast } from './child-channel.ts';
import { type ConfigChange, changedConfig } from './config-change.ts';
import { HealthOutside } from './health-outside.ts';
import type { FromHealth, NamedBfdReading, ToHealth } from './messages.ts';
import { serviceStates } from './service-states.ts';
import { describePreview, verdictsAtStart } from './table-preview.ts';

/** How often a drain at the stop is looked at. */
const DRAIN_LOOK_MS = 100;

class HealthProcess {
  readonly #channel: ChildChannel<FromHealth>;
  readonly #intent = new Intent();
  readonly #outside = new HealthOutside((message) => this.#channel.send(message));
  readonly #watch: AddressWatch;
  /** For weights that change though no verdict does. */
  #ramp: DeadlineTimer | undefined;
  #engine: HealthEngine | undefined;
  #reconciler: Reconciler | undefined;
  #client: IpvsClient | undefined;
  #settings: IpvsSettings | undefined;
  #config: Config | undefined;
  readonly #reasons = new Map<string, string>();
  #isStopping = false;
  #isWantDue = false;
  /** While a stop drains: ends it. */
  #endDrain: (() => void) | undefined;

  constructor() {
    this.#channel = openChildChannel<ToHealth, FromHealth>({
      onMessage: (message) => this.#receive(message),
      // The table stays: the vrrp process, an orphan too, goes on serving until its successor is heard,
      // and a daemon that is started again adopts it. Without the VIP nothing reaches it.
      onOrphaned: () => process.exit(0),
    });
    this.#watch = new AddressWatch(this.#channel.log, (names) => this.#engine?.suspend(names));
  }

  #receive(message: ToHealth): void {
    switch (message.kind) {
      case 'start':
        this.#start(message);
        return;
      case 'reconfigure':
        this.#reload(this.#changed(message.change));
        this.#answerReload(message.id);
        return;
      case 'preview':
        this.#preview(message.id, this.#changed(message.change));
        return;
      case 'snapshot':
        this.#answerSnapshot(message.id);
        return;
      case 'files':
        for (const state of message.states) this.#hearFile(state);
        return;
      case 'bfd':
        for (const reading of message.readings) this.#hearBfd(reading);
        return;
      case 'scriptEnded':
        this.#outside.scriptEnded(message.id, message.result);
        return;
      case 'listing':
        this.#answerListing(message.id);
        return;
      case 'role':
        this.#settings?.setRole(message.instance, message.role);
        return;
      case 'stop':
        void this.#stop(message.policy);
        return;
      default:
        message satisfies never;
    }
  }

  #start(message: Extract<ToHealth, { kind: 'start' }>): void {
    const opened = IpvsClient.open();
    if (!opened.ok) {
      sendLast({ kind: 'fatal', code: opened.code, message: opened.detail }, 1);
      return;
    }
    this.#client = opened.client;
    if (message.flush === true) this.#flush(opened.client);
    this.#settings = new IpvsSettings(opened.client, this.#channel.log);
    this.#engine = new HealthEngine({
      clock: systemClock,
      log: this.#channel.log,
      outside: this.#outside,
      random: Math.random,
      onChange: (change) => {
        const reason = `${change.reason}: ${change.detail}`;
        this.#reasons.set(change.serverName, reason);
        // After the turn: in the middle of a reload not every server is known yet.
        queueMicrotask(() => this.#judge(change, reason));
      },
      onExpiry: (warning) => this.#channel.send({ kind: 'expiry', warning }),
      // After the judgement of the last of them.
      onAllChecked: () => queueMicrotask(() => this.#tellAllChecked()),
    });
    this.#outside.configure(message.config);
    this.#watch.configure(message.config);
    const inherited = this.#inherit(opened.client, message);
    this.#engine.start(message.config.virtualServers, inherited);
    this.#ramp = new DeadlineTimer(() => this.#want());
    this.#configure(message.config);
    this.#reconciler = new Reconciler({
      client: opened.client,
      log: this.#channel.log,
      clock: systemClock,
      cpuMs: processCpuMs,
      ownershipPath: message.ownershipFile,
      newTimer: (onExpire) => new DeadlineTimer(onExpire),
      reasonOf: (serverName) => this.#reasons.get(serverName),
      drainPolicyOf: (service) => this.#intent.drainPolicyOf(service),
      hasFailed: (service, server) => this.#intent.hasFailed(service, server),
      adopt: message.adopt,
    });
    const started = this.#reconciler.start(this.#wish());
    if (!started.ok) {
      sendLast({ kind: 'fatal', code: started.code, message: started.detail }, 1);
      return;
    }
    this.#channel.send({ kind: 'ready' });
  }

  #hearFile(state: TrackerState): void {
    this.#outside.tell(state);
    this.#engine?.recheck((config) => {
      return config.kind === 'FILE_CHECK' && config.trackFile === state.name;
    });
  }

  #hearBfd(reading: NamedBfdReading): void {
    this.#outside.tellBfd(reading);
    this.#engine?.recheck((config) => config.kind === 'BFD_CHECK' && config.name === reading.name);
  }

  /** What a predecessor left says which servers were up: until the first check nothing is cut. */
  #inherit(
    client: IpvsClient,
    { config, ownershipFile }: Extract<ToHealth, { kind: 'start' }>,
  ): ReadonlyMap<string, boolean> {
    const owned = loadOwnership(ownershipFile);
    if (!owned.ok || owned.names.size === 0) return new Map();
    const read = client.dump();
    return read.ok ? inheritedVerdicts(config, read.table, owned.names) : new Map();
  }

  /** All of them, when one has news. */
  #tellServices(): void {
    const states = serviceStates(this.#config?.virtualServers ?? [], this.#intent.snapshot());
    this.#channel.send({ kind: 'services', states });
  }

  #changed(change: ConfigChange): Config {
    if (this.#config === undefined) throw new Error('A change before the start');
    return changedConfig(this.#config, change);
  }

  #reload(config: Config): void {
    this.#outside.configure(config);
    this.#watch.configure(config);
    this.#engine?.reload(config.virtualServers);
    this.#configure(config);
    for (const name of this.#reasons.keys()) {
      if (this.#engine?.watches(name) !== true) this.#reasons.delete(name);
    }
    this.#want();
    this.#tellServices();
  }

  /** When verdicts that the reload changed are in: those come after the turn. */
  #answerReload(id: number): void {
    setImmediate(() => {
      const outcome = this.#isStopping ? undefined : this.#reconciler?.applyWish();
      if (outcome === undefined) return;
      const draining = this.#reconciler?.draining.length ?? 0;
      this.#channel.send({
        kind: 'reconfigured',
        id,
        outcome: outcome.ok
          ? { ok: true, operations: outcome.applied.length, draining }
          : { ok: false, code: outcome.code, detail: outcome.detail },
      });
    });
  }

  #preview(id: number, config: Config): void {
    const nowMs = systemClock.monotonicMs();
    const intent = this.#intent.copy();
    intent.configure(config, verdictsAtStart(config));
    const preview = this.#reconciler?.preview(intent.wish(nowMs).table, {
      drainPolicyOf: (service) => intent.drainPolicyOf(service),
      hasFailed: (service, server) => intent.hasFailed(service, server),
    });
    if (preview === undefined) return;
    this.#channel.send({ kind: 'previewed', id, operations: describePreview(preview, nowMs) });
  }

  #configure(config: Config): void {
    this.#config = config;
    this.#settings?.configure(config.globalDefs);
    const engine = this.#engine;
    this.#intent.configure(config, (name) => ({ isUp: engine?.isUp(name) ?? false }));
  }

  #judge({ serverName, isUp, sinceMs, weight }: ServerChange, reason: string): void {
    const verdict = {
      isUp,
      ...(sinceMs === undefined ? {} : { sinceMs }),
      ...(weight === undefined ? {} : { weight }),
    };
    this.#intent.setVerdict(serverName, verdict, reason);
    this.#wantSoon();
  }

  /** Once for all verdicts of this turn: a rack that dies is one plan. */
  #wantSoon(): void {
    if (this.#isWantDue) return;
    this.#isWantDue = true;
    setImmediate(() => this.#wantDue());
  }

  #wantDue(): void {
    if (!this.#isWantDue) return;
    this.#isWantDue = false;
    this.#want();
  }

  /** What was found is in the table, and told, by then. */
  #tellAllChecked(): void {
    this.#wantDue();
    this.#channel.send({ kind: 'serversChecked' });
  }

  #want(): void {
    if (!this.#isStopping) this.#reconciler?.setDesired(this.#wish());
  }

  /** Tells what happened, and sees to it that it is asked again in time. */
  #wish(): Table {
    const { table, notices, nextChangeMs } = this.#intent.wish(systemClock.monotonicMs());
    this.#tell(notices);
    if (nextChangeMs === undefined) this.#ramp?.disarm();
    else this.#ramp?.arm(nextChangeMs);
    return table;
  }

  #tell(notices: readonly LvsNotice[]): void {
    for (const notice of notices) this.#channel.send({ kind: 'lvsNotice', notice });
    if (!this.#isStopping && notices.some(({ object }) => object === 'VS')) this.#tellServices();
  }

  #flush(client: IpvsClient): void {
    const flushed = client.flush();
    if (flushed.ok) this.#channel.log.info({}, 'IPVS table emptied');
    else this.#channel.log.error({ code: flushed.code }, `cannot flush IPVS: ${flushed.detail}`);
  }

  #answerSnapshot(id: number): void {
    const snapshot = this.#snapshot();
    if (snapshot !== undefined) this.#channel.send({ kind: 'snapshot', id, snapshot });
  }

  #snapshot(): HealthSnapshot | undefined {
    if (this.#engine === undefined || this.#reconciler === undefined) return undefined;
    return {
      servers: this.#engine.snapshot(),
      pools: this.#intent.snapshot(),
      ipvs: this.#reconciler.snapshot(),
    };
  }

  #answerListing(id: number): void {
    const snapshot = this.#snapshot();
    const read = this.#client?.statistics();
    if (snapshot === undefined || read === undefined) return;
    const { code, detail: message } = read.ok ? { code: '', detail: '' } : read;
    const outcome = read.ok
      ? ({ ok: true, result: listIpvs(read, snapshot) } as const)
      : ({ ok: false, code, message } as const);
    this.#channel.send({ kind: 'listing', id, outcome });
  }

  async #stop(policy: LvsStopPolicy): Promise<void> {
    if (this.#isStopping) {
      this.#endDrain?.();
      return;
    }
    this.#isStopping = true;
    this.#watch.close();
    this.#ramp?.close();
    await this.#engine?.close();
    if (policy !== 'keep') this.#tell(this.#intent.farewell());
    if (policy === 'drain') await this.#drain();
    if (policy === 'keep')
      this.#channel.log.info({}, 'IPVS services stay, as lvs_stop_policy says');
    else {
      this.#reconciler?.removeOwned();
      this.#settings?.withdraw();
    }
    if (policy !== 'keep' && this.#config?.globalDefs.flushesLvsOnStop === 'all' && this.#client)
      this.#flush(this.#client);
    this.#reconciler?.close();
    this.#client?.close();
    sendLast({ kind: 'stopped' } satisfies FromHealth, 0);
  }

  /** Nothing is wanted any more; what has connections goes through weight 0, within drain_timeout. */
  #drain(): Promise<void> {
    const reconciler = this.#reconciler;
    if (reconciler === undefined) return Promise.resolve();
    reconciler.setDesired(new Map());
    reconciler.applyWish();
    const left = (): number => reconciler.draining.length;
    const { log } = this.#channel;
    log.info({ servers: left() }, 'draining before the stop, a second SIGTERM ends it');
    return new Promise((resolve) => {
      const look = setInterval(() => {
        if (left() === 0) this.#endDrain?.();
      }, DRAIN_LOOK_MS);
      this.#endDrain = () => {
        clearInterval(look);
        this.#endDrain = undefined;
        log.info({ servers: left() }, 'drain ended');
        resolve();
      };
    });
  }
}

new HealthProcess();
