/**
 * HPACK, the compression of fields in HTTP/2 (RFC 7541): pure. The decoder knows all of it, within bounds; the
 * encoder never uses the dynamic table nor Huffman's code, for it writes one request in a connection.
 *
 *     0   1   2   3   4   5   6   7
 *   +---+---------------------------+
 *   | 1 |        index (7+)         |  6.1    a field of a table
 *   +---+---+-----------------------+
 *   | 0 | 1 |      index (6+)       |  6.2.1  literal, goes into the dynamic table
 *   +---+---+---+-------------------+
 *   | 0 | 0 | 1 |  max size (5+)    |  6.3    size of the dynamic table
 *   +---+---+---+---+---------------+
 *   | 0 | 0 | 0 | N |  index (4+)   |  6.2.2  literal; 6.2.3 (N): never to be indexed
 *   +---+---+---+---+---------------+
 *   | H |      length (7+)          |  5.2    string: of a name where its index is 0, and of a value
 *   +---+---------------------------+
 */
import { decodeHuffman } from './hpack-huffman.ts';

export type HpackField = readonly [name: string, value: string];

export type HpackOutcome =
  | { readonly ok: true; readonly fields: readonly HpackField[] }
  /** `error`: that of HTTP/2 (RFC 9113 7); the connection cannot go on after it. */
  | { readonly ok: false; readonly error: HpackError; readonly detail: string };

export type HpackError = 'COMPRESSION_ERROR' | 'ENHANCE_YOUR_CALM';

/** What the fields of one block may come to. */
export interface HpackLimits {
  readonly fields: number;
  /** Octets, as SETTINGS_MAX_HEADER_LIST_SIZE counts them (RFC 9113 6.5.2). */
  readonly listBytes: number;
}

/** SETTINGS_HEADER_TABLE_SIZE while nobody says anything else. */
export const DEFAULT_TABLE_BYTES = 4096;

/** What a field costs beside its octets (4.1). */
const ENTRY_BYTES = 32;

/** More is no length and no index of anything. */
const MAX_INTEGER = 2 ** 24;
const MAX_INTEGER_OCTETS = 5;

/** Appendix A, from index 1 on; what follows the name is the value. */
const STATIC: readonly HpackField[] = `:authority
:method GET
:method POST
:path /
:path /index.html
:scheme http
:scheme https
:status 200
:status 204
:status 206
:status 304
:status 400
:status 404
:status 500
accept-charset
accept-encoding gzip, deflate
accept-language
accept-ranges
accept
access-control-allow-origin
age
allow
authorization
cache-control
content-disposition
content-encoding
content-language
content-length
content-location
content-range
content-type
cookie
date
etag
expect
expires
from
host
if-match
if-modified-since
if-none-match
if-range
if-unmodified-since
last-modified
link
location
max-forwards
proxy-authenticate
proxy-authorization
range
referer
refresh
retry-after
server
set-cookie
strict-transport-security
transfer-encoding
user-agent
vary
via
www-authenticate`
  .split('\n')
  .map((line) => {
    const [name = '', ...rest] = line.split(' ');
    return [name, rest.join(' ')];
  });

/** What is wrong with a block; never leaves `decode`. */
class Malformed extends Error {
  readonly error: HpackError;

  constructor(detail: string, error: HpackError = 'COMPRESSION_ERROR') {
    super(detail);
    this.error = error;
  }
}

/** The decoder of one direction of one connection: blocks must come whole and in order. */
export class HpackDecoder {
  readonly #maxTableBytes: number;
  /** What the encoder has chosen. */
  #tableLimit: number;
  #tableBytes = 0;
  /** Newest first. */
  #table: HpackField[] = [];
  #block: Buffer = Buffer.alloc(0);
  #at = 0;

  /** `maxTableBytes`: what our SETTINGS_HEADER_TABLE_SIZE allows. */
  constructor(maxTableBytes = DEFAULT_TABLE_BYTES) {
    this.#maxTableBytes = maxTableBytes;
    this.#tableLimit = maxTableBytes;
  }

  /** Octets of the dynamic table as 4.1 counts them. */
  get tableBytes(): number {
    return this.#tableBytes;
  }

  /** After a refusal the tables are not what the encoder thinks: the decoder is of no use any more. */
  decode(block: Buffer, limits: HpackLimits): HpackOutcome {
    this.#block = block;
    this.#at = 0;
    const fields: HpackField[] = [];
    let listBytes = 0;
    try {
      while (this.#at < block.length) {
        const field = this.#field(fields.length === 0);
        if (field === undefined) continue;
        fields.push(field);
        listBytes += entryBytes(field);
        if (fields.length > limits.fields) {
          throw new Malformed(`more than ${limits.fields} headers`, 'ENHANCE_YOUR_CALM');
        }
        if (listBytes > limits.listBytes) {
          throw new Malformed(
            `more than ${limits.listBytes} bytes of headers`,
            'ENHANCE_YOUR_CALM',
          );
        }
      }
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
      return { ok: false, error: error.error, detail: error.message };
    }
    return { ok: true, fields };
  }

  /** undefined: it was a new size of the table, which may come before the first field only (4.2). */
  #field(isFirst: boolean): HpackField | undefined {
    const octet = this.#block[this.#at] ?? 0;
    if (octet >= 0x80) return this.#indexed(this.#integer(7));
    if (octet >= 0x40) {
      const field = this.#literal(6);
      this.#add(field);
      return field;
    }
    if (octet < 0x20) return this.#literal(4);
    const size = this.#integer(5);
    if (!isFirst || size > this.#maxTableBytes) {
      throw new Malformed('a size of the table of headers that is not allowed');
    }
    this.#tableLimit = size;
    this.#evict(size);
    return undefined;
  }

  #literal(prefixBits: number): HpackField {
    const index = this.#integer(prefixBits);
    const name = index === 0 ? this.#string() : this.#indexed(index)[0];
    return [name, this.#string()];
  }

  /** 2.3.3: the dynamic table follows the static one. */
  #indexed(index: number): HpackField {
    const field =
      index <= STATIC.length ? STATIC[index - 1] : this.#table[index - STATIC.length - 1];
    if (field === undefined) throw new Malformed(`no header has the index ${index}`);
    return field;
  }

  /** 5.1, with a bound. */
  #integer(prefixBits: number): number {
    const max = 2 ** prefixBits - 1;
    let value = this.#octet() & max;
    if (value < max) return value;
    for (let shift = 0; shift < 7 * MAX_INTEGER_OCTETS; shift += 7) {
      const octet = this.#octet();
      value += (octet & 0x7f) * 2 ** shift;
      if (value > MAX_INTEGER) break;
      if (octet < 0x80) return value;
    }
    throw new Malformed('an integer in the headers is too large');
  }

  #string(): string {
    const isHuffman = (this.#block[this.#at] ?? 0) >= 0x80;
    const length = this.#integer(7);
    const end = this.#at + length;
    if (end > this.#block.length) throw new Malformed('the headers end in the middle of one');
    const octets = this.#block.subarray(this.#at, end);
    this.#at = end;
    const text = isHuffman ? decodeHuffman(octets) : octets.toString('latin1');
    if (text === undefined) throw new Malformed("a header is not in Huffman's code");
    return text;
  }

  #octet(): number {
    const octet = this.#block[this.#at];
    if (octet === undefined) throw new Malformed('the headers end in the middle of one');
    this.#at += 1;
    return octet;
  }

  /** 4.4: a field that is larger than the table empties it. */
  #add(field: HpackField): void {
    const bytes = entryBytes(field);
    this.#evict(this.#tableLimit - bytes);
    if (bytes > this.#tableLimit) return;
    this.#table.unshift(field);
    this.#tableBytes += bytes;
  }

  #evict(limit: number): void {
    while (this.#tableBytes > limit) {
      const last = this.#table.pop();
      if (last === undefined) return;
      this.#tableBytes -= entryBytes(last);
    }
  }
}

function entryBytes([name, value]: HpackField): number {
  return name.length + value.length + ENTRY_BYTES;
}

/** What no one on the way may keep in a table (7.1.3). */
const SECRET: ReadonlySet<string> = new Set(['authorization', 'proxy-authorization', 'cookie']);

/** Names must be in small letters. */
export function encodeFields(fields: readonly HpackField[]): Buffer {
  return Buffer.concat(fields.flatMap(encodeField));
}

function encodeField([name, value]: HpackField): readonly Buffer[] {
  const whole = STATIC.findIndex((field) => field[0] === name && field[1] === value);
  if (whole >= 0 && value !== '') return [encodeInteger(0x80, 7, whole + 1)];
  const flags = SECRET.has(name) ? 0x10 : 0;
  const named = STATIC.findIndex((field) => field[0] === name);
  const head = encodeInteger(flags, 4, named + 1);
  return named >= 0
    ? [head, ...encodeString(value)]
    : [head, ...encodeString(name), ...encodeString(value)];
}

function encodeString(text: string): readonly Buffer[] {
  const octets = Buffer.from(text);
  return [encodeInteger(0, 7, octets.length), octets];
}

function encodeInteger(flags: number, prefixBits: number, value: number): Buffer {
  const max = 2 ** prefixBits - 1;
  if (value < max) return Buffer.from([flags | value]);
  const octets = [flags | max];
  let left = value - max;
  for (; left >= 0x80; left = Math.floor(left / 0x80)) octets.push((left % 0x80) | 0x80);
  return Buffer.from([...octets, left]);
}
