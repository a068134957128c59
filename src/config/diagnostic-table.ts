/**
 * THE table of what can be wrong with a configuration. A code never changes its meaning and is
 * never used again for another; `{name}` in a template is filled by the reporter, and the compiler
 * checks that it is. LVS1001.. reading, LVS1010.. shape, LVS1020.. keywords and values, LVS1040..
 * VRRP, LVS1060.. virtual servers, LVS1080.. defaults that a file should not lean on, LVS1200.. more of
 * VRRP, LVS1300.. the file grammar.
 */
import { READS_ON, TAKES_DEFAULT } from './compat-text.ts';
import { bfdDiagnostics } from './diagnostic-table-bfd.ts';
import { grammarDiagnostics } from './diagnostic-table-grammar.ts';
import { instanceDiagnostics } from './diagnostic-table-instance.ts';
import { lvsDiagnostics } from './diagnostic-table-lvs.ts';
import { vrrpDiagnostics } from './diagnostic-table-vrrp.ts';

export type Severity = 'error' | 'warning';

export interface DiagnosticRow {
  readonly code: string;
  readonly severity: Severity;
  /** What was found and what was expected: one sentence, no full stop. */
  readonly message: string;
  /** The fix. A reporter may give a better one. */
  readonly help?: string;
  /**
   * What keepalived does where lvsd refuses: under `--compat` the error is a warning that says so.
   * Absent: keepalived ends there too, or what it would do is nothing that lvsd can do.
   */
  readonly compat?: Compat;
}

/** A function where it depends on what was found. */
export type Compat = string | ((values: DiagnosticValues) => string | undefined);

export type DiagnosticValues = Readonly<Record<string, string | number | undefined>>;

/** Without these keepalived's VRRP process ends with status 2. */
const VRRP_NEEDS = new Set(['virtual_router_id', 'interface']);
/** Without these its checker process crashes (2.2.7). */
const HTTP_NEEDS = new Set(['url', 'path']);

function leavesBlockOut({ keyword }: DiagnosticValues): string | undefined {
  const name = `${keyword}`;
  if (VRRP_NEEDS.has(name) || HTTP_NEEDS.has(name)) return undefined;
  return 'keepalived leaves the whole block out';
}

function takesDefault({ keyword }: DiagnosticValues): string | undefined {
  return VRRP_NEEDS.has(`${keyword}`) ? undefined : TAKES_DEFAULT;
}

export const diagnosticTable = {
  unreadableInclude: {
    code: 'LVS1001',
    severity: 'error',
    compat: 'keepalived goes on without the file',
    message: "Cannot read the included file '{file}': {reason}",
    help: 'correct the path (it is relative to the including file) or remove the include line',
  },
  includeCycle: {
    code: 'LVS1002',
    severity: 'error',
    compat:
      'keepalived reads it again and again until it has no file descriptor left, then goes on',
    message: "'{file}' includes itself",
    help: 'remove this include: the file is already being read',
  },
  includeTooDeep: {
    code: 'LVS1003',
    severity: 'error',
    message: 'Includes are nested more than {limit} deep',
    help: 'include the files from one place, side by side',
  },
  configTooLarge: {
    code: 'LVS1004',
    severity: 'error',
    message: 'The configuration with its includes is larger than {limit}',
    help: 'an include that matches more files than meant is the usual cause',
  },
  lineTooLong: {
    code: 'LVS1005',
    severity: 'error',
    compat: 'keepalived ignores a line of more than 1023 characters',
    message: 'Line of {length} characters, at most {limit} are read',
    help: 'break the line; keepalived does not read lines longer than 1023 characters',
  },
  unterminatedQuote: {
    code: 'LVS1006',
    severity: 'error',
    compat: READS_ON,
    message: 'Quote without its closing quote on the same line',
    help: 'add the closing "',
  },
  configIdUnmatched: {
    code: 'LVS1007',
    severity: 'warning',
    message: "No line of this file is for '{configId}'; it has lines for {ids}",
    help: 'choose the id with -i, or name this host in the file; lines without @ are read as usual',
  },
  nothingConfigured: {
    code: 'LVS1008',
    severity: 'warning',
    message: 'No vrrp_instance, no virtual_server and no bfd_instance: there is nothing to do',
    help: 'conf/lvs.conf is an example that works',
  },
  tooManyDiagnostics: {
    code: 'LVS1009',
    severity: 'warning',
    message: 'There is more to report than fits: {count} more of the same severity left out',
    help: 'correct the first ones and check again',
  },
  missingClose: {
    code: 'LVS1010',
    severity: 'error',
    compat: 'keepalived reads what follows as if it stood in this block',
    message: "The block '{block}' is never closed",
    help: "add the '}' that ends it",
  },
  missingOpen: {
    code: 'LVS1011',
    severity: 'error',
    compat: 'keepalived reads the lines of the block as if they stood outside of it',
    message: "'{block}' has no '{'",
    help: "add '{' at the end of this line",
  },
  strayClose: {
    code: 'LVS1012',
    severity: 'error',
    compat: READS_ON,
    message: "This '}' closes nothing",
    help: "remove it, or add the '{' that it was meant for",
  },
  unexpectedOpen: {
    code: 'LVS1013',
    severity: 'error',
    compat: 'keepalived ignores the brace and reads the lines of the block where they stand',
    message: "This '{' has no keyword in front of it; its block is skipped",
    help: 'name the block, or remove the braces',
  },
  nestingTooDeep: {
    code: 'LVS1014',
    severity: 'error',
    message: 'Blocks are nested more than {limit} deep',
    help: 'no block of this language needs more than five',
  },
  blockExpected: {
    code: 'LVS1015',
    severity: 'error',
    compat: READS_ON,
    message: "'{keyword}' needs a block",
    help: "write '{keyword} { … }'",
  },
  blockUnexpected: {
    code: 'LVS1016',
    severity: 'error',
    compat: 'keepalived ignores the brace; the one that closes it ends the block around',
    message: "'{keyword}' takes no block; the block is skipped",
    help: 'remove the braces and what is between them',
  },
  bracesUnclear: {
    code: 'LVS1017',
    severity: 'error',
    compat: 'keepalived logs what it stumbles over and reads each line where it finds itself',
    message: 'The braces of this file are so far off that what stands where is a guess',
    help: 'correct the braces first; what is said about them is where to look',
  },
  unknownKeyword: {
    code: 'LVS1020',
    severity: 'error',
    compat: 'keepalived logs it and goes on, into its block if it has one',
    message: "Unknown keyword '{keyword}' in {context}",
    help: '`lvsd keywords` lists every keyword and the block it belongs in',
  },
  misplacedKeyword: {
    code: 'LVS1021',
    severity: 'error',
    compat: 'keepalived logs it and goes on, into its block if it has one',
    message: "'{keyword}' does not belong in {context}",
    help: 'it belongs in {places}',
  },
  notSupportedYet: {
    code: 'LVS1022',
    severity: 'error',
    compat: 'keepalived does it, where it knows the word; with --compat lvsd starts without it',
    message: '{what} is not supported yet',
    help: 'remove it if you can do without: lvsd does not start when an effect would be missing',
  },
  noEffect: {
    code: 'LVS1023',
    severity: 'warning',
    message: "'{keyword}' is accepted, has no effect: {reason}",
    help: 'nothing to do; the line can stay for keepalived, or go',
  },
  deprecatedKeyword: {
    code: 'LVS1024',
    severity: 'warning',
    message: "'{keyword}' is an old spelling",
    help: "write '{replacement}'",
  },
  historicValue: {
    code: 'LVS1025',
    severity: 'warning',
    message: "'{keyword} {found}' is an old habit that keepalived reads as '{replacement}'",
    help: "write '{keyword} {replacement}'",
  },
  missingValue: {
    code: 'LVS1026',
    severity: 'error',
    message: "'{keyword}' has no value, expected {expected}",
  },
  wrongType: {
    code: 'LVS1027',
    severity: 'error',
    compat: takesDefault,
    message: "'{keyword}' takes {expected}, found '{found}'",
  },
  outOfRange: {
    code: 'LVS1028',
    severity: 'error',
    compat: takesDefault,
    message: "'{keyword}' takes {expected}, {found} is out of range",
  },
  trailingWords: {
    code: 'LVS1029',
    severity: 'error',
    compat: 'keepalived ignores them without a word',
    message: "'{words}' after '{statement}' means nothing here",
    help: 'one keyword a line: move it to a line of its own, or remove it',
  },
  duplicateKeyword: {
    code: 'LVS1030',
    severity: 'warning',
    message:
      "'{keyword}' is given twice in this {context} (first on line {line}); the last one counts",
    help: 'remove the one that is not meant',
  },
  missingKeyword: {
    code: 'LVS1031',
    severity: 'error',
    compat: leavesBlockOut,
    message: "This {context} has no '{keyword}'",
    help: "add '{example}'",
  },
  hostnameForAddress: {
    code: 'LVS1032',
    severity: 'error',
    compat: 'keepalived leaves out what it is the address of',
    message: "'{found}' is not an IP address; {what} needs one, in numbers",
    help: 'names are not looked up: a name server that fails must not change the service',
  },
  ...instanceDiagnostics,
  duplicateVirtualServer: {
    code: 'LVS1060',
    severity: 'error',
    compat: 'keepalived takes both, and the kernel keeps one of them',
    message: 'There is already a virtual_server {service} (line {line})',
    help: 'merge the two: the kernel knows a service only once',
  },
  duplicateRealServer: {
    code: 'LVS1061',
    severity: 'error',
    compat: 'keepalived leaves the second one out',
    message: 'There is already a real_server {server} in this virtual_server (line {line})',
    help: 'remove one; weight is what gives a server more work',
  },
  portMapping: {
    code: 'LVS1062',
    severity: 'error',
    compat: 'keepalived takes the port of the service',
    message:
      'Port {port} differs from the service port {servicePort}; {method} cannot change ports',
    help: "write '{keyword} {address} {servicePort}', or use lb_kind NAT",
  },
  mixedServerFamily: {
    code: 'LVS1063',
    severity: 'error',
    compat: 'keepalived leaves the server out',
    message:
      '{server} is {family}, its virtual_server is {serviceFamily}; only TUN can mix the two',
    help: 'give the server by an address of the same family',
  },
  noRealServers: {
    code: 'LVS1064',
    severity: 'warning',
    message: 'This virtual_server has no real_server: clients will be refused',
    help: "add 'real_server ADDRESS PORT { … }'",
  },
  missingProtocol: {
    code: 'LVS1065',
    severity: 'error',
    compat: 'keepalived takes UDP',
    message: "This virtual_server has no 'protocol'; keepalived would take UDP",
    help: "add 'protocol TCP'",
  },
  defaultDelayLoop: {
    code: 'LVS1080',
    severity: 'warning',
    message: 'No delay_loop: servers are checked only every 60 seconds',
    help: "add 'delay_loop 5'",
  },
  defaultForwarding: {
    code: 'LVS1081',
    severity: 'warning',
    message: 'No lb_kind: packets are forwarded by NAT',
    help: "add 'lb_kind NAT' if that is meant, else 'lb_kind DR' or 'lb_kind TUN'",
  },
  defaultScheduler: {
    code: 'LVS1082',
    severity: 'warning',
    message: 'No lb_algo: connections are scheduled by wlc',
    help: "add 'lb_algo wlc' if that is meant, else 'lb_algo rr' or another",
  },
  notAlpha: {
    code: 'LVS1083',
    severity: 'warning',
    message: 'No alpha: servers get clients before their first check has passed',
    help: "add 'alpha'",
  },
  ...lvsDiagnostics,
  ...vrrpDiagnostics,
  ...grammarDiagnostics,
  ...bfdDiagnostics,
} as const satisfies Readonly<Record<string, DiagnosticRow>>;

export type DiagnosticName = keyof typeof diagnosticTable;

type NamesIn<Template> = Template extends `${string}{${infer Name}}${infer Rest}`
  ? (Name extends `${string} ${string}` ? never : Name) | NamesIn<Rest>
  : never;

type HelpOf<Row> = Row extends { readonly help: infer Help } ? Help : never;

/** The values a row's templates need, and `compat` where the reporter knows best what keepalived does. */
export type DiagnosticArguments<Name extends DiagnosticName> = Readonly<
  Record<
    | NamesIn<(typeof diagnosticTable)[Name]['message']>
    | NamesIn<HelpOf<(typeof diagnosticTable)[Name]>>,
    string | number
  >
> & { readonly compat?: string | undefined };

/** What keepalived does where this row is an error; undefined where `--compat` does not lift it. */
export function compatOf(row: DiagnosticRow, values: DiagnosticValues): string | undefined {
  if (row.severity !== 'error') return undefined;
  if (typeof values.compat === 'string') return values.compat;
  return typeof row.compat === 'function' ? row.compat(values) : row.compat;
}

/** Fills `{name}` in a template; a name without a value stays as it is written. */
export function fillTemplate(template: string, values: DiagnosticValues): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => `${values[name] ?? whole}`);
}
