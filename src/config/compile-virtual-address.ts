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

/** Options without a value. */
const FLAGS: ReadonlySet<string> = new Set([
  'use_vmac',
  'home',
  '-nodad',
  'mngtmpaddr',
  'noprefixroute',
  'autojoin',
  'no_track',
]);

/** Options with a value. */
const OPTIONS: ReadonlySet<string> = new Set([
  'dev',
  'label',
  'brd',
  'broadcast',
  'scope',
  'peer',
  'preferred_lft',
  'track_group',
]);
const ALL_OPTIONS = [...OPTIONS, ...FLAGS];

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
      if (word.text === 'use_vmac') reportPlanned(word, list);
      options = { ...options, flags: [...(options.flags ?? []), word.text] };
      index += 1;
      continue;
    }
    if (!OPTIONS.has(word.text)) {
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
    options = { ...options, ...readOption(word, value, prefix, list) };
    index += 2;
  }
  return options;
}

/** The lists of a planned block are refused with it. */
function reportPlanned(word: Token, list: AddressList): void {
  list.around.files.report('notSupportedYet', word, { what: `'${word.text}' of an address` });
}

/** INFINITY_LIFE_TIME of the kernel. */
const FOREVER = 2 ** 32 - 1;

function readPeer(value: Token, prefix: Prefix, report: Report): Options {
  const peer = parsePrefix(value.text);
  if (peer === undefined) {
    const expected = 'ADDRESS[/LENGTH]';
    report('wrongType', value, { keyword: 'peer', expected, found: value.text });
    return {};
  }
  if (peer.address.family === prefix.address.family) return { peer };
  report('familyMismatch', value, {
    keyword: 'peer',
    address: peer.address.text,
    family: describeFamily(peer.address.family),
    expected: describeFamily(prefix.address.family),
  });
  return {};
}

function readLifetime(value: Token, report: Report): Options {
  if (value.text === 'forever') return { preferredLifetimeSeconds: FOREVER };
  const seconds = /^\d{1,10}$/.test(value.text) ? Number(value.text) : FOREVER;
  if (seconds < FOREVER) return { preferredLifetimeSeconds: seconds };
  const expected = "seconds or 'forever'";
  report('wrongType', value, { keyword: 'preferred_lft', expected, found: value.text });
  return {};
}

/** Instances depend on static items; what an instance itself holds follows it. */
function readTrackGroup(word: Token, value: Token, list: AddressList): Options {
  checkName('track_group', value, list.around);
  if (list.keyword !== 'static_ipaddress') {
    const reason = 'only static addresses are tracked by groups of instances';
    list.around.files.report('noEffect', word, { keyword: 'track_group', reason });
    return {};
  }
  return { trackGroup: value.text };
}

function helpForWord(text: string): string | undefined {
  const isAddress = parseAddress(text.replace(/\/.*$/, '')) !== undefined;
  return isAddress ? 'one address a line' : didYouMean(text, ALL_OPTIONS);
}

function readOption(word: Token, value: Token, prefix: Prefix, list: AddressList): Options {
  const { report } = list.around.files;
  if (value.kind === 'opaque') return {};
  switch (word.text) {
    case 'peer':
      return readPeer(value, prefix, report);
    case 'preferred_lft':
      return readLifetime(value, report);
    case 'track_group':
      return readTrackGroup(word, value, list);
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
