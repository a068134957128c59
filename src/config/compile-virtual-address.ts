/**
 * Lines of virtual_ipaddress to the model: `IP[/mask] [dev IF] [label L] [brd IP|+|-] [scope S]`.
 */
import { type Family, hostPrefixLength, type IpAddress, parseAddress } from '../base/address.ts';
import type { Report } from './diagnostics.ts';
import { didYouMean } from './did-you-mean.ts';
import type { VirtualAddressConfig } from './model.ts';
import type { Statement } from './parser.ts';
import type { Entry } from './read-block.ts';
import { readAddress } from './read-value.ts';
import { type Place, placeOf, spanOf, type Token } from './source.ts';

/** IFNAMSIZ, and the length of IFA_LABEL, without the final NUL. */
const MAX_NAME_LENGTH = 15;
/** The subnet's broadcast address needs two host bits at least. */
const MAX_BROADCAST_PREFIX = 30;

/** rtnetlink scopes, linux/rtnetlink.h RT_SCOPE_*. */
const SCOPES: ReadonlyMap<string, number> = new Map([
  ['global', 0],
  ['universe', 0],
  ['site', 200],
  ['link', 253],
  ['host', 254],
  ['nowhere', 255],
]);

/** Options of keepalived that are read and refused, with the number of values each takes. */
const PLANNED_OPTIONS: ReadonlyMap<string, number> = new Map([
  ['peer', 1],
  ['use_vmac', 0],
  ['home', 0],
  ['-nodad', 0],
  ['mngtmpaddr', 0],
  ['noprefixroute', 0],
  ['autojoin', 0],
  ['no_track', 0],
  ['track_group', 1],
  ['preferred_lft', 1],
]);

const OPTIONS = ['dev', 'label', 'brd', 'broadcast', 'scope'] as const;
const ALL_OPTIONS = [...OPTIONS, ...PLANNED_OPTIONS.keys()];

export function describeFamily(family: Family): string {
  return family === 'inet' ? 'IPv4' : 'IPv6';
}

/** A name that the kernel has room for. */
export function checkDeviceName(word: Token, report: Report): void {
  const length = byteLength(word.text);
  if (length <= MAX_NAME_LENGTH) return;
  report('interfaceNameTooLong', word, { name: word.text, length, limit: MAX_NAME_LENGTH });
}

/** With where it stands, for what is said about it later. */
export interface PlacedAddress {
  readonly config: VirtualAddressConfig;
  readonly place: Place;
}

/** All lines of all `virtual_ipaddress` blocks of one instance. */
export function compileVirtualAddresses(
  lists: readonly Entry[],
  defaultDevice: string,
  report: Report,
): readonly PlacedAddress[] {
  const addresses: PlacedAddress[] = [];
  for (const statement of lists.flatMap((list) => list.statement.block?.statements ?? [])) {
    const config = compileLine(statement, defaultDevice, report);
    if (config === undefined) continue;
    const place = placeOf(statement.words);
    const { family, text } = config.address;
    const firstFamily = addresses[0]?.config.address.family ?? family;
    if (family === firstFamily) addresses.push({ config, place });
    else {
      report('mixedAddressFamilies', place, {
        address: text,
        family: describeFamily(family),
        firstFamily: describeFamily(firstFamily),
      });
    }
  }
  return addresses;
}

function compileLine(
  statement: Statement,
  defaultDevice: string,
  report: Report,
): VirtualAddressConfig | undefined {
  const [first, ...options] = statement.words;
  if (first === undefined || first.kind === 'opaque') return undefined;
  if (first.text === 'fwmark') {
    const reason = 'an address has no mark; keepalived ignores the line too';
    report('noEffect', placeOf(statement.words), { keyword: 'fwmark', reason });
    return undefined;
  }
  if (statement.block !== undefined) {
    report('blockUnexpected', placeOf(statement.words), { keyword: first.text });
    return undefined;
  }
  const prefix = readPrefix(first, report);
  if (prefix === undefined) return undefined;
  const written = readOptions(options, prefix, report);
  if (byteLength(written.label ?? '') > MAX_NAME_LENGTH) return undefined;
  return {
    span: spanOf(placeOf(statement.words)),
    ...prefix,
    device: defaultDevice,
    scope: 0,
    ...written,
  };
}

type Prefix = Pick<VirtualAddressConfig, 'address' | 'prefixLength'>;

function readPrefix(word: Token, report: Report): Prefix | undefined {
  const slash = word.text.indexOf('/');
  const text = slash < 0 ? word.text : word.text.slice(0, slash);
  const keyword = 'virtual_ipaddress';
  const address = readAddress(`each line of ${keyword}`, { ...word, text }, report);
  if (address === undefined) return undefined;
  const longest = hostPrefixLength(address.family);
  if (slash < 0) return { address, prefixLength: longest };
  const mask = word.text.slice(slash + 1);
  const expected = `a prefix length from 0 to ${longest}`;
  if (!/^\d{1,3}$/.test(mask)) {
    report('wrongType', word, { keyword, expected, found: `/${mask}` });
    return undefined;
  }
  if (Number(mask) > longest) {
    report('outOfRange', word, { keyword, expected, found: `/${mask}` });
    return undefined;
  }
  return { address, prefixLength: Number(mask) };
}

type Options = Partial<Pick<VirtualAddressConfig, 'device' | 'label' | 'broadcast' | 'scope'>>;

function readOptions(words: readonly Token[], prefix: Prefix, report: Report): Options {
  let options: Options = {};
  let index = 0;
  while (index < words.length) {
    const word = words[index];
    if (word === undefined || word.kind === 'opaque') break;
    const plannedValues = PLANNED_OPTIONS.get(word.text);
    if (plannedValues !== undefined) {
      report('notSupportedYet', word, { what: `'${word.text}' of an address` });
      index += 1 + plannedValues;
      continue;
    }
    if (!OPTIONS.some((option) => option === word.text)) {
      const values = { keyword: word.text, context: 'virtual_ipaddress' };
      report('unknownKeyword', word, values, () => helpForWord(word.text));
      break;
    }
    const value = words[index + 1];
    if (value === undefined) {
      report('missingValue', word, { keyword: word.text, expected: 'a value' });
      break;
    }
    options = { ...options, ...readOption(word, value, prefix, report) };
    index += 2;
  }
  return options;
}

function helpForWord(text: string): string | undefined {
  const isAddress = parseAddress(text.replace(/\/.*$/, '')) !== undefined;
  return isAddress ? 'one address a line' : didYouMean(text, ALL_OPTIONS);
}

function readOption(word: Token, value: Token, prefix: Prefix, report: Report): Options {
  if (value.kind === 'opaque') return {};
  switch (word.text) {
    case 'dev':
      checkDeviceName(value, report);
      return { device: value.text };
    case 'label': {
      const length = byteLength(value.text);
      if (length > MAX_NAME_LENGTH) {
        report('labelTooLong', value, { label: value.text, length, limit: MAX_NAME_LENGTH });
      }
      return { label: value.text };
    }
    case 'scope':
      return readScope(value, report);
    default:
      return readBroadcast(word, value, prefix, report);
  }
}

function readScope(value: Token, report: Report): Options {
  const number = /^\d{1,3}$/.test(value.text) ? Number(value.text) : SCOPES.get(value.text);
  if (number !== undefined && number <= 255) return { scope: number };
  const expected = 'global, site, link, host or a number from 0 to 255';
  report('wrongType', value, { keyword: 'scope', expected, found: value.text });
  return {};
}

function readBroadcast(word: Token, value: Token, prefix: Prefix, report: Report): Options {
  if (value.text === '-') return {};
  const keyword = word.text;
  if (prefix.address.family !== 'inet' || prefix.prefixLength > MAX_BROADCAST_PREFIX) {
    const expected = `an IPv4 address with a mask of /${MAX_BROADCAST_PREFIX} or shorter`;
    const found = `${prefix.address.text}/${prefix.prefixLength}`;
    report('wrongType', word, { keyword, expected, found });
    return {};
  }
  if (value.text === '+') return { broadcast: '+' };
  const broadcast: IpAddress | undefined = parseAddress(value.text);
  if (broadcast?.family === 'inet') return { broadcast };
  report('wrongType', value, {
    keyword,
    expected: "an IPv4 address, '+' or '-'",
    found: value.text,
  });
  return {};
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}
