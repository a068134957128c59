/** Keywords of virtual_server and real_server. */
import {
  ADDRESS,
  accepted,
  FLAG,
  integer,
  type KeywordRow,
  MAX_INT,
  planned,
  type ShortRow,
  seconds,
  text,
  words,
  works,
} from './schema-rows.ts';

type WorkingRow = Omit<KeywordRow, 'context' | 'support'>;

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

/** Given to a virtual server, a real server or a checker: the innermost counts. */
export const inheritedCheckRows: readonly WorkingRow[] = [
  {
    name: 'delay_loop',
    value: seconds(),
    defaultText: '60',
    doc: 'Time between two checks of a server',
  },
  {
    name: 'retry',
    value: integer(0, MAX_INT),
    defaultText: '1',
    doc: 'Further attempts after a failed check before the server is down',
  },
  {
    name: 'delay_before_retry',
    value: seconds(0),
    defaultText: '1, HTTP_GET 3',
    doc: 'Time before each further attempt',
  },
  {
    name: 'warmup',
    value: seconds(0),
    defaultText: 'delay_loop',
    doc: 'The first check comes at a random moment within this time',
  },
  {
    name: 'connect_timeout',
    value: seconds(1),
    defaultText: '5',
    doc: 'A check that takes longer has failed',
  },
  { name: 'alpha', value: FLAG, doc: 'Servers are down until their first check has passed' },
];

const VIRTUALHOST: WorkingRow = {
  name: 'virtualhost',
  value: text('a host name'),
  defaultText: 'the address that is asked',
  doc: 'Host header of HTTP checks',
};

const FORWARDING = words('NAT|DR|TUN');

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
  {
    name: 'TCP_CHECK',
    opens: 'TCP_CHECK',
    value: FLAG,
    doc: 'Passes when a TCP connection can be made',
    isRepeatable: true,
  },
  {
    name: 'HTTP_GET',
    opens: 'HTTP_GET',
    value: FLAG,
    doc: 'Passes when every url answers with an accepted status code',
    isRepeatable: true,
  },
]);

/** What every checker that connects knows. */
export const connectRows: readonly WorkingRow[] = [
  ...inheritedCheckRows,
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
    doc: 'Where the check connects',
  },
];

const SCHEDULER_FLAGS: ShortRow = [
  ['sh-port', 'sh-fallback', 'mh-port', 'mh-fallback', 'flag-1', 'flag-2', 'flag-3', 'hashed'],
  '',
  '',
  'Flag of the scheduler',
];

const NO_MAIL = 'lvsd sends no mail; follow its log or `lvsd status`';
const NO_SNMP = 'lvsd has no SNMP agent';

export const lvsRows = [
  ...virtualServerRows,
  ...realServerRows,
  ...['virtual_server', 'real_server'].flatMap((context) => [
    ...accepted(context, NO_MAIL, [['smtp_alert', 'BOOL', 'off', 'Mail on a change']]),
    ...accepted(context, NO_SNMP, [['snmp_name', 'TEXT', '', 'Label in SNMP']]),
    ...planned(context, [['inhibit_on_failure', 'BOOL', 'off', 'Weight 0 instead of removal']]),
  ]),
  ...accepted('virtual_server', 'IPVS has no such setting; keepalived ignores it too', [
    [['nat_mask', 'net_mask'], 'MASK', '', 'From the time of kernel 2.2'],
  ]),
  ...planned('virtual_server', [
    ['persistence_timeout', '[SEC]', '0', 'A client keeps its server so long'],
    ['persistence_granularity', 'MASK', '', 'Clients that count as one'],
    ['persistence_engine', 'NAME', '', 'How clients are told apart'],
    ['sorry_server', 'ADDRESS [PORT]', '', 'Serves when the quorum is lost'],
    ['sorry_server_inhibit', '', '', 'Weight 0 instead of removal for the sorry server'],
    ['sorry_server_lvs_method', 'NAT|DR|TUN', '', 'Forwarding to the sorry server'],
    ['quorum', 'INT', '1', 'Weight that must be alive'],
    ['hysteresis', 'INT', '0', 'Margin around the quorum'],
    [['quorum_up', 'quorum_down'], 'SCRIPT', '', 'Run when the quorum changes'],
    ['omega', '', '', 'Runs the down scripts at stop'],
    ['ha_suspend', '', '', 'No checks while the address is elsewhere'],
    ['ip_family', 'inet|inet6', '', 'Family of a service without an address'],
    ['ops', '', '', 'Schedules every packet by itself'],
    SCHEDULER_FLAGS,
    ['drain_timeout', 'SEC', '0', 'Waits for connections before a server is removed'],
    ['slow_start', 'SEC', '0', 'Weight grows after a recovery'],
    ['panic_threshold', 'PERCENT', '0', 'Share of servers that is kept whatever the checks say'],
    ['backup_pool', '{}', '', 'Checked servers for when the others are down'],
  ]),
  ...planned('backup_pool', [['real_server', 'ADDRESS [PORT] {}', '', 'One server of the pool']]),
  ...planned('real_server', [
    [['notify_up', 'notify_down'], 'SCRIPT', '', 'Run when the server changes'],
    [['uthreshold', 'lthreshold'], 'INT', '0', 'Most connections, and when it opens again'],
    [
      [
        'SSL_GET',
        'MISC_CHECK',
        'SMTP_CHECK',
        'DNS_CHECK',
        'UDP_CHECK',
        'PING_CHECK',
        'FILE_CHECK',
        'BFD_CHECK',
        'REDIS_CHECK',
        'AGENT_CHECK',
        'DSR_CHECK',
      ],
      '{}',
      '',
      'A checker',
    ],
  ]),
];
