/** Keywords of global_defs: scripts and FIFOs, IPVS, and what the daemon does not do yet. */
import {
  BOOLEAN,
  choice,
  each,
  integer,
  NOTHING,
  oldSpelling,
  plannedRows,
  seconds,
  text,
  type WorkingRow,
  words,
  works,
} from './schema-rows.ts';
import { SCRIPT } from './schema-tracking.ts';

const PATH = text('an absolute path');
const SWITCH: Pick<WorkingRow, 'value' | 'defaultText'> = { value: BOOLEAN, defaultText: 'off' };

const GARP_EXTRA: WorkingRow = {
  name: 'vrrp_garp_extra_if',
  value: words('[all] SECONDS'),
  defaultText: '0',
  doc: 'Announces so often on the macvlans of use_vmac_addr, with all on every other interface too',
};

const vrrp: readonly WorkingRow[] = [
  GARP_EXTRA,
  oldSpelling('vrrp_vmac_garp_intvl', GARP_EXTRA.name, [GARP_EXTRA]),
];

/** What the state machine and its host do by themselves. */
const election: readonly WorkingRow[] = [
  {
    name: 'dynamic_interfaces',
    value: words('[allow_if_changes]', 0),
    doc: 'Interfaces need not be there at start: their instances wait in FAULT',
  },
  ...each(['vrrp_startup_delay', 'vrrp_delay_after_boot'], {
    value: seconds(0),
    defaultText: '0',
    doc: 'Waits before VRRP starts',
  }),
  {
    name: 'vrrp_down_timer_adverts',
    value: integer(1, 100),
    defaultText: '3',
    doc: 'Missed adverts before a takeover',
  },
  {
    name: 'vrrp_lower_prio_no_advert',
    value: BOOLEAN,
    defaultText: 'off, on with vrrp_strict',
    neutralText: 'off',
    doc: 'A master does not answer a lower priority',
  },
  { name: 'vrrp_higher_prio_send_advert', ...SWITCH, doc: 'One advert before it yields' },
  {
    name: 'vrrp_owner_ignore_adverts',
    value: BOOLEAN,
    defaultText: 'off',
    doc: 'The owner of the addresses ignores adverts; keepalived forces that at 255, here only as written',
  },
];

const scripts: readonly WorkingRow[] = [
  ...each(['notify_fifo', 'vrrp_notify_fifo', 'lvs_notify_fifo'], {
    value: PATH,
    doc: 'Pipe that events are written to',
  }),
  ...each(['notify_fifo_script', 'vrrp_notify_fifo_script', 'lvs_notify_fifo_script'], {
    value: SCRIPT,
    doc: 'Started with the path of the pipe, and again when it ends',
  }),
  ...each(['startup_script', 'shutdown_script'], {
    value: SCRIPT,
    doc: 'Run at start and at stop',
  }),
];

const FLUSH_ON_STOP: WorkingRow = {
  name: 'lvs_flush_on_stop',
  value: words('[VS]', 0),
  doc: 'Empties the IPVS table at stop; VS: only of our services',
};

const ipvs: readonly WorkingRow[] = [
  {
    name: 'lvs_sync_daemon',
    value: words('IF [INSTANCE] [id N] [maxlen N] [port N] [ttl N] [group ADDRESS]'),
    doc: 'Connections are told to the other director',
  },
  {
    name: 'lvs_timeouts',
    value: words('[tcp SECONDS] [tcpfin SECONDS] [udp SECONDS]', 2),
    doc: 'When IPVS forgets connections; at most 31 days',
  },
  { name: 'lvs_flush', ...SWITCH, doc: 'Empties the IPVS table at start' },
  FLUSH_ON_STOP,
  {
    name: 'lvs_stop_policy',
    value: choice('keep', 'drain', 'remove'),
    defaultText: 'remove',
    doc: 'What becomes of our IPVS services at a stop; keep: the next start takes them over',
  },
  oldSpelling('lvs_flush_onstop', FLUSH_ON_STOP.name, [FLUSH_ON_STOP]),
  {
    name: 'lvs_expire_nodest_conn',
    value: BOOLEAN,
    defaultText: 'as the kernel has it (off)',
    doc: 'Packets for a removed server are scheduled anew or refused at once, not dropped',
  },
  {
    name: 'lvs_expire_quiescent_template',
    value: BOOLEAN,
    defaultText: 'as the kernel has it (off)',
    doc: 'Persistent clients leave a server of weight 0 with their next connection',
  },
  {
    name: 'lvs_conn_reuse_mode',
    value: integer(0, 3),
    defaultText: 'as the kernel has it (1)',
    doc: 'Whether a client port that comes again is scheduled anew (net.ipv4.vs.conn_reuse_mode)',
  },
];

const own: readonly WorkingRow[] = [
  { name: 'reload_file', value: words('[PATH]', 0), doc: 'A file that holds reloads back' },
  { name: 'reload_time_file', value: PATH, doc: 'A file with the time of the next reload' },
  { name: 'reload_repeat', ...SWITCH, doc: 'Timed reloads repeat' },
  {
    name: 'http_listen',
    value: words('ADDRESS:PORT …'),
    doc: 'Metrics, health and status by HTTP',
  },
  {
    name: 'state_dir',
    value: PATH,
    defaultText: '/var/lib/lvsd',
    doc: 'What survives a restart: overrides, the last digest',
  },
  {
    name: 'shared_state',
    opens: 'shared_state',
    value: NOTHING,
    doc: 'Redis that the pair shares: overrides, views of health, events',
  },
];

const sharedState: readonly WorkingRow[] = [
  { name: 'url', value: words('redis://HOST[:PORT][/DATABASE]'), doc: 'The server' },
  {
    name: 'sentinel',
    value: words('NAME HOST:PORT …', 2),
    doc: 'The sentinels, and the name they know',
  },
  {
    name: 'key_prefix',
    value: text('the start of every key'),
    defaultText: 'lvsd:',
    doc: 'Start of every key',
  },
  { name: 'ttl', value: seconds(1000), defaultText: '30', doc: 'Life of a key' },
  { name: 'username', value: text('a name'), doc: 'Who we are' },
  { name: 'password_file', value: PATH, doc: 'A file with the password' },
  { name: 'tls', ...SWITCH, doc: 'Speaks TLS' },
];

const announcing: readonly WorkingRow[] = each(['vrrp_garp_interval', 'vrrp_gna_interval'], {
  value: seconds(0),
  defaultText: '0',
  doc: 'Gap between announcements on one interface',
});

export const plannedGlobalRows = [
  ...works('global_defs', [...election, ...vrrp, ...announcing, ...scripts, ...ipvs]),
  ...plannedRows('global_defs', own),
  ...plannedRows('shared_state', sharedState),
];
