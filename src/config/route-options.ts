/** The options of route and rule lines, as iproute2 and keepalived spell them. */
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
const NUMBER_OR_NAME = named(/^(?:\d{1,10}|0x[\da-f]{1,8}|[a-z_][\w.-]*)$/i, 'a number or a name');
const TIME = named(/^\d+(?:\.\d+)?(?:ms|s)?$/, 'a time such as 200ms');
const MARK = named(/^(?:\d+|0x[\da-f]+)(?:\/(?:\d+|0x[\da-f]+))?$/i, 'MARK[/MASK]');
const PORTS = named(/^\d{1,5}(?:-\d{1,5})?$/, 'a port or FROM-TO');

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
  ['table', NUMBER_OR_NAME],
  ['metric', NUMBER],
  ['scope', NUMBER_OR_NAME],
  ['protocol', NUMBER_OR_NAME],
  ['tos', NUMBER_OR_NAME],
  ['mtu', METRIC],
  ['hoplimit', METRIC],
  ['advmss', METRIC],
  ['rtt', TIME],
  ['rttvar', TIME],
  ['reordering', METRIC],
  ['window', METRIC],
  ['cwnd', METRIC],
  ['ssthresh', METRIC],
  ['realms', named(/^[\w.-]+(?:\/[\w.-]+)?$/, '[FROM/]TO')],
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
  ['realms', named(/^[\w.-]+(?:\/[\w.-]+)?$/, '[FROM/]TO')],
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
  ['table', NUMBER_OR_NAME],
  ['priority', NUMBER],
  ['fwmark', MARK],
  ['iif', DEVICE],
  ['oif', DEVICE],
  ['tos', NUMBER_OR_NAME],
  ['goto', NUMBER],
  ['nop', FLAG],
  [
    'type',
    named(/^(?:unicast|blackhole|unreachable|prohibit)$/, 'blackhole, unreachable or prohibit'),
  ],
  ['blackhole', FLAG],
  ['unreachable', FLAG],
  ['prohibit', FLAG],
  ['realms', named(/^[\w.-]+(?:\/[\w.-]+)?$/, '[FROM/]TO')],
  ['suppress_prefixlength', { kind: 'integer', min: -1, max: 128 }],
  ['suppress_ifgroup', NUMBER_OR_NAME],
  ['uidrange', named(/^\d+-\d+$/, 'FROM-TO')],
  ['l3mdev', FLAG],
  ['tunnel-id', NUMBER],
  ['ipproto', NUMBER_OR_NAME],
  ['sport', PORTS],
  ['dport', PORTS],
  ['protocol', NUMBER_OR_NAME],
  ['inet', FLAG],
  ['inet6', FLAG],
  ['no_track', FLAG],
  ['track_group', NAME],
]);
