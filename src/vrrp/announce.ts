/**
 * Telling the segment where a virtual address now lives: gratuitous ARP for IPv4, unsolicited neighbor
 * advertisement for IPv6, each as a complete Ethernet frame.
 *
 * Gratuitous ARP, the request form keepalived sends (RFC 5227 1.1, target hardware all ones):
 *
 *    0        6        12     14
 *    +--------+--------+------+
 *    | ff x 6 |  MAC   | 0806 |
 *    +--------+--------+------+------+---+---+------+
 *    | hw 1   | 0800   | 6    | 4    | op 1  |             ARP, 28 bytes
 *    +--------+--------+------+------+-------+------+
 *    | MAC    | VIP    | ff x 6        | VIP          |
 *    +--------+--------+---------------+--------------+
 *
 * Unsolicited neighbor advertisement (RFC 4861 4.4; RFC 9568 6.4.2: R=1 S=0 O=1), to all nodes:
 *
 *    +----------------+--------+------+
 *    | 33330000 0001  |  MAC   | 86dd |
 *    +----------------+--------+------+---------------+
 *    | IPv6: length 32, next header 58, hop limit 255,|
 *    |       VIP -> ff02::1                           |    40 bytes
 *    +-----+-----+----------+-------+-----------------+
 *    | 136 |  0  | checksum | R S O | reserved        |     8 bytes
 *    +-----+-----+----------+-------+-----------------+
 *    | target: VIP                                    |    16 bytes
 *    +-----+-----+------------------------------------+
 *    |  2  |  1  | MAC                                |     8 bytes
 *    +-----+-----+------------------------------------+
 */
import { addressBytes, type IpAddress } from '../base/address.ts';
import { foldedSum, pseudoHeaderSum } from '../base/internet-checksum.ts';

export const MAC_LENGTH = 6;
const ETHERNET_HEADER_LENGTH = 14;
const ETHERTYPE_ARP = 0x0806;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const BROADCAST_MAC = new Uint8Array(MAC_LENGTH).fill(0xff);

const ARP_LENGTH = 28;
const ARP_HARDWARE_ETHERNET = 1;
const ARP_REQUEST = 1;

const ALL_NODES: IpAddress = { family: 'inet6', text: 'ff02::1' };
const ALL_NODES_MAC = Uint8Array.of(0x33, 0x33, 0, 0, 0, 1);
const IPV6_HEADER_LENGTH = 40;
const IPV6_VERSION = 0x60;
const HOP_LIMIT = 255;
const PROTOCOL_ICMPV6 = 58;
const NEIGHBOR_ADVERTISEMENT_TYPE = 136;
const NEIGHBOR_ADVERTISEMENT_LENGTH = 32;
const FLAG_ROUTER = 0x80;
const FLAG_OVERRIDE = 0x20;
const OPTION_TARGET_LINK_LAYER = 2;
/** In units of 8 bytes. */
const OPTION_LENGTH = 1;

/** The announcement for one address: gratuitous ARP or neighbor advertisement by its family. */
export function encodeAnnouncement(
  address: IpAddress,
  mac: Uint8Array,
  isRouter = true,
): Uint8Array {
  return address.family === 'inet'
    ? encodeGratuitousArp(address, mac)
    : encodeNeighborAdvertisement(address, mac, isRouter);
}

/** A gratuitous ARP request frame, 42 bytes: `address` is at `mac`. Throws unless `mac` has 6 bytes. */
export function encodeGratuitousArp(address: IpAddress, mac: Uint8Array): Uint8Array {
  requireMac(mac);
  const frame = new Uint8Array(ETHERNET_HEADER_LENGTH + ARP_LENGTH);
  const view = new DataView(frame.buffer);
  frame.set(BROADCAST_MAC, 0);
  frame.set(mac, 6);
  view.setUint16(12, ETHERTYPE_ARP);
  view.setUint16(14, ARP_HARDWARE_ETHERNET);
  view.setUint16(16, ETHERTYPE_IPV4);
  view.setUint8(18, MAC_LENGTH);
  view.setUint8(19, 4);
  view.setUint16(20, ARP_REQUEST);
  frame.set(mac, 22);
  frame.set(addressBytes(address), 28);
  frame.set(BROADCAST_MAC, 32);
  frame.set(addressBytes(address), 38);
  return frame;
}

/**
 * An unsolicited neighbor advertisement frame, 86 bytes. `isRouter` is the R flag: RFC 9568 6.4.2 sets
 * it; keepalived sets it only where the interface forwards. Throws unless `mac` has 6 bytes.
 */
export function encodeNeighborAdvertisement(
  address: IpAddress,
  mac: Uint8Array,
  isRouter = true,
): Uint8Array {
  requireMac(mac);
  const start = ETHERNET_HEADER_LENGTH + IPV6_HEADER_LENGTH;
  const frame = new Uint8Array(start + NEIGHBOR_ADVERTISEMENT_LENGTH);
  const view = new DataView(frame.buffer);
  frame.set(ALL_NODES_MAC, 0);
  frame.set(mac, 6);
  view.setUint16(12, ETHERTYPE_IPV6);
  view.setUint8(14, IPV6_VERSION);
  view.setUint16(18, NEIGHBOR_ADVERTISEMENT_LENGTH);
  view.setUint8(20, PROTOCOL_ICMPV6);
  view.setUint8(21, HOP_LIMIT);
  frame.set(addressBytes(address), 22);
  frame.set(addressBytes(ALL_NODES), 38);
  view.setUint8(start, NEIGHBOR_ADVERTISEMENT_TYPE);
  view.setUint8(start + 4, (isRouter ? FLAG_ROUTER : 0) + FLAG_OVERRIDE);
  frame.set(addressBytes(address), start + 8);
  view.setUint8(start + 24, OPTION_TARGET_LINK_LAYER);
  view.setUint8(start + 25, OPTION_LENGTH);
  frame.set(mac, start + 26);
  const envelope = { source: address, destination: ALL_NODES };
  const initial = pseudoHeaderSum(envelope, PROTOCOL_ICMPV6, NEIGHBOR_ADVERTISEMENT_LENGTH);
  view.setUint16(start + 2, ~foldedSum(frame.subarray(start), initial) & 0xffff);
  return frame;
}

/**
 * The order of one burst: every address once, then every address again, `repeat` times, as keepalived
 * sends it. So the last address of a long list is not announced late.
 */
export function burstOrder<Item>(items: readonly Item[], repeat: number): readonly Item[] {
  return Array.from({ length: repeat }, () => items).flat();
}

function requireMac(mac: Uint8Array): void {
  if (mac.length === MAC_LENGTH) return;
  throw new Error(`An Ethernet address has ${MAC_LENGTH} bytes, not ${mac.length}`);
}
