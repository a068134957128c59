/**
 * Keywords that keepalived starts with although their value is missing, and what it does then. At any
 * other keyword without its value it ends with status 2. Observed with keepalived 2.2.7, each
 * keyword in each of its blocks (test/config/without-value.test.ts does it again).
 */
import { READS_ON } from './compat-text.ts';

const UNKNOWN = 'keepalived 2.2.7 does not know the keyword and goes on with the next line';
const BLOCK_OUT = 'keepalived leaves the block out';
const CHECK_OUT = 'keepalived leaves the check out';

const OWN_TIMING = 'rise fall fast_interval down_interval total_timeout';
const OWN_HTTP = 'sni_name method header body follow_redirects expect_header ca cert_expiry_warn';
const CHECKERS = 'TCP_CHECK HTTP_GET SSL_GET MISC_CHECK SMTP_CHECK DNS_CHECK UDP_CHECK PING_CHECK';

/** [blocks, keywords, what keepalived does]. */
const ROWS: readonly (readonly [contexts: string, keywords: string, does: string])[] = [
  ['root', 'include includer includem includew includeb includea', READS_ON],
  ['root', 'vrrp_instance vrrp_sync_group track_group', BLOCK_OUT],
  ['root', 'net_namespace instance', READS_ON],
  [
    'global_defs',
    'router_id notification_email_from smtp_helo_name snmp_socket dbus_service_name script_user ' +
      'startup_script_timeout shutdown_script_timeout tmp_config_directory vrrp_priority ' +
      'vrrp_rt_priority vrrp_cpu_affinity checker_priority checker_rt_priority ' +
      'checker_cpu_affinity bfd_priority bfd_rt_priority bfd_cpu_affinity max_auto_priority ' +
      'min_auto_priority_delay vrrp_rx_bufs_policy vrrp_rx_bufs_multiplier ' +
      'vrrp_netlink_cmd_rcv_bufs vrrp_netlink_monitor_rcv_bufs lvs_netlink_cmd_rcv_bufs ' +
      'lvs_netlink_monitor_rcv_bufs process_monitor_rcv_bufs default_interface ' +
      'vrrp_garp_extra_if vrrp_vmac_garp_intvl notify_fifo vrrp_notify_fifo lvs_notify_fifo ' +
      'notify_fifo_script vrrp_notify_fifo_script lvs_notify_fifo_script startup_script ' +
      'shutdown_script lvs_sync_daemon lvs_timeouts reload_time_file',
    READS_ON,
  ],
  [
    'global_defs',
    'control_socket snmp_vs_stats_update_interval snmp_rs_stats_update_interval ' +
      'dbus_no_interface_name script_failure state_dump_file stats_dump_file json_dump_file ' +
      'json_version iproute_usr_dir iproute_etc_dir lvs_id vrrp_delay_after_boot http_listen ' +
      'state_dir lvs_conn_reuse_mode lvs_stop_policy',
    UNKNOWN,
  ],
  ['vrrp_script', 'script', 'keepalived leaves the script out'],
  ['vrrp_track_process', 'param_match weight', READS_ON],
  ['track_file_block', 'file', BLOCK_OUT],
  ['track_file_block', 'weight', READS_ON],
  ['vrrp_instance', 'notify_deleted garp_extra_if vmac_garp_intvl kernel_rx_buf_size', READS_ON],
  [
    'vrrp_instance',
    'transport vrrp_garp_master_delay vrrp_garp_master_repeat vrrp_garp_master_refresh ' +
      'vrrp_garp_master_refresh_repeat vrrp_garp_lower_prio_delay vrrp_garp_lower_prio_repeat',
    UNKNOWN,
  ],
  ['virtual_server', 'virtualhost sorry_server_lvs_method snmp_name', READS_ON],
  ['virtual_server', 'drain_timeout slow_start panic_threshold', UNKNOWN],
  ['real_server', 'virtualhost snmp_name', READS_ON],
  ['SSL', 'password ca certificate key', READS_ON],
  ['HTTP_GET SSL_GET', 'virtualhost http_protocol', READS_ON],
  ['DNS_CHECK', 'expect_answer', UNKNOWN],
  ['HTTP_GET SSL_GET', OWN_HTTP, UNKNOWN],
  ['url', 'virtualhost regex_options regex_stack', READS_ON],
  ['url', 'regex_min_offset regex_max_offset', READS_ON],
  ['url', 'status_code', 'keepalived accepts the usual codes'],
  ['url', 'regex', 'keepalived checks no pattern'],
  ['MISC_CHECK', 'misc_path', CHECK_OUT],
  ['MISC_CHECK', 'user', READS_ON],
  ['SMTP_CHECK', 'helo_name', READS_ON],
  ['UDP_CHECK', 'payload', READS_ON],
  ['FILE_CHECK', 'weight', READS_ON],
  ['BFD_CHECK', 'name', CHECK_OUT],
  [CHECKERS, OWN_TIMING, UNKNOWN],
];

const byKeyword: ReadonlyMap<string, string> = new Map(
  ROWS.flatMap(([contexts, keywords, does]) =>
    contexts
      .split(' ')
      .flatMap((context) =>
        keywords.split(' ').map((keyword) => [`${context} ${keyword}`, does] as const),
      ),
  ),
);

/** What keepalived does at `keyword` of `context` without its value; undefined where it ends. */
export function withoutValue(keyword: string, context: string): string | undefined {
  return byKeyword.get(`${context} ${keyword}`);
}
