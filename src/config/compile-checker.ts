/**
 * Checker blocks to the model, with what they inherit from the real server and the virtual server.
 */
import type { IpAddress } from '../base/address.ts';
import {
  compileBfd,
  compileFile,
  compileMisc,
  compileRunningProbe,
  type FreeInput,
  readHost,
  type VirtualTarget,
} from './compile-probe.ts';
import { compileHttpOptions, compileUrl } from './compile-url.ts';
import { checkDeviceName } from './device-name.ts';
import type { LvsContext } from './lvs-context.ts';
import type { CheckerBase, CheckerConfig, HttpGetConfig, SslGetConfig } from './model.ts';
import type { CheckerOptions } from './model-lvs.ts';
import { compact } from './present.ts';
import { type Entry, type ReadBlock, readBlock } from './read-block.ts';
import { placeOf, spanOf } from './source.ts';

const DEFAULT_DELAY_LOOP_MS = 60_000;
const DEFAULT_CONNECT_TIMEOUT_MS = 5000;
const DEFAULT_DELAY_BEFORE_RETRY_MS = 1000;
const HTTP_DELAY_BEFORE_RETRY_MS = 3000;

/** Where they differ from 1. */
const DEFAULT_RETRY: Readonly<Record<string, number>> = { DNS_CHECK: 3, MISC_CHECK: 0 };

const KINDS = [
  'TCP_CHECK',
  'HTTP_GET',
  'SSL_GET',
  'SMTP_CHECK',
  'UDP_CHECK',
  'DNS_CHECK',
  'PING_CHECK',
  'MISC_CHECK',
  'FILE_CHECK',
  'BFD_CHECK',
  'REDIS_CHECK',
  'AGENT_CHECK',
  'DSR_CHECK',
] as const;

export interface CompiledChecker {
  readonly config: CheckerConfig;
  /** Nobody said how often to check. */
  readonly isDelayLoopDefault: boolean;
}

export interface CheckedServer {
  readonly endpoint: { readonly address: IpAddress; readonly port: number };
  readonly service: ReadBlock;
  readonly server: ReadBlock;
  readonly virtual: VirtualTarget;
}

/** The checkers of one real server, by kind and in the order of the file. */
export function compileCheckers(
  checked: CheckedServer,
  context: LvsContext,
): readonly CompiledChecker[] {
  return KINDS.filter((kind) => checked.server.has(kind)).flatMap((kind) =>
    checked.server.all(kind).flatMap((entry): readonly CompiledChecker[] => {
      const read = readChecker(kind, entry, checked, context);
      const isTimed = isTold(kind) || read.levels.some((level) => level.has('delay_loop'));
      const base = compileBase(kind, read, checked, context);
      const config = compileKind(kind, { ...read, base, checked }, context);
      if (config === undefined) return [];
      const hosts = read.block.all('host').map((host) => readHost(host, context.report));
      return (hosts.length === 0 ? [{}] : hosts).map((host) => ({
        config: { ...config, ...host },
        isDelayLoopDefault: !isTimed,
      }));
    }),
  );
}

/** Of these nobody says how often to look: what they ask about tells its changes. */
function isTold(kind: string): boolean {
  return kind === 'FILE_CHECK' || kind === 'BFD_CHECK';
}

/** Undefined when it names nothing that is there. */
function compileKind(
  kind: (typeof KINDS)[number],
  read: ReadChecker & FreeInput,
  context: LvsContext,
): CheckerConfig | undefined {
  const { base } = read;
  if (kind !== 'MISC_CHECK' && !isTold(kind)) checkScope(kind, read, context);
  if (kind === 'TCP_CHECK') return { kind, ...base };
  if (kind === 'HTTP_GET' || kind === 'SSL_GET') return compileHttp(kind, read, base, context);
  if (kind === 'MISC_CHECK') return compileMisc(read, context);
  if (kind === 'FILE_CHECK') return compileFile(read, context);
  if (kind === 'BFD_CHECK') return compileBfd(read, context);
  const probe = compileRunningProbe(kind, read, context.report);
  return probe === undefined ? undefined : { ...base, ...probe };
}

interface ReadChecker {
  readonly block: ReadBlock;
  /** Innermost first. */
  readonly levels: readonly ReadBlock[];
}

function readChecker(
  kind: string,
  entry: Entry,
  checked: CheckedServer,
  { report }: LvsContext,
): ReadChecker {
  const place = placeOf(entry.statement.words);
  const statements = entry.statement.block?.statements ?? [];
  const block = readBlock({ context: kind, place }, statements, report);
  return { block, levels: [block, checked.server, checked.service] };
}

function compileBase(
  kind: string,
  { block, levels }: ReadChecker,
  { endpoint }: CheckedServer,
  context: LvsContext,
): CheckerBase {
  const inherited = (name: string): number | undefined => {
    for (const level of levels) {
      const value = level.number(name);
      if (value !== undefined) return value;
    }
    return undefined;
  };
  const delayLoopMs = inherited('delay_loop') ?? DEFAULT_DELAY_LOOP_MS;
  return {
    span: spanOf(block.place),
    connectAddress: block.address('connect_ip') ?? endpoint.address,
    connectPort: block.number('connect_port') ?? endpoint.port,
    connectTimeoutMs: inherited('connect_timeout') ?? DEFAULT_CONNECT_TIMEOUT_MS,
    delayLoopMs,
    retry: inherited('retry') ?? DEFAULT_RETRY[kind] ?? 1,
    delayBeforeRetryMs: inherited('delay_before_retry') ?? defaultDelay(kind, delayLoopMs),
    warmupMs: inherited('warmup') ?? delayLoopMs,
    alpha: levels.some((level) => level.flag('alpha')),
    ...compileOptions(block, context),
  };
}

/** fe80::/10 is there on every interface. */
function checkScope(
  kind: string,
  { block, base }: { readonly block: ReadBlock; readonly base: CheckerBase },
  { report }: LvsContext,
): void {
  const { connectAddress, bindInterface } = base;
  if (!/^fe[89ab][\da-f]:/.test(connectAddress.text) || bindInterface !== undefined) return;
  const place = block.placeOf('connect_ip');
  report('linkLocalWithoutInterface', place, { kind, address: connectAddress.text });
}

function defaultDelay(kind: string, delayLoopMs: number): number {
  if (kind === 'HTTP_GET' || kind === 'SSL_GET') return HTTP_DELAY_BEFORE_RETRY_MS;
  return kind === 'DNS_CHECK' ? delayLoopMs : DEFAULT_DELAY_BEFORE_RETRY_MS;
}

function compileOptions(block: ReadBlock, { report }: LvsContext): CheckerOptions {
  const device = block.entry('bind_if')?.words[0];
  if (device !== undefined) checkDeviceName(device, report);
  const unlessOne = (name: string): number | undefined => {
    const value = block.number(name);
    return value === 1 ? undefined : value;
  };
  return compact({
    bindAddress: block.address('bindto'),
    bindInterface: block.text('bind_if'),
    bindPort: block.number('bind_port'),
    fwmark: block.number('fwmark') || undefined,
    rise: unlessOne('rise'),
    fall: unlessOne('fall'),
    fastIntervalMs: block.number('fast_interval'),
    downIntervalMs: block.number('down_interval'),
    totalTimeoutMs: block.number('total_timeout'),
  });
}

function compileHttp(
  kind: 'HTTP_GET' | 'SSL_GET',
  { block, levels }: ReadChecker,
  base: CheckerBase,
  { report, tlsClient }: LvsContext,
): HttpGetConfig | SslGetConfig {
  const virtualhost = levels
    .map((level) => level.text('virtualhost'))
    .find((value) => value !== undefined);
  const urls = block.all('url').map((url) => compileUrl(url, virtualhost, report));
  const options = compileHttpOptions(block, report);
  const isNamed = options.enableSni === true || options.sniName !== undefined;
  if (kind === 'SSL_GET' && !isNamed && urls.some((url) => url.virtualhost !== undefined)) {
    report('virtualhostWithoutSni', block.place, {});
  }
  const checker = { ...base, ...options, urls };
  if (kind === 'HTTP_GET') return { kind, ...checker };
  return { kind, ...checker, ...(tlsClient === undefined ? {} : { client: tlsClient }) };
}
