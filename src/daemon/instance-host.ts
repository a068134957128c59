/**
 * One VRRP instance and what it stands on: its interface, its source address, its sockets. An instance
 * whose interface or source address is not there (yet) waits in FAULT and starts when it comes.
 *
 *   LinkTable ──▶ InstanceHost ──▶ VrrpInstance (state machine)
 *                     │  ▲ adverts        │ add, remove, announce
 *                     ▼  │                ▼
 *                 VRRP endpoint      LinkTable, FrameSender per device
 */
import {
  addressBytes,
  addressFromBytes,
  type Family,
  type IpAddress,
  isSameAddress,
} from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { VirtualAddressConfig, VrrpInstanceConfig } from '../config/model.ts';
import { type FrameSender, openFrameSender, type SendOutcome } from '../kernel/datagram.ts';
import { SysError } from '../kernel/libc.ts';
import type {
  AddressOutcome,
  AddressSpec,
  InterfaceAddress,
  Link,
  LinkTable,
} from '../kernel/links.ts';
import { DeadlineTimer } from '../kernel/timer.ts';
import { encodeAnnouncement } from '../vrrp/announce.ts';
import { type InstanceSnapshot, type Transition, VrrpInstance } from '../vrrp/instance.ts';
import { isUnicast } from '../vrrp/own-advert.ts';
import type { OtherRouter } from '../vrrp/ports.ts';
import {
  type InstanceTransport,
  isSameTransport,
  openTransport,
  TransportRefused,
} from './instance-transport.ts';
import { VIRTUAL_ADDRESS_PROTOCOL } from './leftovers.ts';
import type { Mastership } from './messages.ts';
import { rehearse } from './rehearsal.ts';
import { chooseSource, hasAddress } from './source-address.ts';

export interface InstanceHostOptions {
  readonly config: VrrpInstanceConfig;
  readonly links: LinkTable;
  readonly clock: Clock;
  readonly log: Log;
  /** Virtual addresses of every instance: none of them is a source address. */
  readonly virtualAddresses: () => ReadonlySet<string>;
  readonly onTransition: (transition: Transition) => void;
  readonly onOtherRouter?: (other: OtherRouter) => void;
}

/** Documentation addresses (RFC 5737, RFC 4291 link-local): no packet of the rehearsal leaves. */
const PEER_IN_REHEARSAL: Readonly<Record<Family, IpAddress>> = {
  inet: { family: 'inet', text: '192.0.2.1' },
  inet6: { family: 'inet6', text: 'fe80::1' },
};

interface Standing {
  readonly link: Link;
  readonly source: IpAddress;
  readonly transport: InstanceTransport;
  readonly instance: VrrpInstance;
}

export class InstanceHost {
  readonly #options: InstanceHostOptions;
  #config: VrrpInstanceConfig;
  #standing: Standing | undefined;
  #waitingFor = '';
  #waitingSinceMs = 0;
  readonly #senders = new Map<number, FrameSender>();

  constructor(options: InstanceHostOptions) {
    this.#options = options;
    this.#config = options.config;
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
    const source = chooseSource(this.#config, {
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
    try {
      this.#standing = this.#stand(link, source);
      if (!resumeAsMaster) this.#prepareTakeover(source);
    } catch (error) {
      if (!(error instanceof SysError) && !(error instanceof TransportRefused)) throw error;
      log.error({ instance: this.#config.name, code: error.code }, error.message);
      this.#lieDown();
      this.#wait(`the kernel refuses a socket: ${error.code}`);
      return;
    }
    this.#standing.instance.start({ linkUp: isUsable(link), resumeAsMaster });
  }

  /** What the first takeover would otherwise have to do: open packet sockets, compile its code. */
  #prepareTakeover(source: IpAddress): void {
    for (const { device } of this.#config.virtualAddresses) {
      const link = this.#options.links.byName(device);
      if (link !== undefined) this.#sender(link.index);
    }
    rehearse(this.#config, source, PEER_IN_REHEARSAL[this.#config.family]);
  }

  /** Whether `next` is the same virtual router, so that its state can be kept. */
  canBecome(next: VrrpInstanceConfig): boolean {
    const now = this.#config;
    return (
      next.virtualRouterId === now.virtualRouterId &&
      next.interface === now.interface &&
      next.family === now.family &&
      next.version === now.version &&
      isSameTransport(now, next)
    );
  }

  reconfigure(next: VrrpInstanceConfig): void {
    this.#config = next;
    if (this.#standing === undefined) this.start(false);
    else this.#standing.instance.reconfigure(next);
  }

  linkChanged(link: Link | undefined, ifindex: number): void {
    const standing = this.#standing;
    if (standing === undefined) {
      if (link?.name === this.#config.interface) this.start(false);
    } else if (ifindex === standing.link.index) {
      standing.instance.linkChanged(link !== undefined && this.#canSpeak(link));
      if (link === undefined) {
        this.#lieDown();
        this.#wait(`interface ${this.#config.interface} is gone`);
      }
    }
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
    if (isSameAddress(address.address, this.#standing.source)) this.#sourceChanged();
    const device = this.#options.links.byIndex(address.ifindex)?.name;
    const isOurs = this.#config.virtualAddresses.some(
      (virtual) => virtual.device === device && virtual.address.text === address.address.text,
    );
    if (isOurs && !isPresent) this.#standing.instance.addressRemoved(address.address);
  }

  /** `track_src_ip`: without its source address an instance is as good as without its link. */
  #sourceChanged(): void {
    const standing = this.#standing;
    const link = standing && this.#options.links.byIndex(standing.link.index);
    if (link !== undefined) standing?.instance.linkChanged(this.#canSpeak(link));
  }

  #canSpeak(link: Link): boolean {
    if (!isUsable(link)) return false;
    if (this.#config.tracksSourceAddress !== true || this.#standing === undefined) return true;
    return hasAddress(this.#options.links.addresses(), this.#standing.source);
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
    const { name, virtualRouterId, version, priority, advertIntervalMs } = this.#config;
    return {
      name,
      interface: this.#config.interface,
      virtualRouterId,
      version,
      state: 'FAULT',
      sinceMs: this.#waitingSinceMs,
      reason: this.#waitingFor,
      priority,
      effectivePriority: priority,
      advertIntervalMs,
      masterDownIntervalMs: 0,
      addresses: this.#config.virtualAddresses.map(({ address }) => address.text),
      releasing: false,
      counters: {},
    };
  }

  /** Orderly release; `onReleased` is called once, when the addresses are off. */
  stop(onReleased: () => void): void {
    if (this.#standing === undefined) onReleased();
    else this.#standing.instance.stop(onReleased);
  }

  close(): void {
    this.#lieDown();
  }

  #wait(reason: string): void {
    if (reason === this.#waitingFor) return;
    this.#waitingFor = reason;
    this.#waitingSinceMs = this.#options.clock.realtimeMs();
    this.#options.log.warn({ instance: this.#config.name, reason }, 'instance waits');
  }

  #stand(link: Link, source: IpAddress): Standing {
    const { clock, links, log, onTransition, onOtherRouter } = this.#options;
    this.#waitingFor = '';
    const transport = openTransport({
      config: this.#config,
      link,
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
      newTimer: (onExpire) => new DeadlineTimer(onExpire),
      addresses: {
        add: (address) => this.#apply(address, (spec) => links.addAddress(spec)),
        remove: (address) => this.#apply(address, (spec) => links.removeAddress(spec)),
      },
      announce: (device, address) => this.#announce(device, address),
      onTransition,
    });
    return { link, source, transport, instance };
  }

  #lieDown(): void {
    this.#standing?.instance.close();
    this.#standing?.transport.close();
    this.#standing = undefined;
    for (const sender of this.#senders.values()) sender.close();
    this.#senders.clear();
  }

  #apply(
    virtual: VirtualAddressConfig,
    apply: (spec: AddressSpec) => AddressOutcome,
  ): AddressOutcome {
    const link = this.#options.links.byName(virtual.device);
    if (link === undefined) {
      return { ok: false, code: 'ENODEV', detail: `There is no interface ${virtual.device}` };
    }
    return apply(addressSpec(virtual, link.index));
  }

  /** Throws SysError when the kernel refuses the socket. */
  #sender(ifindex: number): FrameSender {
    const open = this.#senders.get(ifindex);
    if (open !== undefined) return open;
    const sender = openFrameSender(ifindex);
    this.#senders.set(ifindex, sender);
    return sender;
  }

  #announce(device: string, address: IpAddress): SendOutcome {
    const link = this.#options.links.byName(device);
    if (link === undefined) {
      return { ok: false, code: 'ENODEV', detail: `There is no interface ${device}` };
    }
    try {
      return this.#sender(link.index).send(encodeAnnouncement(address, link.mac));
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      return { ok: false, code: error.code, detail: error.message };
    }
  }
}

function isUsable(link: Link): boolean {
  return link.isUp && link.hasCarrier;
}

/** How a virtual address goes onto its interface: marked as ours, and without IPv6's duplicate check. */
export function addressSpec(virtual: VirtualAddressConfig, ifindex: number): AddressSpec {
  const { address, prefixLength, scope, label } = virtual;
  const broadcast =
    virtual.broadcast === '+' ? subnetBroadcast(address, prefixLength) : virtual.broadcast;
  return {
    ifindex,
    address,
    prefixLength,
    scope,
    protocol: VIRTUAL_ADDRESS_PROTOCOL,
    // The address was another router's a moment ago: its late answer must not stop us.
    ...(address.family === 'inet6' ? { noDad: true } : {}),
    ...(label === undefined ? {} : { label }),
    ...(broadcast === undefined ? {} : { broadcast }),
  };
}

/** `brd +`: the host bits all ones. */
function subnetBroadcast(address: IpAddress, prefixLength: number): IpAddress {
  const bytes = addressBytes(address).map((byte, index) => {
    const networkBits = Math.min(8, Math.max(0, prefixLength - index * 8));
    return byte | (0xff >> networkBits);
  });
  return addressFromBytes(bytes);
}
