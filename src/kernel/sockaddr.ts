/**
 * Socket addresses and option structs, packed as the kernel's headers lay them out (LP64, little
 * endian).
 */
import { addressBytes, addressFromBytes, type IpAddress } from '../base/address.ts';
import { AF_INET, AF_INET6, AF_NETLINK, AF_PACKET } from './linux.ts';

export const SOCKADDR_IN_LENGTH = 16;
export const SOCKADDR_IN6_LENGTH = 28;
export const SOCKADDR_LL_LENGTH = 20;
export const SOCKADDR_NL_LENGTH = 12;
const IP_MREQN_LENGTH = 12;
const IPV6_MREQ_LENGTH = 20;
/** struct in6_pktinfo: address, u32 interface index. */
export const IN6_PKTINFO_LENGTH = 20;
/** struct in_pktinfo: i32 interface index, local address, destination of the header. */
export const IN_PKTINFO_LENGTH = 12;
const ARPHRD_ETHER = 1;
const MAC_LENGTH = 6;

/**
 * sockaddr_in, linux/in.h; the port of a raw socket is 0, and so is one that the kernel shall choose.
 *
 *      0        2        4             8            16
 *     +--------+--------+-------------+------------+
 *     | family | port   | address     | zero       |
 *     +--------+--------+-------------+------------+
 */
export function packSockaddrIn(address: IpAddress, port = 0): Buffer {
  const bytes = Buffer.alloc(SOCKADDR_IN_LENGTH);
  bytes.writeUInt16LE(AF_INET, 0);
  bytes.writeUInt16BE(port, 2);
  bytes.set(addressBytes(address), 4);
  return bytes;
}

/**
 * sockaddr_in6, linux/in6.h.
 *
 *      0        2        4          8            24         28
 *     +--------+--------+----------+------------+----------+
 *     | family | port   | flowinfo | address    | scope id |
 *     +--------+--------+----------+------------+----------+
 */
export function packSockaddrIn6(address: IpAddress, ifindex: number, port = 0): Buffer {
  const bytes = Buffer.alloc(SOCKADDR_IN6_LENGTH);
  bytes.writeUInt16LE(AF_INET6, 0);
  bytes.writeUInt16BE(port, 2);
  bytes.set(addressBytes(address), 8);
  bytes.writeUInt32LE(ifindex, 24);
  return bytes;
}

/** The address of a received sockaddr_in6; undefined when it is another family. */
export function addressOfSockaddrIn6(name: Buffer): IpAddress | undefined {
  if (name.length < SOCKADDR_IN6_LENGTH || name.readUInt16LE(0) !== AF_INET6) return undefined;
  return addressFromBytes(name.subarray(8, 24));
}

/** The address of a received sockaddr_in; undefined when it is another family. */
export function addressOfSockaddrIn(name: Buffer): IpAddress | undefined {
  if (name.length < SOCKADDR_IN_LENGTH || name.readUInt16LE(0) !== AF_INET) return undefined;
  return addressFromBytes(name.subarray(4, 8));
}

/**
 * sockaddr_ll for an Ethernet frame, linux/if_packet.h.
 *
 *      0        2          4         8        10        11      12         20
 *     +--------+----------+---------+--------+---------+-------+----------+
 *     | family | be16     | ifindex | hatype | pkttype | halen | address  |
 *     |        | protocol |         |        |         |       |          |
 *     +--------+----------+---------+--------+---------+-------+----------+
 */
export function packSockaddrLl(ifindex: number, protocol: number, mac: Uint8Array): Buffer {
  const bytes = Buffer.alloc(SOCKADDR_LL_LENGTH);
  bytes.writeUInt16LE(AF_PACKET, 0);
  bytes.writeUInt16BE(protocol, 2);
  bytes.writeInt32LE(ifindex, 4);
  bytes.writeUInt16LE(ARPHRD_ETHER, 8);
  bytes.writeUInt8(MAC_LENGTH, 11);
  bytes.set(mac.subarray(0, MAC_LENGTH), 12);
  return bytes;
}

/**
 * sockaddr_nl, linux/netlink.h; port id 0 lets the kernel choose.
 *
 *      0        2     4          8         12
 *     +--------+-----+----------+---------+
 *     | family | pad | port id  | groups  |
 *     +--------+-----+----------+---------+
 */
export function packSockaddrNl(groups: number): Buffer {
  const bytes = Buffer.alloc(SOCKADDR_NL_LENGTH);
  bytes.writeUInt16LE(AF_NETLINK, 0);
  bytes.writeUInt32LE(groups, 8);
  return bytes;
}

/** The port id of a packed sockaddr_nl; 0 is the kernel. */
export function portIdOfSockaddrNl(name: Buffer): number {
  return name.readUInt32LE(4);
}

/** ip_mreqn, linux/in.h: group, local address, i32 interface index. */
export function packIpMreqn(
  group: Uint8Array | undefined,
  local: Uint8Array | undefined,
  ifindex: number,
): Buffer {
  const bytes = Buffer.alloc(IP_MREQN_LENGTH);
  if (group !== undefined) bytes.set(group, 0);
  if (local !== undefined) bytes.set(local, 4);
  bytes.writeInt32LE(ifindex, 8);
  return bytes;
}

/** ipv6_mreq, linux/in6.h: group, interface index. */
export function packIpv6Mreq(group: Uint8Array, ifindex: number): Buffer {
  const bytes = Buffer.alloc(IPV6_MREQ_LENGTH);
  bytes.set(group, 0);
  bytes.writeInt32LE(ifindex, 16);
  return bytes;
}

/** in_pktinfo, linux/in.h: i32 interface index, the source address to send from, and one that is ignored. */
export function packInPktinfo(source: IpAddress, ifindex: number): Buffer {
  const bytes = Buffer.alloc(IN_PKTINFO_LENGTH);
  bytes.writeInt32LE(ifindex, 0);
  bytes.set(addressBytes(source), 4);
  return bytes;
}

/** in6_pktinfo, linux/ipv6.h: the source address of a datagram to send, and its interface. */
export function packIn6Pktinfo(source: IpAddress, ifindex: number): Buffer {
  const bytes = Buffer.alloc(IN6_PKTINFO_LENGTH);
  bytes.set(addressBytes(source), 0);
  bytes.writeUInt32LE(ifindex, 16);
  return bytes;
}
