/**
 * Sends announcements: gratuitous ARP and unsolicited neighbor advertisements, in the order they are
 * asked for, with the gap that `vrrp_garp_interval`, `vrrp_gna_interval` or a `garp_group` wants
 * between two of a family on an interface. Without a gap everything leaves at once. Nobody waits here:
 * what must wait is queued, and a queue that is full forgets its oldest, which is said again soon.
 *
 * A neighbor advertisement has the R flag where keepalived sets it: on an interface that forwards IPv6
 * (keepalived/vrrp/vrrp_ndisc.c). RFC 9568 6.4.2 always sets it; but a host that is no router and says
 * that it is becomes a default router of the hosts that hear it (RFC 4861 7.2.5).
 */
import type { IpAddress } from '../base/address.ts';
import type { GarpGroupConfig } from '../config/model-vrrp.ts';
import { type FrameSender, openFrameSender, type SendOutcome } from '../kernel/datagram.ts';
import { SysError } from '../kernel/libc.ts';
import type { LinkTable } from '../kernel/links.ts';
import { readSysctl } from '../kernel/sysctl.ts';
import { encodeAnnouncement, MAC_LENGTH } from '../vrrp/announce.ts';
import { dueAtMs, paceOf } from '../vrrp/announcement-pace.ts';
import { encodeProbe } from '../vrrp/arp-probe.ts';

/** Ten bursts of five packets for 200 addresses. */
const QUEUE_MAX = 10_000;

interface Waiting {
  readonly device: string;
  readonly address: IpAddress;
}

interface Lane {
  readonly queue: Waiting[];
  /** Monotonic ms. */
  lastSentMs: number;
  timer: NodeJS.Timeout | undefined;
}

export interface AnnouncerOptions {
  readonly links: LinkTable;
  readonly monotonicMs: () => number;
  /** A packet that had to wait could not be sent, or was forgotten. */
  readonly onFailure: (device: string, code: string) => void;
}

export interface Gaps {
  readonly garpIntervalMs?: number;
  readonly gnaIntervalMs?: number;
}

const SENT: SendOutcome = { ok: true };

export class Announcer {
  readonly #options: AnnouncerOptions;
  readonly #senders = new Map<number, FrameSender>();
  readonly #lanes = new Map<string, Lane>();
  #groups: readonly GarpGroupConfig[] = [];

  constructor(options: AnnouncerOptions) {
    this.#options = options;
  }

  configure(groups: readonly GarpGroupConfig[]): void {
    this.#groups = groups;
  }

  /** Opens the interface's socket, so that a takeover need not. Throws SysError. */
  prepare(device: string): void {
    const link = this.#options.links.byName(device);
    if (link !== undefined) this.#sender(link.index);
  }

  /** Sends it, or has it wait for its turn; queued counts as sent. */
  announce(device: string, address: IpAddress, gaps: Gaps): SendOutcome {
    const { lane: name, gapMs } = paceOf(device, address.family, gaps, this.#groups);
    if (gapMs === 0) return this.#send(device, address);
    const lane = this.#lane(name);
    const nowMs = this.#options.monotonicMs();
    if (lane.queue.length === 0 && dueAtMs(lane.lastSentMs, gapMs, nowMs) <= nowMs) {
      lane.lastSentMs = nowMs;
      return this.#send(device, address);
    }
    if (lane.queue.length === QUEUE_MAX) {
      const forgotten = lane.queue.shift();
      if (forgotten !== undefined) this.#options.onFailure(forgotten.device, 'QUEUE_FULL');
    }
    lane.queue.push({ device, address });
    this.#arm(lane, gapMs);
    return SENT;
  }

  /** Asks the link, at once, whether another host has this address. */
  probe(device: string, address: IpAddress): SendOutcome {
    return this.#sendFrame(device, (mac) => encodeProbe(address, mac));
  }

  /** An address is no longer ours: what still waits to say so is not said. */
  forget(address: IpAddress): void {
    for (const { queue } of this.#lanes.values()) {
      for (let at = queue.length - 1; at >= 0; at -= 1) {
        if (queue[at]?.address.text === address.text) queue.splice(at, 1);
      }
    }
  }

  close(): void {
    for (const { timer } of this.#lanes.values()) clearTimeout(timer);
    this.#lanes.clear();
    for (const sender of this.#senders.values()) sender.close();
    this.#senders.clear();
  }

  #lane(name: string): Lane {
    const known = this.#lanes.get(name);
    if (known !== undefined) return known;
    const lane: Lane = { queue: [], lastSentMs: Number.NEGATIVE_INFINITY, timer: undefined };
    this.#lanes.set(name, lane);
    return lane;
  }

  #arm(lane: Lane, gapMs: number): void {
    if (lane.timer !== undefined) return;
    const nowMs = this.#options.monotonicMs();
    const waitMs = Math.max(0, dueAtMs(lane.lastSentMs, gapMs, nowMs) - nowMs);
    lane.timer = setTimeout(() => {
      lane.timer = undefined;
      const next = lane.queue.shift();
      if (next === undefined) return;
      lane.lastSentMs = this.#options.monotonicMs();
      const outcome = this.#send(next.device, next.address);
      if (!outcome.ok) this.#options.onFailure(next.device, outcome.code);
      if (lane.queue.length > 0) this.#arm(lane, gapMs);
    }, waitMs);
  }

  #send(device: string, address: IpAddress): SendOutcome {
    return this.#sendFrame(device, (mac) => {
      const isRouter = address.family === 'inet6' && forwardsIpv6(device);
      return encodeAnnouncement(address, mac, isRouter);
    });
  }

  #sendFrame(device: string, encode: (mac: Uint8Array) => Uint8Array): SendOutcome {
    // Looked up now: an interface's MAC may be another than when the burst began.
    const link = this.#options.links.byName(device);
    if (link === undefined) {
      return { ok: false, code: 'ENODEV', detail: `There is no interface ${device}` };
    }
    if (link.mac.length !== MAC_LENGTH) {
      return { ok: false, code: 'NO_MAC', detail: `${device} has no Ethernet address` };
    }
    try {
      return this.#sender(link.index).send(encode(link.mac));
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      return { ok: false, code: error.code, detail: error.message };
    }
  }

  /** Throws SysError when the kernel refuses the socket. */
  #sender(ifindex: number): FrameSender {
    const open = this.#senders.get(ifindex);
    if (open !== undefined) return open;
    const sender = openFrameSender(ifindex);
    this.#senders.set(ifindex, sender);
    return sender;
  }
}

function forwardsIpv6(device: string): boolean {
  return readSysctl(`net/ipv6/conf/${device}/forwarding`) === '1';
}
