/** Words of a statement to values, by the type in the keyword table. */
import { type IpAddress, parseAddress } from '../base/address.ts';
import type { Report } from './diagnostics.ts';
import { didYouMean } from './did-you-mean.ts';
import type { KeywordRow, ValueType } from './schema-rows.ts';
import { placeOf, type Token } from './source.ts';
import { withoutValue } from './without-value.ts';

export type Value = number | string | boolean | IpAddress;

/** How a value is asked for in a message. */
export function describeType(type: ValueType): string {
  switch (type.kind) {
    case 'flag':
      return 'no value';
    case 'boolean':
      return "'on' or 'off'";
    case 'integer':
      return `a whole number from ${type.min} to ${type.max}${type.unit === undefined ? '' : ` (${type.unit})`}`;
    case 'seconds':
      return `seconds from ${type.minMs / 1000} to ${type.maxMs / 1000}`;
    case 'milliseconds':
      return `milliseconds from ${type.minMs} to ${type.maxMs}`;
    case 'choice':
      return type.values.join(', ').replace(/, ([^,]*)$/, ' or $1');
    case 'text':
      return type.expected;
    case 'address':
      return 'an IP address';
    case 'words':
      return type.syntax;
    default:
      return type satisfies never;
  }
}

/** Most words that a keyword takes; Infinity when its own reader counts. */
export function maxWords(type: ValueType): number {
  if (type.kind === 'words') return Number.POSITIVE_INFINITY;
  return type.kind === 'flag' ? 0 : 1;
}

/**
 * The value of `row`, whose statement is `words`, its keyword first. Undefined when there is none:
 * then it is reported, or stands on something that was.
 */
export function readValue(
  row: KeywordRow,
  words: readonly Token[],
  report: Report,
): Value | undefined {
  const type = row.value;
  const limit = maxWords(type) + 1;
  if (words.length > limit) reportTrailing(words.slice(0, limit), words.slice(limit), report);
  if (type.kind === 'flag') return true;
  const [keyword, word] = words;
  if (keyword === undefined) return undefined;
  if (word === undefined) {
    if (type.kind === 'boolean') return true;
    if (type.kind === 'words' && type.min === 0) return undefined;
    report('missingValue', keyword, {
      keyword: keyword.text,
      expected: describeType(type),
      compat: withoutValue(row.name, row.context),
    });
    return undefined;
  }
  if (word.kind === 'opaque' || type.kind === 'words') return undefined;
  return readWord(type, keyword, word, report);
}

/** True when `value` is what `text`, a default as a file would have it, means for `type`. */
export function isValue(type: ValueType, value: Value | undefined, text: string): boolean {
  if (value === undefined) return false;
  switch (type.kind) {
    case 'boolean':
      return BOOLEANS.get(text) === value;
    case 'integer':
      return /^-?\d+$/.test(text) && Number(text) === value;
    case 'seconds':
      return parseSeconds(text) === value;
    case 'milliseconds':
      return parseMilliseconds(text) === value;
    case 'address':
      return typeof value === 'object' && parseAddress(text)?.text === value.text;
    case 'choice':
    case 'text':
      return value === text;
    case 'flag':
    case 'words':
      return false;
    default:
      return type satisfies never;
  }
}

/** Reports words that a complete statement does not take. */
export function reportTrailing(
  statement: readonly Token[],
  trailing: readonly Token[],
  report: Report,
  help?: string,
): void {
  if (trailing.length === 0 || trailing.every((token) => token.kind === 'opaque')) return;
  const join = (tokens: readonly Token[]): string => tokens.map(({ text }) => text).join(' ');
  const values = { words: join(trailing), statement: join(statement) };
  report('trailingWords', placeOf(trailing), values, help);
}

function readWord(
  type: Exclude<ValueType, { kind: 'flag' | 'words' }>,
  keyword: Token,
  word: Token,
  report: Report,
): Value | undefined {
  switch (type.kind) {
    case 'boolean':
      return readBoolean(type, keyword, word, report);
    case 'integer':
      return readInteger(type, keyword, word, report);
    case 'seconds':
      return readTime(type, parseSeconds, { keyword, word, report });
    case 'milliseconds':
      return readTime(type, parseMilliseconds, { keyword, word, report });
    case 'choice':
      return readChoice(type, keyword, word, report);
    case 'text':
      return readText(type, keyword, word, report);
    case 'address':
      return readAddress(keyword.text, word, report);
    default:
      return type satisfies never;
  }
}

function readText(
  type: ValueType,
  keyword: Token,
  word: Token,
  report: Report,
): string | undefined {
  if (word.text !== '') return word.text;
  refuse(type, keyword, word, report);
  return undefined;
}

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ['on', true],
  ['true', true],
  ['yes', true],
  ['off', false],
  ['false', false],
  ['no', false],
]);

function readBoolean(
  type: ValueType,
  keyword: Token,
  word: Token,
  report: Report,
): boolean | undefined {
  const value = BOOLEANS.get(word.text);
  if (value === undefined) refuse(type, keyword, word, report);
  return value;
}

/** Digits of a value that can be in range at all; more are out of every range. */
const MAX_DIGITS = 15;

export function readInteger(
  type: Extract<ValueType, { kind: 'integer' }>,
  keyword: Token,
  word: Token,
  report: Report,
): number | undefined {
  if (!/^[+-]?\d+$/.test(word.text)) {
    refuse(type, keyword, word, report);
    return undefined;
  }
  const value = word.text.length > MAX_DIGITS ? Number.POSITIVE_INFINITY : Number(word.text);
  return inRange(type, { value, min: type.min, max: type.max }, { keyword, word, report });
}

export function readSeconds(
  type: Extract<ValueType, { kind: 'seconds' }>,
  keyword: Token,
  word: Token,
  report: Report,
): number | undefined {
  return readTime(type, parseSeconds, { keyword, word, report });
}

function readTime(
  type: Extract<ValueType, { kind: 'seconds' | 'milliseconds' }>,
  parse: (text: string) => number | undefined,
  { keyword, word, report }: At,
): number | undefined {
  const value = parse(word.text);
  if (value === undefined) {
    refuse(type, keyword, word, report);
    return undefined;
  }
  return inRange(type, { value, min: type.minMs, max: type.maxMs }, { keyword, word, report });
}

const MICROSECONDS_PER_MS = 1000;
const MICROSECONDS_PER_SECOND = 1_000_000;

/** Decimal seconds to ms, exact to the microsecond; undefined when it is not a decimal number. */
export function parseSeconds(text: string): number | undefined {
  return parseTime(text, MICROSECONDS_PER_SECOND);
}

/** Decimal milliseconds, exact to the microsecond; undefined when it is not a decimal number. */
export function parseMilliseconds(text: string): number | undefined {
  return parseTime(text, MICROSECONDS_PER_MS);
}

function parseTime(text: string, unitUs: number): number | undefined {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)$/.test(text)) return undefined;
  return Math.round(Number(text) * unitUs) / MICROSECONDS_PER_MS;
}

interface At {
  readonly keyword: Token;
  readonly word: Token;
  readonly report: Report;
}

function inRange(
  type: ValueType,
  range: { readonly value: number; readonly min: number; readonly max: number },
  at: At,
): number | undefined {
  if (range.value >= range.min && range.value <= range.max) return range.value;
  const { keyword, word, report } = at;
  report('outOfRange', word, {
    keyword: keyword.text,
    expected: describeType(type),
    found: word.text,
  });
  return undefined;
}

export function readChoice(
  type: Extract<ValueType, { kind: 'choice' }>,
  keyword: Token,
  word: Token,
  report: Report,
): string | undefined {
  const found = type.isAnyCase === true ? word.text.toUpperCase() : word.text;
  if (type.values.includes(found)) return found;
  const replacement = type.historic?.[word.text];
  if (replacement !== undefined) {
    report('historicValue', word, { keyword: keyword.text, found: word.text, replacement });
    return replacement;
  }
  report(
    'wrongType',
    word,
    { keyword: keyword.text, expected: describeType(type), found: word.text },
    () => didYouMean(word.text, type.values),
  );
  return undefined;
}

/** `what` names the address in the message. */
export function readAddress(what: string, word: Token, report: Report): IpAddress | undefined {
  if (word.kind === 'opaque') return undefined;
  const address = parseAddress(word.text);
  if (address === undefined) report('hostnameForAddress', word, { found: word.text, what });
  return address;
}

function refuse(type: ValueType, keyword: Token, word: Token, report: Report): void {
  const expected = describeType(type);
  report('wrongType', word, { keyword: keyword.text, expected, found: word.text });
}
