/** Keywords of virtual_server, real_server, virtual_server_group and SSL. */
import {
  ADDRESS,
  acceptedRows,
  BOOLEAN,
  choice,
  each,
  FLAG,
  integer,
  type KeywordRow,
  MAX_INT,
  NOTHING,
  seconds,
  text,
  type WorkingRow,
  words,
  works,
} from './schema-rows.ts';
import { SCRIPT } from './schema-tracking.ts';

export const SCHEDULERS = [
  'rr',
  'wrr',
  'lc',
  'wlc',
  'lblc',
  'lblcr',
  'sh',
  'mh',
  'dh',
  'fo',
  'ovf',
  'sed',
  'nq',
  'twos',
] as const;

export const SCHEDULER_FLAGS = [
  'sh-port',
  'sh-fallback',
  'mh-port',
  'mh-fallback',
  'flag-1',
  'flag-2',
  'flag-3',
] as const;

const MAX_MARK = 2 ** 32 - 1;

/** Rows of the times and counts of a check; the innermost block that says so counts. */
export function inheritedRows(retry: string, delayBeforeRetry: string): readonly WorkingRow[] {
  return [
    {
      name: 'delay_loop',
      value: seconds(),
      defaultText: '60',
      doc: 'Time between two checks of a server',
    },
    {
      name: 'retry',
      value: integer(0, MAX_INT),
      defaultText: retry,
      doc: 'Further attempts after a failed check before the server is down',
    },
    {
      name: 'delay_before_retry',
      value: seconds(0),
      defaultText: delayBeforeRetry,
      doc: 'Time before each further attempt',
    },
    {
      name: 'warmup',
      value: seconds(0),
      defaultText: 'delay_loop',
      doc: 'The first check comes at a random moment within this time',
    },
    { name: 'alpha', value: FLAG, doc: 'Servers are down until their first check has passed' },
  ];
}

export const CONNECT_TIMEOUT: WorkingRow = {
  name: 'connect_timeout',
  value: seconds(1),
  defaultText: '5',
  doc: 'A check that takes longer has failed',
};

const inheritedCheckRows: readonly WorkingRow[] = [
  ...inheritedRows('1, DNS_CHECK 3, MISC_CHECK 0', '1, HTTP_GET 3, DNS_CHECK delay_loop'),
  CONNECT_TIMEOUT,
];

const VIRTUALHOST: WorkingRow = {
  name: 'virtualhost',
  value: text('a host name'),
  defaultText: 'the address that is asked',
  doc: 'Host header of HTTP checks',
};

const FORWARDING = words('NAT|DR|TUN [type ipip|gue port N|gre] [nocsum|csum|remcsum]');

const virtualServerRows = works('virtual_server', [
  ...inheritedCheckRows,
  VIRTUALHOST,
  {
    name: 'lvs_sched',
    value: { kind: 'choice', values: SCHEDULERS, historic: { loadbalance: 'wlc' } },
    defaultText: 'wlc',
    doc: 'How connections are spread over the servers',
  },
  {
    name: 'lb_algo',
    value: { kind: 'choice', values: SCHEDULERS, historic: { loadbalance: 'wlc' } },
    defaultText: 'wlc',
    doc: 'As lvs_sched',
    aliasOf: 'lvs_sched',
  },
  {
    name: 'lvs_method',
    value: FORWARDING,
    defaultText: 'NAT',
    doc: 'How packets reach the servers',
  },
  {
    name: 'lb_kind',
    value: FORWARDING,
    defaultText: 'NAT',
    doc: 'As lvs_method',
    aliasOf: 'lvs_method',
  },
  {
    name: 'protocol',
    value: { kind: 'choice', values: ['TCP', 'UDP', 'SCTP'], isAnyCase: true },
    defaultText: 'UDP in keepalived; lvsd wants it written',
    doc: 'Layer 4 protocol of the service',
  },
  {
    name: 'weight',
    value: integer(0, MAX_INT),
    defaultText: '1',
    doc: 'Weight of servers that do not say',
  },
  {
    name: 'real_server',
    opens: 'real_server',
    value: words('ADDRESS [PORT]'),
    doc: 'One server of the service; without a port, the port of the service',
    isRepeatable: true,
  },
]);

const INHIBIT: WorkingRow = {
  name: 'inhibit_on_failure',
  value: BOOLEAN,
  defaultText: 'off',
  doc: 'A server that is down keeps its place with weight 0 instead of being removed',
};

const serviceOptionRows: readonly WorkingRow[] = [
  INHIBIT,
  {
    name: 'persistence_timeout',
    value: words('[SECONDS]', 0),
    defaultText: 'off; 360 without a value',
    neutralText: '0',
    doc: 'A client keeps its server so long after its last connection, 1 to 2678400',
  },
  {
    name: 'persistence_granularity',
    value: words('IPv4 MASK|IPv6 PREFIX LENGTH'),
    defaultText: '255.255.255.255, 128',
    doc: 'Clients of one such network count as one; alone it means persistence_timeout 360',
  },
  {
    name: 'persistence_engine',
    value: text('the name of a persistence engine: sip'),
    doc: 'What tells clients apart besides their address',
  },
  {
    name: 'sorry_server',
    value: words('ADDRESS [PORT]'),
    doc: 'Serves while the quorum is lost; never checked',
  },
  {
    name: 'sorry_server_inhibit',
    value: FLAG,
    doc: 'Weight 0 instead of removal for the sorry server',
  },
  {
    name: 'sorry_server_lvs_method',
    value: FORWARDING,
    defaultText: 'lvs_method',
    doc: 'How packets reach the sorry server',
  },
  {
    name: 'quorum',
    value: integer(1, MAX_INT),
    defaultText: '1',
    doc: 'Sum of the weights that must be alive',
  },
  {
    name: 'hysteresis',
    value: integer(0, MAX_INT),
    defaultText: '0',
    doc: 'Lost below quorum - hysteresis, regained from quorum + hysteresis',
  },
  {
    name: 'ip_family',
    value: choice('inet', 'inet6'),
    defaultText: 'that of the addresses',
    doc: 'Family of a service by mark, or of one whose servers are all tunnelled',
  },
  { name: 'ops', value: FLAG, doc: 'Schedules every packet by itself, UDP only' },
  ...each([...SCHEDULER_FLAGS], {
    value: FLAG,
    doc: 'Flag of the scheduler (ipvsadm -b); sh- and mh- stand after the scheduler',
  }),
  {
    name: 'drain_timeout',
    value: seconds(0),
    defaultText: '0',
    doc: 'A server that leaves, by the file or by its checks, keeps its connections so long',
  },
  {
    name: 'slow_start',
    value: seconds(0),
    defaultText: '0',
    doc: 'The weight of a server that comes back grows over this time',
  },
  {
    name: 'panic_threshold',
    value: integer(0, 100, 'percent'),
    defaultText: '0',
    doc: 'Share of the servers that stays whatever the checks say',
  },
  {
    name: 'backup_pool',
    opens: 'backup_pool',
    value: NOTHING,
    doc: 'Checked servers that serve while the quorum is lost',
  },
  { name: 'quorum_up', value: SCRIPT, doc: 'Run when the quorum is reached' },
  { name: 'quorum_down', value: SCRIPT, doc: 'Run when the quorum is lost' },
  { name: 'omega', value: FLAG, doc: 'Runs notify_down and quorum_down at stop' },
  { name: 'ha_suspend', value: FLAG, doc: 'No checks while the address is not on this host' },
];

const realServerRows = works('real_server', [
  ...inheritedCheckRows,
  VIRTUALHOST,
  {
    name: 'weight',
    value: integer(0, MAX_INT),
    defaultText: 'weight of the virtual_server',
    doc: 'Share of the connections; 0: no new ones',
  },
  {
    name: 'lvs_method',
    value: FORWARDING,
    defaultText: 'lvs_method of the virtual_server',
    doc: 'How packets reach this server',
  },
]);

const serverOptionRows: readonly WorkingRow[] = [
  INHIBIT,
  {
    name: 'uthreshold',
    value: integer(0, MAX_INT),
    defaultText: '0',
    doc: 'No new connections from this many on; 0: no limit',
  },
  {
    name: 'lthreshold',
    value: integer(0, MAX_INT),
    defaultText: '0',
    doc: 'New connections again below this many',
  },
  { name: 'notify_up', value: SCRIPT, doc: 'Run when the server comes up' },
  { name: 'notify_down', value: SCRIPT, doc: 'Run when the server goes down' },
];

/** [name, what a pass is]. */
const CHECKERS: readonly (readonly [name: string, doc: string])[] = [
  ['TCP_CHECK', 'Passes when a TCP connection can be made'],
  ['HTTP_GET', 'Passes when every url answers as it should'],
  ['SSL_GET', 'As HTTP_GET, over TLS'],
  ['MISC_CHECK', 'Passes when its script ends with 0'],
  ['SMTP_CHECK', 'Passes when the server greets, answers HELO and QUIT'],
  ['DNS_CHECK', 'Passes when the server answers a query with rcode 0'],
  ['UDP_CHECK', 'Passes without an ICMP error, or with the reply that is asked for'],
  ['PING_CHECK', 'Passes when the server answers an echo request'],
  ['FILE_CHECK', 'The number in a file is the weight'],
  ['BFD_CHECK', 'Passes while the BFD session is up'],
  ['REDIS_CHECK', 'Passes when Redis answers PING, and has the role that is asked for'],
  ['AGENT_CHECK', "Takes up, down, drain, maint and weight from HAProxy's agent protocol"],
  ['DSR_CHECK', 'Passes when the virtual address answers on the MAC of this server'],
];

const checkerBlocks: readonly KeywordRow[] = CHECKERS.flatMap(([name, doc]) => {
  return works('real_server', [{ name, opens: name, value: FLAG, doc, isRepeatable: true }]);
});

/** What every checker that connects knows besides the inherited. */
export const TARGET_ROWS: readonly WorkingRow[] = [
  {
    name: 'connect_ip',
    value: ADDRESS,
    defaultText: 'the address of the real server',
    doc: 'Where the check connects',
  },
  {
    name: 'connect_port',
    value: integer(1, 65535),
    defaultText: 'the port of the real server',
    doc: 'Where the check connects, whatever the protocol',
  },
];

const NO_MAIL = 'lvsd sends no mail; follow its log or `lvsd status`';
const NO_SNMP = 'lvsd has no SNMP agent';

const reportingRows = [
  { context: 'virtual_server', mail: 'off' },
  { context: 'real_server', mail: 'on' },
].flatMap(({ context, mail }) => [
  ...acceptedRows(context, NO_MAIL, [
    { name: 'smtp_alert', value: BOOLEAN, defaultText: mail, doc: 'Mail on a change' },
  ]),
  ...acceptedRows(context, NO_SNMP, [
    { name: 'snmp_name', value: text('a name'), doc: 'Label in SNMP' },
  ]),
]);

const groupRows = [
  ...works('root', [
    {
      name: 'virtual_server_group',
      opens: 'virtual_server_group',
      value: text('a name'),
      doc: 'Addresses that share one virtual_server: IP [PORT], IP-LAST PORT, fwmark N; one a line',
      isRepeatable: true,
    },
  ]),
  ...works('root', [
    {
      name: 'SSL',
      opens: 'SSL',
      value: NOTHING,
      doc: 'Client certificate of SSL_GET',
    },
  ]),
  ...works('virtual_server_group', [
    {
      name: 'fwmark',
      value: integer(1, MAX_MARK),
      doc: 'Packets with this mark',
      isRepeatable: true,
    },
  ]),
  ...works('SSL', [
    { name: 'password', value: text('a password'), doc: 'Of the key' },
    {
      name: 'ca',
      value: text('a file'),
      doc: 'Authorities of verify in SSL_GET; keepalived verifies nothing by them',
    },
    { name: 'certificate', value: text('a file'), doc: 'Certificate that is shown to servers' },
    { name: 'key', value: text('a file'), doc: 'Key of the certificate' },
  ]),
];

export const lvsRows: readonly KeywordRow[] = [
  ...virtualServerRows,
  ...works('virtual_server', serviceOptionRows),
  ...acceptedRows('virtual_server', 'the kernel sets this flag on every service by itself', [
    { name: 'hashed', value: FLAG, doc: 'Flag of a service in the hash table of IPVS' },
  ]),
  ...realServerRows,
  ...works('real_server', serverOptionRows),
  ...checkerBlocks,
  ...reportingRows,
  ...acceptedRows(
    'virtual_server',
    'IPVS has no such setting; keepalived ignores it too',
    each(['nat_mask', 'net_mask'], {
      value: words('MASK', 0),
      doc: 'From the time of kernel 2.2',
    }),
  ),
  ...works('backup_pool', [
    {
      name: 'real_server',
      opens: 'real_server',
      value: words('ADDRESS [PORT]'),
      doc: 'One server of the pool',
      isRepeatable: true,
    },
  ]),
  ...groupRows,
];
