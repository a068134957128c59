/** Reads test/hex/*.hex: bytes as hex pairs, `#` begins a comment. Captured frames, as they were. */
import { readFileSync } from 'node:fs';
import { addressFromBytes, type IpAddress } from '../../src/base/address.ts';

export function readFrame(name: string): Uint8Array {
  const text = readFileSync(new URL(`${name}.hex`, import.meta.url), 'utf8');
  const pairs = text.replaceAll(/#.*/g, '').split(/\s+/).filter(Boolean);
  return Uint8Array.from(pairs, (pair) => Number.parseInt(pair, 16));
}

/** A captured VRRP packet as the raw socket hands it over: the message, and what the IP header said. */
export interface Captured {
  readonly payload: Uint8Array;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly ttl: number;
  readonly ifindex: number;
}

export function readDatagram(name: string): Captured {
  const frame = readFrame(name);
  const isInet = frame[12] === 0x08;
  const at = (from: number, to: number): IpAddress => addressFromBytes(frame.subarray(from, to));
  return isInet
    ? {
        payload: frame.slice(34),
        source: at(26, 30),
        destination: at(30, 34),
        ttl: frame[22] ?? 0,
        ifindex: 2,
      }
    : {
        payload: frame.slice(54),
        source: at(22, 38),
        destination: at(38, 54),
        ttl: frame[21] ?? 0,
        ifindex: 2,
      };
}
