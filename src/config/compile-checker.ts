/**
 * Checker blocks to the model, with what they inherit from the real server and the virtual server.
 */
import type { IpAddress } from '../base/address.ts';
import type { Report } from './diagnostics.ts';
import type { CheckerBase, CheckerConfig, HttpUrlConfig, StatusCodeRange } from './model.ts';
import { type Entry, type ReadBlock, readBlock } from './read-block.ts';
import { placeOf, spanOf, type Token } from './source.ts';

const DEFAULT_DELAY_LOOP_MS = 60_000;
const DEFAULT_CONNECT_TIMEOUT_MS = 5000;
const DEFAULT_RETRY = 1;
const DEFAULT_DELAY_BEFORE_RETRY_MS = { TCP_CHECK: 1000, HTTP_GET: 3000 } as const;
const DEFAULT_STATUS_CODES: readonly StatusCodeRange[] = [{ from: 200, to: 299 }];
const MIN_STATUS_CODE = 100;
const MAX_STATUS_CODE = 999;

const KINDS = ['TCP_CHECK', 'HTTP_GET'] as const;

export interface CompiledChecker {
  readonly config: CheckerConfig;
  /** Nobody said how often to check. */
  readonly isDelayLoopDefault: boolean;
}

export interface CheckedServer {
  readonly endpoint: { readonly address: IpAddress; readonly port: number };
  readonly service: ReadBlock;
  readonly server: ReadBlock;
}

/** The checkers of one real server, TCP_CHECKs first, each kind in the order of the file. */
export function compileCheckers(
  checked: CheckedServer,
  report: Report,
): readonly CompiledChecker[] {
  return KINDS.flatMap((kind) =>
    checked.server.all(kind).map((entry) => compileChecker(kind, entry, checked, report)),
  );
}

function compileChecker(
  kind: (typeof KINDS)[number],
  entry: Entry,
  checked: CheckedServer,
  report: Report,
): CompiledChecker {
  const place = placeOf(entry.statement.words);
  const statements = entry.statement.block?.statements ?? [];
  const block = readBlock({ context: kind, place }, statements, report);
  const levels = [block, checked.server, checked.service];
  const inherited = (name: string): number | undefined =>
    levels.map((level) => level.number(name)).find((value) => value !== undefined);
  const delayLoopMs = inherited('delay_loop') ?? DEFAULT_DELAY_LOOP_MS;
  const base: CheckerBase = {
    span: spanOf(place),
    connectAddress: block.address('connect_ip') ?? checked.endpoint.address,
    connectPort: block.number('connect_port') ?? checked.endpoint.port,
    connectTimeoutMs: inherited('connect_timeout') ?? DEFAULT_CONNECT_TIMEOUT_MS,
    delayLoopMs,
    retry: inherited('retry') ?? DEFAULT_RETRY,
    delayBeforeRetryMs: inherited('delay_before_retry') ?? DEFAULT_DELAY_BEFORE_RETRY_MS[kind],
    warmupMs: inherited('warmup') ?? delayLoopMs,
    alpha: levels.some((level) => level.flag('alpha')),
  };
  const isDelayLoopDefault = !levels.some((level) => level.has('delay_loop'));
  if (kind === 'TCP_CHECK') return { config: { kind, ...base }, isDelayLoopDefault };
  const virtualhost = levels
    .map((level) => level.text('virtualhost'))
    .find((value) => value !== undefined);
  const urls = block.all('url').map((url) => compileUrl(url, virtualhost, report));
  return { config: { kind, ...base, urls }, isDelayLoopDefault };
}

function compileUrl(
  entry: Entry,
  inheritedHost: string | undefined,
  report: Report,
): HttpUrlConfig {
  const place = placeOf(entry.statement.words);
  const statements = entry.statement.block?.statements ?? [];
  const block = readBlock({ context: 'url', place }, statements, report);
  const path = block.text('path') ?? '/';
  if (!path.startsWith('/')) {
    const expected = 'a path that begins with /';
    report('wrongType', block.placeOf('path'), { keyword: 'path', expected, found: path });
  }
  const codes = block.all('status_code').flatMap((line) => readStatusCodes(line, report));
  const virtualhost = block.text('virtualhost') ?? inheritedHost;
  return {
    path,
    statusCodes: codes.length === 0 ? DEFAULT_STATUS_CODES : codes,
    ...(virtualhost === undefined ? {} : { virtualhost }),
  };
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
