/**
 * lvsd beside the keepalived of this machine: under `--compat` a file is read exactly when `keepalived
 * -t` would start on it; strict mode points at what is wrong in it. Where the two differ on purpose, a
 * table says why.
 */
import { expect, test } from 'vitest';
import { type CompileResult, compileText } from '../../src/config/compile.ts';
import { diagnosticTable } from '../../src/config/diagnostic-table.ts';
import type { Diagnostic } from '../../src/config/diagnostics.ts';
import { includesFrom } from './compile-fixture.ts';
import { askKeepalived, readSamples } from './keepalived-verdict.ts';
import { NAMED_FILES } from './vrrp-cases.ts';

const samples = readSamples();

/** Errors of strict mode, without what is only not supported yet: `code line`. */
const WRONG_IN_ITSELF: Readonly<Record<string, readonly string[]>> = {
  // The script of the host `high` or `low` only: this is another.
  'keepalived.conf.conditional_conf': ['LVS1031 6'],
  // The members stand in the group without `group { }`.
  'keepalived.conf.vrrp.lvs_syncd': ['LVS1031 3', 'LVS1020 4', 'LVS1020 5'],
  // 192.168.100./24 lacks a number.
  'keepalived.conf.vrrp.rules': ['LVS1233 11', 'LVS1233 26'],
  // 192.168.200.18 stands there twice, the second time with a label.
  'keepalived.conf.vrrp': ['LVS1050 32'],
};

/** Options of a route that are none. */
const ROUTE_OPTIONS = [
  'table nosuch',
  'metric 5000000000',
  'scope nosuch',
  'protocol nosuch',
  'tos 300',
  'dsfield nosuch',
  'quickack 2',
  'features nosuch',
  'encap mpls abc',
  'encap nosuch',
  'realms nosuch',
  'expires 5',
  'pref medium',
  'hoplimit 300',
];

/** Options of a rule that are none. */
const RULE_OPTIONS = [
  'tos 300',
  'realms nosuch',
  'suppress_ifgroup nosuch',
  'ipproto nosuch',
  'ipproto 300',
  'sport 70000',
  'protocol nosuch',
  'protocol 300',
  'fwmark 5/xyz',
];

/** One mistake each; what the mistake is, is the name. */
const MISTAKES: Readonly<Record<string, string>> = {
  'nothing at all': '# nothing\n',
  'unknown keyword': instance('priorty 150'),
  'unknown keyword outside': `weird 1\n${instance('')}`,
  'word for a number': instance('priority abc'),
  'number out of range': instance('priority 300'),
  'keyword without its value': instance('priority'),
  'interface without its value': instance('interface'),
  'virtual_router_id out of range': instance('virtual_router_id 300'),
  'no virtual_router_id': instance('').replace('virtual_router_id 5\n', ''),
  'no interface': instance('').replace('interface eth0\n', ''),
  'virtual_router_id of another': instance('') + instance('', 'B', '10.0.0.2/24'),
  'name of another': instance('') + instance('virtual_router_id 6', 'A', '10.0.0.2/24'),
  'state in lower case': instance('state master'),
  'nopreempt of a MASTER': instance('state MASTER\npriority 9\nnopreempt'),
  'trailing word': instance('priority 5 6'),
  'fraction in version 2': instance('advert_int 0.5'),
  'interval too long in version 3': instance('version 3\nadvert_int 41'),
  'address twice': instance('', 'A', '10.0.0.1/24\n10.0.0.1/24'),
  'address of another family': instance('', 'A', '10.0.0.1/24\n2001:db8::1/64'),
  'name for an address': instance('', 'A', '10.0.0.1/24\nwww'),
  'prefix too long': instance('', 'A', '10.0.0.1/99'),
  'label too long': instance('', 'A', '10.0.0.1/24 label eth0:0123456789a'),
  'no address': instance('').replace('10.0.0.1/24\n', ''),
  'script that is not there': instance('track_script {\nnosuch\n}'),
  'member that is not there': `${instance('')}${group('G', 'A\nB')}`,
  'member of two groups': `${instance('')}${group('G', 'A')}${group('H', 'A')}`,
  'address also excluded': instance('virtual_ipaddress_excluded {\n10.0.0.1/24\n}'),
  'authentication in version 3': instance(`version 3\n${password('a')}`),
  'password too long': instance(password('abcdefghijk')),
  'authentication in strict mode': instance(`strict_mode on\n${password('a')}`),
  'peer that we are': instance('unicast_src_ip 10.0.0.250\nunicast_peer {\n10.0.0.250\n}'),
  'peer of another family': instance('unicast_peer {\n2001:db8::9\n}'),
  'group that is no group': instance('mcast_dst_ip 10.0.0.9'),
  'route to host bits': instance('virtual_routes {\n10.1.0.1/24 dev eth1\n}'),
  'route to nowhere': instance('virtual_routes {\n10.1.0.0/24\n}'),
  'rule without an action': instance('virtual_rules {\nfrom 10.1.0.0/24\n}'),
  'quorum out of reach': `${instance('')}vrrp_track_process p {\nprocess x\nquorum 5\nquorum_max 2\n}\n`,
  'lb_kind in lower case': service('lb_kind dr'),
  'unknown lb_algo': service('lb_algo xx'),
  'no protocol': service('').replace('protocol TCP\n', ''),
  'server by name': service('').replace('10.0.0.2', 'www'),
  'service by name': service('').replace('10.0.0.1', 'www'),
  'port out of range': service('').replace('10.0.0.2 80', '10.0.0.2 99999'),
  'service twice': service('') + service(''),
  'another port with DR': service('lb_kind DR').replace('10.0.0.2 80', '10.0.0.2 81'),
  'server of another family': service('lb_kind DR').replace('10.0.0.2', '2001:db8::2'),
  'HTTP_GET without url': service('').replace('TCP_CHECK', 'HTTP_GET'),
  'url without path': service('').replace('TCP_CHECK {', 'HTTP_GET {\nurl {\n}'),
  'block not closed': instance('').replace(/}\n$/, '') + service(''),
  'block closed twice': `${instance('')}}\n${service('')}`,
  'block without a brace': instance('').replace('A {', 'A'),
  'brace without a block': `${instance('')}{\n}\n`,
  'block where none belongs': instance('priority 5 {\n}'),
  'include of nothing': `${instance('')}include absent\n`,
  'includer of nothing': `${instance('')}includer absent\n`,
  'includem of nothing': `${instance('')}includem absent\n`,
  'includew of nothing': `${instance('')}includew absent\n`,
  'includea of nothing': `${instance('')}includea absent\n`,
  'include without a name': `${instance('')}include\n`,
  'script file that is absent': tracked('script /absent'),
  'script without a command': tracked('script'),
  'script with an empty command': tracked('script ""'),
  'script with an open quote': tracked(`script "/bin/true 'a"`),
  'notify with an empty command': instance('notify ""'),
  'notify with an open quote': instance(`notify "/bin/true 'a"`),
  'notify without a command': instance('notify'),
  'check with an empty command': misc('misc_path ""'),
  'check with an open quote': misc(`misc_path "/bin/true 'a"`),
  'check without a command': misc('misc_path'),
  'script of no fifo': `${defs('lvs_notify_fifo_script /bin/true')}${instance('')}`,
  'router_id without its value': `${defs('router_id')}${instance('')}`,
  'sender without its value': `${defs('notification_email_from')}${instance('')}`,
  'garp_extra_if without seconds': instance('garp_extra_if all'),
  'instance without a name': instance('', ''),
  'group without a name': `${instance('')}${group('', 'A')}`,
  'route with an option twice': instance('virtual_routes {\n10.1.0.0/24 dev eth0 dev eth1\n}'),
  'rule with two tables': instance('virtual_rules {\nfrom 10.1.0.0/24 table 9 table 8\n}'),
  'route from another family': instance('virtual_routes {\n10.1.0.0/24 dev eth0 src fe80::1\n}'),
  'rule of two families': instance('virtual_rules {\nfrom 10.1.0.0/24 to fe80::/64 table 9\n}'),
  'BFD from another family': `bfd_instance b {\nneighbor_ip 10.0.0.9\nsource_ip fe80::1\n}\n${instance('')}`,
  'source of another family': instance('mcast_src_ip fe80::1'),
  'group of another family': instance('mcast_dst_ip ff02::12'),
  'TTL range of a peer reversed': instance(
    'unicast_src_ip 10.0.0.8\nunicast_peer {\n10.0.0.9 min_ttl 9 max_ttl 8\n}',
  ),
  'more addresses than an advert names': instance('', 'A', addresses(300)),
  'interface name too long': instance('track_interface {\neth0123456789abcdef\n}'),
  'carriage returns alone': service('').replaceAll('\n', '\r'),
  'sequence not closed': instance('~SEQ(n, 1, 3 priority $n'),
  'sequence of words': instance('~SEQ(n, a) priority $n'),
  'sequence that never ends': instance('~SEQ(n, 1, 0, 3) priority 10$n'),
  'sequence without a good name': instance('~SEQ(1n, 1, 3) priority 10'),
  'list with an open brace': instance('~LST({a,b, 1) priority $a'),
  'list with more values than names': instance('~LST({a}, {1,2}) priority $a'),
  'braces that are a guess': `a\n}\nb\n${instance('')}`,
  'ipvlan or vmac with a name too long': instance('use_vmac eth0123456789abcdef'),
  'vmac of an unknown interface': instance('use_vmac vrrp5 nosuch'),
  'vmac group without a number': instance('use_vmac vrrp5 group'),
  'sync daemon with a name too long': `${defs('lvs_sync_daemon eth0123456789abcdef A')}${instance('')}`,
  'sync daemon of an unknown interface': `${defs('lvs_sync_daemon nosuch A')}${instance('')}`,
  'sync daemon id without its value': `${defs('lvs_sync_daemon eth0 A id')}${instance('')}`,
  'IPv4 timeouts without seconds': `${defs('lvs_timeouts tcp')}${instance('')}`,
  'IPv6 peer after an IPv4 source': instance(
    'unicast_src_ip 10.0.0.250\nunicast_peer {\n2001:db8::9\n}',
  ),
  'IPv6 source after the addresses': late('mcast_src_ip fe80::1'),
  'IPv6 group after the addresses': late('mcast_dst_ip ff02::12'),
  'IPv6 peer after the addresses': late('unicast_peer {\n2001:db8::9\n}'),
  'dev without its value': instance('', 'A', '10.0.0.1/24 dev'),
  'label without its value': instance('', 'A', '10.0.0.1/24 label'),
  'brd without its value': instance('', 'A', '10.0.0.1/24 brd'),
  'scope without its value': instance('', 'A', '10.0.0.1/24 scope'),
  'peer without its value': instance('', 'A', '10.0.0.1/24 peer'),
  'preferred_lft without its value': instance('', 'A', '10.0.0.1/24 preferred_lft'),
  'track_group without its value': instance('', 'A', '10.0.0.1/24 track_group'),
  'dev of a static address without its value': `static_ipaddress {\n10.9.0.1/24 dev\n}\n${instance('')}`,
  'dev of a route without its value': instance('virtual_routes {\n10.1.0.0/24 dev\n}'),
  'table of a rule without its value': instance('virtual_rules {\nfrom 10.1.0.0/24 table\n}'),
  'weight of a tracked interface without its value': instance('track_interface {\neth1 weight\n}'),
  'min_ttl without its value': instance(
    'unicast_src_ip 10.0.0.8\nunicast_peer {\n10.0.0.9 min_ttl\n}',
  ),
  'auth_type without its value': instance('authentication {\nauth_type\n}'),
  'auth_type without its value before a password': instance(
    'authentication {\nauth_type\nauth_pass a\n}',
  ),
  'auth_pass without its value': instance('authentication {\nauth_pass\n}'),
  'authentication without a password': instance('authentication {\nauth_type PASS\n}'),
  'service without its port': service('').replace('10.0.0.1 80', '10.0.0.1'),
  'service without its address': service('').replace(' 10.0.0.1 80', ''),
  'service by mark without its mark': service('').replace('10.0.0.1 80', 'fwmark'),
  'tunnel type without its value': service('lb_kind TUN type'),
  'tunnel port without its value': service('lb_kind TUN type gue port'),
  'first address of IPv6 in strict mode': instance('strict_mode on', 'A', '2001:db8::1/64'),
  'script user that is not there': `global_defs {\nscript_user nosuchuser\n}\n${instance('')}`,
  'script group that is not there': `global_defs {\nscript_user root nosuchgroup\n}\n${instance('')}`,
  'user of a script that is not there': tracked('script /bin/true\nuser nosuchuser'),
  'group of a script that is not there': tracked('script /bin/true\nuser root nosuchgroup'),
  'user of a notify that is not there': instance('notify_master /bin/true nosuchuser'),
  'user of a check that is not there': misc('misc_path /bin/true\nuser nosuchuser'),
  'check script that is absent': misc('misc_path /absent'),
  'check script that may not be executed': misc('misc_path /plain'),
  'check script that others can change': misc('misc_path /loose'),
  'user of a server notify that is not there': `${defs('')}${service('').replace('TCP_CHECK', 'notify_up /bin/true nosuchuser\nTCP_CHECK')}`,
  ...Object.fromEntries(
    ROUTE_OPTIONS.map((words) => [
      `route with ${words}`,
      instance(`virtual_routes {\n10.1.0.0/24 dev eth0 ${words}\n}`),
    ]),
  ),
  ...Object.fromEntries(
    RULE_OPTIONS.map((words) => [
      `rule with ${words}`,
      instance(`virtual_rules {\nfrom 10.1.0.0/24 table 5 priority 9 ${words}\n}`),
    ]),
  ),
  'quote without an end': `global_defs {\nrouter_id "a\n}\n${instance('')}`,
};

/** No mistakes, or none that a file shows on its own. */
const BOTH_START: ReadonlySet<string> = new Set([
  'nothing at all',
  'vmac of an unknown interface',
  'sync daemon of an unknown interface',
]);

/** Files on which the two differ, and why. */
const DIFFERENT: Readonly<Record<string, string>> = {
  'keepalived.conf.vrrp.localcheck':
    '-t ends with 6 as scripts run without enable_script_security; the daemon starts and says so',
  'virtual_router_id out of range': 'the daemon, unlike -t, ends with 2: it must be set',
  'no virtual_router_id': 'the daemon, unlike -t, ends with 2: it must be set',
  'no interface': 'the daemon, unlike -t, ends with 2: unknown interface',
  'virtual_router_id of another': 'the daemon, unlike -t, ends with 2: both use it',
  'interface name too long': 'the daemon, unlike -t, ends with 2: there is no such interface',
  'source of another family': 'the daemon, unlike -t, ends with 2: it takes that family',
  'group of another family': 'the daemon, unlike -t, ends with 2: it takes that family',
  'peer of another family': 'the daemon, unlike -t, ends with 2: it takes the family of the peer',
};

function instance(lines: string, name = 'A', address = '10.0.0.1/24'): string {
  const own = lines.includes('virtual_router_id') ? '' : 'virtual_router_id 5\n';
  const addresses = `virtual_ipaddress {\n${address}\n}`;
  return `vrrp_instance ${name} {\ninterface eth0\n${own}${lines}\n${addresses}\n}\n`;
}

/** `lines` stand behind the addresses. */
function late(lines: string): string {
  return instance('').replace(/}\n$/, `${lines}\n}\n`);
}

function group(name: string, members: string): string {
  return `vrrp_sync_group ${name} {\ngroup {\n${members}\n}\n}\n`;
}

function addresses(count: number): string {
  return Array.from({ length: count }, (_, at) => `10.0.${at >> 8}.${at & 255}/32`).join('\n');
}

function defs(lines: string): string {
  return `global_defs {\nscript_user root\nenable_script_security\n${lines}\n}\n`;
}

function tracked(lines: string): string {
  return `${defs('')}vrrp_script c {\n${lines}\n}\n${instance('track_script {\nc\n}')}`;
}

function misc(lines: string): string {
  return `${defs('')}${service('').replace('TCP_CHECK {', `MISC_CHECK {\n${lines}`)}`;
}

function password(text: string): string {
  return `authentication {\nauth_type PASS\nauth_pass ${text}\n}`;
}

function service(lines: string): string {
  const server = 'real_server 10.0.0.2 80 {\nTCP_CHECK {\n}\n}';
  return `virtual_server 10.0.0.1 80 {\nprotocol TCP\n${lines}\n${server}\n}\n`;
}

const files = new Map([...samples, ...Object.entries(MISTAKES)]);
const verdicts = askKeepalived(files);

function read(name: string, compat: boolean): CompileResult {
  const include = includesFrom({});
  const options = { configId: 'director1', include, files: NAMED_FILES, compat };
  return compileText(name, files.get(name) ?? '', options);
}

test.each([...files.keys()])('--compat starts where keepalived would: %s', (name) => {
  const { exitStatus, said } = verdicts.get(name) ?? { exitStatus: -1, said: '' };
  const starts = exitStatus === 0 || exitStatus === 5;
  const { config, diagnostics } = read(name, true);
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  const isSame = (config !== undefined) === starts;
  expect({ isSame, exitStatus, said, errors }).toMatchObject({ isSame: !(name in DIFFERENT) });
  expect(config === undefined).toBe(errors.length > 0);
});

test.each([...samples.keys()])('strict mode points at what is wrong in itself: %s', (name) => {
  const found = ownErrors(read(name, false)).map(({ code, span }) => `${code} ${span.line}`);
  expect(found).toEqual(WRONG_IN_ITSELF[name] ?? []);
});

/** Errors, but for what only lvsd does not do. */
function ownErrors({ diagnostics }: CompileResult): readonly Diagnostic[] {
  const { notSupportedYet, authenticationHeader } = diagnosticTable;
  const missing: readonly string[] = [notSupportedYet.code, authenticationHeader.code];
  return diagnostics.filter(
    ({ code, severity }) => severity === 'error' && !missing.includes(code),
  );
}

test.each(Object.keys(MISTAKES).filter((name) => !BOTH_START.has(name)))(
  'strict mode refuses, and says so when --compat would not: %s',
  (name) => {
    const strict = read(name, false);
    expect(strict.config).toBeUndefined();
    expect(ownErrors(strict)).not.toEqual([]);
    expect(strict.isLiftable).toBe(read(name, true).config !== undefined);
  },
);
