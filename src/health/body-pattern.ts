/**
 * `regex` of a url against a body. A pattern that repeats can take exponentially long for a body that a broken
 * server sends, and this process checks others too: its match runs under a bound of time, which V8 keeps, with
 * a thread for every match. One that repeats nothing takes as long as its body, and needs no bound.
 */
import { createContext, Script } from 'node:vm';
import type { RegexConfig } from '../config/model-lvs.ts';

/** Body bytes that are matched; a longer body has failed, for nobody knows what its rest holds. */
export const MAX_MATCHED_BYTES = 1024 * 1024;

/** Longest time of one match, ms. */
export const MAX_MATCH_MS = 50;

/** A match that was given up after less CPU than this, ms, had to share the processor: not its fault. */
const OWN_MATCH_MS = MAX_MATCH_MS / 2;

export interface BodyPattern {
  readonly config: RegexConfig;
  /** Global, so that it begins at `lastIndex`; undefined where JavaScript has no such pattern. */
  readonly matcher: RegExp | undefined;
  /** It may take long: see `repeats`. */
  readonly needsBound?: boolean;
}

export type BodyOutcome =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: string; readonly detail: string }
  /** This process did not get to it. */
  | { readonly ok: 'unknown'; readonly detail: string };

export function compilePattern(config: RegexConfig): BodyPattern {
  const { matcher } = config;
  if (matcher === undefined) return { config, matcher: undefined };
  const source = isText(config) ? matcher.source : bytesOf(matcher.source);
  return {
    config,
    matcher: new RegExp(source, `${matcher.flags}g`),
    needsBound: repeats(matcher.source),
  };
}

/** Whether a pattern has a quantifier. Escaped characters, classes and the heads of groups are none. */
export function repeats(source: string): boolean {
  const bare = source
    .replace(/\\./gs, 'x')
    .replace(/\[[^\]]*\]/g, 'x')
    .replace(/\(\?/g, '(');
  return /[*+?{]/.test(bare);
}

/** Offsets count bytes, as in keepalived; lookbehinds see what stands before the first. */
export function matchBody({ config, matcher, needsBound }: BodyPattern, body: Buffer): BodyOutcome {
  if (matcher === undefined) {
    return { ok: false, reason: 'REGEX_UNUSABLE', detail: `regex ${config.pattern} cannot be run` };
  }
  const isUtf8 = isText(config);
  const text = body.toString(isUtf8 ? 'utf8' : 'latin1');
  const from = isUtf8 ? body.toString('utf8', 0, config.minOffset).length : config.minOffset;
  const found =
    needsBound === false ? plainMatch(matcher, text, from) : firstMatch(matcher, text, from);
  if (found === 'not done') {
    return { ok: 'unknown', detail: `no time to match ${config.pattern}: the processor is busy` };
  }
  if (found === 'too long') {
    const detail = `regex ${config.pattern} took more than ${MAX_MATCH_MS} ms`;
    return { ok: false, reason: 'REGEX_TIMEOUT', detail };
  }
  const index = isUtf8 && found > 0 ? Buffer.byteLength(text.slice(0, found)) : found;
  const isMatch = index >= 0 && index < (config.maxOffset ?? Number.POSITIVE_INFINITY);
  if (isMatch !== config.isNegated) return { ok: true };
  const detail = isMatch
    ? `the body matches ${config.pattern}, at byte ${index}`
    : `no match of ${config.pattern} in ${body.length} bytes`;
  return { ok: false, reason: 'BAD_BODY', detail };
}

/** Without `utf` PCRE2 sees bytes, and a letter of the pattern is the bytes that stand in the file. */
function isText({ options }: RegexConfig): boolean {
  return options.includes('utf');
}

function bytesOf(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

const US_PER_MS = 1000;

const MATCH = new Script('matcher.exec(text)?.index ?? -1');

function plainMatch(matcher: RegExp, text: string, from: number): number {
  matcher.lastIndex = from;
  return matcher.exec(text)?.index ?? -1;
}

function firstMatch(matcher: RegExp, text: string, from: number): number | 'too long' | 'not done' {
  if (from > text.length) return -1;
  matcher.lastIndex = from;
  sandbox.matcher = matcher;
  sandbox.text = text;
  const before = process.cpuUsage();
  try {
    return Number(MATCH.runInContext(sandbox, { timeout: MAX_MATCH_MS }));
  } catch {
    // Nothing else throws: the matcher was compiled before.
    const { user, system } = process.cpuUsage(before);
    return (user + system) / US_PER_MS < OWN_MATCH_MS ? 'not done' : 'too long';
  } finally {
    sandbox.matcher = undefined;
    sandbox.text = '';
  }
}

const sandbox: { matcher: RegExp | undefined; text: string } & Record<string, unknown> =
  Object.assign(createContext({}), { matcher: undefined, text: '' });
