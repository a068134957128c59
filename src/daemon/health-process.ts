/**
 * The health child: checks real servers and keeps the IPVS table as the verdicts say.
 *
 *   checks ─▶ verdicts ─▶ desired table ─▶ reconciler ─▶ kernel
 */
import { systemClock } from '../base/clock.ts';
import type { Config } from '../config/model.ts';
import { HealthEngine } from '../health/engine.ts';
import { IpvsClient } from '../ipvs/client.ts';
import { desiredTable } from '../ipvs/desired.ts';
import { Reconciler } from '../ipvs/reconciler.ts';
import { DeadlineTimer } from '../kernel/timer.ts';
import { type ChildChannel, openChildChannel, sendLast } from './child-channel.ts';
import type { FromHealth, ToHealth } from './messages.ts';
import { judgeServices } from './service-states.ts';

class HealthProcess {
  readonly #channel: ChildChannel<FromHealth>;
  #config: Config | undefined;
  #engine: HealthEngine | undefined;
  #reconciler: Reconciler | undefined;
  #client: IpvsClient | undefined;
  readonly #reasons = new Map<string, string>();
  #quorums: ReadonlyMap<string, boolean> = new Map();
  #toldServices = '';
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
      case 'stop':
        void this.#stop();
        return;
      default:
        message satisfies never;
    }
  }

  #start(message: Extract<ToHealth, { kind: 'start' }>): void {
    this.#config = message.config;
    const opened = IpvsClient.open();
    if (!opened.ok) {
      sendLast({ kind: 'fatal', code: opened.code, message: opened.detail }, 1);
      return;
    }
    this.#client = opened.client;
    this.#engine = new HealthEngine({
      clock: systemClock,
      log: this.#channel.log,
      random: Math.random,
      onChange: (change) => {
        this.#reasons.set(change.serverName, `${change.reason}: ${change.detail}`);
        // After the turn: in the middle of a reload not every server is known yet.
        queueMicrotask(() => {
          this.#want();
          this.#tellServices();
        });
      },
    });
    this.#engine.start(message.config.virtualServers);
    this.#reconciler = new Reconciler({
      client: opened.client,
      log: this.#channel.log,
      clock: systemClock,
      ownershipPath: message.ownershipFile,
      newTimer: (onExpire) => new DeadlineTimer(onExpire),
      reasonOf: (serverName) => this.#reasons.get(serverName),
      adopt: message.adopt,
    });
    const started = this.#reconciler.start(this.#desired());
    if (!started.ok) {
      sendLast({ kind: 'fatal', code: started.code, message: started.detail }, 1);
      return;
    }
    this.#tellServices();
    this.#channel.send({ kind: 'ready' });
  }

  /** Says which services have their quorum, when that is news. */
  #tellServices(): void {
    const engine = this.#engine;
    if (engine === undefined || this.#isStopping) return;
    const services = this.#config?.virtualServers ?? [];
    const { quorums, states } = judgeServices(services, (name) => engine.isUp(name), this.#quorums);
    this.#quorums = quorums;
    const told = JSON.stringify(states.map(({ name, hasQuorum }) => [name, hasQuorum]));
    if (told === this.#toldServices) return;
    this.#toldServices = told;
    this.#channel.send({ kind: 'services', states });
  }

  #reload(config: Config): void {
    this.#config = config;
    this.#engine?.reload(config.virtualServers);
    const kept = new Set(this.#engine?.snapshot().map(({ name }) => name));
    for (const name of this.#reasons.keys()) if (!kept.has(name)) this.#reasons.delete(name);
    this.#want();
    this.#tellServices();
  }

  #desired(): ReturnType<typeof desiredTable> {
    const engine = this.#engine;
    return desiredTable(
      this.#config?.virtualServers ?? [],
      (serverName) => engine?.isUp(serverName) ?? false,
    );
  }

  #want(): void {
    if (!this.#isStopping) this.#reconciler?.setDesired(this.#desired());
  }

  #answerSnapshot(id: number): void {
    if (this.#engine === undefined || this.#reconciler === undefined) return;
    this.#channel.send({
      kind: 'snapshot',
      id,
      snapshot: { servers: this.#engine.snapshot(), ipvs: this.#reconciler.snapshot() },
    });
  }

  async #stop(): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    await this.#engine?.close();
    this.#reconciler?.removeOwned();
    this.#reconciler?.close();
    this.#client?.close();
    sendLast({ kind: 'stopped' } satisfies FromHealth, 0);
  }
}

new HealthProcess();
