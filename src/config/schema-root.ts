/** Keywords outside all blocks, and the blocks that lvsd does not act on yet. */
import { accepted, NOTHING, planned, text, words, works } from './schema-rows.ts';

const NO_PID_FILES = 'lvsd writes no pid files, its service manager knows it';

export const rootRows = [
  ...works('root', [
    {
      name: 'global_defs',
      opens: 'global_defs',
      value: NOTHING,
      doc: 'What holds for the whole daemon',
      isRepeatable: true,
    },
    {
      name: 'vrrp_instance',
      opens: 'vrrp_instance',
      value: text('a name'),
      doc: 'One VRRP group on one interface, with the addresses that move with it',
      isRepeatable: true,
    },
    {
      name: 'virtual_server',
      opens: 'virtual_server',
      value: words('ADDRESS PORT | fwmark N | group NAME'),
      doc: 'One IPVS service and its real servers',
      isRepeatable: true,
    },
    {
      name: 'include',
      value: text('a file name or a pattern'),
      doc: 'Reads other files here; the path is relative to this file',
      isRepeatable: true,
    },
  ]),
  ...planned('root', [
    ['vrrp_script', 'NAME {}', '', 'A script whose outcome moves priorities'],
    ['vrrp_sync_group', 'NAME {}', '', 'Instances that change state together'],
    ['virtual_server_group', 'NAME {}', '', 'Addresses that share one virtual_server'],
    [['track_file', 'vrrp_track_file'], 'NAME {}', '', 'A file whose number moves priorities'],
    ['vrrp_track_process', 'NAME {}', '', 'Processes whose presence moves priorities'],
    ['bfd_instance', 'NAME {}', '', 'A BFD session with a neighbour'],
    ['static_ipaddress', '{}', '', 'Addresses kept whatever the VRRP state'],
    ['static_routes', '{}', '', 'Routes kept whatever the VRRP state'],
    ['static_rules', '{}', '', 'Routing rules kept whatever the VRRP state'],
    ['track_group', 'NAME {}', '', 'Lets static items be tracked by instances'],
    ['garp_group', '{}', '', 'Paces gratuitous ARP over several interfaces'],
    ['interface_up_down_delays', '{}', '', 'Waits before link changes are believed'],
    ['linkbeat_interfaces', '{}', '', 'Reads the carrier by polling'],
    ['net_namespace', 'NAME', '', 'Network namespace of the VRRP side'],
    ['net_namespace_ipvs', '[NAME]', '', 'Network namespace of the IPVS side'],
    ['namespace_with_ipsets', '', '', 'Uses ipsets in spite of an old kernel'],
    [
      ['includer', 'includem', 'includew', 'includeb', 'includea'],
      'PATTERN',
      '',
      'As include, and says what must match',
    ],
  ]),
  ...accepted('root', 'changes of the carrier are read from netlink, nothing is polled', [
    ['linkbeat_use_polling', '', '', 'Polls the carrier of every interface'],
  ]),
  ...accepted('root', 'only SSL_GET would use it', [
    ['SSL', '{}', '', 'Client certificate of SSL_GET'],
  ]),
  ...accepted('root', NO_PID_FILES, [
    ['instance', 'NAME', '', 'Name of this daemon among several on one host'],
    ['use_pid_dir', '', '', 'Puts the pid files into a directory'],
  ]),
  ...accepted('root', 'every step of a stop has a bound of its own', [
    ['child_wait_time', 'SEC', '5', 'Patience with the children at stop'],
  ]),
  ...planned('vrrp_sync_group', [
    ['group', '{}', '', 'The instances of the group'],
    [
      ['notify_master', 'notify_backup', 'notify_fault', 'notify_stop'],
      'SCRIPT',
      '',
      'On a change',
    ],
    ['notify', 'SCRIPT', '', 'On every change, with type, name, state and priority'],
    ['smtp_alert', 'BOOL', 'off', 'Mail on a change'],
    [
      ['track_interface', 'track_script', 'track_file', 'track_process', 'track_bfd'],
      '{}',
      '',
      'Trackers of all members',
    ],
    ['sync_group_tracking_weight', '', '', 'Weights of the members count'],
    ['notify_priority_changes', 'BOOL', 'off', 'Notifies changed priorities'],
    ['global_tracking', '', '', 'Old spelling of sync_group_tracking_weight'],
  ]),
  ...planned('vrrp_script', [
    ['script', 'SCRIPT', '', 'What to run'],
    ['interval', 'SEC', '1', 'Time between two runs'],
    ['timeout', 'SEC', 'interval', 'A run that takes longer has failed'],
    ['weight', 'INT [reverse]', '0', 'Added to the priority; 0: a failure is FAULT'],
    ['rise', 'INT', '1', 'Successes that make it up'],
    ['fall', 'INT', '1', 'Failures that make it down'],
    ['user', 'USER [GROUP]', '', 'Runs as this user'],
    ['init_fail', '', '', 'Starts as failed'],
  ]),
  ...planned('vrrp_track_process', [
    ['process', 'COMMAND [ARGS]', '', 'What to look for'],
    ['param_match', 'initial|partial', '', 'How arguments are compared'],
    ['weight', 'INT [reverse]', '0', 'Added to the priority'],
    ['quorum', 'INT', '1', 'Processes that are needed'],
    ['quorum_max', 'INT', '', 'Processes that are too many'],
    [['fork_delay', 'terminate_delay', 'delay'], 'SEC', '0', 'Wait before it counts'],
    ['full_command', '', '', 'Compares the whole command line'],
  ]),
  ...['track_file', 'vrrp_track_file'].flatMap((context) =>
    planned(context, [
      ['file', 'PATH', '', 'The file'],
      ['weight', 'INT [reverse]', '1', 'Multiplied with the number in the file'],
      ['init_file', '[VALUE] [overwrite]', '', 'Makes the file at start'],
    ]),
  ),
  ...planned('bfd_instance', [
    [['neighbor_ip', 'neighbour_ip'], 'ADDRESS', '', 'The neighbour'],
    ['source_ip', 'ADDRESS', '', 'Source of the packets'],
    [['min_rx', 'min_tx'], 'MS', '10', 'Smallest interval'],
    ['idle_tx', 'MS', '1000', 'Interval while the session is down'],
    ['multiplier', 'INT', '5', 'Missed packets that end the session'],
    ['passive', '', '', 'Waits for the neighbour'],
    ['ttl', 'INT', '255', 'Time to live of the packets'],
    ['hoplimit', 'INT', '64', 'Hop limit of the packets'],
    ['max_hops', 'INT', '0', 'Hops that a packet may have made'],
    ['multihop', '', '', 'Multihop session, port 4784'],
    ['weight', 'INT [reverse]', '0', 'Added to the priority'],
    [['vrrp', 'checker'], '', '', 'Who uses the session'],
  ]),
  ...planned('garp_group', [
    [['garp_interval', 'gna_interval'], 'SEC', '0', 'Gap between packets'],
    ['interface', 'IF', '', 'The interface'],
    ['interfaces', '{}', '', 'The interfaces'],
  ]),
  ...planned('track_group', [['group', '{}', '', 'The instances']]),
  ...accepted('SSL', 'only SSL_GET would use it', [
    [['password', 'ca', 'certificate', 'key'], 'TEXT', '', 'Of the client certificate'],
  ]),
];
