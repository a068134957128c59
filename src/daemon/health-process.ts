/**
 * The health child: checks real servers and keeps the IPVS table as the verdicts say.
 *
 *   checks ─▶ verdicts ─▶ intent: quorum, weights, table ─▶ reconciler ─▶ kernel
 *                            └─▶ notices ─▶ supervisor
 */
import { systemClock } from '../base/clock.ts';
import type { Config, GlobalDefs } from '../config/model.ts';
import { HealthEngine, type ServerChange } from '../health/engine.ts';
import { IpvsClient } from '../ipvs/client.ts';
import { Intent } from '../ipvs/intent.ts';
import type { LvsNotice } from '../ipvs/notice.ts';
import { Reconciler } from '../ipvs/reconciler.ts';
import { IpvsSettings } from '../ipvs/settings.ts';
import type { Table } from '../ipvs/types.ts';
import { DeadlineTimer } from '../kernel/timer.ts';
import { type ChildChannel, openChildChannel, sendLast } from './child-channel.ts';
import type { FromHealth, ToHealth } from './messages.ts';
import { serviceStates } from './service-states.ts';

class HealthProcess {
  readonly #channel: ChildChannel<FromHealth>;
  readonly #intent = new Intent();
  /** For weights that change though no verdict does. */
  #ramp: DeadlineTimer | undefined;
  #engine: HealthEngine | undefined;
  #reconciler: Reconciler | undefined;
  #client: IpvsClient | undefined;
  #settings: IpvsSettings | undefined;
  #globals: GlobalDefs | undefined;
  #services: Config['virtualServers'] = [];
  readonly #reasons = new Map<string, string>();
  #isStopping = false;

  constructor() {
    this.#channel = openChildChannel<ToHealth, FromHealth>({
      onMessage: (message) => this.#receive(message),
      // The table stays: the vrrp process, an orphan too, goes on serving until its successor is heard,
      // and a daemon that is started again adopts it. Without the VIP nothing reaches it.
      onOrphaned: () => process.exit(0),
    });
  }

  #receive(message: ToHealth): void {
    switch (message.kind) {
      case 'start':
        this.#start(message);
        return;
      case 'reconfigure':
        this.#reload(message.config);
        return;
      case 'snapshot':
        this.#answerSnapshot(message.id);
        return;
      case 'role':
        this.#settings?.setRole(message.instance, message.role);
        return;
      case 'stop':
        void this.#stop();
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
      random: Math.random,
      onChange: (change) => {
        const reason = `${change.reason}: ${change.detail}`;
        this.#reasons.set(change.serverName, reason);
        // After the turn: in the middle of a reload not every server is known yet.
        queueMicrotask(() => this.#judge(change, reason));
      },
      // After the judgement of the last of them.
      onAllChecked: () => queueMicrotask(() => this.#channel.send({ kind: 'serversChecked' })),
    });
    this.#engine.start(message.config.virtualServers);
    this.#ramp = new DeadlineTimer(() => this.#want());
    this.#configure(message.config);
    this.#reconciler = new Reconciler({
      client: opened.client,
      log: this.#channel.log,
      clock: systemClock,
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

  /** All of them, when one has news. */
  #tellServices(): void {
    const states = serviceStates(this.#services, this.#intent.snapshot());
    this.#channel.send({ kind: 'services', states });
  }

  #reload(config: Config): void {
    this.#engine?.reload(config.virtualServers);
    this.#configure(config);
    const kept = new Set(this.#engine?.snapshot().map(({ name }) => name));
    for (const name of this.#reasons.keys()) if (!kept.has(name)) this.#reasons.delete(name);
    this.#want();
    this.#tellServices();
  }

  #configure(config: Config): void {
    this.#globals = config.globalDefs;
    this.#services = config.virtualServers;
    this.#settings?.configure(config.globalDefs);
    const engine = this.#engine;
    this.#intent.configure(config, (name) => ({ isUp: engine?.isUp(name) ?? false }));
  }

  #judge({ serverName, isUp }: ServerChange, reason: string): void {
    const sinceMs = systemClock.monotonicMs();
    this.#intent.setVerdict(serverName, { isUp, sinceMs }, reason);
    this.#want();
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
    if (this.#engine === undefined || this.#reconciler === undefined) return;
    this.#channel.send({
      kind: 'snapshot',
      id,
      snapshot: {
        servers: this.#engine.snapshot(),
        pools: this.#intent.snapshot(),
        ipvs: this.#reconciler.snapshot(),
      },
    });
  }

  async #stop(): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    this.#ramp?.close();
    await this.#engine?.close();
    this.#tell(this.#intent.farewell());
    this.#reconciler?.removeOwned();
    this.#settings?.withdraw();
    if (this.#globals?.flushesLvsOnStop === 'all' && this.#client) this.#flush(this.#client);
    this.#reconciler?.close();
    this.#client?.close();
    sendLast({ kind: 'stopped' } satisfies FromHealth, 0);
  }
}

new HealthProcess();
