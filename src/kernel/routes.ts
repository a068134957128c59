/**
 * Routes as rtnetlink messages (linux/rtnetlink.h).
 *
 *      0        1         2         3     4       5          6       7      8       12
 *     +--------+---------+---------+-----+-------+----------+-------+------+-------+----------------+
 *     | family | dst len | src len | tos | table | protocol | scope | type | flags | attributes ... |
 *     +--------+---------+---------+-----+-------+----------+-------+------+-------+----------------+
 *     rtmsg. `table` has eight bits; RTA_TABLE has all 32 and is the one that counts.
 */
import {
  addressBytes,
  addressFromBytes,
  addressLength,
  type Family,
  type IpAddress,
  type IpPrefix,
} from '../base/address.ts';
import { AF_INET, AF_INET6 } from './linux.ts';
import { AttributeWriter, decodeAttributes, NetlinkFormatError, readU32 } from './netlink.ts';
import { RT_SCOPE_HOST, RT_SCOPE_LINK, RT_SCOPE_UNIVERSE } from './rtnetlink.ts';

export const RTM_NEWROUTE = 24;
export const RTM_DELROUTE = 25;
export const RTM_GETROUTE = 26;

export const RTMGRP_IPV4_ROUTE = 0x40;
export const RTMGRP_IPV6_ROUTE = 0x400;

export const RT_TABLE_MAIN = 254;
const RT_TABLE_COMPAT = 252;
const RT_SCOPE_NOWHERE = 255;

const RTMSG_LENGTH = 12;
const RTNEXTHOP_LENGTH = 8;
const IP6_RT_PRIO_USER = 1024;

const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_PREFSRC = 7;
const RTA_METRICS = 8;
const RTA_MULTIPATH = 9;
const RTA_FLOW = 11;
const RTA_TABLE = 15;
const RTA_VIA = 18;
const RTA_PREF = 20;
const RTA_EXPIRES = 23;
const RTA_TTL_PROPAGATE = 26;

const RTNH_F_ONLINK = 4;
const RTM_F_CLONED = 0x200;

/** RTN_*: what happens to a packet. */
export const ROUTE_TYPE_NUMBERS: ReadonlyMap<string, number> = new Map([
  ['unicast', 1],
  ['local', 2],
  ['broadcast', 3],
  ['anycast', 4],
  ['multicast', 5],
  ['blackhole', 6],
  ['unreachable', 7],
  ['prohibit', 8],
  ['throw', 9],
]);

/** RTAX_*: the numbers of what a route knows about its path. RTAX_LOCK is a mask of the others. */
export const ROUTE_METRIC_NUMBERS: ReadonlyMap<string, number> = new Map([
  ['mtu', 2],
  ['window', 3],
  ['rtt', 4],
  ['rttvar', 5],
  ['ssthresh', 6],
  ['cwnd', 7],
  ['advmss', 8],
  ['reordering', 9],
  ['hoplimit', 10],
  ['initcwnd', 11],
  ['features', 12],
  ['rto_min', 13],
  ['initrwnd', 14],
  ['quickack', 15],
  ['congctl', 16],
  ['fastopen_no_cookie', 17],
]);
const RTAX_LOCK = 1;

export interface RouteMetric {
  /** RTAX_*. */
  readonly number: number;
  /** The kernel's own unit: rtt in 1/8 ms, rttvar in 1/4 ms. A string: RTAX_CC_ALGO. */
  readonly value: number | string;
  readonly isLocked: boolean;
}

export interface NextHop {
  readonly gateway?: IpAddress;
  readonly ifindex?: number;
  /** 1..256. */
  readonly weight: number;
  readonly isOnlink: boolean;
  /** (from << 16) | to. */
  readonly realms?: number;
}

export interface RouteSpec {
  readonly family: Family;
  /** RTN_*. */
  readonly type: number;
  readonly destination: IpPrefix;
  readonly table: number;
  /** RTPROT_*. */
  readonly protocol: number;
  /** RT_SCOPE_*; absent: as `ip route` chooses it. */
  readonly scope?: number;
  readonly tos: number;
  readonly metric?: number;
  readonly source?: IpAddress;
  readonly gateway?: IpAddress;
  readonly ifindex?: number;
  readonly isOnlink: boolean;
  /** More than one way; then `gateway` and `ifindex` are absent. */
  readonly nextHops: readonly NextHop[];
  readonly metrics: readonly RouteMetric[];
  /** (from << 16) | to. */
  readonly realms?: number;
  /** ICMPV6_ROUTER_PREF_*: 0 medium, 1 high, 3 low. */
  readonly preference?: number;
  readonly expiresSeconds?: number;
  readonly ttlPropagate?: boolean;
}

/** What tells routes of one table apart, as the kernel reports it. */
export interface RouteIdentity {
  readonly family: Family;
  readonly destination: IpPrefix;
  readonly table: number;
  readonly tos: number;
  readonly metric: number;
  readonly protocol: number;
  readonly type: number;
  readonly ifindex?: number;
}

/** Two routes with the same key cannot stand beside each other. */
export function routeKey(route: RouteSpec | RouteIdentity): string {
  const { family, destination, table, tos } = route;
  const metric = route.metric ?? (family === 'inet6' ? IP6_RT_PRIO_USER : 0);
  return `${destination.address.text}/${destination.prefixLength} ${table} ${tos} ${metric}`;
}

/** The payload of a dump, of one protocol only where the socket checks strictly. */
export function encodeRouteQuery(family: Family, protocol: number): Uint8Array {
  const payload = new Uint8Array(RTMSG_LENGTH);
  payload[0] = family === 'inet' ? AF_INET : AF_INET6;
  payload[5] = protocol;
  return payload;
}

/** The payload that adds (RTM_NEWROUTE) a route. */
export function encodeRoute(spec: RouteSpec): Uint8Array {
  const attributes = identityAttributes(spec);
  if (spec.source !== undefined) attributes.bytes(RTA_PREFSRC, addressBytes(spec.source));
  if (spec.metrics.length > 0) {
    attributes.nested(RTA_METRICS, (inner) => writeMetrics(inner, spec.metrics));
  }
  if (spec.realms !== undefined) attributes.u32(RTA_FLOW, spec.realms);
  if (spec.preference !== undefined) attributes.u8(RTA_PREF, spec.preference);
  if (spec.expiresSeconds !== undefined) attributes.u32(RTA_EXPIRES, spec.expiresSeconds);
  if (spec.ttlPropagate !== undefined) {
    attributes.u8(RTA_TTL_PROPAGATE, spec.ttlPropagate ? 1 : 0);
  }
  return joinRouteMessage(spec, spec.scope ?? defaultScope(spec), attributes);
}

/**
 * The payload that removes (RTM_DELROUTE) a route: in whatever scope, and only where protocol, type
 * and way are ours, so that somebody else's route to the same place stays.
 */
export function encodeRouteRemoval(spec: RouteSpec): Uint8Array {
  return joinRouteMessage(spec, RT_SCOPE_NOWHERE, identityAttributes(spec));
}

/** The same by what the kernel says of it: for what a dead process left. */
export function encodeIdentityRemoval(route: RouteIdentity): Uint8Array {
  return encodeRouteRemoval({ ...route, isOnlink: false, nextHops: [], metrics: [] });
}

/**
 * Of an RTM_NEWROUTE or RTM_DELROUTE payload; undefined for another family and for entries that are
 * no routes (RTM_F_CLONED). Throws NetlinkFormatError.
 */
export function decodeRoute(payload: Uint8Array): RouteIdentity | undefined {
  if (payload.length < RTMSG_LENGTH) {
    throw new NetlinkFormatError(
      'TRUNCATED_MESSAGE',
      `The rtmsg has ${payload.length} bytes, expected ${RTMSG_LENGTH}`,
    );
  }
  const header = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const family = header.getUint8(0);
  if (family !== AF_INET && family !== AF_INET6) return undefined;
  if ((header.getUint32(8, true) & RTM_F_CLONED) !== 0) return undefined;
  const name: Family = family === AF_INET ? 'inet' : 'inet6';
  const attributes = decodeAttributes(payload.subarray(RTMSG_LENGTH));
  const table = attributes.get(RTA_TABLE);
  const metric = attributes.get(RTA_PRIORITY);
  const ifindex = attributes.get(RTA_OIF);
  return {
    family: name,
    destination: {
      address: destinationOf(attributes.get(RTA_DST), name),
      prefixLength: header.getUint8(1),
    },
    table: table === undefined ? header.getUint8(4) : readU32(table),
    tos: header.getUint8(3),
    metric: metric === undefined ? 0 : readU32(metric),
    protocol: header.getUint8(5),
    type: header.getUint8(7),
    ...(ifindex === undefined ? {} : { ifindex: readU32(ifindex) }),
  };
}

/** The default route has none. */
function destinationOf(value: Uint8Array | undefined, family: Family): IpAddress {
  const length = addressLength(family);
  if (value === undefined) return addressFromBytes(new Uint8Array(length));
  if (value.length === length) return addressFromBytes(value);
  throw new NetlinkFormatError(
    'BAD_ATTRIBUTE_LENGTH',
    `The destination of family ${family} has ${value.length} bytes`,
  );
}

function identityAttributes(spec: RouteSpec): AttributeWriter {
  const attributes = new AttributeWriter().u32(RTA_TABLE, spec.table);
  if (spec.destination.prefixLength > 0) {
    attributes.bytes(RTA_DST, addressBytes(spec.destination.address));
  }
  if (spec.metric !== undefined) attributes.u32(RTA_PRIORITY, spec.metric);
  if (spec.nextHops.length > 0) {
    attributes.bytes(RTA_MULTIPATH, encodeNextHops(spec.nextHops, spec.family));
    return attributes;
  }
  if (spec.gateway !== undefined) writeGateway(attributes, spec.gateway, spec.family);
  if (spec.ifindex !== undefined) attributes.u32(RTA_OIF, spec.ifindex);
  return attributes;
}

/** A gateway of another family than the route's (an IPv4 route over IPv6) is RTA_VIA. */
function writeGateway(attributes: AttributeWriter, gateway: IpAddress, family: Family): void {
  const bytes = addressBytes(gateway);
  if (gateway.family === family) {
    attributes.bytes(RTA_GATEWAY, bytes);
    return;
  }
  const via = new Uint8Array(2 + bytes.length);
  via[0] = gateway.family === 'inet' ? AF_INET : AF_INET6;
  via.set(bytes, 2);
  attributes.bytes(RTA_VIA, via);
}

/**
 *      0        2       3         4         8
 *     +--------+-------+---------+---------+----------------+
 *     | length | flags | hops: weight - 1  | ifindex        | attributes ...     rtnexthop, padded to 4
 *     +--------+-------+---------+---------+----------------+
 */
function encodeNextHops(hops: readonly NextHop[], family: Family): Uint8Array {
  const parts = hops.map((hop) => {
    const attributes = new AttributeWriter();
    if (hop.gateway !== undefined) writeGateway(attributes, hop.gateway, family);
    if (hop.realms !== undefined) attributes.u32(RTA_FLOW, hop.realms);
    const tail = attributes.finish();
    const part = new Uint8Array(RTNEXTHOP_LENGTH + tail.length);
    const view = new DataView(part.buffer);
    view.setUint16(0, part.length, true);
    view.setUint8(2, hop.isOnlink ? RTNH_F_ONLINK : 0);
    view.setUint8(3, hop.weight - 1);
    view.setInt32(4, hop.ifindex ?? 0, true);
    part.set(tail, RTNEXTHOP_LENGTH);
    return part;
  });
  return Buffer.concat(parts);
}

function writeMetrics(attributes: AttributeWriter, metrics: readonly RouteMetric[]): void {
  const locks = metrics.reduce(
    (mask, { number, isLocked }) => (isLocked ? mask | (1 << number) : mask),
    0,
  );
  if (locks !== 0) attributes.u32(RTAX_LOCK, locks);
  for (const { number, value } of metrics) {
    if (typeof value === 'number') attributes.u32(number, value);
    else attributes.string(number, value);
  }
}

/** As iproute2 chooses: link where there is no gateway, host for local ones; IPv6 has no scopes. */
function defaultScope({ family, type, gateway, nextHops }: RouteSpec): number {
  if (family === 'inet6') return RT_SCOPE_UNIVERSE;
  if (type === ROUTE_TYPE_NUMBERS.get('local')) return RT_SCOPE_HOST;
  const isDirect = type === ROUTE_TYPE_NUMBERS.get('unicast') || (type >= 3 && type <= 5);
  const hasGateway = gateway !== undefined || nextHops.some((hop) => hop.gateway !== undefined);
  return isDirect && !hasGateway ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
}

function joinRouteMessage(spec: RouteSpec, scope: number, attributes: AttributeWriter): Uint8Array {
  const tail = attributes.finish();
  const payload = new Uint8Array(RTMSG_LENGTH + tail.length);
  payload.set([
    spec.family === 'inet' ? AF_INET : AF_INET6,
    spec.destination.prefixLength,
    0,
    spec.tos,
    spec.table < 256 ? spec.table : RT_TABLE_COMPAT,
    spec.protocol,
    scope,
    spec.type,
  ]);
  const flags = spec.isOnlink && spec.nextHops.length === 0 ? RTNH_F_ONLINK : 0;
  new DataView(payload.buffer).setUint32(8, flags, true);
  payload.set(tail, RTMSG_LENGTH);
  return payload;
}
