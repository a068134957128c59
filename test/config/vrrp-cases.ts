/** What brings about each diagnostic of the VRRP side, for the test of all codes. */
import type { vrrpDiagnostics } from '../../src/config/diagnostic-table-vrrp.ts';
import type { FileFact, FileFacts } from '../../src/config/file-facts.ts';

export interface VrrpCase {
  readonly text: string;
  readonly along?: readonly string[];
}

const GOOD: FileFact = {
  exists: true,
  isReadable: true,
  isExecutable: true,
  isWritableByOthers: false,
};

/** A disk on which the name of a file says what it is like. */
export const NAMED_FILES: FileFacts = {
  file: (path) => ({
    ...GOOD,
    ...(path.includes('absent') ? { exists: false, isReadable: false, isExecutable: false } : {}),
    ...(path.includes('plain') ? { isExecutable: false } : {}),
    ...(path.includes('loose') ? { isWritableByOthers: true } : {}),
  }),
  hasInterface: (name) => !name.startsWith('absent'),
  hasNumber: () => false,
  hasAccount: (_kind, name) => !name.startsWith('nosuch'),
};

const HEAD = 'interface eth0\nvirtual_router_id 5\n';

export function instance(lines: string, name = 'A', addresses = '10.0.0.1/24'): string {
  const head = lines.includes('virtual_router_id') ? 'interface eth0\n' : HEAD;
  const list = `virtual_ipaddress {\n${addresses}\n}`;
  return `vrrp_instance ${name} {\n${head}${list}\n${lines}\n}\n`;
}

function other(name: string, addresses: string): string {
  return instance('virtual_router_id 6', name, addresses);
}

const PLANNED = ['LVS1022'];
const script = (lines: string, name = 'chk'): string => `vrrp_script ${name} {\n${lines}\n}\n`;
const group = (name: string, members: string): string =>
  `vrrp_sync_group ${name} {\ngroup {\n${members}\n}\n}\n`;
const GLOBAL_STRICT = 'global_defs {\nvrrp_strict\n}\n';
const many = (count: number): string =>
  Array.from({ length: count }, (_, index) => `10.0.${index >> 8}.${index & 255}/32`).join('\n');
const KEY = 'key 1 file:/etc/key';
const hmac = (lines: string): string => instance(`auth_hmac {\n${lines}\n}`);
const routes = (line: string): string => instance(`virtual_routes {\n${line}\n}`);
const rules = (line: string): string => instance(`virtual_rules {\n${line}\n}`);
const password = (lines: string): string => instance(`authentication {\n${lines}\n}`);
const PEER = 'unicast_peer {\n10.0.0.9\n}';

export const VRRP_CASES: Readonly<Record<keyof typeof vrrpDiagnostics, VrrpCase>> = {
  unknownReference: { text: instance('track_script {\nchk\n}') },
  duplicateName: { text: script('script /a').repeat(2) + instance('') },
  duplicateTracker: {
    text: instance('track_interface {\neth1\neth1 weight 5\n}'),
  },
  weightOnOwner: {
    text: instance('priority 255\ntrack_interface {\neth1 weight 5\n}'),
  },
  emptyBlock: { text: instance('track_interface {\n}') },
  syncMemberTwice: {
    text: instance('') + other('B', '10.0.0.2/24') + group('G', 'A B') + group('H', 'A B'),
  },
  syncSingleMember: { text: instance('') + group('G', 'A') },
  addressAlsoExcluded: {
    text: instance('virtual_ipaddress_excluded {\n10.0.0.1/24\n}'),
  },
  addressInTwoInstances: { text: instance('') + other('B', '10.0.0.1/24 dev eth1') },
  tooManyAddresses: { text: instance('version 3', 'A', many(256)) },
  manyAddresses: { text: instance('', 'A', many(21)) },
  labelOnIpv6: { text: instance('', 'A', 'fe80::1/64 label eth0:1') },
  authenticationVersion3: {
    text: `global_defs {\nvrrp_version 3\n}\n${password('auth_type PASS\nauth_pass a')}`,
  },
  passwordTooLong: { text: password('auth_type PASS\nauth_pass 123456789') },
  authenticationHeader: { text: password('auth_type AH\nauth_pass a') },
  authenticationTwice: {
    text: instance(`authentication {\nauth_type PASS\nauth_pass a\n}\nauth_hmac {\n${KEY}\n}`),
  },
  strictForbids: { text: instance('strict_mode on\naccept\npreempt_delay 5') },
  strictDropsTraffic: { text: GLOBAL_STRICT + instance('') },
  unicastWithoutSource: { text: instance(PEER) },
  unicastWithoutPeers: { text: instance('unicast_peer {\n}') },
  peerIsSource: { text: instance(`unicast_src_ip 10.0.0.9\n${PEER}`) },
  familyMismatch: { text: instance('mcast_src_ip fe80::1') },
  duplicatePeer: {
    text: instance('unicast_src_ip 10.0.0.8\nunicast_peer {\n10.0.0.9\n10.0.0.9\n}'),
  },
  rangeReversed: {
    text: instance('unicast_src_ip 10.0.0.8\nunicast_peer {\n10.0.0.9 min_ttl 9 max_ttl 8\n}'),
  },
  notMulticast: { text: instance('mcast_dst_ip 10.0.0.9') },
  sourceContradiction: {
    text: instance('mcast_src_ip 10.0.0.8\nunicast_src_ip 10.0.0.8'),
  },
  transportNeeds: { text: instance('transport udp') },
  hmacKeyUnknown: { text: hmac(`${KEY}\nactive_key 2`) },
  hmacKeyTwice: { text: hmac(`${KEY}\n${KEY}`) },
  weakKey: { text: hmac('key 1 short') },
  witnessWithoutState: { text: instance('witness'), along: PLANNED },
  refreshRepeatAlone: { text: instance('garp_master_refresh_repeat 2') },
  withoutVmac: { text: instance('vmac_xmit_base') },
  unicastVmac: {
    text: instance('use_vmac\nunicast_src_ip 10.0.0.8\nunicast_peer {\n10.0.0.9\n}'),
  },
  vmacContradiction: { text: instance('use_vmac\nuse_ipvlan') },
  invalidPrefix: { text: routes('10.0.0.0/33 dev eth1') },
  hostBitsSet: { text: routes('10.0.0.1/24 dev eth1') },
  routeWithoutWay: { text: routes('10.1.0.0/24 metric 5') },
  routeWithWay: { text: routes('blackhole 10.1.0.0/24 via 10.0.0.2') },
  ruleWithoutAction: { text: rules('from 10.1.0.0/24 preference 9') },
  ruleWithoutPriority: { text: rules('from 10.1.0.0/24 table 9') },
  duplicateLine: { text: routes('10.1.0.0/24 dev eth1\n10.1.0.0/24 dev eth1') },
  timeoutLongerThanInterval: {
    text: instance('') + script('script /a\ninterval 2\ntimeout 3'),
  },
  quorumUnreachable: {
    text: `${instance('')}vrrp_track_process p {\nprocess a\nquorum 3\nquorum_max 2\n}`,
  },
  relativePath: { text: `${instance('')}track_file f {\nfile run/x\n}` },
  scriptMissing: { text: instance('') + script('script /absent') },
  scriptNotExecutable: { text: instance('') + script('script /plain') },
  scriptInsecure: { text: instance('') + script('script /loose') },
  scriptRefused: {
    text: `global_defs {\nenable_script_security\n}\n${instance('')}${script('script /loose')}`,
  },
  notifyMissing: { text: instance('notify /absent') },
  fileMissing: { text: `${instance('')}track_file f {\nfile /absent\n}` },
  trackedInterfaceMissing: { text: instance('track_interface {\nabsent0\n}') },
  keyFileMissing: { text: hmac('key 1 file:/absent') },
  sharedStateWithoutServer: {
    text: `global_defs {\nshared_state {\n}\n}\n${instance('')}`,
    along: PLANNED,
  },
  fifoScriptAlone: {
    text: `global_defs {\nnotify_fifo_script /a\n}\n${instance('')}`,
  },
  unterminatedScriptQuote: { text: instance(`notify "/a 'b"`) },
  emptyCommand: { text: instance('notify ""') },
  unknownAccount: { text: instance('notify_master /bin/true nosuchuser') },
  optionOfIpv6: { text: routes('10.1.0.0/24 dev eth1 pref low') },
  firstNotLinkLocal: {
    text: instance('strict_mode on\naccept', 'A', '2001:db8::1/64'),
  },
  optionTwice: { text: routes('10.1.0.0/24 dev eth1 dev eth2') },
};
