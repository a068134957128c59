/** Keywords of the checkers. */
import { connectRows } from './schema-lvs.ts';
import {
  accepted,
  FLAG,
  type KeywordRow,
  planned,
  type ShortRow,
  text,
  words,
  works,
} from './schema-rows.ts';

const LOGGED = 'lvsd counts every failure and logs every change with its reason';

const plannedConnect: readonly ShortRow[] = [
  ['bindto', 'ADDRESS', '', 'Source address of the check'],
  ['bind_if', 'IF', '', 'Interface of the check'],
  ['bind_port', 'PORT', '0', 'Source port of the check'],
  ['fwmark', 'INT', '0', 'Mark of the packets of the check'],
];

const plannedTiming: readonly ShortRow[] = [
  [['rise', 'fall'], 'INT', '', 'Checks in a row that change the state'],
  [['fast_interval', 'down_interval'], 'SEC', '', 'Interval while changing, and while down'],
  ['total_timeout', 'SEC', '', 'Bound of one whole check'],
];

const httpRows: readonly KeywordRow[] = works('HTTP_GET', [
  ...connectRows,
  {
    name: 'url',
    opens: 'url',
    value: FLAG,
    doc: 'One request; every url is asked at each check',
    requiredExample: 'url { path / }',
    isRepeatable: true,
  },
  { name: 'virtualhost', value: text('a host name'), doc: 'Host header of urls that do not say' },
  {
    name: 'nb_get_retry',
    value: { kind: 'integer', min: 0, max: 2 ** 31 - 1 },
    doc: 'Old spelling of retry',
    aliasOf: 'retry',
    isDeprecated: true,
  },
]);

const urlRows: readonly KeywordRow[] = works('url', [
  {
    name: 'path',
    value: text('a path that begins with /'),
    doc: 'What is asked for',
    requiredExample: 'path /',
  },
  {
    name: 'status_code',
    value: words('CODE|FROM-TO …'),
    defaultText: '200-299',
    doc: 'Accepted status codes, single or as ranges',
    isRepeatable: true,
  },
  {
    name: 'virtualhost',
    value: text('a host name'),
    defaultText: 'virtualhost of the checker, the real server or the virtual server',
    doc: 'Host header of this request',
  },
]);

/** Checkers that do not work yet, with the keywords that are theirs alone. */
const plannedCheckers: Readonly<Record<string, readonly ShortRow[]>> = {
  SSL_GET: [
    ['url', '{}', '', 'One request'],
    ['virtualhost', 'NAME', '', 'Host header'],
    ['nb_get_retry', 'INT', '1', 'Old spelling of retry'],
  ],
  MISC_CHECK: [
    ['misc_path', 'SCRIPT', '', 'What to run'],
    ['misc_timeout', 'SEC', '', 'Bound of one run'],
    ['misc_dynamic', 'BOOL', 'off', 'The exit status is a weight'],
    ['user', 'USER [GROUP]', '', 'Runs as this user'],
  ],
  SMTP_CHECK: [
    ['helo_name', 'NAME', '', 'Name said to the server'],
    ['host', '{}', '', 'Where to connect'],
  ],
  DNS_CHECK: [
    ['type', 'TYPE', 'SOA', 'Record that is asked for'],
    ['name', 'NAME', '.', 'Name that is asked for'],
  ],
  UDP_CHECK: [
    ['payload', 'HEX', '', 'What is sent'],
    ['require_reply', '[HEX]', '', 'What must come back'],
    [['min_reply_length', 'max_reply_length'], 'INT', '', 'Length of the reply'],
  ],
  PING_CHECK: [],
  FILE_CHECK: [
    ['track_file', 'NAME', '', 'The file'],
    ['weight', 'INT [reverse]', '', 'What its number is worth'],
  ],
  BFD_CHECK: [['name', 'NAME', '', 'The bfd_instance']],
  REDIS_CHECK: [],
  AGENT_CHECK: [],
  DSR_CHECK: [],
};

const CHECKER_KEYWORDS: ShortRow = [
  [
    'delay_loop',
    'retry',
    'delay_before_retry',
    'warmup',
    'connect_timeout',
    'alpha',
    'connect_ip',
    'connect_port',
    'log_all_failures',
  ],
  'VALUE',
  '',
  'As in TCP_CHECK',
];

export const checkerRows = [
  ...works('TCP_CHECK', connectRows),
  ...httpRows,
  ...urlRows,
  ...['TCP_CHECK', 'HTTP_GET'].flatMap((context) => [
    ...accepted(context, LOGGED, [['log_all_failures', 'BOOL', 'off', 'Logs every failure']]),
    ...planned(context, [...plannedConnect, ...plannedTiming]),
  ]),
  ...planned('HTTP_GET', [
    ['http_protocol', '1.0|1.0C|1.1', '', 'Version of HTTP'],
    ['enable_sni', 'BOOL', 'off', 'Sends the host name in the TLS handshake'],
    ['sni_name', 'NAME', '', 'Name in the TLS handshake'],
    ['fast_recovery', '', '', 'All urls at once after a recovery'],
    ['tls_compliant', 'BOOL', 'off', 'Ends TLS as the standard says'],
    ['method', 'METHOD', 'GET', 'Method of the request'],
    ['header', '"K: V"', '', 'A header of the request'],
    ['body', 'TEXT', '', 'Body of the request'],
    ['follow_redirects', 'INT', '0', 'Redirects that are followed'],
    ['expect_header', '"K: V"', '', 'A header of the answer'],
    ['verify', 'BOOL', 'off', 'Verifies the certificate'],
    ['ca', 'FILE', '', 'Authorities that are trusted'],
    ['cert_expiry_warn', 'DAYS', '', 'Warns before the certificate ends'],
  ]),
  ...planned('url', [
    ['digest', 'MD5', '', 'MD5 of the body'],
    ['regex', 'PATTERN', '', 'The body must match'],
    ['regex_no_match', '', '', 'The body must not match'],
    ['regex_options', 'NAMES', '', 'Options of the pattern'],
    [['regex_min_offset', 'regex_max_offset'], 'INT', '', 'Where a match may begin'],
    ['regex_stack', 'START MAX', '', 'Memory of the matcher'],
    ['tls_compliant', 'BOOL', 'off', 'Ends TLS as the standard says'],
  ]),
  ...Object.entries(plannedCheckers).flatMap(([context, rows]) =>
    planned(context, [CHECKER_KEYWORDS, ...plannedConnect, ...plannedTiming, ...rows]),
  ),
];
