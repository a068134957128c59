/**
 * The ICMP echo messages (RFC 792, RFC 4443 section 4). Pure. The kernel fills in the checksum of ICMPv6,
 * which covers addresses that only it knows.
 *
 *      0      1      2          4            6          8
 *     +------+------+----------+------------+----------+---------+
 *     | type | code | checksum | identifier | sequence | data    |
 *     +------+------+----------+------------+----------+---------+
 */
import type { Family } from '../base/address.ts';
import { internetChecksum } from '../base/internet-checksum.ts';

const HEADER_LENGTH = 8;
const TYPES = {
  inet: { request: 8, reply: 0 },
  inet6: { request: 128, reply: 129 },
} as const;

export interface Echo {
  readonly identifier: number;
  readonly sequence: number;
  /** What a reply must bring back unchanged. */
  readonly data: Uint8Array;
}

export function encodeEchoRequest(family: Family, { identifier, sequence, data }: Echo): Buffer {
  const message = Buffer.alloc(HEADER_LENGTH + data.length);
  message.writeUInt8(TYPES[family].request, 0);
  message.writeUInt16BE(identifier, 4);
  message.writeUInt16BE(sequence, 6);
  message.set(data, HEADER_LENGTH);
  if (family === 'inet') message.writeUInt16BE(internetChecksum(message), 2);
  return message;
}

/** Whether `message` is the reply to `request`: type, identifier, sequence and data are those sent. */
export function isReplyTo(family: Family, request: Echo, message: Buffer): boolean {
  if (message.length !== HEADER_LENGTH + request.data.length) return false;
  return (
    message.readUInt8(0) === TYPES[family].reply &&
    message.readUInt8(1) === 0 &&
    message.readUInt16BE(4) === request.identifier &&
    message.readUInt16BE(6) === request.sequence &&
    message.subarray(HEADER_LENGTH).equals(request.data)
  );
}
