/**
 * Links and addresses of this network namespace: a live table, and the way to change addresses.
 *
 * The table follows the kernel's link and address events. `addAddress` and `removeAddress` bring
 * it up to date before they return, so it always holds what they did. The callbacks report how the
 * table differs from what the caller has been told or has done itself:
 *  - a change made through this table is not reported;
 *  - what the kernel does as a consequence (a secondary address that goes with its primary, IPv6
 *    addresses that go when the link goes down) and what others do is reported, from the event
 *    loop;
 *  - a change that was undone before the event loop came round is not: the table is as it was;
 *  - of an address's flags only IFA_F_DADFAILED counts as a change.
 */
import { addressBytes, type IpAddress } from '../base/address.ts';
import { EADDRNOTAVAIL, EEXIST, ENOBUFS, ENODEV, ENXIO } from './errno.ts';
import { SysError } from './libc.ts';
import { NETLINK_ROUTE, type NetlinkMessage, NLM_F_CREATE, NLM_F_EXCL } from './netlink.ts';
import { type AckOutcome, type NetlinkFailure, NetlinkSocket } from './netlink-socket.ts';
import { type Watch, watchReadable } from './poller.ts';
import {
  type AddressSpec,
  decodeAddress,
  decodeLink,
  encodeAddress,
  encodeAddressQuery,
  encodeAddressRemoval,
  encodeLinkQuery,
  faultOfAddress,
  IFA_F_DADFAILED,
  IFA_F_NODAD,
  IFA_F_PERMANENT,
  IFA_F_TENTATIVE,
  type InterfaceAddress,
  type Link,
  RT_SCOPE_HOST,
  RT_SCOPE_LINK,
  RT_SCOPE_SITE,
  RT_SCOPE_UNIVERSE,
  RTM_DELADDR,
  RTM_DELLINK,
  RTM_GETADDR,
  RTM_GETLINK,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTMGRP_IPV4_IFADDR,
  RTMGRP_IPV6_IFADDR,
  RTMGRP_LINK,
} from './rtnetlink.ts';

export type { AddressSpec, InterfaceAddress, Link } from './rtnetlink.ts';

export type AddressOutcome =
  /** `changed` is false where there was nothing to do: EEXIST on add, EADDRNOTAVAIL on remove. */
  | { readonly ok: true; readonly changed: boolean }
  /** BAD_ADDRESS, or the errno's name: ENODEV, EPERM, EINVAL, … */
  | { readonly ok: false; readonly code: string; readonly detail: string };

export interface LinkTableOptions {
  /** A link is new or another than before; undefined: it is gone. */
  readonly onLinkChange?: (link: Link | undefined, ifindex: number) => void;
  /** `present` false: the address as it last was. */
  readonly onAddressChange?: (address: InterfaceAddress, present: boolean) => void;
  /** The table cannot be read at the moment; it is tried again with the next event or call. */
  readonly onError?: (error: SysError) => void;
}

type AddressKey = string;

const GROUPS = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
/** How often one refresh reads everything again when events overflow while it does. */
const RESYNC_ATTEMPTS_MAX = 3;

export class LinkTable {
  readonly #options: LinkTableOptions;
  readonly #events: NetlinkSocket;
  readonly #requests: NetlinkSocket;
  readonly #watch: Watch;
  /** The kernel's state, as of the last refresh. */
  #links = new Map<number, Link>();
  #addresses = new Map<AddressKey, InterfaceAddress>();
  /** The state the caller knows of, and what may differ from it. */
  readonly #knownLinks = new Map<number, Link>();
  readonly #knownAddresses = new Map<AddressKey, InterfaceAddress>();
  readonly #dirtyLinks = new Set<number>();
  readonly #dirtyAddresses = new Set<AddressKey>();
  #pendingReport: NodeJS.Immediate | undefined;
  #isStale = true;
  #isClosed = false;

  private constructor(
    options: LinkTableOptions,
    sockets: { events: NetlinkSocket; requests: NetlinkSocket },
  ) {
    this.#options = options;
    this.#events = sockets.events;
    this.#requests = sockets.requests;
    this.#watch = watchReadable(this.#events.fd, () => {
      this.#refresh();
      this.#report();
    });
  }

  /** Reads everything once; needs no privileges. Throws SysError. */
  static open(options: LinkTableOptions): LinkTable {
    const events = NetlinkSocket.open(NETLINK_ROUTE, { groups: GROUPS });
    let requests: NetlinkSocket;
    try {
      requests = NetlinkSocket.open(NETLINK_ROUTE);
    } catch (error) {
      events.close();
      throw error;
    }
    const table = new LinkTable(options, { events, requests });
    try {
      const outcome = table.#readAll();
      if (!outcome.ok) throw new SysError('rtnetlink dump', outcome.errno);
      table.#acceptAll();
      return table;
    } catch (error) {
      table.close();
      throw error;
    }
  }

  byName(name: string): Link | undefined {
    for (const link of this.#links.values()) if (link.name === name) return link;
    return undefined;
  }

  byIndex(index: number): Link | undefined {
    return this.#links.get(index);
  }

  links(): readonly Link[] {
    return [...this.#links.values()];
  }

  /** Of one interface, or of all. */
  addresses(ifindex?: number): readonly InterfaceAddress[] {
    const all = [...this.#addresses.values()];
    return ifindex === undefined ? all : all.filter((address) => address.ifindex === ifindex);
  }

  /**
   * Needs CAP_NET_ADMIN. An IPv6 address counts as there already whatever its prefix length: the
   * kernel tells IPv6 addresses of an interface apart by the address alone.
   */
  addAddress(spec: AddressSpec): AddressOutcome {
    const fault = faultOfAddress(spec);
    if (fault !== undefined) return { ok: false, code: 'BAD_ADDRESS', detail: fault };
    const outcome = this.#requests.request({
      type: RTM_NEWADDR,
      flags: NLM_F_CREATE | NLM_F_EXCL,
      payload: encodeAddress(spec),
    });
    if (!outcome.ok && outcome.errno !== EEXIST) return refusal('add', spec, outcome);
    this.#refresh();
    const key = keyOf(spec);
    // The event for an IPv6 address without DAD comes from a kernel worker, after the answer.
    if (outcome.ok && !this.#addresses.has(key)) this.#addresses.set(key, expectedAddress(spec));
    this.#acceptAddress(key);
    return { ok: true, changed: outcome.ok };
  }

  /** Needs CAP_NET_ADMIN. An interface that is gone has no address: ok, not changed. */
  removeAddress(spec: AddressSpec): AddressOutcome {
    const fault = faultOfAddress(spec);
    if (fault !== undefined) return { ok: false, code: 'BAD_ADDRESS', detail: fault };
    const outcome = this.#requests.request({
      type: RTM_DELADDR,
      payload: encodeAddressRemoval(spec),
    });
    if (!outcome.ok && !ABSENT_ERRNOS.has(outcome.errno)) return refusal('remove', spec, outcome);
    this.#refresh();
    const key = keyOf(spec);
    this.#addresses.delete(key);
    this.#acceptAddress(key);
    return { ok: true, changed: outcome.ok };
  }

  /** Takes in what the kernel has told by now; the caller hears of changes from the event loop. */
  update(): void {
    this.#refresh();
    if (this.#dirtyAddresses.size === 0 && this.#dirtyLinks.size === 0) return;
    this.#pendingReport ??= setImmediate(() => this.#report());
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#pendingReport !== undefined) clearImmediate(this.#pendingReport);
    this.#watch.close();
    this.#events.close();
    this.#requests.close();
  }

  /** Takes in all events; after an overflow, or a failure before, reads everything again. */
  #refresh(): void {
    const outcome = this.#isStale ? this.#readAll() : this.#takeEvents();
    if (outcome.ok) return;
    const again = outcome.errno === ENOBUFS ? this.#readAll() : outcome;
    if (!again.ok) this.#options.onError?.(new SysError('rtnetlink dump', again.errno));
  }

  #takeEvents(): AckOutcome {
    const outcome = this.#events.drain((message) => this.#apply(message));
    if (!outcome.ok) this.#isStale = true;
    return outcome;
  }

  /**
   * A dump of both tables and then the events that were queued meanwhile: an event older than the
   * dump may undo part of it for a moment, but the last event of each link and address is never
   * older.
   */
  #readAll(): AckOutcome {
    let outcome: AckOutcome = { ok: true };
    for (let attempt = 0; attempt < RESYNC_ATTEMPTS_MAX; attempt++) {
      outcome = this.#dumpAll();
      if (!outcome.ok) break;
      outcome = this.#takeEvents();
      if (outcome.ok || outcome.errno !== ENOBUFS) break;
    }
    this.#isStale = !outcome.ok;
    return outcome;
  }

  #dumpAll(): AckOutcome {
    const links = this.#requests.dump({ type: RTM_GETLINK, payload: encodeLinkQuery() });
    if (!links.ok) return links;
    const addresses = this.#requests.dump({ type: RTM_GETADDR, payload: encodeAddressQuery() });
    if (!addresses.ok) return addresses;
    for (const ifindex of this.#links.keys()) this.#dirtyLinks.add(ifindex);
    for (const key of this.#addresses.keys()) this.#dirtyAddresses.add(key);
    this.#links = new Map();
    this.#addresses = new Map();
    for (const message of [...links.messages, ...addresses.messages]) this.#apply(message);
    return { ok: true };
  }

  #apply(message: NetlinkMessage): void {
    const { type, payload } = message;
    if (type === RTM_NEWLINK || type === RTM_DELLINK) {
      this.#applyLink(decodeLink(payload), type === RTM_NEWLINK);
    } else if (type === RTM_NEWADDR || type === RTM_DELADDR) {
      this.#applyAddress(decodeAddress(payload), type === RTM_NEWADDR);
    }
  }

  #applyLink(link: Link | undefined, isPresent: boolean): void {
    if (link === undefined) return;
    if (isPresent) this.#links.set(link.index, link);
    else this.#links.delete(link.index);
    this.#dirtyLinks.add(link.index);
  }

  #applyAddress(address: InterfaceAddress | undefined, isPresent: boolean): void {
    if (address === undefined) return;
    const key = keyOf(address);
    if (isPresent) this.#addresses.set(key, address);
    else this.#addresses.delete(key);
    this.#dirtyAddresses.add(key);
  }

  /** At the start: what is there is known. */
  #acceptAll(): void {
    for (const [ifindex, link] of this.#links) this.#knownLinks.set(ifindex, link);
    for (const [key, address] of this.#addresses) this.#knownAddresses.set(key, address);
    this.#dirtyLinks.clear();
    this.#dirtyAddresses.clear();
  }

  /** The caller did this one. What else came in with it is reported from the event loop. */
  #acceptAddress(key: AddressKey): void {
    const address = this.#addresses.get(key);
    if (address === undefined) this.#knownAddresses.delete(key);
    else this.#knownAddresses.set(key, address);
    this.#dirtyAddresses.delete(key);
    if (this.#dirtyAddresses.size === 0 && this.#dirtyLinks.size === 0) return;
    this.#pendingReport ??= setImmediate(() => this.#report());
  }

  /** Tells the caller what is not as it knows it. A callback may call any method, `close` too. */
  #report(): void {
    if (this.#pendingReport !== undefined) clearImmediate(this.#pendingReport);
    this.#pendingReport = undefined;
    for (const ifindex of takeAll(this.#dirtyLinks)) {
      if (this.#isClosed) return;
      const link = this.#links.get(ifindex);
      if (isSameLink(this.#knownLinks.get(ifindex), link)) continue;
      if (link === undefined) this.#knownLinks.delete(ifindex);
      else this.#knownLinks.set(ifindex, link);
      this.#options.onLinkChange?.(link, ifindex);
    }
    for (const key of takeAll(this.#dirtyAddresses)) {
      if (this.#isClosed) return;
      const before = this.#knownAddresses.get(key);
      const address = this.#addresses.get(key);
      if (isSameAssignment(before, address)) continue;
      if (address === undefined) this.#knownAddresses.delete(key);
      else this.#knownAddresses.set(key, address);
      const subject = address ?? before;
      if (subject !== undefined) this.#options.onAddressChange?.(subject, address !== undefined);
    }
  }
}

/** What RTM_DELADDR says when the address, or all that could have it, is not there. */
const ABSENT_ERRNOS: ReadonlySet<number> = new Set([EADDRNOTAVAIL, ENODEV, ENXIO]);

function keyOf(
  address: Pick<InterfaceAddress, 'ifindex' | 'address' | 'prefixLength'>,
): AddressKey {
  return `${address.ifindex} ${address.address.text}/${address.prefixLength}`;
}

function takeAll<Item>(set: Set<Item>): Item[] {
  const items = [...set];
  set.clear();
  return items;
}

/** The entry for an address that was just added, until the kernel's own event replaces it. */
function expectedAddress(spec: AddressSpec): InterfaceAddress {
  const isV6 = spec.address.family === 'inet6';
  const dad = isV6 ? (spec.noDad === true ? IFA_F_NODAD : IFA_F_TENTATIVE) : 0;
  return {
    ifindex: spec.ifindex,
    address: spec.address,
    prefixLength: spec.prefixLength,
    ...(spec.peer === undefined ? {} : { peer: spec.peer }),
    ...(spec.label === undefined || isV6 ? {} : { label: spec.label }),
    scope: isV6 ? kernelScope(spec.address) : spec.scope,
    protocol: spec.protocol ?? 0,
    flags: IFA_F_PERMANENT | dad | (spec.moreFlags ?? 0),
  };
}

/**
 * The kernel takes an IPv6 address's scope from the address, whatever it was told
 * (ipv6_addr_scope).
 */
function kernelScope(address: IpAddress): number {
  const [first = 0, second = 0] = addressBytes(address);
  if (address.text === '::1') return RT_SCOPE_HOST;
  if (first !== 0xfe) return RT_SCOPE_UNIVERSE;
  if ((second & 0xc0) === 0x80) return RT_SCOPE_LINK;
  return (second & 0xc0) === 0xc0 ? RT_SCOPE_SITE : RT_SCOPE_UNIVERSE;
}

function isSameLink(a: Link | undefined, b: Link | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return (
    a.name === b.name &&
    a.isUp === b.isUp &&
    a.hasCarrier === b.hasCarrier &&
    a.mtu === b.mtu &&
    Buffer.compare(a.mac, b.mac) === 0
  );
}

/** An address becomes usable, or turns out not to be, when duplicate address detection ends. */
const UNUSABLE = IFA_F_TENTATIVE | IFA_F_DADFAILED;

/** Same address with the same key: nothing that matters about it changed. */
function isSameAssignment(
  a: InterfaceAddress | undefined,
  b: InterfaceAddress | undefined,
): boolean {
  if (a === undefined || b === undefined) return a === b;
  return (
    a.label === b.label &&
    a.scope === b.scope &&
    a.protocol === b.protocol &&
    (a.flags & UNUSABLE) === (b.flags & UNUSABLE)
  );
}

function refusal(
  verb: 'add' | 'remove',
  spec: AddressSpec,
  failure: NetlinkFailure,
): AddressOutcome {
  const what = `${spec.address.text}/${spec.prefixLength} on interface ${spec.ifindex}`;
  return { ok: false, code: failure.code, detail: `Cannot ${verb} ${what}: ${failure.detail}` };
}
