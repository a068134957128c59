/**
 * Lines made of options (`via 10.0.0.1 dev eth0 metric 5`): what each option takes, read from left
 * to right, each at most once unless it may repeat.
 */
import { type IpAddress, type IpPrefix, parseAddress } from '../base/address.ts';
import { checkDeviceName } from './device-name.ts';
import type { Report } from './diagnostics.ts';
import { didYouMean } from './did-you-mean.ts';
import type { FileCheck, NumberDatabase } from './file-facts.ts';
import type { LineOption } from './model-vrrp.ts';
import { readPrefix } from './read-prefix.ts';
import { placeOf, type Token } from './source.ts';

export type OptionType =
  | { readonly kind: 'flag' }
  | { readonly kind: 'integer'; readonly min: number; readonly max: number }
  | { readonly kind: 'address' }
  /** `default`, `any` and `all` are the empty prefix. */
  | { readonly kind: 'prefix' }
  | { readonly kind: 'device' }
  | { readonly kind: 'text'; readonly pattern: RegExp; readonly expected: string }
  /** `FROM-TO`, or one number where `isRange` does not ask for two. */
  | {
      readonly kind: 'range';
      readonly min: number;
      readonly max: number;
      readonly isRange: boolean;
    }
  /** A number, one of `names`, or a name that a file of the system gives a number. */
  | {
      readonly kind: 'named';
      readonly max: number;
      readonly names: ReadonlySet<string>;
      readonly database: NumberDatabase;
    }
  /** `encap mpls LABEL`, `encap ila LOCATOR`, `encap ip …`: a kind, and what some kinds take. */
  | { readonly kind: 'encapsulation' }
  /** `mtu [lock] N`: what may stand in front of the value. */
  | { readonly kind: 'lockable'; readonly max: number };

export type OptionTable = ReadonlyMap<string, OptionType>;

export interface LineContext {
  /** How the line is called in a message: `virtual_routes`. */
  readonly list: string;
  readonly table: OptionTable;
  /** Spelling -> the one that the model has. */
  readonly aliases?: ReadonlyMap<string, string>;
  readonly report: Report;
  /** Who knows the names of the system; absent where any name is taken. */
  readonly files?: FileCheck;
  /** What keepalived does at an option without its value; absent where it ends. */
  readonly withoutValue?: string;
}

/** The options of one line by name. */
export class ReadOptions {
  readonly #found = new Map<string, { readonly value: OptionValue; readonly words: Token[] }>();

  readonly #repeated = new Set<string>();

  /** The option stands there once more. */
  markRepeated(name: string): void {
    this.#repeated.add(name);
  }

  isRepeated(name: string): boolean {
    return this.#repeated.has(name);
  }

  set(name: string, value: OptionValue, words: Token[]): void {
    this.#found.set(name, { value, words });
  }

  has(name: string): boolean {
    return this.#found.has(name);
  }

  /** The option's own word. */
  wordOf(name: string): Token | undefined {
    return this.#found.get(name)?.words[0];
  }

  number(name: string): number | undefined {
    const value = this.#found.get(name)?.value;
    return typeof value === 'number' ? value : undefined;
  }

  text(name: string): string | undefined {
    const value = this.#found.get(name)?.value;
    return typeof value === 'string' ? value : undefined;
  }

  address(name: string): IpAddress | undefined {
    const value = this.#found.get(name)?.value;
    return typeof value === 'object' && 'family' in value ? value : undefined;
  }

  prefix(name: string): IpPrefix | undefined {
    const value = this.#found.get(name)?.value;
    return typeof value === 'object' && 'prefixLength' in value ? value : undefined;
  }

  /** All but `typed`, as they were written. */
  others(typed: ReadonlySet<string>): readonly LineOption[] {
    return [...this.#found]
      .filter(([name]) => !typed.has(name))
      .map(([name, { words }]) => ({ name, values: words.slice(1).map(({ text }) => text) }));
  }
}

type OptionValue = true | number | string | IpAddress | IpPrefix;

/** Reads `words`; stops at the first that is no option of the table, which is reported. */
export function readOptions(words: readonly Token[], context: LineContext): ReadOptions {
  const options = new ReadOptions();
  let index = 0;
  while (index < words.length) {
    const word = words[index];
    if (word === undefined || word.kind === 'opaque') break;
    const name = context.aliases?.get(word.text) ?? word.text;
    const type = context.table.get(name);
    if (type === undefined) {
      reportUnknownOption(word, context);
      break;
    }
    if (options.has(name)) {
      context.report('optionTwice', word, { option: word.text });
      options.markRepeated(name);
    }
    const count = wordCount(type, words[index + 1]);
    const taken = words.slice(index, index + 1 + count);
    const value = readOption(type, word, taken, context);
    if (value !== undefined) options.set(name, value, taken);
    index += 1 + count;
  }
  return options;
}

function reportUnknownOption(word: Token, { list, table, aliases, report }: LineContext): void {
  const values = { keyword: word.text, context: list };
  const names = [...table.keys(), ...(aliases?.keys() ?? [])];
  const isAddress = parseAddress(word.text.replace(/\/.*$/, '')) !== undefined;
  report('unknownKeyword', word, values, () =>
    isAddress ? 'one entry a line' : didYouMean(word.text, names),
  );
}

const VALUED_ENCAPSULATIONS: ReadonlySet<string> = new Set(['mpls', 'ila']);

function wordCount(type: OptionType, next: Token | undefined): number {
  if (type.kind === 'flag') return 0;
  if (type.kind === 'encapsulation') return VALUED_ENCAPSULATIONS.has(next?.text ?? '') ? 2 : 1;
  return type.kind === 'lockable' && next?.text === 'lock' ? 2 : 1;
}

function readOption(
  type: OptionType,
  word: Token,
  taken: readonly Token[],
  { report, files, withoutValue }: LineContext,
): OptionValue | undefined {
  if (type.kind === 'flag') return true;
  const value = taken.at(-1);
  if (value === undefined || value === word || value.text === 'lock') {
    report('missingValue', placeOf(taken), {
      keyword: word.text,
      expected: describe(type),
      compat: withoutValue,
    });
    return undefined;
  }
  if (value.kind === 'opaque') return undefined;
  switch (type.kind) {
    case 'integer':
      return readNumber(type, word, value, report);
    case 'lockable':
      return readNumber({ kind: 'integer', min: 0, max: type.max }, word, value, report);
    case 'address': {
      const address = parseAddress(value.text);
      if (address === undefined) {
        report('hostnameForAddress', value, { found: value.text, what: `'${word.text}'` });
      }
      return address;
    }
    case 'prefix':
      return readPrefix(value, `'${word.text}'`, report);
    case 'encapsulation':
      return readEncapsulation(type, word, taken, report);
    case 'device':
      checkDeviceName(value, report);
      return value.text;
    case 'range':
      if (isRange(type, value.text)) return value.text;
      report('wrongType', value, {
        keyword: word.text,
        expected: describe(type),
        found: value.text,
      });
      return undefined;
    case 'named':
      if (isKnownName(type, value.text, files)) return value.text;
      report('wrongType', value, {
        keyword: word.text,
        expected: describe(type),
        found: value.text,
      });
      return undefined;
    case 'text':
      if (type.pattern.test(value.text)) return value.text;
      report('wrongType', value, {
        keyword: word.text,
        expected: type.expected,
        found: value.text,
      });
      return undefined;
    default:
      return type satisfies never;
  }
}

const ENCAPSULATIONS: ReadonlyMap<string, RegExp | undefined> = new Map([
  ['mpls', /^\d{1,7}(?:\/\d{1,7})*$/],
  ['ila', /^[\da-f]{1,4}(?::[\da-f]{1,4}){3}$/i],
  ['ip', undefined],
  ['ip6', undefined],
]);

function readEncapsulation(
  type: OptionType,
  word: Token,
  [, kind, value]: readonly Token[],
  report: Report,
): string | undefined {
  if (kind === undefined) return undefined;
  const pattern = ENCAPSULATIONS.get(kind.text);
  const isKnown = ENCAPSULATIONS.has(kind.text);
  if (isKnown && (pattern === undefined || pattern.test(value?.text ?? ''))) {
    return value?.text ?? kind.text;
  }
  const found = isKnown ? `${kind.text} ${value?.text ?? ''}`.trimEnd() : kind.text;
  const place = isKnown ? (value ?? kind) : kind;
  report('wrongType', place, { keyword: word.text, expected: describe(type), found });
  return undefined;
}

function isRange(type: Extract<OptionType, { kind: 'range' }>, text: string): boolean {
  const [, from = '', to] = /^(\d{1,10})(?:-(\d{1,10}))?$/.exec(text) ?? [];
  if (from === '' || (to === undefined && type.isRange)) return false;
  const [low, high] = [Number(from), Number(to ?? from)];
  return type.min <= low && low <= high && high <= type.max;
}

function isKnownName(
  { max, names, database }: Extract<OptionType, { kind: 'named' }>,
  text: string,
  files: FileCheck | undefined,
): boolean {
  if (/^(?:\d{1,10}|0x[\da-f]{1,8})$/i.test(text)) return Number(text) <= max;
  return names.has(text) || files?.knowsName(database, text) !== false;
}

function readNumber(
  type: Extract<OptionType, { kind: 'integer' }>,
  word: Token,
  value: Token,
  report: Report,
): number | undefined {
  const values = { keyword: word.text, expected: describe(type), found: value.text };
  if (!/^(?:-?\d{1,12}|0x[\da-fA-F]{1,8})$/.test(value.text)) {
    report('wrongType', value, values);
    return undefined;
  }
  const number = Number(value.text);
  if (number >= type.min && number <= type.max) return number;
  report('outOfRange', value, values);
  return undefined;
}

function describe(type: OptionType): string {
  switch (type.kind) {
    case 'flag':
      return 'no value';
    case 'integer':
      return `a whole number from ${type.min} to ${type.max}`;
    case 'lockable':
      return `[lock] and a whole number from 0 to ${type.max}`;
    case 'address':
      return 'an IP address';
    case 'prefix':
      return 'ADDRESS[/LENGTH]';
    case 'encapsulation':
      return 'mpls LABEL, ila LOCATOR, ip or ip6';
    case 'device':
      return 'an interface name';
    case 'range':
      return `${type.isRange ? '' : 'a number or '}FROM-TO, ${type.min} to ${type.max}`;
    case 'named':
      return `a number from 0 to ${type.max} or a name of ${type.database}`;
    case 'text':
      return type.expected;
    default:
      return type satisfies never;
  }
}
