import { describe, expect, it } from 'vitest';
import {
  burstOrder,
  encodeAnnouncement,
  encodeGratuitousArp,
  encodeNeighborAdvertisement,
} from '../../src/vrrp/announce.ts';
import { readFrame } from '../hex/frames.ts';
import { ip } from './router.ts';

const mac = Uint8Array.of(2, 0, 0, 0, 0, 0x0a);

describe('announcements', () => {
  it('gratuitous ARP is the frame keepalived sends', () => {
    const wanted = readFrame('keepalived-garp');
    expect(encodeGratuitousArp(ip('10.0.0.100'), mac)).toEqual(wanted);
  });

  it('a neighbor advertisement without the R flag is the frame keepalived sends', () => {
    const wanted = readFrame('keepalived-na');
    expect(encodeNeighborAdvertisement(ip('2001:db8::100'), mac, false)).toEqual(wanted);
  });

  it('RFC 9568 6.4.2: an unsolicited neighbor advertisement has R=1 S=0 O=1', () => {
    const frame = encodeAnnouncement(ip('2001:db8::100'), mac);
    expect(frame[58]).toBe(0b1010_0000);
    const captured = readFrame('keepalived-na');
    const differing = [...frame.keys()].filter((offset) => frame[offset] !== captured[offset]);
    expect(differing.filter((offset) => offset !== 56 && offset !== 57)).toEqual([58]);
    const sum = (frame[56] ?? 0) * 256 + (frame[57] ?? 0);
    expect(sum).toBe(0xf723 - 0x8000);
  });

  it('the family chooses the frame', () => {
    expect(encodeAnnouncement(ip('10.0.0.100'), mac)).toHaveLength(42);
    expect(encodeAnnouncement(ip('fe80::1'), mac)).toHaveLength(86);
  });

  it('a MAC of another length is a defect', () => {
    expect(() => encodeAnnouncement(ip('10.0.0.100'), mac.subarray(1))).toThrow();
  });

  it('a burst goes through all addresses before it repeats one', () => {
    expect(burstOrder(['a', 'b'], 3)).toEqual(['a', 'b', 'a', 'b', 'a', 'b']);
    expect(burstOrder(['a', 'b'], 0)).toEqual([]);
  });
});
