import { describe, expect, it } from 'vitest';
import { internetChecksum, pseudoHeaderSum } from '../../src/base/internet-checksum.ts';
import {
  decodeSegment,
  encodeSegment,
  FLAGS,
  type TcpSegment,
} from '../../src/health/tcp-segment.ts';
import { ip } from './configs.ts';

const v4: TcpSegment = {
  source: ip('10.9.0.1'),
  destination: ip('10.9.0.100'),
  sourcePort: 61_000,
  destinationPort: 80,
  sequence: 0x01020304,
  acknowledgement: 0xfffffffe,
  flags: FLAGS.SYN | FLAGS.ACK,
};
const v6 = { ...v4, source: ip('2001:db8::1'), destination: ip('2001:db8::100') };

describe('a segment', () => {
  it('is laid out as the RFCs have it', () => {
    expect(encodeSegment(v4).toString('hex')).toMatch(
      /^4500002800004000(40)06....0a0900010a090064ee480050(01020304)(fffffffe)50120400....0000$/,
    );
  });

  it.each([
    ['IPv4', v4, 20],
    ['IPv6', v6, 40],
  ])('comes back from %s, with checksums that come out', (_what, segment, headerLength) => {
    const packet = encodeSegment(segment);
    const { family } = segment.source;
    expect(decodeSegment(family, packet)).toEqual(segment);
    const tcp = packet.subarray(headerLength);
    expect(internetChecksum(tcp, pseudoHeaderSum(segment, 6, 20))).toBe(0);
    if (family === 'inet') expect(internetChecksum(packet.subarray(0, headerLength))).toBe(0);
  });

  it('is found behind the options of an IPv4 header', () => {
    const plain = encodeSegment(v4);
    const packet = Buffer.concat([plain.subarray(0, 20), Buffer.alloc(8), plain.subarray(20)]);
    packet.writeUInt8(0x47, 0);
    expect(decodeSegment('inet', packet)).toEqual(v4);
  });

  it.each<[string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['a cut header', encodeSegment(v4).subarray(0, 39)],
    ['UDP', patched(9, 17)],
    ['a later fragment', patched(7, 1)],
    ['another version', patched(0, 0x65)],
    ['an impossible header length', patched(0, 0x41)],
    ['a header length past the end', patched(0, 0x4f)],
  ])('is not %s', (_what, packet) => {
    expect(decodeSegment('inet', packet)).toBeUndefined();
  });

  it('never throws, whatever the bytes are', () => {
    for (let length = 0; length < 64; length += 1) {
      for (const family of ['inet', 'inet6'] as const) {
        decodeSegment(family, encodeSegment(v6).subarray(0, length));
        decodeSegment(family, Buffer.alloc(length, 0x45));
      }
    }
  });
});

function patched(at: number, value: number): Buffer {
  const packet = encodeSegment(v4);
  packet.writeUInt8(value, at);
  return packet;
}
