import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foldedSum, pseudoHeaderSum } from '../../src/base/internet-checksum.ts';
import { encodeGratuitousArp, encodeNeighborAdvertisement } from '../../src/vrrp/announce.ts';
import { decodeClaim, encodeProbe, macText, settlingMs } from '../../src/vrrp/arp-probe.ts';
import { ip } from './router.ts';

const mac = Uint8Array.of(2, 0, 0, 0, 0, 0x0a);
const hex = (frame: Uint8Array): string => Buffer.from(frame).toString('hex');

describe('a probe for an address', () => {
  it('RFC 5227 2.1.1: is a broadcast request whose sender address is all zero', () => {
    expect(hex(encodeProbe(ip('10.0.0.100'), mac))).toBe(
      [
        'ffffffffffff02000000000a0806',
        '00010800060400 01'.replace(' ', ''),
        '02000000000a00000000',
        '0000000000000a000064',
      ].join(''),
    );
  });

  it('RFC 4862 5.4.2: is a solicitation from :: to the solicited-node group', () => {
    const frame = encodeProbe(ip('2001:db8::1:2:ab03'), mac);
    const checksum = hex(frame.subarray(56, 58));
    expect(hex(frame)).toBe(
      [
        '3333ff02ab0302000000000a86dd',
        '60000000 0018 3a ff'.replaceAll(' ', ''),
        '00'.repeat(16),
        'ff0200000000000000000001ff02ab03',
        `8700${checksum}00000000`,
        '20010db800000000000000010002ab03',
      ].join(''),
    );
    const envelope = { source: ip('::'), destination: ip('ff02::1:ff02:ab03') };
    expect(foldedSum(frame.subarray(54), pseudoHeaderSum(envelope, 58, 24))).toBe(0xffff);
  });

  it('claims nothing itself', () => {
    expect(decodeClaim(encodeProbe(ip('10.0.0.100'), mac))).toBeUndefined();
    expect(decodeClaim(encodeProbe(ip('fe80::1'), mac))).toBeUndefined();
  });

  it('a MAC of another length is a defect', () => {
    expect(() => encodeProbe(ip('10.0.0.100'), mac.subarray(1))).toThrow('6 bytes');
  });
});

describe('a claim', () => {
  it('is made by ARP, request or reply, for its sender', () => {
    const claim = { address: ip('10.0.0.100'), mac: '02:00:00:00:00:0a' };
    const frame = encodeGratuitousArp(claim.address, mac);
    expect(decodeClaim(frame)).toEqual(claim);
    frame[21] = 2;
    expect(decodeClaim(frame)).toEqual(claim);
    frame[21] = 3;
    expect(decodeClaim(frame)).toBeUndefined();
  });

  it('is made by a neighbor advertisement for its target, by its option or its sender', () => {
    const address = ip('2001:db8::100');
    const frame = encodeNeighborAdvertisement(address, mac);
    frame.set([9, 9, 9], 6);
    expect(decodeClaim(frame)).toEqual({ address, mac: '02:00:00:00:00:0a' });
    expect(decodeClaim(frame.subarray(0, 78))).toEqual({ address, mac: '09:09:09:00:00:0a' });
  });

  it('RFC 4861 7.1.2: is none when the advertisement was routed, or an option has no length', () => {
    const routed = encodeNeighborAdvertisement(ip('2001:db8::100'), mac);
    routed[21] = 254;
    expect(decodeClaim(routed)).toBeUndefined();
    const broken = encodeNeighborAdvertisement(ip('2001:db8::100'), mac);
    broken[79] = 0;
    expect(decodeClaim(broken)).toBeUndefined();
  });

  it('is whole or none, cut at every byte', () => {
    const arp = encodeGratuitousArp(ip('10.0.0.100'), mac);
    for (let length = 0; length < arp.length; length += 1) {
      expect(decodeClaim(arp.subarray(0, length))).toBeUndefined();
    }
    const advertisement = encodeNeighborAdvertisement(ip('fe80::1'), mac);
    for (let length = 0; length < 78; length += 1) {
      expect(decodeClaim(advertisement.subarray(0, length))).toBeUndefined();
    }
  });

  it('is never an exception, whatever arrives', () => {
    const start = fc.constantFrom(
      encodeGratuitousArp(ip('10.0.0.100'), mac),
      encodeNeighborAdvertisement(ip('fe80::1'), mac),
    );
    const damage = fc.array(fc.tuple(fc.nat(85), fc.nat(255)), { maxLength: 8 });
    fc.assert(
      fc.property(start, damage, fc.nat(90), (frame, changes, length) => {
        const damaged = frame.slice(0, length);
        for (const [at, value] of changes) if (at < damaged.length) damaged[at] = value;
        const claim = decodeClaim(damaged);
        if (claim !== undefined) expect(claim.mac).toMatch(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
      }),
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => void decodeClaim(bytes)));
  });
});

it('a former master has two adverts, or a second, to let go', () => {
  expect([10, 500, 1000, 40_000].map(settlingMs)).toEqual([1000, 1000, 2000, 80_000]);
  expect(macText(mac)).toBe('02:00:00:00:00:0a');
});
