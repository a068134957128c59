/**
 * Reading the fields of an IPVS object within bounds. What is absent, short or malformed is a
 * refusal that names the attribute, never a throw: the kernel may be older or newer than this code.
 */
import { addressFromBytes, addressLength, type Family, type IpAddress } from '../base/address.ts';
import { NLA_HEADER_LENGTH, readString } from '../kernel/netlink.ts';
import { AF_INET, AF_INET6 } from './abi.ts';

export interface CodecRefusal {
  readonly ok: false;
  /**
   * FOREIGN_KIND: a service of an unknown protocol, or a server of an unknown forwarding method or
   * tunnel type, which lvsd does not manage and never touches. The others: the message is not what linux/ip_vs.h says.
   */
  readonly code:
    | 'FOREIGN_KIND'
    | 'ATTRIBUTE_MISSING'
    | 'ATTRIBUTE_SHORT'
    | 'ATTRIBUTES_MALFORMED'
    | 'UNKNOWN_FAMILY';
  readonly detail: string;
}

export type Decoded<T> = { readonly ok: true; readonly value: T } | CodecRefusal;

/** libc.ts sees to it that the machine is. */
const LITTLE_ENDIAN = true;

export function accept<T>(value: T): Decoded<T> {
  return { ok: true, value };
}

export function refuse(code: CodecRefusal['code'], detail: string): CodecRefusal {
  return { ok: false, code, detail };
}

/** No attribute of IPVS has a higher type; those of newer kernels are passed over. */
const TYPES = 24;
const NLA_TYPE_MASK = 0x3fff;

/**
 * Where each attribute of a message stands. Offsets, not slices: a large table is tens of thousands
 * of messages of a dozen attributes, and is read all the time.
 */
export class Fields {
  readonly view: DataView;
  readonly #starts = new Uint16Array(TYPES);
  readonly #lengths = new Uint16Array(TYPES);

  private constructor(view: DataView) {
    this.view = view;
  }

  /** The attributes from `start` to `end`; of a repeated type the last. */
  static read(view: DataView, start: number, end: number): Decoded<Fields> {
    const fields = new Fields(view);
    let at = start;
    while (at < end) {
      const length = at + NLA_HEADER_LENGTH > end ? 0 : view.getUint16(at, LITTLE_ENDIAN);
      if (length < NLA_HEADER_LENGTH || at + length > end) {
        const detail = `The netlink attribute at byte ${at} does not fit into ${end} bytes`;
        return refuse('ATTRIBUTES_MALFORMED', detail);
      }
      const type = view.getUint16(at + 2, LITTLE_ENDIAN) & NLA_TYPE_MASK;
      if (type < TYPES) {
        fields.#starts[type] = at + NLA_HEADER_LENGTH;
        fields.#lengths[type] = length - NLA_HEADER_LENGTH;
      }
      at += (length + 3) & ~3;
    }
    return accept(fields);
  }

  has(type: number): boolean {
    return this.#starts[type] !== 0;
  }

  /** Offset of the value; 0 when it is absent: no value stands before a header. */
  startOf(type: number): number {
    return this.#starts[type] ?? 0;
  }

  lengthOf(type: number): number {
    return this.#lengths[type] ?? 0;
  }
}

/** The attributes of a message. */
export function readFields(bytes: Uint8Array): Decoded<Fields> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Fields.read(view, 0, bytes.length);
}

/** The attributes inside an attribute. */
export function readNested(fields: Fields, type: number, name: string): Decoded<Fields> {
  const at = find(fields, type, { name, length: 0 });
  if (!at.ok) return at;
  return Fields.read(fields.view, at.value, at.value + fields.lengthOf(type));
}

/** Offset of a value of at least `length` bytes. */
function find(
  fields: Fields,
  type: number,
  expected: { readonly name: string; readonly length: number },
): Decoded<number> {
  const { name, length } = expected;
  if (!fields.has(type)) return refuse('ATTRIBUTE_MISSING', `Attribute ${name} is missing`);
  const found = fields.lengthOf(type);
  if (found >= length) return accept(fields.startOf(type));
  const detail = `Attribute ${name} has ${found} bytes, expected at least ${length}`;
  return refuse('ATTRIBUTE_SHORT', detail);
}

export function readU8(fields: Fields, type: number, name: string): Decoded<number> {
  const at = find(fields, type, { name, length: 1 });
  return at.ok ? accept(fields.view.getUint8(at.value)) : at;
}

export function readU16(fields: Fields, type: number, name: string): Decoded<number> {
  const at = find(fields, type, { name, length: 2 });
  return at.ok ? accept(fields.view.getUint16(at.value, LITTLE_ENDIAN)) : at;
}

export function readU32(fields: Fields, type: number, name: string): Decoded<number> {
  const at = find(fields, type, { name, length: 4 });
  return at.ok ? accept(fields.view.getUint32(at.value, LITTLE_ENDIAN)) : at;
}

/** A total; 0 when it is absent or short: counters decide nothing. */
export function readCounter(fields: Fields, type: number): number {
  if (fields.lengthOf(type) < 8) return 0;
  return readU64(fields.view, fields.startOf(type));
}

function readU64(view: DataView, at: number): number {
  return view.getUint32(at + 4, LITTLE_ENDIAN) * 2 ** 32 + view.getUint32(at, LITTLE_ENDIAN);
}

/** The same among the attributes from `start` to `end`, read in place. */
export function findCounter(
  view: DataView,
  { start, end, type }: { readonly start: number; readonly end: number; readonly type: number },
): number {
  for (let at = start; at + NLA_HEADER_LENGTH <= end; ) {
    const length = view.getUint16(at, LITTLE_ENDIAN);
    if (length < NLA_HEADER_LENGTH || at + length > end) return 0;
    if ((view.getUint16(at + 2, LITTLE_ENDIAN) & NLA_TYPE_MASK) === type) {
      return length < NLA_HEADER_LENGTH + 8 ? 0 : readU64(view, at + NLA_HEADER_LENGTH);
    }
    at += (length + 3) & ~3;
  }
  return 0;
}

export function readPort(fields: Fields, type: number): Decoded<number> {
  const at = find(fields, type, { name: 'PORT', length: 2 });
  return at.ok ? accept(fields.view.getUint16(at.value)) : at;
}

export function readFamily(fields: Fields, type: number): Decoded<Family> {
  const number = readU16(fields, type, 'AF');
  if (!number.ok) return number;
  if (number.value === AF_INET) return accept('inet');
  if (number.value === AF_INET6) return accept('inet6');
  const detail = `Address family ${number.value} is neither IPv4 nor IPv6`;
  return refuse('UNKNOWN_FAMILY', detail);
}

export function readAddress(fields: Fields, type: number, family: Family): Decoded<IpAddress> {
  const length = addressLength(family);
  const at = find(fields, type, { name: 'ADDR', length });
  return at.ok ? accept(addressFromBytes(bytesAt(fields, at.value, length))) : at;
}

/** Text up to the first NUL byte. */
export function readText(fields: Fields, type: number, name: string): Decoded<string> {
  const at = find(fields, type, { name, length: 1 });
  if (!at.ok) return at;
  return accept(readString(bytesAt(fields, at.value, fields.lengthOf(type))));
}

/** As a number: the mask 255.255.255.0 is 0xffffff00; for IPv6 the prefix length. */
export function readNetmask(fields: Fields, type: number, family: Family): Decoded<number> {
  const at = find(fields, type, { name: 'NETMASK', length: 4 });
  if (!at.ok) return at;
  return accept(fields.view.getUint32(at.value, family === 'inet6' && LITTLE_ENDIAN));
}

function bytesAt({ view }: Fields, at: number, length: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + at, length);
}
