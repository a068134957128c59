/** The checksum of IPv4, ICMP, TCP, UDP and VRRP (RFC 1071), and what it covers beside the message. Pure. */
import { addressBytes, type IpAddress } from './address.ts';

/** One's complement sum of 16-bit words (RFC 1071), folded; an odd last byte counts as its high half. */
export function foldedSum(bytes: Uint8Array, initial: number): number {
  let sum = initial;
  for (const [index, byte] of bytes.entries()) sum += index % 2 === 0 ? byte * 256 : byte;
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return sum;
}

/** The unfolded sum of the IPv4 (RFC 793 3.1) or IPv6 (RFC 8200 8.1) pseudo-header. */
export function pseudoHeaderSum(
  envelope: { readonly source: IpAddress; readonly destination: IpAddress },
  protocol: number,
  length: number,
): number {
  const addresses = foldedSum(
    addressBytes(envelope.destination),
    foldedSum(addressBytes(envelope.source), 0),
  );
  return addresses + protocol + length;
}

/** The checksum of `bytes`, in which its own field is 0. */
export function internetChecksum(bytes: Uint8Array, initial = 0): number {
  return ~foldedSum(bytes, initial) & 0xffff;
}
