/** The options of route and rule lines, as iproute2 and keepalived spell them. */
import type { NumberDatabase } from './file-facts.ts';
import type { OptionTable, OptionType } from './line-options.ts';

const MAX_U32 = 2 ** 32 - 1;

const FLAG: OptionType = { kind: 'flag' };
const ADDRESS: OptionType = { kind: 'address' };
const PREFIX: OptionType = { kind: 'prefix' };
const DEVICE: OptionType = { kind: 'device' };
const NUMBER: OptionType = { kind: 'integer', min: 0, max: MAX_U32 };
const BYTE: OptionType = { kind: 'integer', min: 0, max: 255 };
const SWITCH: OptionType = { kind: 'integer', min: 0, max: 1 };
const METRIC: OptionType = { kind: 'lockable', max: MAX_U32 };
const NAME = named(/^\S+$/, 'a name');
const TABLE = known('rt_tables', MAX_U32, 'unspec default main local');
const SCOPE = known('rt_scopes', 255, 'global universe site link host nowhere');
const PROTOCOL = known('rt_protos', 255, 'unspec redirect kernel boot static');
const TOS = known('rt_dsfield', 255, 'default');
const GROUP = known('group', 2 ** 31 - 1, 'default');
const IP_PROTOCOL = known(
  'protocols',
  255,
  'tcp udp sctp icmp icmpv6 ipv6-icmp esp ah gre udplite dccp',
);
const REALMS = named(/^\d{1,5}(?:\/\d{1,5})?$/, '[FROM/]TO in numbers');
const TIME = named(/^\d+(?:\.\d+)?(?:ms|s)?$/, 'a time such as 200ms');
const MARK = named(/^(?:\d+|0x[\da-f]+)(?:\/(?:\d+|0x[\da-f]+))?$/i, 'MARK[/MASK]');
const PORTS: OptionType = { kind: 'range', min: 1, max: 65_535, isRange: false };
const USERS: OptionType = { kind: 'range', min: 0, max: MAX_U32, isRange: true };

function known(database: NumberDatabase, max: number, names: string): OptionType {
  return { kind: 'named', max, names: new Set(names.split(' ')), database };
}

function named(pattern: RegExp, expected: string): OptionType {
  return { kind: 'text', pattern, expected };
}

export const ROUTE_TYPES: ReadonlySet<string> = new Set(
  'unicast local broadcast anycast multicast throw unreachable prohibit blackhole nat'.split(' '),
);
/** Types whose packets go nowhere. */
export const WAYLESS_TYPES: ReadonlySet<string> = new Set([
  'blackhole',
  'unreachable',
  'prohibit',
  'throw',
]);

export const ROUTE_ALIASES: ReadonlyMap<string, string> = new Map([
  ['gw', 'via'],
  ['oif', 'dev'],
  ['priority', 'metric'],
  ['preference', 'metric'],
  ['proto', 'protocol'],
  ['dsfield', 'tos'],
]);

export const ROUTE_OPTIONS: OptionTable = new Map([
  ['src', ADDRESS],
  ['via', ADDRESS],
  ['or', ADDRESS],
  ['dev', DEVICE],
  ['table', TABLE],
  ['metric', NUMBER],
  ['scope', SCOPE],
  ['protocol', PROTOCOL],
  ['tos', TOS],
  ['mtu', METRIC],
  ['hoplimit', { kind: 'lockable', max: 255 }],
  ['advmss', METRIC],
  ['rtt', TIME],
  ['rttvar', TIME],
  ['reordering', METRIC],
  ['window', METRIC],
  ['cwnd', METRIC],
  ['ssthresh', METRIC],
  ['realms', REALMS],
  ['rto_min', TIME],
  ['initcwnd', METRIC],
  ['initrwnd', METRIC],
  ['quickack', SWITCH],
  ['congctl', NAME],
  ['pref', named(/^(?:low|medium|high)$/, 'low, medium or high')],
  ['ttl-propagate', named(/^(?:enabled|disabled)$/, 'enabled or disabled')],
  ['fastopen_no_cookie', SWITCH],
  ['features', named(/^ecn$/, 'ecn')],
  ['expires', NUMBER],
  ['encap', { kind: 'encapsulation' }],
  ['id', NUMBER],
  ['dst', ADDRESS],
  ['ttl', BYTE],
  ['flags', NUMBER],
  ['vrf', DEVICE],
  ['onlink', FLAG],
  ['inet', FLAG],
  ['inet6', FLAG],
  ['add', FLAG],
  ['append', FLAG],
  ['prepend', FLAG],
  ['no_track', FLAG],
  ['track_group', NAME],
]);

/** Tunnels made by the route itself, and the table of a VRF: read, not yet told to the kernel. */
export const ROUTE_OPTIONS_NOT_DONE: ReadonlySet<string> = new Set([
  'encap',
  'id',
  'dst',
  'ttl',
  'flags',
  'vrf',
]);
export const NEXT_HOP_OPTIONS_NOT_DONE: ReadonlySet<string> = new Set(['encap', 'as']);

export const NEXT_HOP_ALIASES: ReadonlyMap<string, string> = new Map([
  ['gw', 'via'],
  ['oif', 'dev'],
]);

export const NEXT_HOP_OPTIONS: OptionTable = new Map([
  ['via', ADDRESS],
  ['dev', DEVICE],
  ['weight', { kind: 'integer', min: 1, max: 256 }],
  ['onlink', FLAG],
  ['realms', REALMS],
  ['encap', { kind: 'encapsulation' }],
  ['as', ADDRESS],
  ['inet', FLAG],
  ['inet6', FLAG],
]);

export const RULE_TYPES: ReadonlySet<string> = new Set([
  'blackhole',
  'unreachable',
  'prohibit',
  'nop',
]);

export const RULE_ALIASES: ReadonlyMap<string, string> = new Map([
  ['lookup', 'table'],
  ['dev', 'iif'],
  ['preference', 'priority'],
  ['order', 'priority'],
  ['dsfield', 'tos'],
  ['suppress_prefixlen', 'suppress_prefixlength'],
]);

export const RULE_OPTIONS: OptionTable = new Map([
  ['from', PREFIX],
  ['to', PREFIX],
  ['table', TABLE],
  ['priority', NUMBER],
  ['fwmark', MARK],
  ['iif', DEVICE],
  ['oif', DEVICE],
  ['tos', TOS],
  ['goto', NUMBER],
  ['nop', FLAG],
  [
    'type',
    named(/^(?:unicast|blackhole|unreachable|prohibit)$/, 'blackhole, unreachable or prohibit'),
  ],
  ['blackhole', FLAG],
  ['unreachable', FLAG],
  ['prohibit', FLAG],
  ['realms', REALMS],
  ['suppress_prefixlength', { kind: 'integer', min: -1, max: 128 }],
  ['suppress_ifgroup', GROUP],
  ['uidrange', USERS],
  ['l3mdev', FLAG],
  ['tunnel-id', NUMBER],
  ['ipproto', IP_PROTOCOL],
  ['sport', PORTS],
  ['dport', PORTS],
  ['protocol', PROTOCOL],
  ['inet', FLAG],
  ['inet6', FLAG],
  ['no_track', FLAG],
  ['track_group', NAME],
]);
