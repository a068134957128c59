/**
 * Routing rules as rtnetlink messages (linux/fib_rules.h).
 *
 *      0        1         2         3     4       5      6      7        8       12
 *     +--------+---------+---------+-----+-------+------+------+--------+-------+----------------+
 *     | family | dst len | src len | tos | table | res1 | res2 | action | flags | attributes ... |
 *     +--------+---------+---------+-----+-------+------+------+--------+-------+----------------+
 *     fib_rule_hdr. `table` has eight bits; FRA_TABLE has all 32 and is the one that counts.
 */
import { addressBytes, type Family, type IpPrefix } from '../base/address.ts';
import { AF_INET, AF_INET6 } from './linux.ts';
import { AttributeWriter, decodeAttributes, NetlinkFormatError, readU8 } from './netlink.ts';

export const RTM_NEWRULE = 32;
export const RTM_DELRULE = 33;
export const RTM_GETRULE = 34;

/** RTNLGRP_IPV4_RULE (8) and RTNLGRP_IPV6_RULE (19) as bits of a group mask. */
export const RTMGRP_IPV4_RULE = 0x80;
export const RTMGRP_IPV6_RULE = 0x40000;

const RULE_HEADER_LENGTH = 12;
const RT_TABLE_COMPAT = 252;

const FRA_DST = 1;
const FRA_SRC = 2;
const FRA_IIFNAME = 3;
const FRA_GOTO = 4;
const FRA_PRIORITY = 6;
const FRA_FWMARK = 10;
const FRA_FLOW = 11;
const FRA_TUN_ID = 12;
const FRA_SUPPRESS_IFGROUP = 13;
const FRA_SUPPRESS_PREFIXLEN = 14;
const FRA_TABLE = 15;
const FRA_FWMASK = 16;
const FRA_OIFNAME = 17;
const FRA_L3MDEV = 19;
const FRA_UID_RANGE = 20;
const FRA_PROTOCOL = 21;
const FRA_IP_PROTO = 22;
const FRA_SPORT_RANGE = 23;
const FRA_DPORT_RANGE = 24;

const FIB_RULE_INVERT = 2;

/** FR_ACT_*. */
export const RULE_ACTION_NUMBERS: ReadonlyMap<string, number> = new Map([
  ['lookup', 1],
  ['goto', 2],
  ['nop', 3],
  ['blackhole', 6],
  ['unreachable', 7],
  ['prohibit', 8],
]);

export interface NumberRange {
  readonly from: number;
  readonly to: number;
}

export interface RuleSpec {
  readonly family: Family;
  readonly isNegated: boolean;
  /** FR_ACT_*. */
  readonly action: number;
  /** RTPROT_*. */
  readonly protocol: number;
  readonly tos: number;
  readonly from?: IpPrefix;
  readonly to?: IpPrefix;
  readonly table?: number;
  /** Absent: the kernel takes the one below the lowest. */
  readonly priority?: number;
  readonly mark?: number;
  readonly markMask?: number;
  /** At most 15 bytes; it need not exist. */
  readonly inputDevice?: string;
  readonly outputDevice?: string;
  readonly gotoPriority?: number;
  /** (from << 16) | to. */
  readonly realms?: number;
  readonly suppressPrefixLength?: number;
  readonly suppressGroup?: number;
  readonly users?: NumberRange;
  readonly isL3mdev?: boolean;
  readonly tunnelId?: bigint;
  readonly ipProtocol?: number;
  readonly sourcePorts?: NumberRange;
  readonly destinationPorts?: NumberRange;
}

/** The payload of a dump. */
export function encodeRuleQuery(family: Family): Uint8Array {
  const payload = new Uint8Array(RULE_HEADER_LENGTH);
  payload[0] = family === 'inet' ? AF_INET : AF_INET6;
  return payload;
}

/** The payload that adds (RTM_NEWRULE) a rule, or removes (RTM_DELRULE) the first like it. */
export function encodeRule(spec: RuleSpec): Uint8Array {
  const attributes = new AttributeWriter();
  const u32 = (type: number, value: number | undefined): void => {
    if (value !== undefined) attributes.u32(type, value);
  };
  if ((spec.to?.prefixLength ?? 0) > 0 && spec.to !== undefined) {
    attributes.bytes(FRA_DST, addressBytes(spec.to.address));
  }
  if ((spec.from?.prefixLength ?? 0) > 0 && spec.from !== undefined) {
    attributes.bytes(FRA_SRC, addressBytes(spec.from.address));
  }
  if (spec.inputDevice !== undefined) attributes.string(FRA_IIFNAME, spec.inputDevice);
  if (spec.outputDevice !== undefined) attributes.string(FRA_OIFNAME, spec.outputDevice);
  u32(FRA_GOTO, spec.gotoPriority);
  u32(FRA_PRIORITY, spec.priority);
  u32(FRA_FWMARK, spec.mark);
  u32(FRA_FWMASK, spec.markMask);
  u32(FRA_FLOW, spec.realms);
  if (spec.tunnelId !== undefined) attributes.bytes(FRA_TUN_ID, bigEndian64(spec.tunnelId));
  u32(FRA_SUPPRESS_IFGROUP, spec.suppressGroup);
  u32(FRA_SUPPRESS_PREFIXLEN, spec.suppressPrefixLength);
  u32(FRA_TABLE, spec.table);
  if (spec.isL3mdev === true) attributes.u8(FRA_L3MDEV, 1);
  if (spec.users !== undefined) attributes.bytes(FRA_UID_RANGE, range32(spec.users));
  attributes.u8(FRA_PROTOCOL, spec.protocol);
  if (spec.ipProtocol !== undefined) attributes.u8(FRA_IP_PROTO, spec.ipProtocol);
  if (spec.sourcePorts !== undefined) attributes.bytes(FRA_SPORT_RANGE, range16(spec.sourcePorts));
  if (spec.destinationPorts !== undefined) {
    attributes.bytes(FRA_DPORT_RANGE, range16(spec.destinationPorts));
  }
  const tail = attributes.finish();
  const payload = new Uint8Array(RULE_HEADER_LENGTH + tail.length);
  payload.set([
    spec.family === 'inet' ? AF_INET : AF_INET6,
    spec.to?.prefixLength ?? 0,
    spec.from?.prefixLength ?? 0,
    spec.tos,
    spec.table === undefined ? 0 : spec.table < 256 ? spec.table : RT_TABLE_COMPAT,
    0,
    0,
    spec.action,
  ]);
  new DataView(payload.buffer).setUint32(8, spec.isNegated ? FIB_RULE_INVERT : 0, true);
  payload.set(tail, RULE_HEADER_LENGTH);
  return payload;
}

/** FRA_PROTOCOL of a rule in a dump or an event; 0 unsaid. Throws NetlinkFormatError. */
export function protocolOfRule(payload: Uint8Array): number {
  const value = attributesOf(payload).get(FRA_PROTOCOL);
  return value === undefined ? 0 : readU8(value);
}

/**
 * Whether `present`, as the kernel reports it, is the rule that `wanted` asks for: everything that
 * was asked is there again. The kernel adds what was not said (a priority). Throws NetlinkFormatError.
 */
export function isRuleOf(wanted: Uint8Array, present: Uint8Array): boolean {
  const asked = attributesOf(wanted);
  const found = attributesOf(present);
  const selectors = [FRA_DST, FRA_SRC, FRA_IIFNAME, FRA_OIFNAME, FRA_FWMARK];
  const action = 7;
  const sameHeader =
    [0, 1, 2, 3, action].every((at) => wanted[at] === present[at]) &&
    ((wanted[8] ?? 0) & FIB_RULE_INVERT) === ((present[8] ?? 0) & FIB_RULE_INVERT);
  // A rule that selects by more than was asked is another one.
  if (!sameHeader || selectors.some((type) => found.has(type) && !asked.has(type))) return false;
  return [...asked].every(([type, value]) => {
    const other = found.get(type);
    return other !== undefined && Buffer.compare(value, other) === 0;
  });
}

function attributesOf(payload: Uint8Array): ReadonlyMap<number, Uint8Array> {
  if (payload.length < RULE_HEADER_LENGTH) {
    throw new NetlinkFormatError(
      'TRUNCATED_MESSAGE',
      `The fib_rule_hdr has ${payload.length} bytes, expected ${RULE_HEADER_LENGTH}`,
    );
  }
  return decodeAttributes(payload.subarray(RULE_HEADER_LENGTH));
}

/** fib_rule_uid_range. */
function range32({ from, to }: NumberRange): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, from, true);
  view.setUint32(4, to, true);
  return bytes;
}

/** fib_rule_port_range. */
function range16({ from, to }: NumberRange): Uint8Array {
  const bytes = new Uint8Array(4);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, from, true);
  view.setUint16(2, to, true);
  return bytes;
}

function bigEndian64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, false);
  return bytes;
}
