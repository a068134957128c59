/**
 * Does another host on the link use an address of ours? Asked without saying that it is ours, so that no
 * cache learns a wrong answer from the question; who uses it answers.
 *
 * ARP probe (RFC 5227 2.1.1), the sender's protocol address all zero:
 *
 *    0        6        12     14
 *    +--------+--------+------+
 *    | ff x 6 |  MAC   | 0806 |
 *    +--------+--------+------+------+---+---+------+
 *    | hw 1   | 0800   | 6    | 4    | op 1  |             ARP, 28 bytes
 *    +--------+--------+------+------+-------+------+
 *    | MAC    | 0.0.0.0| 00 x 6        | VIP          |
 *    +--------+--------+---------------+--------------+
 *
 * Neighbor solicitation from the unspecified address, as duplicate address detection sends it
 * (RFC 4861 4.3, RFC 4862 5.4.2); the last three bytes of the VIP are those of the group:
 *
 *    +----------------+--------+------+
 *    | 3333ff xx xxxx |  MAC   | 86dd |
 *    +----------------+--------+------+---------------+
 *    | IPv6: length 24, next header 58, hop limit 255,|
 *    |       :: -> ff02::1:ffxx:xxxx                  |    40 bytes
 *    +-----+-----+----------+-------------------------+
 *    | 135 |  0  | checksum | reserved                |     8 bytes
 *    +-----+-----+----------+-------------------------+
 *    | target: VIP                                    |    16 bytes
 *    +------------------------------------------------+
 *
 * Whoever says that an address is at its MAC claims it: any ARP packet with a sender's protocol address
 * (RFC 5227 2.4), any neighbor advertisement.
 */
import { addressBytes, addressFromBytes, type IpAddress } from '../base/address.ts';
import { foldedSum, pseudoHeaderSum } from '../base/internet-checksum.ts';
import { MAC_LENGTH } from './announce.ts';

/** An address, and the host that says to have it. */
export interface Claim {
  readonly address: IpAddress;
  /** `02:00:00:00:00:0a`. */
  readonly mac: string;
}

const ETHERNET_HEADER_LENGTH = 14;
const ETHERTYPE_OFFSET = 12;
const ETHERTYPE_ARP = 0x0806;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_IPV6 = 0x86dd;
const ARP_LENGTH = 28;
const ARP_HARDWARE_ETHERNET = 1;
const ARP_REQUEST = 1;
const ARP_REPLY = 2;
const SENDER_MAC_OFFSET = 22;
const SENDER_ADDRESS_OFFSET = 28;
const TARGET_ADDRESS_OFFSET = 38;

const IPV6_HEADER_LENGTH = 40;
const IPV6_VERSION = 0x60;
const HOP_LIMIT = 255;
const PROTOCOL_ICMPV6 = 58;
const NEIGHBOR_SOLICITATION_TYPE = 135;
const NEIGHBOR_ADVERTISEMENT_TYPE = 136;
/** Both messages up to their options. */
const NEIGHBOR_MESSAGE_LENGTH = 24;
const OPTION_TARGET_LINK_LAYER = 2;
const UNSPECIFIED: IpAddress = { family: 'inet6', text: '::' };

const PROBE_DELAY_MIN_MS = 1000;

/**
 * How long after a takeover, and after a claim, a former or a next master may still be about to let go:
 * two of our adverts, as the first may be lost.
 */
export function settlingMs(advertIntervalMs: number): number {
  return Math.max(PROBE_DELAY_MIN_MS, 2 * advertIntervalMs);
}

/** The question for one address, from an interface's MAC. Throws unless `mac` has 6 bytes. */
export function encodeProbe(address: IpAddress, mac: Uint8Array): Uint8Array {
  if (mac.length !== MAC_LENGTH) {
    throw new Error(`An Ethernet address has ${MAC_LENGTH} bytes, not ${mac.length}`);
  }
  return address.family === 'inet'
    ? encodeArpProbe(address, mac)
    : encodeSolicitation(address, mac);
}

function encodeArpProbe(address: IpAddress, mac: Uint8Array): Uint8Array {
  const frame = new Uint8Array(ETHERNET_HEADER_LENGTH + ARP_LENGTH);
  const view = new DataView(frame.buffer);
  frame.fill(0xff, 0, MAC_LENGTH);
  frame.set(mac, MAC_LENGTH);
  view.setUint16(ETHERTYPE_OFFSET, ETHERTYPE_ARP);
  view.setUint16(14, ARP_HARDWARE_ETHERNET);
  view.setUint16(16, ETHERTYPE_IPV4);
  view.setUint8(18, MAC_LENGTH);
  view.setUint8(19, 4);
  view.setUint16(20, ARP_REQUEST);
  frame.set(mac, SENDER_MAC_OFFSET);
  frame.set(addressBytes(address), TARGET_ADDRESS_OFFSET);
  return frame;
}

function encodeSolicitation(address: IpAddress, mac: Uint8Array): Uint8Array {
  const target = addressBytes(address);
  const [x = 0, y = 0, z = 0] = target.subarray(13);
  // RFC 4291 2.7.1: the solicited-node group.
  const group = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, x, y, z);
  const start = ETHERNET_HEADER_LENGTH + IPV6_HEADER_LENGTH;
  const frame = new Uint8Array(start + NEIGHBOR_MESSAGE_LENGTH);
  const view = new DataView(frame.buffer);
  frame.set([0x33, 0x33, 0xff, x, y, z], 0);
  frame.set(mac, MAC_LENGTH);
  view.setUint16(ETHERTYPE_OFFSET, ETHERTYPE_IPV6);
  view.setUint8(14, IPV6_VERSION);
  view.setUint16(18, NEIGHBOR_MESSAGE_LENGTH);
  view.setUint8(20, PROTOCOL_ICMPV6);
  view.setUint8(21, HOP_LIMIT);
  frame.set(group, 38);
  view.setUint8(start, NEIGHBOR_SOLICITATION_TYPE);
  frame.set(target, start + 8);
  const envelope = { source: UNSPECIFIED, destination: addressFromBytes(group) };
  const initial = pseudoHeaderSum(envelope, PROTOCOL_ICMPV6, NEIGHBOR_MESSAGE_LENGTH);
  view.setUint16(start + 2, ~foldedSum(frame.subarray(start), initial) & 0xffff);
  return frame;
}

/** What a received Ethernet frame claims; undefined when it claims nothing or is malformed. */
export function decodeClaim(frame: Uint8Array): Claim | undefined {
  if (frame.length < ETHERNET_HEADER_LENGTH) return undefined;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  const etherType = view.getUint16(ETHERTYPE_OFFSET);
  if (etherType === ETHERTYPE_ARP) return decodeArp(frame, view);
  return etherType === ETHERTYPE_IPV6 ? decodeAdvertisement(frame, view) : undefined;
}

function decodeArp(frame: Uint8Array, view: DataView): Claim | undefined {
  if (frame.length < ETHERNET_HEADER_LENGTH + ARP_LENGTH) return undefined;
  const isEthernet = view.getUint16(14) === ARP_HARDWARE_ETHERNET && frame[18] === MAC_LENGTH;
  if (!isEthernet || view.getUint16(16) !== ETHERTYPE_IPV4 || frame[19] !== 4) return undefined;
  const operation = view.getUint16(20);
  if (operation !== ARP_REQUEST && operation !== ARP_REPLY) return undefined;
  const sender = frame.subarray(SENDER_ADDRESS_OFFSET, SENDER_ADDRESS_OFFSET + 4);
  // A probe like ours: a question, no claim.
  if (sender.every((byte) => byte === 0)) return undefined;
  return { address: addressFromBytes(sender), mac: macText(frame.subarray(SENDER_MAC_OFFSET)) };
}

function decodeAdvertisement(frame: Uint8Array, view: DataView): Claim | undefined {
  const start = ETHERNET_HEADER_LENGTH + IPV6_HEADER_LENGTH;
  if (frame.length < start + NEIGHBOR_MESSAGE_LENGTH) return undefined;
  if (frame[20] !== PROTOCOL_ICMPV6 || frame[start] !== NEIGHBOR_ADVERTISEMENT_TYPE) {
    return undefined;
  }
  // RFC 4861 7.1.2: whatever was routed comes from nobody on this link.
  if (frame[21] !== HOP_LIMIT) return undefined;
  const end = Math.min(frame.length, start + view.getUint16(18));
  const address = addressFromBytes(frame.subarray(start + 8, start + NEIGHBOR_MESSAGE_LENGTH));
  for (let at = start + NEIGHBOR_MESSAGE_LENGTH; at + 8 <= end; ) {
    const length = 8 * (frame[at + 1] ?? 0);
    if (frame[at] === OPTION_TARGET_LINK_LAYER && length === 8) {
      return { address, mac: macText(frame.subarray(at + 2)) };
    }
    if (length === 0) return undefined;
    at += length;
  }
  return { address, mac: macText(frame.subarray(MAC_LENGTH)) };
}

/** The first six bytes, as people write them. */
export function macText(bytes: Uint8Array): string {
  return Array.from(bytes.subarray(0, MAC_LENGTH), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join(':');
}
