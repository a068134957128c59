/** What the checkers have to themselves, kind by kind. */
import type { IpAddress } from '../base/address.ts';
import type { Report } from './diagnostics.ts';
import { didYouMean } from './did-you-mean.ts';
import { type LvsContext, readLvsScript } from './lvs-context.ts';
import type { CheckerBase } from './model.ts';
import {
  type BfdCheckConfig,
  DNS_TYPES,
  type DnsProbe,
  type FileCheckConfig,
  type MiscCheckConfig,
  REDIS_ROLES,
  type RedisProbe,
  type RunningProbe,
  type UdpProbe,
} from './model-lvs.ts';
import { compact } from './present.ts';
import { type Entry, type ReadBlock, readBlock } from './read-block.ts';
import { readInteger, reportTrailing } from './read-value.ts';
import { placeOf } from './source.ts';

const HELO_NAME = 'smtpchecker.keepalived.org';
const MAX_REPLY_LENGTH = 255;
const WEIGHT = { kind: 'integer', min: -(2 ** 31 - 1), max: 2 ** 31 - 1 } as const;

/** Undefined when it asks for what this service cannot have. */
export function compileRunningProbe(
  kind: RunningProbe['kind'],
  { block, checked }: FreeInput,
  report: Report,
): RunningProbe | undefined {
  switch (kind) {
    case 'SMTP_CHECK':
      return { kind, heloName: block.text('helo_name') ?? HELO_NAME };
    case 'REDIS_CHECK':
      return compileRedis(block);
    case 'AGENT_CHECK':
      return compact({ kind, send: block.text('send') });
    case 'DNS_CHECK':
      return compileDns(block);
    case 'UDP_CHECK':
      return compileUdp(block, report);
    case 'PING_CHECK':
      return { kind };
    case 'DSR_CHECK':
      if (checked.virtual.ok) return { kind, virtualAddress: checked.virtual.address };
      report('dsrCheckNeeds', block.place, { need: checked.virtual.need });
      return undefined;
    default:
      return kind satisfies never;
  }
}

function compileRedis(block: ReadBlock): RedisProbe {
  const written = block.text('role');
  return compact({
    kind: 'REDIS_CHECK' as const,
    role: REDIS_ROLES.find((role) => role === written) ?? 'any',
    username: block.text('username'),
    passwordFile: block.text('password_file'),
    tls: block.flag('tls'),
  });
}

function compileDns(block: ReadBlock): DnsProbe {
  const written = block.text('type');
  const answers = block
    .all('expect_answer')
    .map(({ words }) => words.map(({ text }) => text).join(' '));
  return compact({
    kind: 'DNS_CHECK' as const,
    type: DNS_TYPES.find((type) => type === written) ?? 'SOA',
    name: block.text('name') ?? '.',
    answers: answers.length === 0 ? undefined : answers,
  });
}

/** The old form: what one host block says instead of the checker. */
export function readHost(entry: Entry, report: Report): Partial<CheckerBase> {
  const place = placeOf(entry.statement.words);
  report('hostBlock', place, {});
  const statements = entry.statement.block?.statements ?? [];
  const block = readBlock({ context: 'host', place }, statements, report);
  return compact({
    connectAddress: block.address('connect_ip'),
    connectPort: block.number('connect_port'),
    connectTimeoutMs: block.number('connect_timeout'),
    bindAddress: block.address('bindto'),
    bindInterface: block.text('bind_if'),
    bindPort: block.number('bind_port'),
    fwmark: block.number('fwmark') || undefined,
  });
}

/** A file, or a session, says when to look; once a minute anyway. keepalived knows no retries here. */
const TOLD_TIMING = {
  delayLoopMs: 60_000,
  retry: 0,
  delayBeforeRetryMs: 0,
  warmupMs: 0,
  alpha: false,
} as const;

function compileUdp(block: ReadBlock, report: Report): UdpProbe {
  const reply = readHex(block.entry('require_reply'), report);
  const minReplyLength = block.number('min_reply_length') ?? 0;
  const maxReplyLength = block.number('max_reply_length') ?? MAX_REPLY_LENGTH;
  const length = (reply?.length ?? 0) / 2;
  if (minReplyLength > maxReplyLength) {
    const reason = `min_reply_length ${minReplyLength} is above max_reply_length ${maxReplyLength}`;
    report('replyLength', block.placeOf('min_reply_length'), { reason });
  } else if (length > maxReplyLength) {
    const reason = `require_reply has ${length} bytes, max_reply_length is ${maxReplyLength}`;
    report('replyLength', block.placeOf('require_reply'), { reason });
  }
  return compact({
    kind: 'UDP_CHECK' as const,
    payload: readHex(block.entry('payload'), report),
    requiresReply: block.has('require_reply'),
    reply,
    minReplyLength,
    maxReplyLength,
  });
}

/** Pairs of digits, with blanks between them as one likes; X in a reply is any digit. */
function readHex(entry: Entry | undefined, report: Report): string | undefined {
  if (entry === undefined || entry.words.length === 0) return undefined;
  if (entry.words.some(({ kind }) => kind === 'opaque')) return undefined;
  const found = entry.words.map(({ text }) => text).join(' ');
  const hex = found.replace(/\s/g, '').toUpperCase();
  const isReply = entry.keyword.text === 'require_reply';
  const isHex = (isReply ? /^(?:[\dA-FX]{2})+$/ : /^(?:[\dA-F]{2})+$/).test(hex);
  if (isHex) return hex;
  report('hexInvalid', placeOf(entry.words), {
    keyword: entry.keyword.text,
    expected: isReply ? 'hex digits, X for any' : 'hex digits',
    found,
  });
  return undefined;
}

/** What checkers that do not connect are compiled from. */
export interface FreeInput {
  readonly block: ReadBlock;
  readonly base: CheckerBase;
  /** The virtual server that the server is in. */
  readonly checked: { readonly service: ReadBlock; readonly virtual: VirtualTarget };
}

/** What clients of the server ask for, or what it lacks to be asked for by DSR_CHECK. */
export type VirtualTarget =
  | { readonly ok: true; readonly address: IpAddress }
  | { readonly ok: false; readonly need: string };

/** Undefined when it names no script. */
export function compileMisc(
  { block, base, checked }: FreeInput,
  context: LvsContext,
): MiscCheckConfig | undefined {
  const { connectAddress: _a, connectPort: _p, connectTimeoutMs: _t, ...timing } = base;
  const timeoutMs =
    block.number('misc_timeout') ?? checked.service.number('delay_loop') ?? base.delayLoopMs;
  if (timeoutMs > base.delayLoopMs) {
    const values = { timeout: timeoutMs / 1000, delay: base.delayLoopMs / 1000 };
    context.report('miscTimeoutTooLong', block.placeOf('misc_timeout'), values);
  }
  const [user, group, ...rest] = block.entry('user')?.words ?? [];
  const userEntry = block.entry('user');
  if (userEntry !== undefined) {
    reportTrailing(userEntry.statement.words.slice(0, 3), rest, context.report);
  }
  const { files } = context;
  files.checkAccount('user', user, 'keepalived leaves the check out');
  files.checkAccount('group', group, 'keepalived leaves the check out');
  const command = readLvsScript(block.entry('misc_path'), 'check', context);
  if (command === undefined) return undefined;
  const runsAs = compact({ user: user?.text, group: group?.text });
  return {
    kind: 'MISC_CHECK',
    ...timing,
    command: { ...command, ...runsAs },
    timeoutMs,
    isDynamic: block.flag('misc_dynamic'),
  };
}

/** Undefined when it names no track_file that is there. */
export function compileFile(
  { block, base }: FreeInput,
  { report, trackFiles }: LvsContext,
): FileCheckConfig | undefined {
  const weight = readWeight(block.entry('weight'), report);
  const name = block.text('track_file');
  if (name === undefined) return undefined;
  if (!trackFiles.has(name)) {
    const place = block.placeOf('track_file');
    report('unknownTrackFile', place, { name }, () => didYouMean(name, trackFiles));
    return undefined;
  }
  const { span } = base;
  return compact({ kind: 'FILE_CHECK' as const, span, trackFile: name, ...TOLD_TIMING, ...weight });
}

function readWeight(
  entry: Entry | undefined,
  report: Report,
): { readonly weight: number | undefined; readonly isReversed: boolean } {
  const [word, reverse, ...rest] = entry?.words ?? [];
  if (entry === undefined || word === undefined || word.kind === 'opaque') {
    return { weight: undefined, isReversed: false };
  }
  const isReversed = reverse?.text === 'reverse';
  const trailing = reverse === undefined || isReversed ? rest : [reverse, ...rest];
  reportTrailing(entry.statement.words.slice(0, isReversed ? 3 : 2), trailing, report);
  return { weight: readInteger(WEIGHT, entry.keyword, word, report), isReversed };
}

/** Undefined when it names no bfd_instance that is there. */
export function compileBfd(
  { block, base }: FreeInput,
  { report, bfdInstances, bfdForVrrp }: LvsContext,
): BfdCheckConfig | undefined {
  const name = block.text('name');
  if (name === undefined) return undefined;
  const place = block.placeOf('name');
  if (bfdForVrrp.has(name))
    report('bfdOtherUse', place, { name, use: 'vrrp', keyword: 'BFD_CHECK' });
  else if (!bfdInstances.has(name)) {
    report('unknownBfdInstance', place, { name }, () => didYouMean(name, bfdInstances));
  } else return { kind: 'BFD_CHECK', span: base.span, name, ...TOLD_TIMING, alpha: base.alpha };
  return undefined;
}
