/**
 * `use_vmac`, `use_ipvlan`: the macvlan or ipvlan of an instance, made before its addresses, adopted from a dead predecessor,
 * removed when the instance goes. With it the sysctls that keepalived sets
 * (keepalived/vrrp/vrrp_if_config.c), because ARP for a virtual address must be answered with the
 * virtual MAC by the macvlan alone:
 *
 *     on the macvlan   arp_ignore 1    only for addresses that are on it
 *                      accept_local 1  another router's adverts may come from an address of ours
 *                      rp_filter 0     it has no route back of its own
 *                      promote_secondaries 1
 *     below it         arp_ignore 1, arp_filter 1
 *                      arp_announce 2  not keepalived's: without it the host asks for its clients' MACs
 *                                      in the name of the virtual address with the MAC of the interface
 *                                      below, and the clients learn that one
 *     all              rp_filter 0, each interface keeping what it had by it: the stricter one counts
 *
 * What they were before is in the alias of the macvlan, so that whoever takes it away can put them back,
 * also when the one who made it was killed.
 */
import type { Log } from '../base/log.ts';
import type { VrrpInstanceConfig } from '../config/model.ts';
import type { Link, LinkTable } from '../kernel/links.ts';
import { NETLINK_ROUTE, NLM_F_CREATE, NLM_F_EXCL } from '../kernel/netlink.ts';
import { type AckOutcome, NetlinkSocket } from '../kernel/netlink-socket.ts';
import {
  decodeOwnership,
  encodeAlias,
  encodeLinkRemoval,
  encodeLinkUp,
  encodeMaster,
  encodeNoGeneratedAddress,
  encodeOwnInterface,
  isOwnAlias,
  type Ownership,
  type OwnInterfaceSpec,
  valuesOfAlias,
} from '../kernel/own-interface.ts';
import { encodeLinkQuery, RTM_DELLINK, RTM_GETLINK, RTM_NEWLINK } from '../kernel/rtnetlink.ts';
import { readSysctl, writeSysctl } from '../kernel/sysctl.ts';
import { heldAddresses } from '../vrrp/addresses.ts';
import { virtualMac } from '../vrrp/virtual-mac.ts';

/** One interface that is made for an instance. */
export interface MadeInterface {
  readonly name: string;
  /** Below which it is made. */
  readonly parent: string;
  readonly kind: OwnInterfaceSpec['kind'];
  readonly hasIpv6: boolean;
  /** Name of the VRF it is in. */
  readonly vrf?: string;
}

export type OwnInterfaceOutcome =
  | { readonly ok: true; readonly ifindex: number }
  | { readonly ok: false; readonly code: string; readonly detail: string };

export class OwnInterfaces {
  readonly #links: LinkTable;
  readonly #log: Log;
  readonly #socket: NetlinkSocket;
  /** Names of macvlans by interface below, and what its sysctls were. */
  readonly #parents = new Map<string, { users: Set<string>; before: Map<string, string> }>();
  #allReversePathFilter: string | undefined;

  /** Throws SysError. */
  constructor(links: LinkTable, log: Log) {
    this.#links = links;
    this.#log = log;
    this.#socket = NetlinkSocket.open(NETLINK_ROUTE);
  }

  /** Takes away what a dead predecessor made and none of these instances uses. */
  removeLeftovers(instances: readonly VrrpInstanceConfig[]): void {
    const names = new Set(instances.flatMap(madeInterfaces).map(({ name }) => name));
    const all = this.#list();
    const leftovers = all.filter(({ name, alias }) => isOwnAlias(alias) && !names.has(name));
    for (const { name, alias, ifindex, parentIndex } of leftovers) {
      this.#remove(name, ifindex);
      const isShared = all.some(
        (other) =>
          other.parentIndex === parentIndex &&
          isOwnAlias(other.alias) &&
          !leftovers.includes(other),
      );
      const parent = this.#links.byIndex(parentIndex)?.name;
      if (parent !== undefined && !isShared) this.#restore(parent, valuesOfAlias(alias));
    }
  }

  /** Makes it, or adopts one that is as it must be. */
  ensure(made: MadeInterface, parent: Link): OwnInterfaceOutcome {
    const { name, kind } = made;
    const found = this.#list().find((link) => link.name === name);
    if (found !== undefined && !isAsWanted(found, parent, kind)) {
      if (!isOwnAlias(found.alias)) {
        const detail = `There is an interface ${name} already, which lvsd did not make`;
        return { ok: false, code: 'FOREIGN_INTERFACE', detail };
      }
      this.#remove(name, found.ifindex);
    } else if (found !== undefined) return this.#raise(made, parent, found);
    const outcome = this.#socket.request({
      type: RTM_NEWLINK,
      flags: NLM_F_CREATE | NLM_F_EXCL,
      payload: encodeOwnInterface({ name, parentIndex: parent.index, kind }),
    });
    if (!outcome.ok) return { ok: false, code: outcome.code, detail: `${name}: ${outcome.detail}` };
    const link = this.#list().find((one) => one.name === name);
    if (link === undefined) return { ok: false, code: 'ENODEV', detail: `${name} is not there` };
    return this.#raise(made, parent, { ...link, alias: found?.alias ?? '' });
  }

  /** The instance is gone: its macvlans go, and what they changed below them goes back. */
  release(config: VrrpInstanceConfig): void {
    for (const { name, parent: below } of madeInterfaces(config)) {
      const found = this.#list().find((link) => link.name === name);
      if (found !== undefined && isOwnAlias(found.alias)) this.#remove(found.name, found.ifindex);
      const parent = this.#parents.get(below);
      parent?.users.delete(name);
      if (parent === undefined || parent.users.size > 0) continue;
      this.#restore(below, parent.before);
      this.#parents.delete(below);
    }
  }

  close(): void {
    // Every interface has at least that by itself now; so this changes nothing but the look of it.
    if (this.#allReversePathFilter !== undefined) {
      this.#set('net/ipv4/conf/all/rp_filter', this.#allReversePathFilter);
    }
    this.#socket.close();
  }

  /** `link.alias` is what an earlier process remembered. */
  #raise(
    { name, kind, hasIpv6, vrf }: MadeInterface,
    parent: Link,
    { ifindex, alias, masterIndex }: Pick<Ownership, 'ifindex' | 'alias' | 'masterIndex'>,
  ): OwnInterfaceOutcome {
    this.#set(`net/ipv6/conf/${name}/disable_ipv6`, hasIpv6 ? '0' : '1');
    for (const [key, value] of OWN_SYSCTLS) this.#set(`net/ipv4/conf/${name}/${key}`, value);
    const vrfLink = vrf === undefined ? undefined : this.#links.byName(vrf);
    if (vrf !== undefined && vrfLink === undefined) {
      return { ok: false, code: 'ENODEV', detail: `There is no VRF ${vrf}` };
    }
    const master = vrfLink?.index ?? 0;
    // An ipvlan shares the MAC, so whichever of the two answers says the same.
    const before: ReadonlyMap<string, string> =
      kind.name === 'ipvlan' ? new Map() : this.#prepareParent(name, parent, valuesOfAlias(alias));
    const steps = [
      encodeAlias(ifindex, before),
      ...(hasIpv6 ? [encodeNoGeneratedAddress(ifindex)] : []),
      ...(masterIndex === master ? [] : [encodeMaster(ifindex, master)]),
      encodeLinkUp(ifindex),
    ];
    for (const payload of steps) {
      const outcome: AckOutcome = this.#socket.request({ type: RTM_NEWLINK, payload });
      if (!outcome.ok)
        return { ok: false, code: outcome.code, detail: `${name}: ${outcome.detail}` };
    }
    return { ok: true, ifindex };
  }

  /** What was before, by key; `remembered` where it is as we want it because we made it so. */
  #prepareParent(
    user: string,
    parent: Link,
    remembered: ReadonlyMap<string, string>,
  ): ReadonlyMap<string, string> {
    const known = this.#parents.get(parent.name);
    if (known !== undefined) {
      known.users.add(user);
      return known.before;
    }
    const before = new Map<string, string>();
    for (const [key, wanted] of PARENT_SYSCTLS) {
      const path = `net/ipv4/conf/${parent.name}/${key}`;
      const value = readSysctl(path);
      const earlier = value === wanted ? remembered.get(key) : value;
      if (earlier === undefined || earlier === wanted) continue;
      before.set(key, earlier);
      this.#set(path, wanted);
    }
    this.#parents.set(parent.name, { users: new Set([user]), before });
    this.#lowerReversePathFilter();
    return before;
  }

  #restore(parent: string, values: ReadonlyMap<string, string>): void {
    for (const [key] of PARENT_SYSCTLS) {
      const value = values.get(key);
      if (value !== undefined) this.#set(`net/ipv4/conf/${parent}/${key}`, value);
    }
  }

  #lowerReversePathFilter(): void {
    const all = readSysctl('net/ipv4/conf/all/rp_filter') ?? '0';
    if (all === '0') return;
    const own = new Set(
      this.#list().flatMap(({ name, alias }) => (isOwnAlias(alias) ? [name] : [])),
    );
    const names = this.#links.links().map(({ name }) => name);
    for (const name of [...names.filter((one) => !own.has(one)), 'default']) {
      const path = `net/ipv4/conf/${name}/rp_filter`;
      if (Number(readSysctl(path) ?? all) < Number(all)) this.#set(path, all);
    }
    this.#allReversePathFilter = all;
    this.#set('net/ipv4/conf/all/rp_filter', '0');
  }

  #list(): readonly Ownership[] {
    const reply = this.#socket.dump({ type: RTM_GETLINK, payload: encodeLinkQuery() });
    return reply.ok ? reply.messages.map(({ payload }) => decodeOwnership(payload)) : [];
  }

  #remove(name: string, ifindex: number): void {
    const payload = encodeLinkRemoval(ifindex);
    const outcome = this.#socket.request({ type: RTM_DELLINK, payload });
    if (!outcome.ok) this.#log.warn({ name, code: outcome.code }, outcome.detail);
  }

  #set(path: string, value: string): void {
    if (readSysctl(path) === value) return;
    const outcome = writeSysctl(path, value);
    if (!outcome.ok) this.#log.warn({ path, value, code: outcome.code }, outcome.detail);
  }
}

const OWN_SYSCTLS = [
  ['arp_ignore', '1'],
  ['accept_local', '1'],
  ['rp_filter', '0'],
  ['promote_secondaries', '1'],
] as const;

const PARENT_SYSCTLS = [
  ['arp_ignore', '1'],
  ['arp_filter', '1'],
  ['arp_announce', '2'],
] as const;

/** The mode of an ipvlan is that of all on its parent. */
function isAsWanted(found: Ownership, parent: Link, kind: OwnInterfaceSpec['kind']): boolean {
  return (
    found.kind === kind.name &&
    found.parentIndex === parent.index &&
    (kind.name === 'ipvlan' || Buffer.compare(found.mac, kind.mac) === 0)
  );
}

/** The instance's own interface first, then those of its addresses (`use_vmac_addr`). */
export function madeInterfaces(config: VrrpInstanceConfig): readonly MadeInterface[] {
  const { ownInterface, addressInterfaces = [], family, vrf } = config;
  const own =
    ownInterface === undefined
      ? []
      : [
          {
            name: ownInterface.name ?? '',
            parent: ownInterface.parent ?? config.interface,
            family,
            ...(vrf === undefined ? {} : { vrf }),
          },
        ];
  return [...own, ...addressInterfaces].map(({ family: itsFamily, ...made }) => ({
    ...made,
    kind:
      ownInterface?.kind === 'ipvlan' && made.name === ownInterface.name
        ? { name: 'ipvlan', mode: ownInterface.ipvlanMode ?? 'bridge' }
        : { name: 'macvlan', mac: virtualMac(config, itsFamily) },
    hasIpv6:
      itsFamily === 'inet6' ||
      heldAddresses(config).some(
        ({ device, address }) => device === made.name && address.family === 'inet6',
      ),
  }));
}
