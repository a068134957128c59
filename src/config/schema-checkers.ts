/** Keywords of the checkers. */
import { DNS_TYPES, REDIS_ROLES } from './model-lvs.ts';
import { CONNECT_TIMEOUT, inheritedRows, TARGET_ROWS } from './schema-lvs.ts';
import {
  ADDRESS,
  acceptedRows,
  BOOLEAN,
  choice,
  FLAG,
  integer,
  type KeywordRow,
  MAX_INT,
  NOTHING,
  seconds,
  text,
  type WorkingRow,
  words,
  works,
} from './schema-rows.ts';
import { SCRIPT } from './schema-tracking.ts';

const LOGGED = 'lvsd counts every failure and logs every change with its reason';
const MAX_MARK = 2 ** 32 - 1;
const MAX_REDIRECTS = 20;
const MAX_EXPIRY_DAYS = 3650;
const MAX_UDP_PAYLOAD = 65_507;

/** Checkers that connect, with their defaults of retry and delay_before_retry. */
const CONNECTING: readonly (readonly [name: string, retry: string, delay: string])[] = [
  ['TCP_CHECK', '1', '1'],
  ['HTTP_GET', '1', '3'],
  ['SSL_GET', '1', '3'],
  ['SMTP_CHECK', '1', '1'],
  ['DNS_CHECK', '3', 'delay_loop'],
  ['UDP_CHECK', '1', '1'],
  ['PING_CHECK', '1', '1'],
  ['REDIS_CHECK', '1', '1'],
  ['AGENT_CHECK', '1', '1'],
  ['DSR_CHECK', '1', '1'],
];

const sourceRows: readonly WorkingRow[] = [
  { name: 'bindto', value: ADDRESS, doc: 'Source address of the check' },
  { name: 'bind_if', value: text('an interface name'), doc: 'Interface of the check' },
  { name: 'bind_port', value: integer(1, 65535), doc: 'Source port of the check' },
  {
    name: 'fwmark',
    value: integer(0, MAX_MARK),
    defaultText: '0',
    doc: 'Mark of the packets of the check',
  },
];

const pacingRows: readonly WorkingRow[] = [
  {
    name: 'rise',
    value: integer(1, MAX_INT),
    defaultText: '1',
    doc: 'Passes in a row that bring a server up',
  },
  {
    name: 'fall',
    value: integer(1, MAX_INT),
    defaultText: '1',
    doc: 'Failures in a row, each after its retries, that take a server down',
  },
  {
    name: 'fast_interval',
    value: seconds(),
    defaultText: 'delay_loop',
    doc: 'Interval while the state is about to change',
  },
  {
    name: 'down_interval',
    value: seconds(),
    defaultText: 'delay_loop',
    doc: 'Interval while the server is down',
  },
  {
    name: 'total_timeout',
    value: seconds(1),
    doc: 'Bound of one whole check with its retries',
  },
];

const logRow: WorkingRow = {
  name: 'log_all_failures',
  value: BOOLEAN,
  defaultText: 'off',
  doc: 'Logs every failure',
};

const connectingRows = CONNECTING.flatMap(([context, retry, delay]) => {
  const common = [...inheritedRows(retry, delay), CONNECT_TIMEOUT, ...TARGET_ROWS];
  return [
    ...works(context, [...common, ...sourceRows, ...pacingRows]),
    ...acceptedRows(context, LOGGED, [logRow]),
  ];
});

const URL_BLOCK: WorkingRow = {
  name: 'url',
  opens: 'url',
  value: FLAG,
  doc: 'One request; all must pass, keepalived asks one each delay_loop',
  requiredExample: 'url { path / }',
  isRepeatable: true,
};

const httpRows: readonly WorkingRow[] = [
  URL_BLOCK,
  { name: 'virtualhost', value: text('a host name'), doc: 'Host header of urls that do not say' },
  {
    name: 'nb_get_retry',
    value: integer(0, MAX_INT),
    doc: 'Old spelling of retry',
    aliasOf: 'retry',
    isDeprecated: true,
  },
  {
    name: 'http_protocol',
    value: choice('1.0', '1.0C', '1.1', '2'),
    defaultText: '1.0',
    doc: 'Version of HTTP; 1.0C adds Connection: close; 2 (ours) offers HTTP/2, else speaks 1.1',
  },
  {
    name: 'enable_sni',
    value: BOOLEAN,
    defaultText: 'off',
    doc: 'Names the virtualhost in the TLS handshake',
  },
  {
    name: 'sni_name',
    value: text('a host name'),
    defaultText: 'virtualhost',
    doc: 'Name in the TLS handshake',
  },
  { name: 'tls_compliant', value: BOOLEAN, defaultText: 'off', doc: 'Ends TLS with close_notify' },
  {
    name: 'method',
    value: choice('GET', 'HEAD', 'POST', 'PUT', 'OPTIONS'),
    defaultText: 'GET',
    doc: 'Method of the request',
  },
  { name: 'header', value: text('"NAME: VALUE"'), doc: 'A header to send', isRepeatable: true },
  { name: 'body', value: text('the text to send'), doc: 'Body of the request' },
  {
    name: 'follow_redirects',
    value: integer(0, MAX_REDIRECTS),
    defaultText: '0',
    doc: 'Redirects that are followed',
  },
  {
    name: 'expect_header',
    value: text('"NAME: VALUE"'),
    doc: 'A header that the answer must have',
    isRepeatable: true,
  },
  { name: 'verify', value: BOOLEAN, defaultText: 'off', doc: 'The certificate must be valid' },
  { name: 'ca', value: text('a file'), doc: 'Authorities that are trusted by verify' },
  {
    name: 'cert_expiry_warn',
    value: integer(0, MAX_EXPIRY_DAYS, 'days'),
    defaultText: '0',
    doc: 'Warns so long before the certificate ends, in log, events and status; 0: never',
  },
];

const fastRecoveryRow: WorkingRow = {
  name: 'fast_recovery',
  value: BOOLEAN,
  defaultText: 'off',
  doc: 'A server that is down is asked for its urls without waiting in between',
};

const ALL_AT_ONCE = 'every check asks for all urls, so recovery is always fast';
const NO_MATCHER_MEMORY = "JavaScript's matcher has no stack of its own";

const urlRows: readonly KeywordRow[] = [
  ...works('url', [
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
    { name: 'digest', value: text('an MD5 of 32 hex digits'), doc: 'MD5 of the body' },
    { name: 'regex', value: words('PATTERN'), doc: 'The body must match' },
    { name: 'regex_no_match', value: FLAG, doc: 'The body must not match' },
    {
      name: 'regex_options',
      value: words('NAME …'),
      doc: 'Options of the pattern, by their PCRE2 names in lower case',
      isRepeatable: true,
    },
    {
      name: 'regex_min_offset',
      value: integer(0, MAX_INT, 'bytes'),
      defaultText: '0',
      doc: 'The match begins here or later',
    },
    {
      name: 'regex_max_offset',
      value: integer(0, MAX_INT, 'bytes'),
      doc: 'The match begins before this',
    },
    {
      name: 'tls_compliant',
      value: BOOLEAN,
      defaultText: 'off',
      doc: 'Ends TLS with close_notify',
    },
  ]),
  ...acceptedRows('url', NO_MATCHER_MEMORY, [
    { name: 'regex_stack', value: words('START MAX', 2), doc: 'Memory of the matcher, bytes' },
  ]),
];

/** Keywords that one checker has to itself. */
const ownRows: Readonly<Record<string, readonly WorkingRow[]>> = {
  HTTP_GET: httpRows,
  SSL_GET: httpRows,
  MISC_CHECK: [
    ...inheritedRows('0', '1'),
    {
      name: 'misc_path',
      value: SCRIPT,
      doc: 'What to run',
      requiredExample: 'misc_path "/usr/local/bin/check.sh ARGUMENT"',
    },
    {
      name: 'misc_timeout',
      value: seconds(),
      defaultText: 'delay_loop of the virtual_server',
      doc: 'A run that takes longer has failed',
    },
    {
      name: 'misc_dynamic',
      value: BOOLEAN,
      defaultText: 'off',
      doc: 'Exit status 2 to 255: up, with weight 0 to 253',
    },
    {
      name: 'user',
      value: words('USER [GROUP]'),
      defaultText: 'script_user, else keepalived_script, else nobody',
      doc: 'Runs as this user; keepalived as root where neither of the others is there',
    },
    ...pacingRows,
  ],
  SMTP_CHECK: [
    {
      name: 'helo_name',
      value: text('a host name'),
      defaultText: 'smtpchecker.keepalived.org',
      doc: 'Name said to the server',
    },
    {
      name: 'host',
      opens: 'host',
      value: NOTHING,
      doc: 'Old form: one place to connect to; its keywords now stand in the checker',
      isRepeatable: true,
    },
  ],
  DNS_CHECK: [
    {
      name: 'type',
      value: choice(...DNS_TYPES),
      defaultText: 'SOA',
      doc: 'Record that is asked for',
    },
    { name: 'name', value: text('a name'), defaultText: '.', doc: 'Name that is asked for' },
    {
      name: 'expect_answer',
      value: words('VALUE'),
      doc: 'A record that the answer must have: an address, a name, PREFERENCE and name of an MX, a text',
      isRepeatable: true,
    },
  ],
  UDP_CHECK: [
    { name: 'payload', value: words('HEX …'), doc: 'What is sent' },
    {
      name: 'require_reply',
      value: words('[HEX …]', 0),
      doc: 'A reply must come, and begin like this; X stands for any digit',
    },
    {
      name: 'min_reply_length',
      value: integer(0, MAX_UDP_PAYLOAD, 'bytes'),
      defaultText: '0',
      doc: 'Shortest reply',
    },
    {
      name: 'max_reply_length',
      value: integer(0, MAX_UDP_PAYLOAD, 'bytes'),
      defaultText: '255',
      doc: 'Longest reply; keepalived looks only with hex digits in require_reply',
    },
  ],
  FILE_CHECK: [
    {
      name: 'track_file',
      value: text('the name of a track_file'),
      doc: 'The file',
      requiredExample: 'track_file NAME',
    },
    {
      name: 'weight',
      value: words('INT [reverse]'),
      defaultText: 'that of the track_file',
      doc: 'What the number in the file is multiplied with',
    },
  ],
  BFD_CHECK: [
    {
      name: 'name',
      value: text('the name of a bfd_instance'),
      doc: 'The session',
      requiredExample: 'name NAME',
    },
    { name: 'alpha', value: FLAG, doc: 'Down until the session is up' },
  ],
  REDIS_CHECK: [
    {
      name: 'role',
      value: choice(...REDIS_ROLES),
      defaultText: 'any',
      doc: 'What the server must be',
    },
    { name: 'username', value: text('a name'), doc: 'Who logs in' },
    { name: 'password_file', value: text('a file'), doc: 'File with the password' },
    { name: 'tls', value: BOOLEAN, defaultText: 'off', doc: 'Connects over TLS' },
  ],
  AGENT_CHECK: [
    { name: 'send', value: text('a line'), doc: 'Line that is sent to the agent first' },
  ],
};

export const checkerRows: readonly KeywordRow[] = [
  ...connectingRows,
  ...works('host', [CONNECT_TIMEOUT, ...TARGET_ROWS, ...sourceRows]),
  ...urlRows,
  ...Object.entries(ownRows).flatMap(([context, rows]) => works(context, rows)),
  ...acceptedRows('MISC_CHECK', LOGGED, [logRow]),
  ...['HTTP_GET', 'SSL_GET'].flatMap((context) =>
    acceptedRows(context, ALL_AT_ONCE, [fastRecoveryRow]),
  ),
];
