/** The IPv4 header that a raw socket receives in front of the payload (RFC 791 section 3.1). */
import { addressFromBytes, type IpAddress } from '../base/address.ts';

const HEADER_LENGTH_MIN = 20;
const VERSION_4 = 4;

export type Ipv4Outcome =
  | {
      readonly ok: true;
      readonly ttl: number;
      readonly protocol: number;
      readonly source: IpAddress;
      readonly destination: IpAddress;
      /** Aliases the datagram. */
      readonly payload: Uint8Array;
    }
  | { readonly ok: false; readonly code: 'SHORT_DATAGRAM' | 'NOT_IPV4' | 'BAD_HEADER_LENGTH' };

/**
 * Splits a datagram at its own header length, which counts options; the payload ends where the
 * total length says, not at what padding follows.
 *
 *      0       1     2              4           6               8     9        10         12
 *     +---+---+-----+--------------+-----------+---------------+-----+----------+----------+
 *     | 4 |IHL| TOS | total length | identific.| flags, offset | TTL | protocol | checksum |
 *     +---+---+-----+--------------+-----------+---------------+-----+----------+----------+
 *      12              16                   20              4 * IHL
 *     +---------------+--------------------+---------------+---------+
 *     | source        | destination        | options       | payload |
 *     +---------------+--------------------+---------------+---------+
 */
export function decodeIpv4Datagram(bytes: Uint8Array): Ipv4Outcome {
  if (bytes.length < HEADER_LENGTH_MIN) return { ok: false, code: 'SHORT_DATAGRAM' };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const first = view.getUint8(0);
  if (first >>> 4 !== VERSION_4) return { ok: false, code: 'NOT_IPV4' };
  const headerLength = (first & 0x0f) * 4;
  const totalLength = view.getUint16(2);
  if (headerLength < HEADER_LENGTH_MIN || totalLength < headerLength) {
    return { ok: false, code: 'BAD_HEADER_LENGTH' };
  }
  if (totalLength > bytes.length) return { ok: false, code: 'SHORT_DATAGRAM' };
  return {
    ok: true,
    ttl: view.getUint8(8),
    protocol: view.getUint8(9),
    source: addressFromBytes(bytes.subarray(12, 16)),
    destination: addressFromBytes(bytes.subarray(16, 20)),
    payload: bytes.subarray(headerLength, totalLength),
  };
}
