/**
 * One VRRP instance and what it stands on: its interface, its source address, its sockets. An instance
 * whose interface or source address is not there (yet) waits in FAULT and starts when it comes.
 *
 *   LinkTable ──▶ InstanceHost ──▶ VrrpInstance (state machine)
 *                     │  ▲ adverts        │ add, remove, announce
 *                     ▼  │                ▼
 *                 VRRP endpoint      Placement, Announcer
 */
import type { Family, IpAddress } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { SysError } from '../kernel/libc.ts';
import type { InterfaceAddress, Link, LinkTable } from '../kernel/links.ts';
import { writeSysctl } from '../kernel/sysctl.ts';
import { DeadlineTimer } from '../kernel/timer.ts';
import { heldAddresses } from '../vrrp/addresses.ts';
import type { MemberView } from '../vrrp/group-contest.ts';
import {
  type InstanceNotice,
  type InstanceSnapshot,
  type Transition,
  VrrpInstance,
} from '../vrrp/instance.ts';
import type { GroupOrder, MemberConfig } from '../vrrp/machine.ts';
import type { Report } from '../vrrp/notice.ts';
import { isUnicast } from '../vrrp/own-advert.ts';
import type { GroupNews, HandoverEnd, OtherRouter } from '../vrrp/ports.ts';
import type { Tracking } from '../vrrp/priority.ts';
import { waitingSnapshot } from '../vrrp/snapshot.ts';
import { ConflictWatch } from './conflict-watch.ts';
import type { Followers } from './followers.ts';
import { type InstanceTransport, openTransport, TransportRefused } from './instance-transport.ts';
import type { Mastership } from './messages.ts';
import { madeInterfaces } from './own-interface.ts';
import { type Grounds, Placement } from './placement.ts';
import { rehearse } from './rehearsal.ts';
import { chooseSource, standingFaults } from './source-address.ts';

export interface InstanceHostOptions {
  readonly config: MemberConfig;
  readonly links: LinkTable;
  readonly clock: Clock;
  readonly log: Log;
  /** Virtual addresses of every instance: none of them is a source address. */
  readonly virtualAddresses: () => ReadonlySet<string>;
  /** What is tracked for this instance comes to, now. */
  readonly tracking: () => Tracking;
  /** Whether the servers behind the addresses have not all been checked yet, now. */
  readonly awaitsChecks: () => boolean;
  /** Whether a link is up with a carrier, as far as that is believed; see link-beliefs.ts. */
  readonly isLinkUp: (link: Link) => boolean;
  readonly onTransition: (transition: Transition) => void;
  readonly onOtherRouter?: (other: OtherRouter) => void;
  /** What instances share on this machine; see placement.ts. */
  readonly grounds: Grounds;
  readonly onNotice: (notice: InstanceNotice) => void;
  readonly onReport: (report: Report) => void;
  /** A member that cannot stand is a FAULT of its group. */
  readonly tellGroup: (news: GroupNews) => void;
}

/** Documentation addresses (RFC 5737, RFC 4291 link-local): no packet of the rehearsal leaves. */
const PEER_IN_REHEARSAL: Readonly<Record<Family, IpAddress>> = {
  inet: { family: 'inet', text: '192.0.2.1' },
  inet6: { family: 'inet6', text: 'fe80::1' },
};

interface Standing {
  readonly link: Link;
  readonly carrier: Link;
  readonly source: IpAddress;
  readonly transport: InstanceTransport;
  readonly instance: VrrpInstance;
}

export class InstanceHost {
  readonly #options: InstanceHostOptions;
  #config: MemberConfig;
  #standing: Standing | undefined;
  #waitingFor = '';
  #waitingSinceMs = 0;
  /** Interfaces made for this instance. */
  readonly #madeIndexes = new Set<number>();
  readonly #placement: Placement;
  readonly #conflicts: ConflictWatch;

  constructor(options: InstanceHostOptions) {
    this.#options = options;
    this.#config = options.config;
    const { config, links, log, grounds } = options;
    this.#placement = new Placement(config, {
      links,
      log,
      ...grounds,
      onRestored: (what) => {
        const { name: instance } = this.#config;
        log.warn({ instance, what }, 'taken away, put back');
        options.onReport({ name: 'addressRestored', instance, fields: { what } });
      },
    });
    this.#conflicts = new ConflictWatch({
      links,
      announcer: grounds.announcer,
      onConflict: ({ device, address, mac }) =>
        this.#standing?.instance.addressClaimed(device, address, mac),
      onError: ({ code, message }) =>
        log.warn({ instance: config.name, code }, `nobody looks for address conflicts: ${message}`),
    });
  }

  /** Stands the instance up, or waits for what it lacks. */
  start(resumeAsMaster: boolean): void {
    const { links, log } = this.#options;
    const link = links.byName(this.#config.interface);
    if (link === undefined) {
      this.#wait(`interface ${this.#config.interface} is not there`);
      return;
    }
    if (this.#config.faultsWithoutPeer === true && !isUnicast(this.#config)) {
      this.#wait('unicast_peer lists nobody, and unicast_fault_no_peer is set');
      return;
    }
    // The address of an ipvlan comes with it.
    const source =
      this.#config.ownInterface?.address?.address ??
      chooseSource(this.#config, {
        onInterface: links.addresses(link.index),
        everywhere: links.addresses(),
        virtual: this.#options.virtualAddresses(),
      });
    if (source === undefined) {
      const { family, sourceAddress: wanted } = this.#config;
      this.#wait(
        wanted === undefined
          ? `${link.name} has no ${family} address to send from`
          : `the source address ${wanted.text} is not there`,
      );
      return;
    }
    if (this.#config.promotesSecondaries === true) {
      const outcome = writeSysctl(`net/ipv4/conf/${link.name}/promote_secondaries`, '1');
      if (!outcome.ok)
        log.warn({ instance: this.#config.name, code: outcome.code }, outcome.detail);
    }
    const carrier = this.#carrierOf(link, source);
    if (carrier === undefined) return;
    try {
      this.#standing = this.#stand(link, source, carrier);
      if (!resumeAsMaster) this.#prepareTakeover(source);
    } catch (error) {
      if (!(error instanceof SysError) && !(error instanceof TransportRefused)) throw error;
      log.error({ instance: this.#config.name, code: error.code }, error.message);
      this.#lieDown();
      this.#wait(`the kernel refuses a socket: ${error.code}`);
      return;
    }
    this.#standing.instance.trackingChanged(this.#tracking(source));
    const awaitsChecks = this.#options.awaitsChecks();
    this.#standing.instance.start({
      linkUp: this.#options.isLinkUp(link),
      resumeAsMaster,
      awaitsChecks,
    });
  }

  /** What the first takeover would otherwise have to do: open packet sockets, compile its code. */
  #prepareTakeover(source: IpAddress): void {
    for (const { device } of heldAddresses(this.#config)) {
      this.#options.grounds.announcer.prepare(device);
    }
    rehearse(this.#config, source, PEER_IN_REHEARSAL[this.#config.family]);
  }

  reconfigure(next: MemberConfig): void {
    this.#config = next;
    this.#placement.reconfigure(next);
    if (this.#standing === undefined) this.start(false);
    else {
      this.#standing.instance.reconfigure(next);
      this.trackingChanged();
      if (this.#standing?.instance.state === 'MASTER') this.#watchConflicts(false);
    }
  }

  get config(): MemberConfig {
    return this.#config;
  }

  /** Something tracked changed: a tracker's state, a link, the configuration. */
  trackingChanged(): void {
    const standing = this.#standing;
    standing?.instance.trackingChanged(this.#tracking(standing.source));
  }

  serversChecked(): void {
    this.#standing?.instance.serversChecked();
  }

  forceByGroup(order: GroupOrder, by: string): void {
    this.#standing?.instance.forceByGroup(order, by);
  }

  /** Why a handover cannot begin; undefined when it can. */
  handoverObstacle(): Extract<HandoverEnd, { ok: false }>['code'] | undefined {
    return this.#standing === undefined ? 'NOT_MASTER' : this.#standing.instance.handoverObstacle();
  }

  /** Hands mastership over; calls back once. */
  handOver(onEnd: (end: HandoverEnd) => void): void {
    if (this.#standing === undefined) onEnd({ ok: false, code: 'NOT_MASTER' });
    else this.#standing.instance.handOver(onEnd);
  }

  /** What is tracked, and what this host sees itself. */
  #tracking(source: IpAddress): Tracking {
    const tracking = this.#options.tracking();
    const own = standingFaults(this.#config, source, this.#options.links.addresses());
    return { ...tracking, faults: [...tracking.faults, ...own] };
  }

  linkChanged(link: Link | undefined, ifindex: number): void {
    const standing = this.#standing;
    if (standing === undefined) {
      if (link !== undefined && this.#needs(link.name)) this.start(false);
    } else if (link === undefined && this.#madeIndexes.has(ifindex)) {
      // Somebody removed an interface of ours: it is made again, and the election joined anew.
      this.#lieDown();
      this.start(false);
    } else if (ifindex === standing.link.index) {
      standing.instance.linkChanged(link !== undefined && this.#options.isLinkUp(link));
      if (link === undefined) {
        this.#lieDown();
        this.#wait(`interface ${this.#config.interface} is gone`);
      }
    }
  }

  #needs(device: string): boolean {
    const below = madeInterfaces(this.#config).map(({ parent }) => parent);
    return [this.#config.interface, ...below].includes(device);
  }

  addressChanged(address: InterfaceAddress, isPresent: boolean): void {
    if (this.#standing === undefined) {
      const link = this.#options.links.byIndex(address.ifindex);
      const isOurs =
        link?.name === this.#config.interface ||
        address.address.text === this.#config.sourceAddress?.text;
      if (isPresent && isOurs) this.start(false);
      return;
    }
    if (this.#config.tracksSourceAddress) this.trackingChanged();
    if (isPresent || !this.#placement.isMissed(address)) return;
    this.#standing.instance.addressRemoved(address.address);
  }

  /** What the supervisor must know to give this instance up; undefined unless it is master. */
  mastership(): Mastership | undefined {
    if (this.#standing === undefined) return undefined;
    const { state, lastAdvertSentMs } = this.#standing.instance;
    if (state !== 'MASTER' || lastAdvertSentMs === undefined) return undefined;
    return { name: this.#config.name, source: this.#standing.source, lastAdvertSentMs };
  }

  snapshot(): InstanceSnapshot {
    if (this.#standing !== undefined) return this.#standing.instance.snapshot();
    return waitingSnapshot(this.#config, this.#waitingFor, this.#waitingSinceMs);
  }

  /** For its sync group; undefined while it cannot stand, or is in FAULT. */
  view(): MemberView | undefined {
    const { instance } = this.#standing ?? {};
    if (instance === undefined || instance.state === 'FAULT') return undefined;
    const { name, effectivePriority, advertIntervalMs, peers = [] } = instance.snapshot();
    return { name, priority: effectivePriority, advertIntervalMs, peers };
  }

  /** Orderly release; `onReleased` is called once, when the addresses are off. */
  stop(onReleased: () => void): void {
    if (this.#standing === undefined) onReleased();
    else this.#standing.instance.stop(onReleased);
  }

  /** Its routes and rules, for news of the kernel. */
  get followers(): Followers {
    return this.#placement.followers;
  }

  close(): void {
    this.#lieDown();
    this.#placement.close();
    this.#options.grounds.ownInterfaces.release(this.#config);
  }

  #wait(reason: string): void {
    if (reason === this.#waitingFor) return;
    this.#waitingFor = reason;
    this.#waitingSinceMs = this.#options.clock.realtimeMs();
    const { name, priority, syncGroup } = this.#config;
    this.#options.log.warn({ instance: name, reason }, 'instance waits');
    this.#options.onNotice({ name, state: 'FAULT', priority, reason });
    if (syncGroup !== undefined) this.#options.tellGroup('FAULT');
  }

  /**
   * Makes the interfaces of this instance. Adverts leave by the first: with `use_vmac` the instance's
   * own, unless `vmac_xmit_base`.
   */
  #carrierOf(link: Link, source: IpAddress): Link | undefined {
    const { links, grounds } = this.#options;
    const { ownInterface, vmacTransmitsOnBase } = this.#config;
    this.#madeIndexes.clear();
    let own = { ifindex: 0 };
    for (const made of madeInterfaces(this.#config)) {
      const parent = links.byName(made.parent);
      if (parent === undefined) {
        this.#wait(`interface ${made.parent} is not there`);
        return undefined;
      }
      const outcome = grounds.ownInterfaces.ensure(made, parent);
      if (!outcome.ok) {
        this.#wait(outcome.detail);
        return undefined;
      }
      this.#madeIndexes.add(outcome.ifindex);
      if (made.name === ownInterface?.name) own = outcome;
    }
    if (this.#madeIndexes.size === 0) return link;
    // It may have been made just now.
    links.update();
    if (vmacTransmitsOnBase === true || ownInterface === undefined) return link;
    // An advert of IPv6 comes from a link-local address, with the virtual MAC: it is on both.
    if (source.family === 'inet6' || ownInterface.kind === 'ipvlan') {
      const prefixLength = ownInterface.address?.prefixLength ?? 64;
      links.addAddress({
        ifindex: own.ifindex,
        address: source,
        prefixLength,
        scope: 0,
        noDad: true,
      });
    }
    return { ...link, index: own.ifindex, name: ownInterface.name ?? link.name };
  }

  #stand(link: Link, source: IpAddress, carrier: Link): Standing {
    const { clock, log, onTransition, onOtherRouter, onNotice, onReport, tellGroup, grounds } =
      this.#options;
    this.#waitingFor = '';
    const transport = openTransport({
      config: this.#config,
      link: carrier,
      source,
      realtimeMs: clock.realtimeMs,
      onReceive: (advert) => instance.receive(advert),
      onError: (code, detail) => log.warn({ instance: this.#config.name, code }, detail),
    });
    const instance = new VrrpInstance(this.#config, source, {
      clock,
      log,
      transport,
      ...(onOtherRouter === undefined ? {} : { onOtherRouter }),
      newTimer: (onExpire, waking) => new DeadlineTimer(onExpire, waking),
      addresses: {
        add: (address) => this.#placement.add(address),
        remove: (address) => this.#placement.remove(address),
      },
      announce: (device, address) => grounds.announcer.announce(device, address, this.#config),
      onTransition: (transition) => {
        if (transition.to === 'MASTER') this.#watchConflicts(true);
        else this.#conflicts.end();
        onTransition(transition);
      },
      onNotice,
      onReport,
      tellGroup,
    });
    return { link, carrier, source, transport, instance };
  }

  #watchConflicts(isNew: boolean): void {
    this.#conflicts.begin(heldAddresses(this.#config), this.#config.advertIntervalMs, isNew);
  }

  #lieDown(): void {
    this.#conflicts.end();
    this.#standing?.instance.close();
    this.#standing?.transport.close();
    this.#standing = undefined;
  }
}
