/** url blocks and what HTTP_GET and SSL_GET have in common. */
import { IGNORES_IT } from './compat-text.ts';
import type { Report } from './diagnostics.ts';
import { didYouMean } from './did-you-mean.ts';
import type { HttpUrlConfig, StatusCodeRange } from './model.ts';
import type { HttpOptions, RegexConfig } from './model-lvs.ts';
import { translatePattern } from './pcre.ts';
import { compact } from './present.ts';
import { type Entry, type ReadBlock, readBlock } from './read-block.ts';
import { readInteger, reportTrailing } from './read-value.ts';
import { MAX_INT } from './schema-rows.ts';
import { readShellWords, statementText } from './shell-words.ts';
import { placeOf, type Token } from './source.ts';

const DEFAULT_STATUS_CODES: readonly StatusCodeRange[] = [{ from: 200, to: 299 }];
const MIN_STATUS_CODE = 100;
const MAX_STATUS_CODE = 999;
const STACK = { kind: 'integer', min: 1, max: MAX_INT } as const;

/** PCRE2's options that are about a pattern, as keepalived spells them. */
const REGEX_OPTIONS = [
  'allow_empty_class',
  'alt_bsux',
  'alt_circumflex',
  'alt_verbnames',
  'auto_callout',
  'caseless',
  'dollar_endonly',
  'dotall',
  'dupnames',
  'extended',
  'extended_more',
  'firstline',
  'literal',
  'match_unset_backref',
  'multiline',
  'never_backslash_c',
  'never_ucp',
  'never_utf',
  'no_auto_capture',
  'no_auto_possess',
  'no_dotstar_anchor',
  'no_start_optimize',
  'ucp',
  'ungreedy',
  'utf',
];

export function compileUrl(
  entry: Entry,
  inheritedHost: string | undefined,
  report: Report,
): HttpUrlConfig {
  const place = placeOf(entry.statement.words);
  const statements = entry.statement.block?.statements ?? [];
  const block = readBlock({ context: 'url', place }, statements, report);
  const path = block.text('path') ?? '/';
  if (!path.startsWith('/')) {
    report('pathWithoutSlash', block.placeOf('path'), { found: path });
  } else if (/\s/.test(path)) report('pathWithSpace', block.placeOf('path'), { found: path });
  const codes = block.all('status_code').flatMap((line) => readStatusCodes(line, report));
  return compact({
    path,
    statusCodes: codes.length === 0 ? DEFAULT_STATUS_CODES : codes,
    virtualhost: block.text('virtualhost') ?? inheritedHost,
    digest: readDigest(block, report),
    regex: readRegex(block, report),
    tlsCompliant: block.flag('tls_compliant') || undefined,
  });
}

function readStatusCodes(entry: Entry, report: Report): readonly StatusCodeRange[] {
  return entry.words.flatMap((word) => readStatusRange(word, report) ?? []);
}

function readStatusRange(word: Token, report: Report): StatusCodeRange | undefined {
  if (word.kind === 'opaque') return undefined;
  const keyword = 'status_code';
  const match = /^(\d+)(?:-(\d+))?$/.exec(word.text);
  if (match === null) {
    report('wrongType', word, { keyword, expected: 'CODE or FROM-TO', found: word.text });
    return undefined;
  }
  const from = Number(match[1]);
  const to = match[2] === undefined ? from : Number(match[2]);
  if (from >= MIN_STATUS_CODE && to <= MAX_STATUS_CODE && from <= to) return { from, to };
  const expected = `codes from ${MIN_STATUS_CODE} to ${MAX_STATUS_CODE}, the lower one first`;
  report('outOfRange', word, { keyword, expected, found: word.text });
  return undefined;
}

function readDigest(block: ReadBlock, report: Report): string | undefined {
  const digest = block.text('digest');
  if (digest === undefined) return undefined;
  if (/^[\da-fA-F]{32}$/.test(digest)) return digest.toLowerCase();
  report('digestInvalid', block.placeOf('digest'), { found: digest });
  return undefined;
}

const REGEX_KEYWORDS = [
  'regex_no_match',
  'regex_options',
  'regex_min_offset',
  'regex_max_offset',
  'regex_stack',
];

function readRegex(block: ReadBlock, report: Report): RegexConfig | undefined {
  const pattern = readPattern(block.entry('regex'), report);
  if (!block.has('regex')) {
    for (const keyword of REGEX_KEYWORDS.filter((name) => block.has(name))) {
      report('regexMissing', block.placeOf(keyword), { keyword });
    }
  }
  const options = block
    .all('regex_options')
    .flatMap(({ words }) => words.flatMap((word) => readRegexOption(word, report) ?? []));
  const stack = readStack(block.entry('regex_stack'), report);
  if (pattern === undefined) return undefined;
  const outcome = translatePattern(pattern, options);
  if (!outcome.ok) {
    report('regexInvalid', block.placeOf('regex'), { reason: outcome.reason }, outcome.help);
  }
  return compact({
    pattern,
    matcher: outcome.ok ? { source: outcome.source, flags: outcome.flags } : undefined,
    stack,
    isNegated: block.flag('regex_no_match'),
    options,
    minOffset: block.number('regex_min_offset') ?? 0,
    maxOffset: block.number('regex_max_offset'),
  });
}

function readRegexOption(word: Token, report: Report): string | undefined {
  if (word.kind === 'opaque') return undefined;
  if (REGEX_OPTIONS.includes(word.text)) return word.text;
  report('regexOptionUnknown', word, { found: word.text }, () =>
    didYouMean(word.text, REGEX_OPTIONS),
  );
  return undefined;
}

/** The pattern as keepalived's own reader leaves it: both quotes group, a backslash escapes. */
function readPattern(entry: Entry | undefined, report: Report): string | undefined {
  if (entry === undefined || entry.words.length === 0) return undefined;
  if (entry.words.some(({ kind }) => kind === 'opaque')) return undefined;
  const text = statementText(entry.words);
  const outcome = readShellWords(text);
  if (!outcome.ok) {
    report('regexInvalid', placeOf(entry.words), { reason: outcome.reason });
    return undefined;
  }
  const [word, ...rest] = outcome.words;
  if (rest.length > 0) {
    const help = "write the pattern in quotes when it has a blank: regex 'a b'";
    report('regexInvalid', placeOf(entry.words), { reason: 'it ends at the first blank' }, help);
    return undefined;
  }
  const dropped = DROPPED_BACKSLASH.exec(text)?.[1];
  if (dropped !== undefined) report('regexBackslash', placeOf(entry.words), { char: dropped });
  return word?.text;
}

/** A single backslash before what is no escape of the reader. */
const DROPPED_BACKSLASH =
  /^(?:[^\\]|\\[^dDsSwWBAzZ.*+?()[\]{}|^$QKGRhHXC])*?\\([dDsSwWBAzZ.*+?()[\]{}|^$QKGRhHXC])/;

/** JavaScript's matcher has no such memory; the model keeps what the file says. */
function readStack(entry: Entry | undefined, report: Report): RegexConfig['stack'] {
  if (entry === undefined) return undefined;
  const [start, max, ...rest] = entry.words;
  const [startBytes, maxBytes] = [start, max].map((word) =>
    word === undefined || word.kind === 'opaque'
      ? undefined
      : readInteger(STACK, entry.keyword, word, report),
  );
  if (max === undefined && start !== undefined) {
    report('missingValue', entry.keyword, {
      keyword: 'regex_stack',
      expected: 'START MAX',
      compat: IGNORES_IT,
    });
  }
  reportTrailing(entry.statement.words.slice(0, 3), rest, report);
  return startBytes === undefined || maxBytes === undefined ? undefined : { startBytes, maxBytes };
}

/** Those that say where a request ends, and are written by who sends it. */
const FRAMING: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
]);

/** A token, a colon, and no control characters (RFC 9110 5.1, 5.5). */
const HEADER = /^([!#$%&'*+.^_`|~\w-]+)[ \t]*:(?:\t|\P{Cc})*$/u;

function checkHeader({ value, statement }: Entry, report: Report): void {
  if (typeof value !== 'string') return;
  const name = HEADER.exec(value)?.[1];
  const isFraming = name !== undefined && FRAMING.has(name.toLowerCase());
  if (name !== undefined && !isFraming) return;
  const reason = isFraming ? 'lvsd writes this one itself' : 'it is not NAME: VALUE';
  report('headerInvalid', placeOf(statement.words.slice(1)), { found: value, reason });
}

export function compileHttpOptions(block: ReadBlock, report: Report): HttpOptions {
  for (const entry of block.all('header')) checkHeader(entry, report);
  const texts = (name: string): readonly string[] | undefined => {
    const found = block.all(name).flatMap(({ value }) => (typeof value === 'string' ? value : []));
    return found.length === 0 ? undefined : found;
  };
  const method = block.text('method');
  return compact({
    httpProtocol: readVersion(block.text('http_protocol')),
    enableSni: block.flag('enable_sni') || undefined,
    sniName: block.text('sni_name'),
    tlsCompliant: block.flag('tls_compliant') || undefined,
    method: method === 'GET' ? undefined : method,
    headers: texts('header'),
    body: block.text('body'),
    followRedirects: block.number('follow_redirects') || undefined,
    expectHeaders: texts('expect_header'),
    verify: block.flag('verify') || undefined,
    ca: block.text('ca'),
    certExpiryWarnDays: block.number('cert_expiry_warn') || undefined,
  });
}

function readVersion(text: string | undefined): '1.0C' | '1.1' | '2' | undefined {
  return text === '1.0C' || text === '1.1' || text === '2' ? text : undefined;
}
