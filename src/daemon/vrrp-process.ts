/**
 * The vrrp child: adverts, virtual addresses, announcements. Node core and koffi only; nothing here
 * waits for a name, a disk or another process.
 *
 *   supervisor ⇄ [channel] ⇄ VrrpProcess ⇄ (1 per instance) InstanceHost ⇄ kernel
 */
import { systemClock } from '../base/clock.ts';
import type { Config, VrrpInstanceConfig } from '../config/model.ts';
import { LinkTable } from '../kernel/links.ts';
import { trySetRealtime } from '../kernel/scheduling.ts';
import type { OtherRouter } from '../vrrp/ports.ts';
import { UnknownRouters } from '../vrrp/unknown-routers.ts';
import { type ChildChannel, openChildChannel, sendLast } from './child-channel.ts';
import { HostState } from './host-state.ts';
import { InstanceHost } from './instance-host.ts';
import { leftoverAddresses, virtualAddressTexts } from './leftovers.ts';
import { LocalIgmp } from './local-igmp.ts';
import { type FromVrrp, heartbeatTiming, type ToVrrp } from './messages.ts';

/** Above ordinary daemons, below the kernel's own threads and watchdogs. */
const REALTIME_PRIORITY = 50;

class VrrpProcess {
  readonly #channel: ChildChannel<FromVrrp>;
  readonly #hosts = new Map<string, InstanceHost>();
  #links: LinkTable | undefined;
  #hostState: HostState | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #virtualAddresses: ReadonlySet<string> = new Set();
  #stopping = false;
  readonly #unknown = new UnknownRouters();
  readonly #igmp = new LocalIgmp();
  #logsUnknown = false;

  constructor() {
    this.#channel = openChildChannel<ToVrrp, FromVrrp>({
      onMessage: (message) => this.#receive(message),
      onOrphaned: () => {
        // The supervisor is dead: hand over in order, then end. Nobody is left to be told.
        this.#stop();
      },
    });
  }

  #receive(message: ToVrrp): void {
    switch (message.kind) {
      case 'start':
        this.#start(message.config, new Set(message.resumeAsMaster));
        return;
      case 'reconfigure':
        this.#reconfigure(message.config);
        return;
      case 'snapshot':
        this.#channel.send({
          kind: 'snapshot',
          id: message.id,
          instances: [...this.#hosts.values()].map((host) => host.snapshot()),
        });
        return;
      case 'trackers':
      case 'handover':
        return;
      case 'stop':
        this.#stop();
        return;
      default:
        message satisfies never;
    }
  }

  #start(config: Config, resumeAsMaster: ReadonlySet<string>): void {
    const log = this.#channel.log;
    const realtime = trySetRealtime(REALTIME_PRIORITY);
    if (!realtime.ok) {
      log.info({ code: realtime.code }, 'no real-time priority, running at the ordinary one');
    }
    this.#links = LinkTable.open({
      onLinkChange: (link, ifindex) => {
        for (const host of this.#hosts.values()) host.linkChanged(link, ifindex);
        this.#hostState?.linkChanged();
      },
      onAddressChange: (address, present) => {
        for (const host of this.#hosts.values()) host.addressChanged(address, present);
        this.#hostState?.addressChanged(address, present);
      },
      onError: (error) => log.warn({ code: error.code, error: error.message }, 'netlink trouble'),
    });
    this.#virtualAddresses = virtualAddressTexts(config);
    this.#listen(config);
    this.#removeLeftovers(config, resumeAsMaster);
    this.#hostState = new HostState({
      config,
      links: this.#links,
      clock: systemClock,
      log,
      resumeAsMaster,
      followers: () => [...this.#hosts.values()].map((host) => host.followers),
      onStaticFault: (instances) => {
        log.warn(
          { instances: [...instances].join(' ') },
          'static items of track groups are missing',
        );
      },
    });
    for (const instance of config.vrrpInstances) {
      this.#add(instance, resumeAsMaster.has(instance.name));
    }
    this.#beat(config);
    this.#channel.send({ kind: 'ready' });
  }

  /** What concerns the hearing of all instances together. */
  #listen(config: Config): void {
    this.#unknown.configure(config.vrrpInstances);
    this.#logsUnknown = config.globalDefs.logsUnknownVrids === true;
    this.#igmp.set(config.globalDefs.disablesLocalIgmp === true, this.#channel.log);
  }

  #hearOther(other: OtherRouter): void {
    if (!this.#logsUnknown || !this.#unknown.isNews(other)) return;
    const { source, ...where } = other;
    this.#channel.log.warn(
      { ...where, source: source.text },
      'advert of an unknown virtual router',
    );
  }

  /** Addresses that a dead predecessor left: gone before our first advert, unless we go on as master. */
  #removeLeftovers(config: Config, resumeAsMaster: ReadonlySet<string>): void {
    const links = this.#links;
    if (links === undefined) return;
    for (const leftover of leftoverAddresses(config, resumeAsMaster, links)) {
      const outcome = links.removeAddress(leftover);
      const fields = { address: leftover.address.text, interface: leftover.interface };
      if (outcome.ok) this.#channel.log.info(fields, 'removed a leftover virtual address');
      else this.#channel.log.error({ ...fields, ...outcome }, 'a leftover address stays');
    }
  }

  #add(instance: VrrpInstanceConfig, resumeAsMaster: boolean): void {
    const links = this.#links;
    const grounds = this.#hostState?.grounds;
    if (links === undefined || grounds === undefined) return;
    const host = new InstanceHost({
      config: instance,
      links,
      clock: systemClock,
      log: this.#channel.log,
      virtualAddresses: () => this.#virtualAddresses,
      onTransition: () => this.#sendHeartbeat(),
      onOtherRouter: (other) => this.#hearOther(other),
      grounds,
    });
    this.#hosts.set(instance.name, host);
    host.start(resumeAsMaster);
  }

  /** Kept instances keep their state; removed ones are released; changed identities are replaced. */
  #reconfigure(config: Config): void {
    this.#virtualAddresses = virtualAddressTexts(config);
    this.#listen(config);
    this.#hostState?.reconfigure(config);
    const wanted = new Map(config.vrrpInstances.map((instance) => [instance.name, instance]));
    for (const [name, host] of this.#hosts) {
      const next = wanted.get(name);
      wanted.delete(name);
      if (next !== undefined && host.canBecome(next)) {
        host.reconfigure(next);
        continue;
      }
      this.#hosts.delete(name);
      host.stop(() => {
        host.close();
        if (next !== undefined && !this.#stopping) this.#add(next, false);
      });
    }
    for (const instance of wanted.values()) this.#add(instance, false);
    this.#beat(config);
  }

  #beat(config: Config): void {
    clearInterval(this.#heartbeat);
    this.#heartbeat = setInterval(() => this.#sendHeartbeat(), heartbeatTiming(config).periodMs);
    this.#sendHeartbeat();
  }

  #sendHeartbeat(): void {
    this.#channel.send({
      kind: 'heartbeat',
      masterships: [...this.#hosts.values()].flatMap((host) => host.mastership() ?? []),
    });
  }

  #stop(): void {
    if (this.#stopping) return;
    this.#stopping = true;
    const releasing = new Set(this.#hosts.values());
    const end = (): void => {
      clearInterval(this.#heartbeat);
      this.#hostState?.close();
      this.#links?.close();
      this.#igmp.restore(this.#channel.log);
      sendLast({ kind: 'stopped' } satisfies FromVrrp, 0);
    };
    if (releasing.size === 0) end();
    for (const host of [...releasing]) {
      host.stop(() => {
        host.close();
        releasing.delete(host);
        if (releasing.size === 0) end();
      });
    }
  }
}

new VrrpProcess();
