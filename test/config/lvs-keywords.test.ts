/** Every keyword of keepalived's LVS side, and our own, is in the table where it belongs. */
import { expect, test } from 'vitest';
import { findKeyword, keywordsOf } from '../../src/config/schema.ts';

const INHERITED = 'delay_loop retry delay_before_retry warmup alpha';
const CONNECT =
  `${INHERITED} connect_timeout connect_ip connect_port bindto bind_if bind_port fwmark ` +
  'log_all_failures rise fall fast_interval down_interval total_timeout';
const HTTP =
  `${CONNECT} url virtualhost nb_get_retry http_protocol enable_sni sni_name fast_recovery ` +
  'tls_compliant method header body follow_redirects expect_header verify ca cert_expiry_warn';
const CHECKERS =
  'TCP_CHECK HTTP_GET SSL_GET MISC_CHECK SMTP_CHECK DNS_CHECK UDP_CHECK PING_CHECK FILE_CHECK ' +
  'BFD_CHECK REDIS_CHECK AGENT_CHECK DSR_CHECK';

const EXPECTED: Readonly<Record<string, string>> = {
  virtual_server:
    `${INHERITED} connect_timeout lvs_sched lb_algo lvs_method lb_kind protocol ` +
    'persistence_timeout persistence_granularity persistence_engine sorry_server ' +
    'sorry_server_inhibit sorry_server_lvs_method real_server quorum hysteresis quorum_up ' +
    'quorum_down omega inhibit_on_failure virtualhost ha_suspend ip_family weight smtp_alert ' +
    'snmp_name ops sh-port sh-fallback mh-port mh-fallback flag-1 flag-2 flag-3 hashed ' +
    'drain_timeout slow_start panic_threshold backup_pool nat_mask net_mask',
  real_server:
    `${INHERITED} connect_timeout ${CHECKERS} weight inhibit_on_failure notify_up notify_down ` +
    'virtualhost lvs_method uthreshold lthreshold smtp_alert snmp_name',
  backup_pool: 'real_server',
  virtual_server_group: 'fwmark',
  SSL: 'password ca certificate key',
  TCP_CHECK: CONNECT,
  HTTP_GET: HTTP,
  SSL_GET: HTTP,
  url:
    'path status_code digest virtualhost regex regex_no_match regex_options regex_min_offset ' +
    'regex_max_offset regex_stack tls_compliant',
  MISC_CHECK:
    `${INHERITED} log_all_failures rise fall fast_interval down_interval total_timeout ` +
    'misc_path misc_timeout misc_dynamic user',
  SMTP_CHECK: `${CONNECT} helo_name host`,
  host: 'connect_timeout connect_ip connect_port bindto bind_if bind_port fwmark',
  DNS_CHECK: `${CONNECT} type name expect_answer`,
  UDP_CHECK: `${CONNECT} payload require_reply min_reply_length max_reply_length`,
  PING_CHECK: CONNECT,
  FILE_CHECK: 'track_file weight',
  BFD_CHECK: 'name alpha',
  REDIS_CHECK: `${CONNECT} role username password_file tls`,
  AGENT_CHECK: `${CONNECT} send`,
  DSR_CHECK: CONNECT,
};

const sorted = (names: readonly string[]): readonly string[] => [...names].sort();

test.each(Object.entries(EXPECTED))('%s knows its keywords and no other', (context, names) => {
  expect(sorted(keywordsOf(context).map(({ name }) => name))).toEqual(sorted(names.split(' ')));
});

test.each([
  ['TCP_CHECK', '1', '1'],
  ['HTTP_GET', '1', '3'],
  ['SSL_GET', '1', '3'],
  ['DNS_CHECK', '3', 'delay_loop'],
  ['MISC_CHECK', '0', '1'],
])("%s has keepalived's defaults: retry %s, delay_before_retry %s", (context, retry, delay) => {
  expect(findKeyword('retry', context)?.defaultText).toBe(retry);
  expect(findKeyword('delay_before_retry', context)?.defaultText).toBe(delay);
});

test.each(['virtual_server_group', 'SSL', 'virtual_server'])('the file knows %s', (name) => {
  expect(findKeyword(name, 'root')).toBeDefined();
});
