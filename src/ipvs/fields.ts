/**
 * Reading the fields of an IPVS object within bounds. What is absent, short or malformed is a
 * refusal that names the attribute, never a throw: the kernel may be older or newer than this code.
 */
import { addressFromBytes, addressLength, type Family, type IpAddress } from '../base/address.ts';
import {
  type AttributeMap,
  decodeAttributes,
  NetlinkFormatError,
  readString,
} from '../kernel/netlink.ts';
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

/** The attributes of a message or of a nested attribute. */
export function readFields(bytes: Uint8Array): Decoded<AttributeMap> {
  try {
    return accept(decodeAttributes(bytes));
  } catch (error) {
    if (!(error instanceof NetlinkFormatError)) throw error;
    return refuse('ATTRIBUTES_MALFORMED', error.message);
  }
}

/** The attributes inside an attribute. */
export function readNested(
  fields: AttributeMap,
  type: number,
  name: string,
): Decoded<AttributeMap> {
  const bytes = readBytes(fields, type, { name, length: 0 });
  return bytes.ok ? readFields(bytes.value) : bytes;
}

export function readBytes(
  fields: AttributeMap,
  type: number,
  expected: { readonly name: string; readonly length: number },
): Decoded<Uint8Array> {
  const bytes = fields.get(type);
  const { name, length } = expected;
  if (bytes === undefined) return refuse('ATTRIBUTE_MISSING', `Attribute ${name} is missing`);
  if (bytes.length >= length) return accept(bytes);
  const detail = `Attribute ${name} has ${bytes.length} bytes, expected at least ${length}`;
  return refuse('ATTRIBUTE_SHORT', detail);
}

export function readU8(fields: AttributeMap, type: number, name: string): Decoded<number> {
  const bytes = readBytes(fields, type, { name, length: 1 });
  return bytes.ok ? accept(view(bytes.value).getUint8(0)) : bytes;
}

export function readU16(fields: AttributeMap, type: number, name: string): Decoded<number> {
  const bytes = readBytes(fields, type, { name, length: 2 });
  return bytes.ok ? accept(view(bytes.value).getUint16(0, LITTLE_ENDIAN)) : bytes;
}

export function readU32(fields: AttributeMap, type: number, name: string): Decoded<number> {
  const bytes = readBytes(fields, type, { name, length: 4 });
  return bytes.ok ? accept(view(bytes.value).getUint32(0, LITTLE_ENDIAN)) : bytes;
}

/** A total; 0 when it is absent or short: counters decide nothing. */
export function readCounter(fields: AttributeMap, type: number): number {
  const bytes = fields.get(type);
  if (bytes === undefined || bytes.length < 8) return 0;
  return Number(view(bytes).getBigUint64(0, LITTLE_ENDIAN));
}

export function readPort(fields: AttributeMap, type: number): Decoded<number> {
  const bytes = readBytes(fields, type, { name: 'PORT', length: 2 });
  return bytes.ok ? accept(view(bytes.value).getUint16(0)) : bytes;
}

export function readFamily(fields: AttributeMap, type: number): Decoded<Family> {
  const number = readU16(fields, type, 'AF');
  if (!number.ok) return number;
  if (number.value === AF_INET) return accept('inet');
  if (number.value === AF_INET6) return accept('inet6');
  const detail = `Address family ${number.value} is neither IPv4 nor IPv6`;
  return refuse('UNKNOWN_FAMILY', detail);
}

export function readAddress(
  fields: AttributeMap,
  type: number,
  family: Family,
): Decoded<IpAddress> {
  const length = addressLength(family);
  const bytes = readBytes(fields, type, { name: 'ADDR', length });
  return bytes.ok ? accept(addressFromBytes(bytes.value.subarray(0, length))) : bytes;
}

/** Text up to the first NUL byte. */
export function readText(fields: AttributeMap, type: number, name: string): Decoded<string> {
  const bytes = readBytes(fields, type, { name, length: 1 });
  if (!bytes.ok) return bytes;
  return accept(readString(bytes.value));
}

/** As a number: the mask 255.255.255.0 is 0xffffff00; for IPv6 the prefix length. */
export function readNetmask(fields: AttributeMap, type: number, family: Family): Decoded<number> {
  const bytes = readBytes(fields, type, { name: 'NETMASK', length: 4 });
  if (!bytes.ok) return bytes;
  return accept(view(bytes.value).getUint32(0, family === 'inet6' && LITTLE_ENDIAN));
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
