/**
 * Netlink messages and attributes as bytes (linux/netlink.h). Integers are in host order, which is
 * little endian here (libc.ts sees to that), unless an attribute says otherwise.
 *
 *      0        4       6        8          12         16
 *     +--------+-------+--------+----------+----------+-------------+---------+
 *     | length | type  | flags  | sequence | port id  | payload     | to 4n   |   nlmsghdr
 *     +--------+-------+--------+----------+----------+-------------+---------+
 *     `length` counts header and payload, not the padding.
 *
 *      0        2                        4
 *     +--------+------------------------+------------+---------+
 *     | length | N | B | type (14 bits)  | value      | to 4n   |                  nlattr
 *     +--------+------------------------+------------+---------+
 *     `length` counts header and value. N: nested attributes. B: network byte order.
 */

// General flags.
export const NLM_F_REQUEST = 0x01;
export const NLM_F_MULTI = 0x02;
export const NLM_F_ACK = 0x04;
export const NLM_F_DUMP_INTR = 0x10;
// Of a GET request.
export const NLM_F_DUMP = 0x300;
// Of a NEW request.
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;
// Of an acknowledgement.
export const NLM_F_CAPPED = 0x100;
export const NLM_F_ACK_TLVS = 0x200;

export const NLMSG_NOOP = 1;
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
export const NLMSG_OVERRUN = 4;

export const NETLINK_ROUTE = 0;
export const NETLINK_GENERIC = 16;

export const NLMSG_HEADER_LENGTH = 16;
export const NLA_HEADER_LENGTH = 4;
export const NLA_F_NESTED = 0x8000;
const NLA_TYPE_MASK = 0x3fff;
const NLA_LENGTH_MAX = 0xffff;

const NLMSGERR_ATTR_MSG = 1;
const NLMSGERR_ATTR_OFFS = 2;
const NLMSGERR_ATTR_MISS_TYPE = 5;
const ERRNO_LENGTH = 4;

const UTF8_DECODER = new TextDecoder();
const UTF8_ENCODER = new TextEncoder();

export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly portId: number;
  readonly payload: Uint8Array;
}

export interface Attribute {
  /** Without the NESTED and NET_BYTEORDER bits. */
  readonly type: number;
  readonly value: Uint8Array;
}

/** Attributes by type; of a repeated type the last. */
export type AttributeMap = ReadonlyMap<number, Uint8Array>;

export type NetlinkFormatCode =
  | 'TRUNCATED_MESSAGE'
  | 'TRUNCATED_ATTRIBUTE'
  | 'BAD_ATTRIBUTE_LENGTH'
  | 'MISSING_ATTRIBUTE';

/**
 * Bytes that are no netlink message. The kernel does not send such; reading on would be guessing.
 */
export class NetlinkFormatError extends Error {
  readonly code: NetlinkFormatCode;

  constructor(code: NetlinkFormatCode, message: string) {
    super(message);
    this.name = 'NetlinkFormatError';
    this.code = code;
  }
}

/**
 * NLMSG_ALIGN and NLA_ALIGN.
 * `#define NLMSG_ALIGN(len) ( ((len)+NLMSG_ALIGNTO-1) & ~(NLMSG_ALIGNTO-1) )`, NLMSG_ALIGNTO 4.
 */
export function align4(length: number): number {
  return (length + 3) & ~3;
}

/** One message with its padding. The port id is left for the kernel to fill. */
export function encodeMessage(message: Omit<NetlinkMessage, 'portId'>): Uint8Array {
  const length = NLMSG_HEADER_LENGTH + message.payload.length;
  const bytes = new Uint8Array(align4(length));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, length, true);
  view.setUint16(4, message.type, true);
  view.setUint16(6, message.flags, true);
  view.setUint32(8, message.sequence, true);
  bytes.set(message.payload, NLMSG_HEADER_LENGTH);
  return bytes;
}

/** The messages of one datagram; payloads alias `bytes`. Throws NetlinkFormatError. */
export function decodeMessages(bytes: Uint8Array): NetlinkMessage[] {
  const view = viewOf(bytes);
  const messages: NetlinkMessage[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (at + NLMSG_HEADER_LENGTH > bytes.length) {
      throw truncatedMessage(at, NLMSG_HEADER_LENGTH, bytes.length);
    }
    const length = view.getUint32(at, true);
    if (length < NLMSG_HEADER_LENGTH || at + length > bytes.length) {
      throw truncatedMessage(at, length, bytes.length);
    }
    messages.push({
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      sequence: view.getUint32(at + 8, true),
      portId: view.getUint32(at + 12, true),
      payload: bytes.subarray(at + NLMSG_HEADER_LENGTH, at + length),
    });
    at += align4(length);
  }
  return messages;
}

/** What NLMSG_ERROR carries. */
export interface Acknowledgement {
  /** 0: done; otherwise the errno, positive. */
  readonly errno: number;
  /** The kernel's own words, where it has some (extended acknowledgement). */
  readonly text?: string;
  /** Offset into the request of the attribute that is to blame. */
  readonly offset?: number;
  /** Type of the attribute that is missing. */
  readonly missingType?: number;
}

/**
 * Payload of NLMSG_ERROR. Throws NetlinkFormatError.
 *
 *      0        4                     20
 *     +--------+---------------------+----------------------+-----------------+
 *     | -errno | nlmsghdr of request | rest of the request, | NLMSGERR_ATTR_* |
 *     |        |                     | unless CAPPED        | if ACK_TLVS     |
 *     +--------+---------------------+----------------------+-----------------+
 */
export function decodeAcknowledgement(payload: Uint8Array, flags: number): Acknowledgement {
  const view = viewOf(payload);
  const headerEnd = ERRNO_LENGTH + NLMSG_HEADER_LENGTH;
  if (payload.length < headerEnd) throw truncatedMessage(0, headerEnd, payload.length);
  const errno = errnoOf(view);
  if ((flags & NLM_F_ACK_TLVS) === 0) return { errno };
  const requestLength = view.getUint32(ERRNO_LENGTH, true);
  const isCapped = (flags & NLM_F_CAPPED) !== 0;
  const at = isCapped ? headerEnd : ERRNO_LENGTH + requestLength + (-requestLength & 3);
  if (at > payload.length) throw truncatedMessage(0, at, payload.length);
  return { errno, ...decodeExtendedAck(payload.subarray(at)) };
}

/**
 * Payload of NLMSG_DONE: i32 -errno, then NLMSGERR_ATTR_* if ACK_TLVS. Throws NetlinkFormatError.
 */
export function decodeDone(payload: Uint8Array, flags: number): Acknowledgement {
  if (payload.length === 0) return { errno: 0 };
  if (payload.length < ERRNO_LENGTH) throw truncatedMessage(0, ERRNO_LENGTH, payload.length);
  const errno = errnoOf(viewOf(payload));
  if ((flags & NLM_F_ACK_TLVS) === 0) return { errno };
  return { errno, ...decodeExtendedAck(payload.subarray(ERRNO_LENGTH)) };
}

/** The kernel sends errno negative; subtracting keeps 0 from becoming -0. */
function errnoOf(view: DataView): number {
  return 0 - view.getInt32(0, true);
}

function decodeExtendedAck(bytes: Uint8Array): Omit<Acknowledgement, 'errno'> {
  const attributes = decodeAttributes(bytes);
  const text = attributes.get(NLMSGERR_ATTR_MSG);
  const offset = attributes.get(NLMSGERR_ATTR_OFFS);
  const missingType = attributes.get(NLMSGERR_ATTR_MISS_TYPE);
  return {
    ...(text === undefined ? {} : { text: readString(text) }),
    ...(offset === undefined ? {} : { offset: readU32(offset) }),
    ...(missingType === undefined ? {} : { missingType: readU32(missingType) }),
  };
}

/** Attributes in order; values alias `bytes`. Throws NetlinkFormatError. */
export function listAttributes(bytes: Uint8Array): Attribute[] {
  const view = viewOf(bytes);
  const attributes: Attribute[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (at + NLA_HEADER_LENGTH > bytes.length) {
      throw truncatedAttribute(at, NLA_HEADER_LENGTH, bytes.length);
    }
    const length = view.getUint16(at, true);
    if (length < NLA_HEADER_LENGTH || at + length > bytes.length) {
      throw truncatedAttribute(at, length, bytes.length);
    }
    attributes.push({
      type: view.getUint16(at + 2, true) & NLA_TYPE_MASK,
      value: bytes.subarray(at + NLA_HEADER_LENGTH, at + length),
    });
    at += align4(length);
  }
  return attributes;
}

/** Attributes by type; values alias `bytes`. Throws NetlinkFormatError. */
export function decodeAttributes(bytes: Uint8Array): AttributeMap {
  return new Map(listAttributes(bytes).map(({ type, value }) => [type, value]));
}

/** The attribute's value, or NetlinkFormatError MISSING_ATTRIBUTE naming it. */
export function requireAttribute(map: AttributeMap, type: number, name: string): Uint8Array {
  const value = map.get(type);
  if (value === undefined) {
    throw new NetlinkFormatError('MISSING_ATTRIBUTE', `Attribute ${name} (${type}) is missing`);
  }
  return value;
}

export function readU8(value: Uint8Array): number {
  return sized(value, 1).getUint8(0);
}

export function readU16(value: Uint8Array): number {
  return sized(value, 2).getUint16(0, true);
}

/** A port or other be16. */
export function readU16be(value: Uint8Array): number {
  return sized(value, 2).getUint16(0, false);
}

export function readU32(value: Uint8Array): number {
  return sized(value, 4).getUint32(0, true);
}

export function readI32(value: Uint8Array): number {
  return sized(value, 4).getInt32(0, true);
}

export function readU64(value: Uint8Array): bigint {
  return sized(value, 8).getBigUint64(0, true);
}

/** A string that ends at its first zero byte, or where the value ends. */
export function readString(value: Uint8Array): string {
  const end = value.indexOf(0);
  return UTF8_DECODER.decode(end < 0 ? value : value.subarray(0, end));
}

/**
 * Writes attributes one after the other into one growing buffer, nested ones in place. Reusable
 * pieces are `Uint8Array`s from `finish`, taken up again by `append`.
 */
export class AttributeWriter {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** Of what was written, in bytes. */
  get length(): number {
    return this.#length;
  }

  /** Any value. Throws RangeError past the 65,531 bytes an attribute can hold. */
  bytes(type: number, value: Uint8Array): this {
    const at = this.#append(type, value.length);
    this.#bytes.set(value, at);
    return this;
  }

  u8(type: number, value: number): this {
    const at = this.#append(type, 1);
    this.#view.setUint8(at, value);
    return this;
  }

  u16(type: number, value: number): this {
    const at = this.#append(type, 2);
    this.#view.setUint16(at, value, true);
    return this;
  }

  /** A port or other be16. */
  u16be(type: number, value: number): this {
    const at = this.#append(type, 2);
    this.#view.setUint16(at, value, false);
    return this;
  }

  u32(type: number, value: number): this {
    const at = this.#append(type, 4);
    this.#view.setUint32(at, value, true);
    return this;
  }

  i32(type: number, value: number): this {
    const at = this.#append(type, 4);
    this.#view.setInt32(at, value, true);
    return this;
  }

  u64(type: number, value: bigint): this {
    const at = this.#append(type, 8);
    this.#view.setBigUint64(at, value, true);
    return this;
  }

  /** UTF-8 and a zero byte (NLA_NUL_STRING). */
  string(type: number, value: string): this {
    return this.bytes(type, UTF8_ENCODER.encode(`${value}\0`));
  }

  /** The attributes that `fill` writes, inside one (type | NLA_F_NESTED). */
  nested(type: number, fill: (inner: AttributeWriter) => void): this {
    const start = this.#append(type | NLA_F_NESTED, 0);
    fill(this);
    const length = this.#length - start;
    if (length + NLA_HEADER_LENGTH > NLA_LENGTH_MAX) throw tooLong(length);
    this.#view.setUint16(start - NLA_HEADER_LENGTH, length + NLA_HEADER_LENGTH, true);
    return this;
  }

  /** Attributes that were written before. */
  append(packed: Uint8Array): this {
    const at = this.#length;
    this.#grow(at + align4(packed.length));
    this.#bytes.set(packed, at);
    return this;
  }

  /** All that was written, padded to 4, a copy; the writer is empty after it. */
  finish(): Uint8Array {
    const written = this.#bytes.slice(0, this.#length);
    this.#bytes.fill(0, 0, this.#length);
    this.#length = 0;
    return written;
  }

  /** Where the value goes. */
  #append(type: number, valueLength: number): number {
    const length = NLA_HEADER_LENGTH + valueLength;
    if (length > NLA_LENGTH_MAX) throw tooLong(valueLength);
    const at = this.#length;
    this.#grow(at + align4(length));
    this.#view.setUint16(at, length, true);
    this.#view.setUint16(at + 2, type, true);
    return at + NLA_HEADER_LENGTH;
  }

  /** What was not written yet is zero, so the padding is. */
  #grow(length: number): void {
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(length, this.#bytes.length * 2));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    this.#length = length;
  }
}

function tooLong(valueLength: number): RangeError {
  return new RangeError(`An attribute holds 65531 bytes, not ${valueLength}`);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function sized(value: Uint8Array, length: number): DataView {
  if (value.length !== length) {
    throw new NetlinkFormatError(
      'BAD_ATTRIBUTE_LENGTH',
      `The attribute has ${value.length} bytes, expected ${length}`,
    );
  }
  return viewOf(value);
}

function truncatedMessage(at: number, expected: number, found: number): NetlinkFormatError {
  return new NetlinkFormatError(
    'TRUNCATED_MESSAGE',
    `The netlink message at byte ${at} has length ${expected}, the datagram ends at ${found}`,
  );
}

function truncatedAttribute(at: number, expected: number, found: number): NetlinkFormatError {
  return new NetlinkFormatError(
    'TRUNCATED_ATTRIBUTE',
    `The netlink attribute at byte ${at} has length ${expected}, the message ends at ${found}`,
  );
}
