/** Keywords of vrrp_instance. */
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
  oldSpelling,
  plannedRows,
  seconds,
  text,
  type WorkingRow,
  words,
  works,
} from './schema-rows.ts';
import { notifyRows, SCRIPT, trackerRows } from './schema-tracking.ts';

const MAX_PREEMPT_DELAY_MS = 1_000_000;
const INHERITED_GARP =
  'the instance has keywords of its own, without vrrp_; keepalived ignores this one here';

const working: readonly KeywordRow[] = works('vrrp_instance', [
  {
    name: 'virtual_router_id',
    value: integer(1, 255),
    doc: 'Number of the group on its network: the same on both routers',
    requiredExample: 'virtual_router_id 51',
  },
  {
    name: 'interface',
    value: text('an interface name'),
    doc: 'Where adverts are sent and heard; the default device of the addresses',
    requiredExample: 'interface eth0',
  },
  {
    name: 'state',
    value: { kind: 'choice', values: ['MASTER', 'BACKUP'] },
    defaultText: 'BACKUP, or MASTER when the priority is 255',
    doc: 'A hint for the start; the priority decides who is master',
  },
  {
    name: 'priority',
    value: integer(1, 255),
    defaultText: '100',
    doc: 'The highest wins; 255 is the owner of the address',
  },
  {
    name: 'advert_int',
    value: text('seconds'),
    defaultText: '1',
    doc: 'Time between two adverts; version 2: whole seconds; version 3: 0.01 to 40.95',
  },
  {
    name: 'version',
    value: integer(2, 3),
    defaultText: 'vrrp_version',
    doc: 'VRRP version: the same on both routers',
  },
  { name: 'nopreempt', value: FLAG, doc: 'Leaves a running master of lower priority alone' },
  { name: 'preempt', value: FLAG, doc: 'Takes over from a master of lower priority (the default)' },
  {
    name: 'preempt_delay',
    value: seconds(0, MAX_PREEMPT_DELAY_MS),
    defaultText: '0',
    doc: 'Waits so long before it takes over from a lower priority',
  },
  {
    name: 'virtual_ipaddress',
    opens: 'virtual_ipaddress',
    value: NOTHING,
    doc: 'The addresses: IP[/MASK] [dev IF] [label L] [brd IP|+|-] [scope S] …, one a line',
    isRepeatable: true,
  },
  { name: 'accept', value: FLAG, doc: 'Packets to the addresses are accepted (the default)' },
  {
    name: 'garp_master_delay',
    value: seconds(0),
    defaultText: 'vrrp_garp_master_delay',
    doc: 'Second announcement of a new master so long after the first; 0: none',
  },
  {
    name: 'garp_master_repeat',
    value: integer(1, MAX_INT),
    defaultText: 'vrrp_garp_master_repeat',
    doc: 'Packets per address in each announcement',
  },
  {
    name: 'garp_master_refresh',
    value: seconds(0),
    defaultText: 'vrrp_garp_master_refresh',
    doc: 'Announces again so often while master; 0: never',
  },
  {
    name: 'garp_master_refresh_repeat',
    value: integer(1, MAX_INT),
    defaultText: 'vrrp_garp_master_refresh_repeat',
    doc: 'Packets per address in each such announcement',
  },
  {
    name: 'garp_lower_prio_delay',
    value: seconds(0),
    defaultText: 'vrrp_garp_lower_prio_delay',
    doc: 'As garp_master_delay, after an advert of a lower priority',
  },
  {
    name: 'garp_lower_prio_repeat',
    value: integer(0, MAX_INT),
    defaultText: 'vrrp_garp_lower_prio_repeat',
    doc: 'As garp_master_repeat, after an advert of a lower priority',
  },
]);

const IN_ADVERTS: readonly WorkingRow[] = [
  {
    name: 'authentication',
    opens: 'authentication',
    value: NOTHING,
    doc: 'Password of version 2',
  },
  { name: 'auth_hmac', opens: 'auth_hmac', value: NOTHING, doc: 'Keyed hash on every advert' },
  {
    name: 'transport',
    value: words('ip | udp [PORT]'),
    defaultText: 'ip',
    doc: 'What carries the adverts: protocol 112, or UDP (port 50112) to unicast peers with auth_hmac',
  },
  { name: 'unicast_src_ip', value: ADDRESS, doc: 'Source of unicast adverts' },
  {
    name: 'unicast_peer',
    opens: 'unicast_peer',
    value: NOTHING,
    doc: 'Whom adverts are sent to: IP [min_ttl N] [max_ttl N], one a line',
    isRepeatable: true,
  },
  {
    name: 'unicast_ttl',
    value: integer(0, 255),
    defaultText: '255',
    doc: 'Time to live of unicast adverts',
  },
  {
    name: 'mcast_src_ip',
    value: ADDRESS,
    defaultText: 'the first address of the interface',
    doc: 'Source of multicast adverts',
  },
  {
    name: 'mcast_dst_ip',
    value: ADDRESS,
    defaultText: 'vrrp_mcast_group4, vrrp_mcast_group6',
    doc: 'Group that adverts are sent to',
  },
  { name: 'check_unicast_src', value: FLAG, doc: 'Accepts adverts of listed peers only' },
  { name: 'track_src_ip', value: FLAG, doc: 'FAULT while the source address is missing' },
  { name: 'unicast_fault_no_peer', value: FLAG, doc: 'FAULT when no peer is listed' },
  {
    name: 'old_unicast_checksum',
    value: words('[never]', 0),
    defaultText: 'that of each peer',
    doc: 'Unicast checksum of keepalived 1.3.6 and before; never: refuses it',
  },
  {
    name: 'v3_checksum_as_v2',
    value: BOOLEAN,
    defaultText: 'v3_checksum_as_v2 of global_defs',
    neutralText: 'off',
    doc: 'Checksum of version 3 without the pseudo-header',
  },
];

const RECEIVING: readonly WorkingRow[] = [
  {
    name: 'strict_mode',
    value: BOOLEAN,
    defaultText: 'vrrp_strict',
    doc: 'RFC strictness, with all its consequences',
  },
  {
    name: 'skip_check_adv_addr',
    value: BOOLEAN,
    defaultText: 'vrrp_skip_check_adv_addr',
    doc: 'Strict mode compares the address list of each new master only; else none is dropped for it',
  },
  {
    name: 'kernel_rx_buf_size',
    value: integer(1, MAX_INT, 'bytes'),
    defaultText: 'that of the system, enough for a hundred adverts',
    doc: 'Receive buffer of the socket',
  },
];

const ELECTION: readonly WorkingRow[] = [
  {
    name: 'down_timer_adverts',
    value: integer(1, 100),
    defaultText: 'vrrp_down_timer_adverts',
    neutralText: '3',
    doc: 'Missed adverts before a takeover',
  },
  ...each(['lower_prio_no_advert', 'higher_prio_send_advert', 'owner_ignore_adverts'], {
    value: BOOLEAN,
    defaultText: 'that of global_defs, with vrrp_ in front',
    neutralText: 'off',
    doc: 'As its vrrp_ keyword of global_defs',
  }),
  {
    name: 'timer_expired_backup',
    value: words('[PRIORITY]', 0),
    doc: 'Steps down when its timer was so late that a router of this priority took over',
  },
];

const PLANNED_ELECTION: readonly WorkingRow[] = [
  {
    name: 'witness',
    value: FLAG,
    doc: 'Master only with the lease in shared_state; plain VRRP, loudly, when that is away',
  },
];

const TRACKING: readonly WorkingRow[] = [
  {
    name: 'dont_track_primary',
    value: FLAG,
    doc: 'Its own interface may be down',
  },
  {
    name: 'track_virtual_server',
    opens: 'track_virtual_server',
    value: NOTHING,
    doc: 'Services whose lost quorum moves the priority: ADDRESS:PORT [weight N]',
    isRepeatable: true,
  },
];

const NOTIFY: readonly WorkingRow[] = [
  ...notifyRows,
  { name: 'notify_deleted', value: SCRIPT, doc: 'Run when a reload removes the instance' },
  {
    name: 'notify_master_rx_lower_pri',
    value: SCRIPT,
    doc: 'Run when a master hears an advert of a lower priority',
  },
  {
    name: 'notify_priority_changes',
    value: BOOLEAN,
    defaultText: 'vrrp_notify_priority_changes',
    neutralText: 'off',
    doc: 'notify runs on changed priorities too',
  },
];

const GARP_EXTRA: WorkingRow = {
  name: 'garp_extra_if',
  value: words('[all] SECONDS'),
  defaultText: 'vrrp_garp_extra_if',
  neutralText: '0',
  doc: 'Announces so often on the macvlans of use_vmac_addr, with all on every other interface too',
};

const HELD_WHILE_MASTER: readonly WorkingRow[] = [
  { name: 'no_virtual_ipaddress', value: FLAG, doc: 'There is no address, and that is meant' },
  {
    name: 'virtual_ipaddress_excluded',
    opens: 'virtual_ipaddress_excluded',
    value: NOTHING,
    doc: 'Addresses that move too and that adverts do not name',
    isRepeatable: true,
  },
  {
    name: 'virtual_routes',
    opens: 'virtual_routes',
    value: NOTHING,
    doc: 'Routes that move with the master: [TYPE] NET [via IP] [dev IF] …, one a line',
    isRepeatable: true,
  },
  {
    name: 'virtual_rules',
    opens: 'virtual_rules',
    value: NOTHING,
    doc: 'Routing rules that move with the master: from|to NET … table N, one a line',
    isRepeatable: true,
  },
  { name: 'promote_secondaries', value: FLAG, doc: 'Keeps sibling addresses of the subnet' },
  { name: 'no_accept', value: FLAG, doc: 'Drops packets to the addresses when not the owner' },
];

const OWN_INTERFACE: readonly WorkingRow[] = [
  {
    name: 'use_vmac',
    value: words('[[NAME] IF] [MAC] [netlink_notify_msg] [group G]', 0),
    doc: 'Addresses on a macvlan with the MAC 00:00:5e:00:01:VRID',
  },
  { name: 'vmac_xmit_base', value: FLAG, doc: 'Adverts leave by the interface below the macvlan' },
  {
    name: 'use_vmac_addr',
    value: FLAG,
    doc: 'Macvlans with the virtual MAC for addresses on other interfaces and of the other family',
  },
  {
    name: 'use_ipvlan',
    value: words('[[NAME] IF] [IP] [bridge|private|vepa] [group G]', 0),
    doc: 'Addresses on an ipvlan, which shares the MAC; adverts come from IP, needed for IPv4',
  },
  {
    name: 'vrf',
    value: text('a name'),
    doc: 'VRF that the macvlan or ipvlan of the instance is put into',
  },
];

const HMAC: readonly WorkingRow[] = [
  {
    name: 'key',
    value: words('ID hex:DIGITS|file:PATH|TEXT', 2),
    doc: 'A key and its number',
    requiredExample: 'key 1 file:/etc/lvsd/vrrp.key',
    isRepeatable: true,
  },
  {
    name: 'active_key',
    value: integer(0, 255),
    defaultText: 'the first key',
    doc: 'Number of the key that signs',
  },
  {
    name: 'anti_replay',
    value: choice('time', 'monotonic'),
    defaultText: 'time',
    doc: 'How replays are known',
  },
  {
    name: 'time_window',
    value: seconds(1000, 300_000),
    defaultText: '5, or three times advert_int where that is more',
    doc: 'Age of an advert that is accepted; the clocks of the routers must agree so far',
  },
  {
    name: 'mode',
    value: choice('enforce', 'permissive', 'receive-only'),
    defaultText: 'enforce',
    doc: 'permissive: signs, accepts unsigned adverts; receive-only: does not even sign. A wrong hash is always refused',
  },
];

const SYNC_DAEMON =
  'the connection sync daemon is set up in global_defs: lvs_sync_daemon IF INSTANCE';

export const vrrpRows = [
  ...working,
  ...works('vrrp_instance', [
    ...IN_ADVERTS,
    ...RECEIVING,
    ...NOTIFY,
    ...HELD_WHILE_MASTER,
    ...OWN_INTERFACE,
    GARP_EXTRA,
    oldSpelling('vmac_garp_intvl', 'garp_extra_if', [GARP_EXTRA]),
    ...ELECTION,
    oldSpelling('thread_timer_expired', 'timer_expired_backup', ELECTION),
    ...trackerRows,
    ...TRACKING,
    {
      name: 'lvs_sync_daemon_interface',
      value: text('an interface name'),
      doc: `Old: ${SYNC_DAEMON}`,
    },
  ]),
  ...plannedRows('vrrp_instance', PLANNED_ELECTION),
  ...acceptedRows('vrrp_instance', 'lvsd sends no mail; follow its log or `lvsd status`', [
    { name: 'smtp_alert', value: BOOLEAN, defaultText: 'off', doc: 'Mail on a change of state' },
  ]),
  ...acceptedRows(
    'vrrp_instance',
    INHERITED_GARP,
    working
      .filter(({ name }) => name.startsWith('garp_'))
      .map(({ name, value }) => ({
        name: `vrrp_${name}`,
        value,
        doc: 'A keyword of global_defs',
        isRepeatable: true,
      })),
  ),
  ...acceptedRows('vrrp_instance', 'lvsd finds out by itself', [
    { name: 'native_ipv6', value: FLAG, doc: 'The addresses are IPv6' },
    { name: 'linkbeat_use_polling', value: FLAG, doc: 'Polls the carrier' },
    {
      name: 'debug',
      value: words('[LEVEL]', 0),
      doc: 'Not implemented in keepalived either',
    },
  ]),
  ...works('authentication', [
    {
      name: 'auth_type',
      value: choice('PASS', 'AH'),
      doc: 'PASS, a password in clear; AH was withdrawn, and lvsd does not speak it',
      requiredExample: 'auth_type PASS',
    },
    {
      name: 'auth_pass',
      value: words('a password of at most 8 characters'),
      doc: 'Password; it travels in clear',
      requiredExample: 'auth_pass ********',
    },
  ]),
  ...works('auth_hmac', HMAC),
];
