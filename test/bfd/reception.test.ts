import { describe, expect, it } from 'vitest';
import type { IpAddress } from '../../src/base/address.ts';
import { encodePacket } from '../../src/bfd/packet.ts';
import { type Admission, type Arrival, admit, type Receiver } from '../../src/bfd/reception.ts';
import { packet } from './packets.ts';

const address = (text: string): IpAddress => ({
  family: text.includes(':') ? 'inet6' : 'inet',
  text,
});

const uplink: Receiver = {
  discriminator: 7,
  neighbor: address('10.0.0.2'),
  isMultihop: false,
  ttl: 255,
  maxHops: 0,
};
const other: Receiver = { ...uplink, discriminator: 8, neighbor: address('10.0.0.3') };

function hear(changes: Partial<Arrival> = {}, receivers = [uplink, other]): Admission<Receiver> {
  const arrival: Arrival = {
    payload: encodePacket(packet()),
    source: address('10.0.0.2'),
    destination: address('10.0.0.1'),
    ttl: 255,
    isMultihop: false,
    ...changes,
  };
  return admit(arrival, {
    byDiscriminator: (wanted) => receivers.find(({ discriminator }) => discriminator === wanted),
    all: () => receivers,
  });
}

const toUs = (yourDiscriminator: number): Uint8Array =>
  encodePacket(packet({ state: 'Up', yourDiscriminator }));

describe('RFC 5880 6.8.6: the session', () => {
  it('MUST be selected by Your Discriminator where that is not 0, wherever it comes from', () => {
    const admission = hear({ payload: toUs(8), source: address('10.9.9.9') });
    expect(admission).toMatchObject({ ok: true, receiver: other });
  });

  it('MUST be there: a discriminator that is not ours is discarded', () => {
    expect(hear({ payload: toUs(9) })).toMatchObject({ code: 'UNKNOWN_DISCRIMINATOR' });
  });

  it('is selected by the source address where Your Discriminator is 0', () => {
    expect(hear({ source: address('10.0.0.3') })).toMatchObject({ ok: true, receiver: other });
    expect(hear({ source: address('10.0.0.4') })).toEqual({ ok: false, code: 'UNKNOWN_NEIGHBOR' });
  });

  it('with a source_ip takes first packets to that address alone', () => {
    const bound = { ...uplink, source: address('10.0.0.1') };
    expect(hear({}, [bound]).ok).toBe(true);
    const elsewhere = hear({ destination: address('10.0.0.99') }, [bound]);
    expect(elsewhere).toMatchObject({ code: 'UNKNOWN_NEIGHBOR' });
  });

  it('has no authentication: a packet with A set MUST be discarded', () => {
    const bytes = new Uint8Array(26);
    bytes.set(toUs(7));
    bytes[1] = (bytes[1] ?? 0) | 0x04;
    bytes[3] = 26;
    expect(hear({ payload: bytes })).toMatchObject({ code: 'AUTHENTICATION_NOT_IN_USE' });
  });
});

describe('RFC 5881 5: the TTL of a single hop', () => {
  it.each([254, 64, 1, 0])('MUST be 255: %d is discarded', (ttl) => {
    expect(hear({ ttl })).toEqual({ ok: false, code: 'TTL_TOO_LOW', receiver: uplink });
    expect(hear({ ttl, payload: toUs(7) })).toMatchObject({ code: 'TTL_TOO_LOW' });
  });

  it.each([
    { ttl: 255, maxHops: 3, least: 252 },
    { ttl: 64, maxHops: 0, least: 64 },
  ])('may be lower as ttl and max_hops say: %o', ({ ttl, maxHops, least }) => {
    const far = [{ ...uplink, ttl, maxHops }];
    expect(hear({ ttl: least }, far).ok).toBe(true);
    expect(hear({ ttl: least - 1 }, far).ok).toBe(false);
  });

  it.each([-1, 255])('does not count with max_hops %d', (maxHops) => {
    expect(hear({ ttl: 1 }, [{ ...uplink, maxHops }]).ok).toBe(true);
  });
});

describe('RFC 5883: multihop', () => {
  const multihop = { ...uplink, isMultihop: true, maxHops: 9 };

  it('sessions hear on a port of their own', () => {
    expect(hear({ isMultihop: true, ttl: 250 }, [multihop]).ok).toBe(true);
    expect(hear({}, [multihop])).toMatchObject({ code: 'UNKNOWN_NEIGHBOR' });
    const wrongPort = hear({ isMultihop: true, payload: toUs(7) });
    expect(wrongPort).toMatchObject({ code: 'UNKNOWN_DISCRIMINATOR' });
  });
});

describe('what is discarded', () => {
  it('is told to the session of its source address', () => {
    const payload = encodePacket(packet({ detectMult: 0 }));
    expect(hear({ payload })).toEqual({ ok: false, code: 'ZERO_DETECT_MULT', receiver: uplink });
  });

  it('is whatever has one bit turned that section 6.8.6 looks at, and nothing throws', () => {
    const whole = toUs(7);
    const codes = new Set<string>();
    for (let bit = 0; bit < whole.length * 8; bit += 1) {
      const bytes = Uint8Array.from(whole);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (0x80 >> (bit & 7));
      const admission = hear({ payload: bytes });
      codes.add(admission.ok ? 'taken' : admission.code);
    }
    expect([...codes].sort()).toEqual(
      [
        'BAD_LENGTH',
        'BAD_VERSION',
        'LENGTH_BEYOND_DATAGRAM',
        'MULTIPOINT',
        'UNKNOWN_DISCRIMINATOR',
        'taken',
      ].sort(),
    );
  });
});
