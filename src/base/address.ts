/**
 * IP addresses as values. `text` is canonical (RFC 5952 for IPv6), so two addresses are the same
 * exactly when their `text` is, and `text` serves as a Map key. Plain data: it crosses a process
 * boundary as JSON unchanged.
 */
export type Family = 'inet' | 'inet6';

export interface IpAddress {
  readonly family: Family;
  readonly text: string;
}

/** An address with its prefix length, as `ip addr add` takes it. */
export interface IpPrefix {
  readonly address: IpAddress;
  readonly prefixLength: number;
}

const IPV4_LENGTH = 4;
const IPV6_LENGTH = 16;
const IPV6_GROUPS = 8;

/** Length of an address of this family on the wire, in bytes. */
export function addressLength(family: Family): number {
  return family === 'inet' ? IPV4_LENGTH : IPV6_LENGTH;
}

/** Bits of a host prefix: 32 or 128. */
export function hostPrefixLength(family: Family): number {
  return addressLength(family) * 8;
}

/** Reads a dotted quad (no octal, no short forms) or an RFC 4291 address; undefined when it is neither. */
export function parseAddress(text: string): IpAddress | undefined {
  if (text.includes(':')) {
    const bytes = parseIpv6(text);
    return bytes === undefined ? undefined : addressFromBytes(bytes);
  }
  // A quad has one spelling only.
  return parseIpv4(text) === undefined ? undefined : { family: 'inet', text };
}

/** The address in network byte order: 4 or 16 bytes, a fresh copy. */
export function addressBytes(address: IpAddress): Uint8Array {
  const bytes = address.family === 'inet' ? parseIpv4(address.text) : parseIpv6(address.text);
  if (bytes === undefined) throw new Error(`Not a canonical address: ${address.text}`);
  return bytes;
}

/** The address that 4 or 16 bytes in network order stand for; throws for any other length. */
export function addressFromBytes(bytes: Uint8Array): IpAddress {
  if (bytes.length === IPV4_LENGTH) return { family: 'inet', text: bytes.join('.') };
  if (bytes.length === IPV6_LENGTH) return { family: 'inet6', text: formatIpv6(bytes) };
  throw new Error(`An address has 4 or 16 bytes, not ${bytes.length}`);
}

/** Numeric comparison in network byte order, IPv4 before IPv6: the order of RFC 9568 6.4.3's tie break. */
export function compareAddresses(a: IpAddress, b: IpAddress): number {
  const left = addressBytes(a);
  const right = addressBytes(b);
  if (left.length !== right.length) return left.length - right.length;
  for (const [index, value] of left.entries()) {
    const difference = value - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

export function isSameAddress(a: IpAddress, b: IpAddress): boolean {
  return a.text === b.text;
}

/** `10.0.0.1:80`, `[2001:db8::1]:80`: the form users write and read. */
export function formatEndpoint(address: IpAddress, port: number): string {
  return address.family === 'inet' ? `${address.text}:${port}` : `[${address.text}]:${port}`;
}

/** `10.0.0.1/32`. */
export function formatPrefix(prefix: IpPrefix): string {
  return `${prefix.address.text}/${prefix.prefixLength}`;
}

const QUAD = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/;

function parseIpv4(text: string): Uint8Array | undefined {
  const match = QUAD.exec(text);
  if (match === null) return undefined;
  const bytes = new Uint8Array(IPV4_LENGTH);
  for (let index = 0; index < IPV4_LENGTH; index += 1) {
    const value = Number(match[index + 1]);
    if (value > 255) return undefined;
    bytes[index] = value;
  }
  return bytes;
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const isWhole = halves.length === 1;
  const head = parseGroups(halves[0] ?? '', isWhole);
  const tail = isWhole ? [] : parseGroups(halves[1] ?? '', true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = IPV6_GROUPS - head.length - tail.length;
  if (isWhole ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
  const bytes = new Uint8Array(IPV6_LENGTH);
  for (const [index, group] of groups.entries()) {
    bytes[index * 2] = group >> 8;
    bytes[index * 2 + 1] = group & 0xff;
  }
  return bytes;
}

/** The 16-bit groups of one side of `::`; at the address's end a dotted quad counts as the last two. */
function parseGroups(text: string, isEnd: boolean): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (isEnd && part.includes('.') && index === parts.length - 1) {
      const quad = parseIpv4(part);
      if (quad === undefined) return undefined;
      const [a = 0, b = 0, c = 0, d = 0] = quad;
      groups.push(a * 256 + b, c * 256 + d);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(Number.parseInt(part, 16));
    } else {
      return undefined;
    }
  }
  return groups;
}

/** RFC 5952: lower case, no leading zeros, `::` for the longest (first) run of two or more zero groups. */
function formatIpv6(bytes: Uint8Array): string {
  const groups: number[] = [];
  for (let index = 0; index < bytes.length; index += 2) {
    groups.push((bytes[index] ?? 0) * 256 + (bytes[index + 1] ?? 0));
  }
  let best = { start: -1, length: 1 };
  let start = -1;
  for (const [index, group] of [...groups, 1].entries()) {
    if (group === 0) {
      if (start < 0) start = index;
    } else if (start >= 0) {
      if (index - start > best.length) best = { start, length: index - start };
      start = -1;
    }
  }
  const hex = (part: number[]): string => part.map((group) => group.toString(16)).join(':');
  if (best.start < 0) return hex(groups);
  return `${hex(groups.slice(0, best.start))}::${hex(groups.slice(best.start + best.length))}`;
}
