/**
 * Links and addresses as rtnetlink messages (linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h).
 */
import {
  addressBytes,
  addressFromBytes,
  addressLength,
  type Family,
  type IpAddress,
} from '../base/address.ts';
import { AF_INET, AF_INET6 } from './linux.ts';
import {
  AttributeWriter,
  decodeAttributes,
  NetlinkFormatError,
  readString,
  readU8,
  readU32,
  requireAttribute,
} from './netlink.ts';

export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_GETLINK = 18;
export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
export const RTM_GETADDR = 22;

export const RTMGRP_LINK = 0x1;
export const RTMGRP_IPV4_IFADDR = 0x10;
export const RTMGRP_IPV6_IFADDR = 0x100;

export const RT_SCOPE_UNIVERSE = 0;
export const RT_SCOPE_SITE = 200;
export const RT_SCOPE_LINK = 253;
export const RT_SCOPE_HOST = 254;

const AF_UNSPEC = 0;
const IFINFOMSG_LENGTH = 16;
const IFADDRMSG_LENGTH = 8;

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;

const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_LABEL = 3;
const IFA_BROADCAST = 4;
const IFA_CACHEINFO = 6;
const IFA_FLAGS = 8;
const IFA_PROTO = 11;

/** struct ifa_cacheinfo: preferred and valid lifetime, and two time stamps that only dumps fill. */
const CACHEINFO_LENGTH = 16;
/** INFINITY_LIFE_TIME of the kernel's net/addrconf.h. */
export const LIFETIME_FOREVER = 0xffffffff;

const IFF_UP = 0x1;
const IFF_RUNNING = 0x40;

export const IFA_F_NODAD = 0x02;
export const IFA_F_DADFAILED = 0x08;
export const IFA_F_HOMEADDRESS = 0x10;
export const IFA_F_TENTATIVE = 0x40;
export const IFA_F_PERMANENT = 0x80;
export const IFA_F_MANAGETEMPADDR = 0x100;
export const IFA_F_NOPREFIXROUTE = 0x200;
export const IFA_F_MCAUTOJOIN = 0x400;

const IFNAMSIZ = 16;

export interface Link {
  readonly index: number;
  readonly name: string;
  /** 6 bytes on Ethernet; empty for a device without an address. */
  readonly mac: Uint8Array;
  /** Set up by the administrator (IFF_UP). */
  readonly isUp: boolean;
  /** Can carry traffic now: up, cable and peer there (IFF_RUNNING, what keepalived looks at). */
  readonly hasCarrier: boolean;
  readonly mtu: number;
}

export interface InterfaceAddress {
  readonly ifindex: number;
  readonly address: IpAddress;
  /** Of the peer's address where there is one. */
  readonly prefixLength: number;
  /** The other end of a point-to-point link. */
  readonly peer?: IpAddress;
  /** IPv4 only: the interface's name, or more of it (`eth0:vip`). */
  readonly label?: string;
  /** RT_SCOPE_*; the kernel derives that of an IPv6 address itself. */
  readonly scope: number;
  /** IFA_PROTO: who set it, 0 unsaid; kernels before 5.18 do not keep it. */
  readonly protocol: number;
  /** IFA_F_*. */
  readonly flags: number;
}

export interface AddressSpec {
  readonly ifindex: number;
  readonly address: IpAddress;
  /** Of the peer's address where there is one. */
  readonly prefixLength: number;
  /** The other end of a point-to-point link. */
  readonly peer?: IpAddress;
  /** IPv4 only, at most 15 bytes; the kernel wants it to begin with the interface's name. */
  readonly label?: string;
  readonly scope: number;
  readonly broadcast?: IpAddress;
  readonly protocol?: number;
  /** IFA_F_NODAD: use an IPv6 address at once, without asking whether another host has it. */
  readonly noDad?: boolean;
  /** Further IFA_F_* to set: HOMEADDRESS, MANAGETEMPADDR, NOPREFIXROUTE, MCAUTOJOIN. */
  readonly moreFlags?: number;
  /** Seconds; 0: deprecated, no source of new connections. Absent: forever. */
  readonly preferredLifetimeSeconds?: number;
}

/**
 * The payload of a dump of all links or addresses.
 *
 *      0        1     2      4          8         12       16
 *     +--------+-----+------+----------+---------+--------+
 *     | family | pad | type | ifindex  | IFF_*   | change |     ifinfomsg
 *     +--------+-----+------+----------+---------+--------+
 */
export function encodeLinkQuery(): Uint8Array {
  return new Uint8Array(IFINFOMSG_LENGTH);
}

export function encodeAddressQuery(): Uint8Array {
  return new Uint8Array(IFADDRMSG_LENGTH);
}

/**
 * The link of an RTM_NEWLINK or RTM_DELLINK payload; undefined when the message is about something
 * else of that link: with another family than AF_UNSPEC, RTM_DELLINK says that it left a bridge.
 * Throws NetlinkFormatError.
 */
export function decodeLink(payload: Uint8Array): Link | undefined {
  const header = headerOf(payload, IFINFOMSG_LENGTH, 'ifinfomsg');
  if (header.getUint8(0) !== AF_UNSPEC) return undefined;
  const flags = header.getUint32(8, true);
  const attributes = decodeAttributes(payload.subarray(IFINFOMSG_LENGTH));
  const mtu = attributes.get(IFLA_MTU);
  return {
    index: header.getInt32(4, true),
    name: readString(requireAttribute(attributes, IFLA_IFNAME, 'IFLA_IFNAME')),
    mac: new Uint8Array(attributes.get(IFLA_ADDRESS) ?? []),
    isUp: (flags & IFF_UP) !== 0,
    hasCarrier: (flags & IFF_RUNNING) !== 0,
    mtu: mtu === undefined ? 0 : readU32(mtu),
  };
}

/**
 * The payload that adds (RTM_NEWADDR) an address.
 *
 *      0        1            2       3       4         8
 *     +--------+------------+-------+-------+---------+----------------+
 *     | family | prefix len | IFA_F | scope | ifindex | attributes ... |     ifaddrmsg
 *     +--------+------------+-------+-------+---------+----------------+
 *     IFA_F: the low 8 bits; IFA_FLAGS has all 32 and is the one that counts.
 */
export function encodeAddress(spec: AddressSpec): Uint8Array {
  const bytes = addressBytes(spec.address);
  const attributes = new AttributeWriter()
    .bytes(IFA_LOCAL, bytes)
    .bytes(IFA_ADDRESS, spec.peer === undefined ? bytes : addressBytes(spec.peer));
  if (spec.address.family === 'inet') {
    if (spec.broadcast !== undefined) {
      attributes.bytes(IFA_BROADCAST, addressBytes(spec.broadcast));
    }
    if (spec.label !== undefined) attributes.string(IFA_LABEL, spec.label);
  }
  if (spec.preferredLifetimeSeconds !== undefined) {
    attributes.bytes(IFA_CACHEINFO, cacheInfo(spec.preferredLifetimeSeconds));
  }
  const flags = (spec.noDad === true ? IFA_F_NODAD : 0) | (spec.moreFlags ?? 0);
  if (flags !== 0) attributes.u32(IFA_FLAGS, flags);
  if (spec.protocol !== undefined) attributes.u8(IFA_PROTO, spec.protocol);
  return joinAddressMessage(spec, attributes);
}

/** The address stays valid for ever; only its preference ends. */
function cacheInfo(preferredSeconds: number): Uint8Array {
  const bytes = new Uint8Array(CACHEINFO_LENGTH);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, preferredSeconds, true);
  view.setUint32(4, LIFETIME_FOREVER, true);
  return bytes;
}

/**
 * The payload that removes (RTM_DELADDR) an address: by address, peer and prefix length on the
 * interface. No label: the kernel would then spare the address under another label.
 */
export function encodeAddressRemoval(spec: AddressSpec): Uint8Array {
  const bytes = addressBytes(spec.address);
  const attributes = new AttributeWriter()
    .bytes(IFA_LOCAL, bytes)
    .bytes(IFA_ADDRESS, spec.peer === undefined ? bytes : addressBytes(spec.peer));
  return joinAddressMessage(spec, attributes);
}

/** Why a spec cannot be sent, in words; undefined when it can. */
export function faultOfAddress(spec: AddressSpec): string | undefined {
  const { address, prefixLength, label, broadcast, peer } = spec;
  const longest = addressLength(address.family) * 8;
  if (!Number.isInteger(prefixLength) || prefixLength < 0 || prefixLength > longest) {
    return `The prefix length of ${address.text} is 0 to ${longest}, not ${prefixLength}`;
  }
  if (label !== undefined && Buffer.byteLength(label) >= IFNAMSIZ) {
    return `The label ${label} is longer than ${IFNAMSIZ - 1} bytes`;
  }
  if (broadcast !== undefined && broadcast.family !== address.family) {
    return `The broadcast address ${broadcast.text} is not of the family of ${address.text}`;
  }
  if (peer !== undefined && peer.family !== address.family) {
    return `The peer ${peer.text} is not of the family of ${address.text}`;
  }
  return undefined;
}

/**
 * The address of an RTM_NEWADDR or RTM_DELADDR payload; undefined for a family that is not IP.
 * With a peer (point-to-point), IFA_ADDRESS is the peer's and IFA_LOCAL ours. Throws
 * NetlinkFormatError.
 */
export function decodeAddress(payload: Uint8Array): InterfaceAddress | undefined {
  const header = headerOf(payload, IFADDRMSG_LENGTH, 'ifaddrmsg');
  const family = familyOf(header.getUint8(0));
  if (family === undefined) return undefined;
  const attributes = decodeAttributes(payload.subarray(IFADDRMSG_LENGTH));
  const local = attributes.get(IFA_LOCAL);
  const remote = attributes.get(IFA_ADDRESS);
  const bytes = local ?? requireAttribute(attributes, IFA_ADDRESS, 'IFA_ADDRESS');
  const hasPeer =
    local !== undefined && remote?.length === local.length && Buffer.compare(local, remote) !== 0;
  if (bytes.length !== addressLength(family)) {
    throw new NetlinkFormatError(
      'BAD_ATTRIBUTE_LENGTH',
      `The address of family ${family} has ${bytes.length} bytes`,
    );
  }
  const label = attributes.get(IFA_LABEL);
  const flags = attributes.get(IFA_FLAGS);
  const protocol = attributes.get(IFA_PROTO);
  return {
    ifindex: header.getUint32(4, true),
    address: addressFromBytes(bytes),
    prefixLength: header.getUint8(1),
    ...(hasPeer && remote !== undefined ? { peer: addressFromBytes(remote) } : {}),
    ...(label === undefined ? {} : { label: readString(label) }),
    scope: header.getUint8(3),
    protocol: protocol === undefined ? 0 : readU8(protocol),
    flags: flags === undefined ? header.getUint8(2) : readU32(flags),
  };
}

function joinAddressMessage(spec: AddressSpec, attributes: AttributeWriter): Uint8Array {
  const tail = attributes.finish();
  const payload = new Uint8Array(IFADDRMSG_LENGTH + tail.length);
  payload[0] = spec.address.family === 'inet' ? AF_INET : AF_INET6;
  payload[1] = spec.prefixLength;
  payload[3] = spec.scope;
  new DataView(payload.buffer).setUint32(4, spec.ifindex, true);
  payload.set(tail, IFADDRMSG_LENGTH);
  return payload;
}

function familyOf(value: number): Family | undefined {
  if (value === AF_INET) return 'inet';
  return value === AF_INET6 ? 'inet6' : undefined;
}

function headerOf(payload: Uint8Array, length: number, name: string): DataView {
  if (payload.length < length) {
    throw new NetlinkFormatError(
      'TRUNCATED_MESSAGE',
      `The ${name} has ${payload.length} bytes, expected ${length}`,
    );
  }
  return new DataView(payload.buffer, payload.byteOffset, payload.length);
}
