/**
 * How a virtual address goes onto its interface: every option of a line of `virtual_ipaddress` as
 * rtnetlink has it.
 */
import { addressBytes, addressFromBytes, type IpAddress } from '../base/address.ts';
import type { VirtualAddressConfig, VrrpInstanceConfig } from '../config/model.ts';
import {
  type AddressSpec,
  IFA_F_HOMEADDRESS,
  IFA_F_MANAGETEMPADDR,
  IFA_F_MCAUTOJOIN,
  IFA_F_NOPREFIXROUTE,
  LIFETIME_FOREVER,
} from '../kernel/rtnetlink.ts';

/** IFA_PROTO of the addresses that lvsd adds: VRRP's IP protocol number, as no other tool uses it. */
export const VIRTUAL_ADDRESS_PROTOCOL = 112;

const IPV6_HOST_LENGTH = 128;

/** Spelling in the file -> IFA_F_*. */
const FLAGS: ReadonlyMap<string, number> = new Map([
  ['home', IFA_F_HOMEADDRESS],
  ['mngtmpaddr', IFA_F_MANAGETEMPADDR],
  ['noprefixroute', IFA_F_NOPREFIXROUTE],
  ['autojoin', IFA_F_MCAUTOJOIN],
]);

/** Everything an instance puts on interfaces while it is master: in adverts first, then the others. */
export function heldAddresses(
  config: Pick<VrrpInstanceConfig, 'virtualAddresses' | 'excludedAddresses'>,
): readonly VirtualAddressConfig[] {
  const { virtualAddresses, excludedAddresses } = config;
  return excludedAddresses === undefined
    ? virtualAddresses
    : [...virtualAddresses, ...excludedAddresses];
}

/** False with `no_track`: the address does not come back when somebody takes it away. */
export function isTracked({ flags }: VirtualAddressConfig): boolean {
  return flags?.includes('no_track') !== true;
}

/**
 * Marked as ours. An IPv6 address goes on without duplicate address detection unless the line says
 * `-nodad`: it was another router's a moment ago, and its late answer must not stop us. One of /128
 * is deprecated from the start, as keepalived does it: the director's own connections shall not come
 * from it. `preferred_lft forever` asks for the contrary.
 */
export function addressSpec(virtual: VirtualAddressConfig, ifindex: number): AddressSpec {
  const { address, scope, label, peer, flags = [] } = virtual;
  const prefixLength = peer?.prefixLength ?? virtual.prefixLength;
  const isV6 = address.family === 'inet6';
  const broadcast =
    virtual.broadcast === '+' ? subnetBroadcast(address, prefixLength) : virtual.broadcast;
  const moreFlags = flags.reduce((bits, flag) => bits | (FLAGS.get(flag) ?? 0), 0);
  const lifetime = preferredLifetime(virtual, prefixLength);
  return {
    ifindex,
    address,
    prefixLength,
    scope,
    protocol: VIRTUAL_ADDRESS_PROTOCOL,
    ...(isV6 && !flags.includes('-nodad') ? { noDad: true } : {}),
    ...(peer === undefined ? {} : { peer: peer.address }),
    ...(label === undefined ? {} : { label }),
    ...(broadcast === undefined ? {} : { broadcast }),
    ...(moreFlags === 0 ? {} : { moreFlags }),
    ...(lifetime === undefined ? {} : { preferredLifetimeSeconds: lifetime }),
  };
}

function preferredLifetime(
  { address, preferredLifetimeSeconds: written }: VirtualAddressConfig,
  prefixLength: number,
): number | undefined {
  if (written !== undefined) return written === LIFETIME_FOREVER ? undefined : written;
  return address.family === 'inet6' && prefixLength === IPV6_HOST_LENGTH ? 0 : undefined;
}

/** `brd +`: the host bits all ones. */
function subnetBroadcast(address: IpAddress, prefixLength: number): IpAddress {
  const bytes = addressBytes(address).map((byte, index) => {
    const networkBits = Math.min(8, Math.max(0, prefixLength - index * 8));
    return byte | (0xff >> networkBits);
  });
  return addressFromBytes(bytes);
}

export interface AddressPlan {
  /** Before anything is added: one may be the same address in another form. */
  readonly removed: readonly VirtualAddressConfig[];
  readonly added: readonly VirtualAddressConfig[];
  readonly kept: readonly VirtualAddressConfig[];
}

/** From what is held to what is wanted. Law: `planAddresses(x, x)` changes nothing. */
export function planAddresses(
  held: readonly VirtualAddressConfig[],
  wanted: readonly VirtualAddressConfig[],
): AddressPlan {
  const wantedForms = new Set(wanted.map(formOf));
  const heldForms = new Set(held.map(formOf));
  return {
    removed: held.filter((address) => !wantedForms.has(formOf(address))),
    added: wanted.filter((address) => !heldForms.has(formOf(address))),
    kept: wanted.filter((address) => heldForms.has(formOf(address))),
  };
}

/** What the kernel would hold of it; where it stands in the file is nothing to it. */
function formOf({ span: _span, device, ...rest }: VirtualAddressConfig): string {
  return JSON.stringify([device, addressSpec({ ...rest, span: _span, device }, 0)]);
}
