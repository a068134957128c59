/** What brings about each diagnostic of the LVS side. */
import type { lvsDiagnostics } from '../../src/config/diagnostic-table-lvs.ts';

export interface LvsCase {
  readonly text: string;
  readonly along?: readonly string[];
}

const COMPLETE = 'delay_loop 5\nlb_algo rr\nlb_kind DR\nprotocol TCP\nalpha\n';
const UNMARKED = COMPLETE.replace('protocol TCP\n', '');
const SERVER = 'real_server 10.0.0.2 80 {\nTCP_CHECK {\n}\n}\n';

function service(lines: string, form = '10.0.0.1 80', head = COMPLETE): string {
  return `virtual_server ${form} {\n${head}${lines}\n}\n`;
}

/** A service by mark: its servers have no port of their own. */
function mark(lines: string, servers = SERVER): string {
  return service(lines + servers, 'fwmark 7', UNMARKED);
}

function server(lines: string): string {
  return service(`real_server 10.0.0.2 80 {\n${lines}\n}\n`);
}

function url(lines: string, kind = 'HTTP_GET'): string {
  return server(`${kind} {\nurl {\npath /\n${lines}\n}\n}`);
}

const GROUP = 'virtual_server_group G {\n10.0.0.1 80\n}\n';

export const LVS_CASES: Readonly<Record<keyof typeof lvsDiagnostics, LvsCase>> = {
  persistenceNeeded: {
    text: service('real_server 10.0.0.2 {\nTCP_CHECK {\nconnect_port 80\n}\n}\n', '10.0.0.1'),
  },
  persistenceOff: { text: service(`persistence_timeout 0\n${SERVER}`) },
  granularityFamily: { text: service(`persistence_granularity 24\n${SERVER}`) },
  quorumTooLarge: { text: service(`quorum 2\n${SERVER}`) },
  hysteresisTooLarge: { text: service(`hysteresis 1\n${SERVER}`) },
  markFamilyUnknown: { text: mark('', ''), along: ['LVS1064'] },
  onePacketWithoutUdp: { text: service(`ops\n${SERVER}`) },
  flagBeforeScheduler: {
    text: service(
      `sh-port\nlb_algo sh\n${SERVER}`,
      '10.0.0.1 80',
      COMPLETE.replace('lb_algo rr\n', ''),
    ),
  },
  flagOfOtherScheduler: { text: service(`sh-port\n${SERVER}`) },
  thresholdOrder: { text: server('uthreshold 5\nlthreshold 6') },
  sorryIsRealServer: { text: service(`sorry_server 10.0.0.2 80\n${SERVER}`) },
  suspendWithoutAddress: { text: mark('ha_suspend\n') },
  omegaWithoutScripts: { text: service(`omega\n${SERVER}`) },
  unknownTrackFile: { text: server('FILE_CHECK {\ntrack_file absent\n}') },
  unknownBfdInstance: { text: server('BFD_CHECK {\nname absent\n}') },
  hexInvalid: { text: server('UDP_CHECK {\npayload 0G\n}') },
  replyLength: { text: server('UDP_CHECK {\nmin_reply_length 9\nmax_reply_length 8\n}') },
  pathWithSpace: { text: url('').replace('path /', 'path "/a b"') },
  pathWithoutSlash: { text: url('').replace('path /', 'path index.html') },
  headerInvalid: {
    text: server('HTTP_GET {\nheader "Content-Length: 5"\nurl {\npath /\n}\n}'),
  },
  digestInvalid: { text: url('digest 123') },
  regexInvalid: { text: url('regex "a(b"') },
  regexBackslash: { text: url('regex a\\.b') },
  regexOptionUnknown: { text: url('regex a\nregex_options caseles') },
  regexMissing: { text: url('regex_no_match') },
  virtualhostWithoutSni: { text: url('virtualhost www.example.org', 'SSL_GET') },
  miscTimeoutTooLong: { text: server('MISC_CHECK {\nmisc_path /bin/true\nmisc_timeout 6\n}') },
  hostBlock: { text: server('SMTP_CHECK {\nhost {\nconnect_port 25\n}\n}') },
  protocolWithMark: { text: mark('protocol TCP\n') },
  unknownServerGroup: { text: service(SERVER, 'group absent') },
  duplicateServerGroup: { text: GROUP + GROUP + service(SERVER, 'group G') },
  groupLine: { text: GROUP.replace('80', '80 90') },
  groupEmpty: { text: GROUP.replace('10.0.0.1 80\n', '') + service(SERVER) },
  sorryMissing: { text: service(`sorry_server_inhibit\n${SERVER}`) },
  tunnelOption: { text: service(SERVER, '10.0.0.1 80', COMPLETE.replace('DR', 'TUN type gue')) },
  udpStays: { text: service(SERVER, '10.0.0.1 80', COMPLETE.replace('TCP', 'UDP')) },
  persistentStay: { text: service(`persistence_timeout 60\ndrain_timeout 9\n${SERVER}`) },
  portReuse: { text: `global_defs {\nlvs_conn_reuse_mode 1\n}\n${service(SERVER)}` },
  flushOfKept: {
    text: `global_defs {\nlvs_stop_policy keep\nlvs_flush_on_stop\n}\n${service(SERVER)}`,
  },
  drainWithoutTime: { text: `global_defs {\nlvs_stop_policy drain\n}\n${service(SERVER)}` },
  linkLocalWithoutInterface: { text: server('TCP_CHECK {\nconnect_ip fe80::1\n}') },
  dsrCheckNeeds: {
    text: service('real_server 10.0.0.2 80 {\nlvs_method NAT\nDSR_CHECK {\n}\nTCP_CHECK {\n}\n}\n'),
  },
  checkerWithoutPort: { text: mark('', 'real_server 10.0.0.2 {\nTCP_CHECK {\n}\n}\n') },
};
