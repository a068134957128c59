/** Keywords of the VRRP side outside instances: trackers, groups, static items, namespaces. */
import {
  ADDRESS,
  acceptedRows,
  BOOLEAN,
  choice,
  each,
  FLAG,
  integer,
  MAX_INT,
  milliseconds,
  NOTHING,
  oldSpelling,
  plannedRows,
  seconds,
  text,
  type WorkingRow,
  words,
  works,
} from './schema-rows.ts';

const NAME = text('a name');
export const SCRIPT = words('"COMMAND [ARGUMENTS]" [USER [GROUP]]');
/** Of `interface_up_down_delays`, whose block reader checks it. */
export const MAX_INTERFACE_DELAY_MS = 255_000;
const BFD_INTERVAL_MIN_MS = 1;
const BFD_INTERVAL_MAX_MS = 10_000;
const NO_MAIL = 'lvsd sends no mail; follow its log or `lvsd status`';
const POLLED = 'changes of the carrier are read from netlink, nothing is polled';

const WEIGHT = words('a whole number from -253 to 253 [reverse]');
const FILE_WEIGHT = words('a whole number from -254 to 254 [reverse]');

const repeatable: Pick<WorkingRow, 'value' | 'isRepeatable'> = { value: NAME, isRepeatable: true };
const list: Pick<WorkingRow, 'value' | 'isRepeatable'> = { value: NOTHING, isRepeatable: true };

function block(name: string, opens: string, doc: string, lines = repeatable): WorkingRow {
  return { name, opens, doc, ...lines };
}

const trackerBlocks: readonly WorkingRow[] = [
  block('vrrp_script', 'vrrp_script', 'A script whose outcome moves priorities'),
  block('track_file', 'track_file_block', 'A file whose number moves priorities'),
  block('vrrp_track_process', 'vrrp_track_process', 'Processes whose presence moves priorities'),
  block('bfd_instance', 'bfd_instance', 'A BFD session with a neighbour'),
];

/** What the daemon itself holds and paces. */
const hostBlocks: readonly WorkingRow[] = [
  block(
    'interface_up_down_delays',
    'interface_up_down_delays',
    'Waits before link changes are believed: IF DOWN [UP], in seconds, one a line; UP is 0 when left out',
    list,
  ),
  block('vrrp_sync_group', 'vrrp_sync_group', 'Instances that change state together'),
  block('track_group', 'track_group', 'Lets static items be tracked by instances'),
  block('static_ipaddress', 'static_ipaddress', 'Addresses kept whatever the VRRP state', list),
  block('static_routes', 'static_routes', 'Routes kept whatever the VRRP state', list),
  block('static_rules', 'static_rules', 'Routing rules kept whatever the VRRP state', list),
  block('garp_group', 'garp_group', 'Paces gratuitous ARP over several interfaces', list),
];

const namespaces: readonly WorkingRow[] = [
  { name: 'net_namespace', value: NAME, doc: 'Network namespace of the VRRP side' },
  {
    name: 'net_namespace_ipvs',
    value: words('[NAME]', 0),
    doc: 'Network namespace of the IPVS side; no name: where lvsd was started',
  },
];

/** What an instance and a sync group can both say. */
export const trackerRows: readonly WorkingRow[] = (
  [
    ['track_interface', 'Interfaces whose loss moves the priority: IF [weight N [reverse]]'],
    ['track_script', 'Scripts whose failure moves the priority: NAME [weight N [reverse]]'],
    ['track_process', 'Processes whose loss moves the priority: NAME [weight N [reverse]]'],
    ['track_file', 'Files whose number moves the priority: NAME [weight N [reverse]]'],
    ['track_bfd', 'BFD sessions whose loss moves the priority: NAME [weight N [reverse]]'],
  ] as const
).map(([name, doc]) => ({ name, opens: name, doc, ...list }));

export const notifyRows: readonly WorkingRow[] = [
  ...(['master', 'backup', 'fault', 'stop'] as const).map((state) => ({
    name: `notify_${state}`,
    value: SCRIPT,
    doc: `Run on entering ${state === 'stop' ? 'the stop of lvsd' : state.toUpperCase()}`,
  })),
  {
    name: 'notify',
    value: SCRIPT,
    doc: 'Run on every change, with type, name, state and priority as arguments',
  },
];

const GROUP_PRIORITY: WorkingRow = {
  name: 'notify_priority_changes',
  value: BOOLEAN,
  defaultText: 'off',
  doc: 'notify runs on changed priorities too',
};

const groupRows: readonly WorkingRow[] = [
  {
    name: 'group',
    opens: 'group',
    doc: 'The instances of the group',
    requiredExample: 'group { VI_1 VI_2 }',
    ...list,
  },
  ...trackerRows,
  {
    name: 'sync_group_tracking_weight',
    value: FLAG,
    doc: 'Weights of the members count',
  },
];

const scriptRows: readonly WorkingRow[] = [
  {
    name: 'script',
    value: words('"COMMAND [ARGUMENTS]" or "</PATH"'),
    doc: 'What to run; "</PATH" asks whether the file can be read',
    requiredExample: 'script "/usr/bin/pgrep nginx"',
  },
  { name: 'interval', value: seconds(), defaultText: '1', doc: 'Time between two runs' },
  {
    name: 'timeout',
    value: seconds(),
    defaultText: 'interval',
    doc: 'A run that takes longer is killed and has failed',
  },
  {
    name: 'weight',
    value: WEIGHT,
    defaultText: '0',
    doc: 'Added to the priority while up, or below 0 while down; 0: a failure is FAULT',
  },
  { name: 'rise', value: integer(1, MAX_INT), defaultText: '1', doc: 'Successes that make it up' },
  { name: 'fall', value: integer(1, MAX_INT), defaultText: '1', doc: 'Failures that make it down' },
  { name: 'user', value: words('USER [GROUP]'), doc: 'Runs as this user' },
  { name: 'init_fail', value: FLAG, doc: 'Starts as failed' },
];

const processRows: readonly WorkingRow[] = [
  {
    name: 'process',
    value: words('COMMAND [ARGUMENTS]'),
    doc: 'What to look for among the running processes',
    requiredExample: 'process nginx',
  },
  {
    name: 'param_match',
    value: choice('initial', 'partial'),
    defaultText: 'exact',
    doc: 'How arguments are compared: all, the first ones, or parts of them',
  },
  { name: 'weight', value: FILE_WEIGHT, defaultText: '0', doc: 'Added to the priority' },
  {
    name: 'quorum',
    value: integer(1, MAX_INT),
    defaultText: '1',
    doc: 'Processes that are needed',
  },
  { name: 'quorum_max', value: integer(0, MAX_INT), doc: 'More processes than this are a failure' },
  ...each(['fork_delay', 'terminate_delay', 'delay'], {
    value: seconds(0),
    defaultText: '0',
    doc: 'Wait before a process that came or went counts; delay sets both',
  }),
  { name: 'full_command', value: FLAG, doc: 'Compares the whole command line' },
];

const fileRows: readonly WorkingRow[] = [
  {
    name: 'file',
    value: text('an absolute path'),
    doc: 'The file; its number times the weight is added, -254 or less is FAULT',
    requiredExample: 'file /run/lvsd/weight',
  },
  {
    name: 'weight',
    value: FILE_WEIGHT,
    defaultText: '1',
    doc: 'Multiplied with the number in the file',
  },
  {
    name: 'init_file',
    value: words('[NUMBER] [overwrite]', 0),
    doc: 'Writes the file at start, with 0 or this number',
  },
];

const neighbor: WorkingRow = { name: 'neighbor_ip', value: ADDRESS, doc: 'The neighbour' };
const bfdRows: readonly WorkingRow[] = [
  { ...neighbor, requiredExample: 'neighbor_ip 192.0.2.2' },
  { ...neighbor, name: 'neighbour_ip', aliasOf: 'neighbor_ip' },
  {
    name: 'source_ip',
    value: ADDRESS,
    defaultText: 'what the route to the neighbour says',
    doc: 'Source of the packets',
  },
  {
    name: 'min_rx',
    value: milliseconds(BFD_INTERVAL_MIN_MS, BFD_INTERVAL_MAX_MS),
    defaultText: '10',
    doc: 'Smallest interval in which packets are taken',
  },
  {
    name: 'min_tx',
    value: milliseconds(BFD_INTERVAL_MIN_MS, BFD_INTERVAL_MAX_MS),
    defaultText: '10',
    doc: 'Smallest interval in which packets are sent while the session is up',
  },
  {
    name: 'idle_tx',
    value: milliseconds(BFD_INTERVAL_MIN_MS, BFD_INTERVAL_MAX_MS),
    defaultText: '1000',
    doc: 'Interval while the session is not up; less than 1000 counts as 1000',
  },
  {
    name: 'multiplier',
    value: integer(1, 255),
    defaultText: '5',
    doc: 'Missed packets of ours after which the neighbour takes the session down',
  },
  { name: 'passive', value: FLAG, doc: 'Says nothing before the neighbour does' },
  {
    name: 'ttl',
    value: integer(1, 255),
    defaultText: '255',
    doc: 'Time to live of IPv4 packets, and what is expected of those of the neighbour',
  },
  {
    name: 'hoplimit',
    value: integer(1, 255),
    defaultText: '255',
    doc: 'As ttl, for IPv6. keepalived sends 64 by default, which no router takes (RFC 5881 section 5)',
  },
  {
    name: 'max_hops',
    value: integer(-1, 255),
    defaultText: '0',
    doc: 'By how much the TTL of packets that come may be lower; -1 and 255: by any number',
  },
  { name: 'multihop', value: FLAG, doc: 'Session over routers: UDP port 4784 instead of 3784' },
  {
    name: 'weight',
    value: WEIGHT,
    defaultText: '0',
    doc: 'Added to the priority while up, or below 0 while down; 0: a session that is down is FAULT',
  },
  { name: 'vrrp', value: FLAG, doc: 'Only for track_bfd' },
  { name: 'checker', value: FLAG, doc: 'Only for BFD_CHECK' },
];

const garpGroupRows: readonly WorkingRow[] = [
  ...each(['garp_interval', 'gna_interval'], {
    value: seconds(0),
    defaultText: '0',
    doc: 'Gap between packets',
  }),
  { name: 'interface', value: text('an interface name'), doc: 'The interface' },
  { name: 'interfaces', opens: 'interfaces', doc: 'The interfaces', ...list },
];

export const trackingRows = [
  ...works('root', [
    ...hostBlocks,
    ...trackerBlocks,
    oldSpelling('vrrp_track_file', 'track_file', trackerBlocks),
  ]),
  ...plannedRows('root', namespaces),
  ...acceptedRows('root', 'lvsd makes no ipsets', [
    { name: 'namespace_with_ipsets', value: FLAG, doc: 'Uses ipsets in spite of an old kernel' },
  ]),
  ...acceptedRows('root', POLLED, [
    { name: 'linkbeat_use_polling', value: FLAG, doc: 'Polls the carrier of every interface' },
    {
      name: 'linkbeat_interfaces',
      opens: 'linkbeat_interfaces',
      doc: 'Polls the carrier: IF [MII|ETHTOOL|IOCTL], one a line',
      ...list,
    },
  ]),
  ...acceptedRows('root', 'lvsd writes no pid files, its service manager knows it', [
    { name: 'instance', value: NAME, doc: 'Name of this daemon among several on one host' },
    { name: 'use_pid_dir', value: FLAG, doc: 'Puts the pid files into a directory' },
  ]),
  ...acceptedRows('root', 'every step of a stop has a bound of its own', [
    {
      name: 'child_wait_time',
      value: seconds(0),
      defaultText: '5',
      doc: 'Patience with the children at stop',
    },
  ]),
  ...works('vrrp_sync_group', [
    ...groupRows,
    oldSpelling('global_tracking', 'sync_group_tracking_weight', groupRows),
  ]),
  ...works('vrrp_sync_group', [...notifyRows, GROUP_PRIORITY]),
  ...acceptedRows('vrrp_sync_group', NO_MAIL, [
    { name: 'smtp_alert', value: BOOLEAN, defaultText: 'off', doc: 'Mail on a change' },
  ]),
  ...works('vrrp_script', scriptRows),
  ...works('vrrp_track_process', processRows),
  ...works('track_file_block', fileRows),
  ...works('bfd_instance', bfdRows),
  ...works('garp_group', garpGroupRows),
  ...works('track_group', [
    {
      name: 'group',
      opens: 'group',
      doc: 'The instances',
      requiredExample: 'group { VI_1 }',
      ...list,
    },
  ]),
];
