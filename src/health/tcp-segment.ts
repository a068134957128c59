/**
 * Bare TCP segments in their IP packets, as DSR_CHECK sends and reads them (RFC 791, RFC 8200, RFC 9293 3.1).
 * Pure. No options either way: what they would say is of no matter for a handshake that is never finished.
 *
 *      0             2                  4          8                 12      13      14       16         18       20
 *     +-------------+------------------+----------+-----------------+-------+-------+--------+----------+--------+
 *     | source port | destination port | sequence | acknowledgement | 5 <<4 | flags | window | checksum | urgent |
 *     +-------------+------------------+----------+-----------------+-------+-------+--------+----------+--------+
 */
import { addressBytes, addressFromBytes, type Family, type IpAddress } from '../base/address.ts';
import { internetChecksum, pseudoHeaderSum } from '../base/internet-checksum.ts';

export const FLAGS = { FIN: 0x01, SYN: 0x02, RST: 0x04, ACK: 0x10 } as const;

export interface TcpSegment {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly sequence: number;
  readonly acknowledgement: number;
  /** FLAGS, or'ed. */
  readonly flags: number;
}

const TCP = 6;
const TCP_LENGTH = 20;
const IPV4_LENGTH = 20;
const IPV6_LENGTH = 40;
const HOPS = 64;
const DONT_FRAGMENT = 0x4000;
/** A half-open connection receives nothing; small, so that a server that goes on regardless stops soon. */
const WINDOW = 1024;

/** The whole IP packet. */
export function encodeSegment(segment: TcpSegment): Buffer {
  const tcp = Buffer.alloc(TCP_LENGTH);
  tcp.writeUInt16BE(segment.sourcePort, 0);
  tcp.writeUInt16BE(segment.destinationPort, 2);
  tcp.writeUInt32BE(segment.sequence, 4);
  tcp.writeUInt32BE(segment.acknowledgement, 8);
  tcp.writeUInt8((TCP_LENGTH / 4) << 4, 12);
  tcp.writeUInt8(segment.flags, 13);
  tcp.writeUInt16BE(WINDOW, 14);
  tcp.writeUInt16BE(internetChecksum(tcp, pseudoHeaderSum(segment, TCP, TCP_LENGTH)), 16);
  return Buffer.concat([encodeHeader(segment), tcp]);
}

function encodeHeader({ source, destination }: TcpSegment): Buffer {
  if (source.family === 'inet6') {
    const header = Buffer.alloc(IPV6_LENGTH);
    header.writeUInt8(0x60, 0);
    header.writeUInt16BE(TCP_LENGTH, 4);
    header.writeUInt8(TCP, 6);
    header.writeUInt8(HOPS, 7);
    header.set(addressBytes(source), 8);
    header.set(addressBytes(destination), 24);
    return header;
  }
  const header = Buffer.alloc(IPV4_LENGTH);
  header.writeUInt8(0x45, 0);
  header.writeUInt16BE(IPV4_LENGTH + TCP_LENGTH, 2);
  header.writeUInt16BE(DONT_FRAGMENT, 6);
  header.writeUInt8(HOPS, 8);
  header.writeUInt8(TCP, 9);
  header.set(addressBytes(source), 12);
  header.set(addressBytes(destination), 16);
  header.writeUInt16BE(internetChecksum(header), 10);
  return header;
}

/** What a packet says; undefined for anything but a whole TCP header right behind the IP header. */
export function decodeSegment(family: Family, packet: Buffer): TcpSegment | undefined {
  const ip = family === 'inet' ? readIpv4(packet) : readIpv6(packet);
  if (ip === undefined || packet.length < ip.length + TCP_LENGTH) return undefined;
  const at = ip.length;
  return {
    source: ip.source,
    destination: ip.destination,
    sourcePort: packet.readUInt16BE(at),
    destinationPort: packet.readUInt16BE(at + 2),
    sequence: packet.readUInt32BE(at + 4),
    acknowledgement: packet.readUInt32BE(at + 8),
    flags: packet.readUInt8(at + 13),
  };
}

interface IpHeader {
  readonly length: number;
  readonly source: IpAddress;
  readonly destination: IpAddress;
}

function readIpv4(packet: Buffer): IpHeader | undefined {
  if (packet.length < IPV4_LENGTH || packet.readUInt8(0) >>> 4 !== 4) return undefined;
  const length = (packet.readUInt8(0) & 0x0f) * 4;
  const isFragment = (packet.readUInt16BE(6) & 0x1fff) !== 0;
  if (length < IPV4_LENGTH || isFragment || packet.readUInt8(9) !== TCP) return undefined;
  return {
    length,
    source: addressFromBytes(packet.subarray(12, 16)),
    destination: addressFromBytes(packet.subarray(16, 20)),
  };
}

function readIpv6(packet: Buffer): IpHeader | undefined {
  if (packet.length < IPV6_LENGTH || packet.readUInt8(0) >>> 4 !== 6) return undefined;
  if (packet.readUInt8(6) !== TCP) return undefined;
  return {
    length: IPV6_LENGTH,
    source: addressFromBytes(packet.subarray(8, 24)),
    destination: addressFromBytes(packet.subarray(24, 40)),
  };
}
