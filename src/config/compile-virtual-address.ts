/**
 * Lines of virtual_ipaddress to the model: `IP[/mask] [dev IF] [label L] [brd IP|+|-] [scope S]`.
 */
import { type Family, hostPrefixLength, type IpAddress, parseAddress } from '../base/address.ts';
import { IGNORES_IT } from './compat-text.ts';
import { checkName, type Surroundings } from './compile-trackers.ts';
import { byteLength, checkDeviceName, MAX_NAME_LENGTH } from './device-name.ts';
import type { Report } from './diagnostics.ts';
import { didYouMean } from './did-you-mean.ts';
import type { VirtualAddressConfig } from './model.ts';
import type { Statement } from './parser.ts';
import type { Entry } from './read-block.ts';
import { parsePrefix } from './read-prefix.ts';
import { readAddress } from './read-value.ts';
import { type Place, placeOf, spanOf, type Token } from './source.ts';

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

/** Options without a value; the daemon does none of them yet. */
const FLAGS: ReadonlySet<string> = new Set([
  'use_vmac',
  'home',
  '-nodad',
  'mngtmpaddr',
  'noprefixroute',
  'autojoin',
  'no_track',
]);

/** Options with a value that the daemon does not do yet. */
const PLANNED_VALUES: ReadonlySet<string> = new Set(['peer', 'preferred_lft', 'track_group']);

const OPTIONS = ['dev', 'label', 'brd', 'broadcast', 'scope'] as const;
const ALL_OPTIONS = [...OPTIONS, ...FLAGS, ...PLANNED_VALUES];

export function describeFamily(family: Family): string {
  return family === 'inet' ? 'IPv4' : 'IPv6';
}

/** With where it stands, for what is said about it later. */
export interface PlacedAddress {
  readonly config: VirtualAddressConfig;
  readonly place: Place;
}

export interface AddressList {
  /** `virtual_ipaddress`, as a message calls it. */
  readonly keyword: string;
  readonly defaultDevice: string;
  /** Lists that adverts name are of one family. */
  readonly isOneFamily: boolean;
  readonly around: Surroundings;
}

/** All lines of all blocks of one keyword of one instance. */
export function compileVirtualAddresses(
  lists: readonly Entry[],
  list: AddressList,
): readonly PlacedAddress[] {
  const addresses: PlacedAddress[] = [];
  const { report } = list.around.files;
  for (const statement of lists.flatMap((entry) => entry.statement.block?.statements ?? [])) {
    const config = compileLine(statement, list);
    if (config === undefined) continue;
    const place = placeOf(statement.words);
    const { family, text } = config.address;
    const firstFamily = addresses[0]?.config.address.family ?? family;
    if (family === firstFamily || !list.isOneFamily) addresses.push({ config, place });
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

function compileLine(statement: Statement, list: AddressList): VirtualAddressConfig | undefined {
  const { report } = list.around.files;
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
  const prefix = readPrefix(first, list.keyword, report);
  if (prefix === undefined) return undefined;
  const written = readOptions(options, prefix, list);
  if (written === undefined || byteLength(written.label ?? '') > MAX_NAME_LENGTH) return undefined;
  return {
    span: spanOf(placeOf(statement.words)),
    ...prefix,
    device: list.defaultDevice,
    scope: 0,
    ...written,
  };
}

type Prefix = Pick<VirtualAddressConfig, 'address' | 'prefixLength'>;

function readPrefix(word: Token, keyword: string, report: Report): Prefix | undefined {
  const slash = word.text.indexOf('/');
  const text = slash < 0 ? word.text : word.text.slice(0, slash);
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

type Options = Partial<Omit<VirtualAddressConfig, 'span' | 'address' | 'prefixLength'>>;

/** Undefined for an address that keepalived leaves out. */
function readOptions(
  words: readonly Token[],
  prefix: Prefix,
  list: AddressList,
): Options | undefined {
  const { report } = list.around.files;
  let options: Options = {};
  let index = 0;
  while (index < words.length) {
    const word = words[index];
    if (word === undefined || word.kind === 'opaque') break;
    if (FLAGS.has(word.text)) {
      reportPlanned(word, list);
      options = { ...options, flags: [...(options.flags ?? []), word.text] };
      index += 1;
      continue;
    }
    const isPlanned = PLANNED_VALUES.has(word.text);
    if (!isPlanned && !OPTIONS.some((option) => option === word.text)) {
      const values = { keyword: word.text, context: list.keyword };
      report('unknownKeyword', word, values, () => helpForWord(word.text));
      break;
    }
    const value = words[index + 1];
    if (value === undefined) {
      const isIgnored = word.text === 'track_group';
      const compat = isIgnored ? IGNORES_IT : 'keepalived leaves the address out';
      report('missingValue', word, { keyword: word.text, expected: 'a value', compat });
      return isIgnored ? options : undefined;
    }
    const read = isPlanned
      ? readPlanned(word, value, list)
      : readOption(word, value, prefix, report);
    options = { ...options, ...read };
    index += 2;
  }
  return options;
}

/** The lists of a planned block are refused with it. */
function reportPlanned(word: Token, list: AddressList): void {
  if (list.keyword !== 'virtual_ipaddress') return;
  list.around.files.report('notSupportedYet', word, { what: `'${word.text}' of an address` });
}

const MAX_LIFETIME = 2 ** 32 - 2;

function readPlanned(word: Token, value: Token, list: AddressList): Options {
  const { report } = list.around.files;
  const keyword = word.text;
  if (value.kind === 'opaque') return {};
  if (keyword === 'preferred_lft' && value.text === 'forever') return {};
  reportPlanned(word, list);
  if (keyword === 'track_group') {
    checkName('track_group', value, list.around);
    return { trackGroup: value.text };
  }
  const values = { keyword, found: value.text };
  if (keyword === 'peer') {
    const peer = parsePrefix(value.text);
    if (peer !== undefined) return { peer };
    report('wrongType', value, { ...values, expected: 'ADDRESS[/LENGTH]' });
    return {};
  }
  const seconds = /^\d{1,10}$/.test(value.text) ? Number(value.text) : Number.POSITIVE_INFINITY;
  if (seconds <= MAX_LIFETIME) return { preferredLifetimeSeconds: seconds };
  report('wrongType', value, { ...values, expected: "seconds or 'forever'" });
  return {};
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
      } else if (prefix.address.family === 'inet6') report('labelOnIpv6', word, {});
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
