/** Keywords of global_defs that the daemon does, and those that have no effect here. */
import {
  ADDRESS,
  acceptedRows,
  BOOLEAN,
  choice,
  each,
  FLAG,
  integer,
  MAX_INT,
  oldSpelling,
  seconds,
  text,
  type WorkingRow,
  words,
  works,
} from './schema-rows.ts';

const NO_MAIL = 'lvsd sends no mail; follow its log or `lvsd status`';
const NO_SNMP = 'lvsd has no SNMP agent';
const NO_DBUS = 'lvsd has no D-Bus interface';
const WRITTEN_PATHS = 'a script is started by its path as it is written';
const ONE_GROUP = 'a script has the group of its user, or the one named, and no other';
const OWN_TABLE =
  'lvsd denies by one nftables table of its own, whose chain stands behind the hooks of IPVS';
const NO_DUMPS = 'lvsd answers on its control socket and writes no dump files';
const NO_SWAP =
  'memory is not locked: V8 reserves more address space than mlockall can pin; give the host memory instead of swap';
const OWN_SCHEDULING = 'lvsd chooses the scheduling of its processes itself';
const OWN_BUFFERS = 'lvsd sizes its socket buffers itself';

const NAME = text('a name');
const PATH = text('a path');
const NUMBER: Pick<WorkingRow, 'value'> = { value: integer(-(2 ** 31), MAX_INT) };
const SWITCH: Pick<WorkingRow, 'value' | 'defaultText'> = { value: BOOLEAN, defaultText: 'off' };

const PROCESSES = ['vrrp', 'checker', 'bfd'] as const;

const SNMP: readonly WorkingRow[] = each(
  [
    'enable_snmp_vrrp',
    'enable_snmp_checker',
    'enable_snmp_rfc',
    'enable_snmp_rfcv2',
    'enable_snmp_rfcv3',
    'enable_traps',
  ],
  { ...SWITCH, doc: 'Serves this MIB, or sends its traps' },
);

const PROCESS_NAMES: readonly WorkingRow[] = each(
  ['process_name', ...PROCESSES.map((process) => `${process}_process_name`)],
  { value: NAME, doc: 'Name of a process' },
);

function schedulingOf(process: (typeof PROCESSES)[number]): readonly WorkingRow[] {
  const limit: WorkingRow = {
    name: `${process}_rlimit_rttime`,
    value: integer(1, MAX_INT, 'µs'),
    defaultText: '10000',
    doc: `Longest run of the ${process} process at real-time priority`,
  };
  return [
    {
      name: `${process}_priority`,
      value: integer(-20, 19),
      defaultText: '0',
      doc: `Nice value of the ${process} process`,
    },
    {
      name: `${process}_rt_priority`,
      value: integer(1, 99),
      doc: `Real-time priority of the ${process} process`,
    },
    limit,
    oldSpelling(`${process}_rlimit_rtime`, limit.name, [limit]),
    {
      name: `${process}_cpu_affinity`,
      value: words('CPU…'),
      doc: `Where the ${process} process runs`,
    },
  ];
}

/** What adverts are like and which of them count. */
const ADVERTS: readonly WorkingRow[] = [
  { name: 'vrrp_strict', ...SWITCH, doc: 'RFC strictness, with all its consequences' },
  {
    name: 'vrrp_skip_check_adv_addr',
    ...SWITCH,
    doc: 'Strict mode compares the address list of each new master only; else none is dropped for it',
  },
  {
    name: 'vrrp_mcast_group4',
    value: ADDRESS,
    defaultText: '224.0.0.18',
    doc: 'Group of IPv4 adverts',
  },
  {
    name: 'vrrp_mcast_group6',
    value: ADDRESS,
    defaultText: 'ff02::12',
    doc: 'Group of IPv6 adverts',
  },
  { name: 'vrrp_check_unicast_src', ...SWITCH, doc: 'Drops adverts of strangers' },
  { name: 'v3_checksum_as_v2', ...SWITCH, doc: 'Checksum without the pseudo-header' },
  { name: 'log_unknown_vrids', ...SWITCH, doc: 'Logs adverts of groups that are not configured' },
  {
    name: 'disable_local_igmp',
    ...SWITCH,
    doc: 'No IGMP reports for 224.0.0.0/24, on the whole host, while lvsd runs',
  },
];

export const globalRows = [
  ...works('global_defs', ADVERTS),
  ...works('global_defs', [
    {
      name: 'router_id',
      value: text('a name'),
      defaultText: 'the host name',
      doc: 'Name of this director in logs and status',
    },
    {
      name: 'vrrp_version',
      value: integer(2, 3),
      defaultText: '2',
      doc: 'VRRP version of instances that do not say; IPv6 is always 3',
    },
    {
      name: 'vrrp_garp_master_delay',
      value: seconds(0),
      defaultText: '5',
      doc: 'Second announcement of a new master so long after the first; 0: none',
    },
    {
      name: 'vrrp_garp_master_repeat',
      value: integer(1, MAX_INT),
      defaultText: '5',
      doc: 'Packets per address in each announcement',
    },
    {
      name: 'vrrp_garp_master_refresh',
      value: seconds(0),
      defaultText: '0',
      doc: 'Announces again so often while master; 0: never',
    },
    {
      name: 'vrrp_garp_master_refresh_repeat',
      value: integer(1, MAX_INT),
      defaultText: '1',
      doc: 'Packets per address in each such announcement',
    },
    {
      name: 'vrrp_garp_lower_prio_delay',
      value: seconds(0),
      defaultText: 'vrrp_garp_master_delay',
      doc: 'As vrrp_garp_master_delay, after an advert of a lower priority',
    },
    {
      name: 'vrrp_garp_lower_prio_repeat',
      value: integer(0, MAX_INT),
      defaultText: 'vrrp_garp_master_repeat',
      doc: 'As vrrp_garp_master_repeat, after an advert of a lower priority',
    },
    {
      name: 'control_socket',
      value: words('PATH [mode OCTAL] [group NAME]'),
      defaultText: '/run/lvsd/control.sock mode 0660',
      doc: 'Where `lvsd status` and its like reach the daemon',
    },
    {
      name: 'vrrp_min_garp',
      ...SWITCH,
      doc: 'One announcement of one packet and no more, unless the others say otherwise',
    },
  ]),
  ...acceptedRows('global_defs', NO_MAIL, [
    {
      name: 'notification_email',
      opens: 'notification_email',
      value: FLAG,
      doc: 'Who gets mail, one a line',
      isRepeatable: true,
    },
    { name: 'notification_email_from', value: NAME, doc: 'Sender of mail' },
    { name: 'smtp_server', value: words('ADDRESS|NAME [PORT]'), doc: 'Where mail is given to' },
    {
      name: 'smtp_connect_timeout',
      value: seconds(1000),
      defaultText: '30',
      doc: 'Patience with the mail server',
    },
    {
      name: 'smtp_helo_name',
      value: NAME,
      defaultText: 'the host name',
      doc: 'Name said to the mail server',
    },
    ...each(['smtp_alert', 'smtp_alert_vrrp', 'smtp_alert_checker'], {
      ...SWITCH,
      doc: 'What mail is sent for',
    }),
    ...each(['no_email_faults', 'no_checker_emails'], {
      ...SWITCH,
      doc: 'What no mail is sent for',
    }),
  ]),
  ...acceptedRows('global_defs', NO_SNMP, [
    ...SNMP,
    oldSpelling('enable_snmp_keepalived', 'enable_snmp_vrrp', SNMP),
    { name: 'snmp_socket', value: text('an address'), doc: 'Where the SNMP master agent is' },
    ...each(['snmp_vs_stats_update_interval', 'snmp_rs_stats_update_interval'], {
      value: seconds(1, 30_000),
      defaultText: '5',
      doc: 'Age of the numbers that SNMP shows',
    }),
  ]),
  ...acceptedRows('global_defs', NO_DBUS, [
    { name: 'enable_dbus', ...SWITCH, doc: 'D-Bus interface' },
    { name: 'dbus_no_interface_name', value: NAME, doc: 'Path part without an interface' },
    {
      name: 'dbus_service_name',
      value: NAME,
      defaultText: 'org.keepalived.Vrrp1',
      doc: 'Name on the bus',
    },
  ]),
  ...works('global_defs', [
    {
      name: 'script_user',
      value: words('USER [[:]GROUP]'),
      defaultText: 'keepalived_script if there is one, else root',
      doc: 'Who scripts run as',
    },
    {
      name: 'enable_script_security',
      ...SWITCH,
      doc: 'Refuses scripts of root that others can write',
    },
    { name: 'vrrp_notify_priority_changes', ...SWITCH, doc: 'Tells changed priorities' },
    {
      name: 'fifo_write_vrrp_states_on_reload',
      ...SWITCH,
      doc: 'Tells all states again after a reload',
    },
    {
      name: 'script_failure',
      value: choice('fail', 'ignore'),
      defaultText: 'fail',
      doc: 'What a script that cannot be run means; keepalived ignores it',
    },
    ...each(['startup_script_timeout', 'shutdown_script_timeout'], {
      value: seconds(1000, 1_000_000),
      defaultText: '10',
      doc: 'Time of the script',
    }),
  ]),
  ...acceptedRows('global_defs', WRITTEN_PATHS, [
    { name: 'use_symlink_paths', ...SWITCH, doc: 'Keeps symbolic links in script paths' },
  ]),
  ...acceptedRows('global_defs', ONE_GROUP, [
    { name: 'set_supplementary_groups', ...SWITCH, doc: 'Scripts keep their other groups' },
  ]),
  ...works('global_defs', [
    { name: 'rs_init_notifies', ...SWITCH, doc: 'Runs scripts of real servers at start' },
    {
      name: 'nftables',
      value: words('[TABLE]', 0),
      defaultText: 'lvsd',
      doc: 'Name of the table that no_accept is made of',
    },
    {
      name: 'default_interface',
      value: text('an interface name'),
      defaultText: 'eth0',
      doc: 'Interface of static addresses',
    },
    {
      name: 'vmac_prefix',
      value: NAME,
      defaultText: 'vrrp',
      doc: 'Start of the names of macvlan interfaces',
    },
  ]),
  ...acceptedRows('global_defs', OWN_TABLE, [
    { name: 'nftables_priority', ...NUMBER, defaultText: '-1', doc: 'Priority of the chains' },
    ...each(['nftables_ifindex', 'nftables_counters'], { value: FLAG, doc: 'Form of the rules' }),
    { name: 'vrrp_iptables', value: words('[IN [OUT]]', 0), doc: 'Chains for the rules' },
    { name: 'vrrp_ipsets', value: words('[NAME…]', 0), doc: 'Sets for the rules' },
    {
      name: 'nftables_ipvs',
      value: words('[TABLE]', 0),
      doc: 'Collapses a virtual_server_group into one mark',
    },
    { name: 'nftables_ipvs_priority', ...NUMBER, defaultText: '-1', doc: 'Priority of the chains' },
    {
      name: 'nftables_ipvs_start_fwmark',
      value: integer(1, 2 ** 32 - 1),
      defaultText: '1000',
      doc: 'First mark',
    },
    {
      name: 'vmac_addr_prefix',
      value: NAME,
      defaultText: 'vrrp',
      doc: 'Names of macvlan interfaces of use_vmac_addr',
    },
  ]),
  ...acceptedRows('global_defs', NO_DUMPS, [
    ...each(['state_dump_file', 'stats_dump_file', 'json_dump_file'], {
      value: PATH,
      defaultText: '/tmp/keepalived.*',
      doc: 'Where a dump is written',
    }),
    { name: 'data_use_instance', ...SWITCH, doc: 'Adds the instance to the names of dumps' },
    {
      name: 'json_version',
      value: integer(1, 2),
      defaultText: '1',
      doc: 'Form of the JSON dump',
    },
    { name: 'umask', value: words('OCTAL | NAMES'), doc: 'Permissions of dumps' },
    ...each(['config_save_dir', 'tmp_config_directory'], {
      value: PATH,
      doc: 'Copies of the configuration',
    }),
  ]),
  ...acceptedRows('global_defs', OWN_SCHEDULING, [
    ...PROCESSES.flatMap(schedulingOf),
    {
      name: 'max_auto_priority',
      value: integer(-1, 99),
      defaultText: '0',
      doc: 'Highest priority that lateness leads to',
    },
    {
      name: 'min_auto_priority_delay',
      value: integer(0, 10_000_000, 'µs'),
      defaultText: '1000000',
      doc: 'Lateness that raises the priority',
    },
  ]),
  ...acceptedRows(
    'global_defs',
    NO_SWAP,
    PROCESSES.map((process) => ({
      name: `${process}_no_swap`,
      ...SWITCH,
      doc: `Keeps the ${process} process in memory`,
    })),
  ),
  ...acceptedRows('global_defs', OWN_BUFFERS, [
    {
      name: 'vrrp_rx_bufs_policy',
      value: words('MTU | ADVERT | BYTES'),
      doc: 'Buffers for adverts',
    },
    {
      name: 'vrrp_rx_bufs_multiplier',
      value: integer(1, MAX_INT),
      defaultText: '3',
      doc: 'Buffers for adverts, times this',
    },
    ...['vrrp_netlink_cmd', 'vrrp_netlink_monitor', 'lvs_netlink_cmd', 'lvs_netlink_monitor']
      .concat('process_monitor')
      .flatMap((socket): WorkingRow[] => [
        { name: `${socket}_rcv_bufs`, value: integer(1, MAX_INT, 'bytes'), doc: 'Socket buffers' },
        { name: `${socket}_rcv_bufs_force`, ...SWITCH, doc: 'Beyond what the system allows' },
      ]),
  ]),
  ...acceptedRows('global_defs', 'the names of the processes are fixed', [
    { name: 'process_names', ...SWITCH, doc: 'Names the processes' },
    ...PROCESS_NAMES,
    oldSpelling('lvs_process_name', 'checker_process_name', PROCESS_NAMES),
  ]),
  ...acceptedRows('global_defs', 'lvsd logs every change with its reason, and counts the rest', [
    { name: 'checker_log_all_failures', ...SWITCH, doc: 'Logs every failed check' },
  ]),
  ...acceptedRows(
    'global_defs',
    'lvsd always validates the whole file before it applies anything',
    [
      { name: 'reload_check_config', value: words('[LOG]', 0), doc: 'Checks before a reload' },
      {
        name: 'include_check',
        value: words('[+|-]read|match|wildcard_match|brace_match …', 0),
        doc: 'What a bad include is',
      },
    ],
  ),
  ...acceptedRows('global_defs', 'nothing that is supported uses it', [
    { name: 'random_seed', value: integer(0, 2 ** 32 - 1), doc: 'Seed of the parameter _RANDOM' },
    ...each(['iproute_usr_dir', 'iproute_etc_dir'], { value: PATH, doc: 'Where rt_tables is' }),
    { name: 'lvs_id', value: NAME, doc: 'Old name of router_id' },
  ]),
];
