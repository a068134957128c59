/** Keywords of global_defs. */
import { accepted, integer, MAX_INT, planned, seconds, text, words, works } from './schema-rows.ts';

const NO_MAIL = 'lvsd sends no mail; follow its log or `lvsd status`';
const NO_SNMP = 'lvsd has no SNMP agent';
const NO_DBUS = 'lvsd has no D-Bus interface';
const NO_SCRIPTS = 'lvsd runs no scripts yet; every keyword that would run one is refused';
const NO_FIREWALL =
  'lvsd makes no firewall rules; no_accept and use_vmac, which need them, are refused';
const NO_DUMPS = 'lvsd answers on its control socket and writes no dump files';
const OWN_SCHEDULING = 'lvsd chooses the scheduling of its processes itself';
const OWN_BUFFERS = 'lvsd sizes its socket buffers itself';

export const globalRows = [
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
  ]),
  ...accepted('global_defs', NO_MAIL, [
    ['notification_email', '{}', '', 'Who gets mail'],
    ['notification_email_from', 'ADDRESS', '', 'Sender of mail'],
    ['smtp_server', 'ADDRESS|NAME [PORT]', '', 'Where mail is given to'],
    ['smtp_connect_timeout', 'SEC', '30', 'Patience with the mail server'],
    ['smtp_helo_name', 'NAME', 'the host name', 'Name said to the mail server'],
    [
      ['smtp_alert', 'smtp_alert_vrrp', 'smtp_alert_checker'],
      'BOOL',
      'off',
      'What mail is sent for',
    ],
    [['no_email_faults', 'no_checker_emails'], 'BOOL', 'off', 'What no mail is sent for'],
  ]),
  ...accepted('global_defs', NO_SNMP, [
    [
      [
        'enable_snmp_vrrp',
        'enable_snmp_checker',
        'enable_snmp_rfc',
        'enable_snmp_rfcv2',
        'enable_snmp_rfcv3',
        'enable_snmp_keepalived',
      ],
      'BOOL',
      'off',
      'Serves this MIB',
    ],
    ['enable_traps', 'BOOL', 'off', 'Sends SNMP traps'],
    ['snmp_socket', 'ADDRESS', '', 'Where the SNMP master agent is'],
    [
      ['snmp_vs_stats_update_interval', 'snmp_rs_stats_update_interval'],
      'SEC',
      '5',
      'Age of the numbers that SNMP shows',
    ],
  ]),
  ...accepted('global_defs', NO_DBUS, [
    [['enable_dbus', 'dbus_no_interface_name'], 'BOOL', 'off', 'D-Bus interface'],
    ['dbus_service_name', 'NAME', 'org.keepalived.Vrrp1', 'Name on the bus'],
  ]),
  ...accepted('global_defs', NO_SCRIPTS, [
    ['script_user', 'USER [GROUP]', '', 'Who scripts run as'],
    ['enable_script_security', 'BOOL', 'off', 'Refuses scripts that others can write'],
    ['use_symlink_paths', 'BOOL', 'off', 'Keeps symbolic links in script paths'],
    ['set_supplementary_groups', 'BOOL', 'off', 'Scripts keep their other groups'],
    ['rs_init_notifies', 'BOOL', 'off', 'Runs scripts of real servers at start'],
    ['vrrp_notify_priority_changes', 'BOOL', 'off', 'Tells changed priorities'],
    ['fifo_write_vrrp_states_on_reload', 'BOOL', 'off', 'Tells all states again after a reload'],
  ]),
  ...accepted('global_defs', NO_FIREWALL, [
    ['nftables', '[TABLE]', '', 'Table for the rules'],
    ['nftables_priority', 'INT', '-1', 'Priority of the chains'],
    [['nftables_ifindex', 'nftables_counters'], '', '', 'Form of the rules'],
    ['vrrp_iptables', '[IN [OUT]]', '', 'Chains for the rules'],
    ['vrrp_ipsets', '[NAME…]', '', 'Sets for the rules'],
    ['nftables_ipvs', '[TABLE]', '', 'Collapses a virtual_server_group into one mark'],
    ['nftables_ipvs_priority', 'INT', '-1', 'Priority of these chains'],
    ['nftables_ipvs_start_fwmark', 'INT', '1000', 'First mark'],
    [['vmac_prefix', 'vmac_addr_prefix'], 'TEXT', 'vrrp', 'Names of macvlan interfaces'],
  ]),
  ...accepted('global_defs', NO_DUMPS, [
    [
      ['state_dump_file', 'stats_dump_file', 'json_dump_file'],
      'PATH',
      '',
      'Where a dump is written',
    ],
    ['data_use_instance', 'BOOL', 'off', 'Adds the instance to the names of dumps'],
    ['json_version', '1|2', '1', 'Form of the JSON dump'],
    ['umask', 'OCTAL', '', 'Permissions of dumps'],
    [['config_save_dir', 'tmp_config_directory'], 'DIR', '', 'Copies of the configuration'],
  ]),
  ...accepted('global_defs', OWN_SCHEDULING, [
    ...['vrrp', 'checker', 'bfd'].map(
      (process) =>
        [
          [
            'priority',
            'rt_priority',
            'rlimit_rttime',
            'rlimit_rtime',
            'cpu_affinity',
            'no_swap',
          ].map((suffix) => `${process}_${suffix}`),
          'VALUE',
          '',
          `Scheduling of the ${process} process`,
        ] as const,
    ),
    [['max_auto_priority', 'min_auto_priority_delay'], 'INT', '', 'Raises the priority when late'],
  ]),
  ...accepted('global_defs', OWN_BUFFERS, [
    [['vrrp_rx_bufs_policy', 'vrrp_rx_bufs_multiplier'], 'VALUE', '', 'Buffers for adverts'],
    [
      ['vrrp', 'lvs'].flatMap((who) =>
        ['cmd', 'monitor'].flatMap((what) => [
          `${who}_netlink_${what}_rcv_bufs`,
          `${who}_netlink_${what}_rcv_bufs_force`,
        ]),
      ),
      'VALUE',
      '',
      'Buffers for netlink',
    ],
    [['process_monitor_rcv_bufs', 'process_monitor_rcv_bufs_force'], 'VALUE', '', 'Buffers'],
  ]),
  ...accepted('global_defs', 'the names of the processes are fixed', [
    ['process_names', 'BOOL', 'off', 'Names the processes'],
    [
      [
        'process_name',
        'vrrp_process_name',
        'checker_process_name',
        'bfd_process_name',
        'lvs_process_name',
      ],
      'NAME',
      '',
      'Name of a process',
    ],
  ]),
  ...accepted('global_defs', 'lvsd logs every change with its reason, and counts the rest', [
    ['checker_log_all_failures', 'BOOL', 'off', 'Logs every failed check'],
    ['log_unknown_vrids', 'BOOL', 'off', 'Logs adverts of other groups'],
  ]),
  ...accepted('global_defs', 'lvsd always validates the whole file before it applies anything', [
    ['reload_check_config', '[LOG]', 'off', 'Checks the file before a reload'],
    ['include_check', 'WORDS', 'off', 'What a bad include is'],
  ]),
  ...accepted('global_defs', 'nothing that is supported uses it', [
    ['default_interface', 'IF', 'eth0', 'Interface of static addresses'],
    ['random_seed', 'INT', '', 'Seed of the built-in random numbers'],
    [['iproute_usr_dir', 'iproute_etc_dir'], 'DIR', '', 'Where rt_tables is'],
    ['lvs_id', 'NAME', '', 'Old name of router_id'],
  ]),
  ...planned('global_defs', [
    ['vrrp_strict', 'BOOL', 'off', 'RFC strictness, with all its consequences'],
    ['vrrp_skip_check_adv_addr', 'BOOL', 'off', 'Skips the address list of the same master'],
    [['vrrp_garp_interval', 'vrrp_gna_interval'], 'SEC', '0', 'Gap between announcements'],
    ['vrrp_min_garp', 'BOOL', 'off', 'One announcement and no more'],
    [
      ['vrrp_garp_extra_if', 'vrrp_vmac_garp_intvl'],
      '[all] SEC',
      '0',
      'Announces on other interfaces too',
    ],
    ['vrrp_mcast_group4', 'ADDRESS', '224.0.0.18', 'Group of IPv4 adverts'],
    ['vrrp_mcast_group6', 'ADDRESS', 'ff02::12', 'Group of IPv6 adverts'],
    ['dynamic_interfaces', '[allow_if_changes]', '', 'Interfaces may come and go'],
    [['vrrp_startup_delay', 'vrrp_delay_after_boot'], 'SEC', '0', 'Waits before VRRP starts'],
    ['vrrp_down_timer_adverts', 'INT', '3', 'Missed adverts before a takeover'],
    ['vrrp_lower_prio_no_advert', 'BOOL', 'off', 'Silent on a lower priority'],
    ['vrrp_higher_prio_send_advert', 'BOOL', 'off', 'One advert before it yields'],
    ['vrrp_owner_ignore_adverts', 'BOOL', '', 'The owner ignores adverts'],
    ['vrrp_check_unicast_src', 'BOOL', 'off', 'Drops adverts of strangers'],
    ['v3_checksum_as_v2', 'BOOL', 'off', 'Checksum without the pseudo-header'],
    ['disable_local_igmp', 'BOOL', 'off', 'No IGMP reports for local groups'],
    [['notify_fifo', 'vrrp_notify_fifo', 'lvs_notify_fifo'], 'PATH', '', 'Pipe for events'],
    [
      ['notify_fifo_script', 'vrrp_notify_fifo_script', 'lvs_notify_fifo_script'],
      'SCRIPT',
      '',
      'Reader of the pipe',
    ],
    ['lvs_sync_daemon', 'IF [INSTANCE] …', '', 'Connections are told to the other director'],
    ['lvs_timeouts', '[tcp S] [tcpfin S] [udp S]', '', 'IPVS timeouts'],
    ['lvs_flush', 'BOOL', 'off', 'Empties the IPVS table at start'],
    [['lvs_flush_on_stop', 'lvs_flush_onstop'], '[VS]', '', 'Empties the IPVS table at stop'],
    [['startup_script', 'shutdown_script'], 'SCRIPT', '', 'Run at start and at stop'],
    [['startup_script_timeout', 'shutdown_script_timeout'], 'SEC', '10', 'Its time'],
    ['reload_file', '[PATH]', '', 'A file that allows reloads'],
    ['reload_time_file', 'PATH', '', 'A file that times reloads'],
    ['reload_repeat', 'BOOL', 'off', 'Timed reloads repeat'],
    ['http_listen', 'ADDRESS:PORT…', '', 'Metrics, health and status by HTTP'],
    ['state_dir', 'DIR', '/var/lib/lvsd', 'What survives a restart'],
    ['script_failure', 'fail|ignore', 'fail', 'What a script that cannot run means'],
    ['shared_state', '{}', '', 'Redis that the pair shares'],
  ]),
  ...planned('shared_state', [
    ['url', 'URL', '', 'The server'],
    ['sentinel', 'WORDS', '', 'The sentinels'],
    ['key_prefix', 'TEXT', '', 'Start of every key'],
    ['ttl', 'SEC', '', 'Life of a key'],
    [['username', 'password_file'], 'TEXT', '', 'Who we are'],
    ['tls', 'BOOL', 'off', 'Speaks TLS'],
  ]),
];
