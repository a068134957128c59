import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressFromBytes } from '../../src/base/address.ts';
import { encodeOwnAdvert } from '../../src/vrrp/own-advert.ts';
import {
  type AdvertFields,
  decodeAdvert,
  type Envelope,
  encodeAdvert,
  vrrpGroup,
} from '../../src/vrrp/packet.ts';
import { readDatagram } from '../hex/frames.ts';
import { ip, router, vip } from './router.ts';

const envelope4: Envelope = { source: ip('10.0.0.1'), destination: vrrpGroup('inet') };
const two4 = [ip('10.0.0.100'), ip('10.0.0.101')];
const two6 = [ip('fe80::100'), ip('2001:db8::100')];
const v3: AdvertFields = {
  version: 3,
  virtualRouterId: 51,
  priority: 150,
  advertIntervalMs: 1000,
  addresses: two4,
};

const captured = [
  { frame: 'keepalived-v2', fields: { ...v3, version: 2 }, form: 'message-only' },
  {
    frame: 'keepalived-v2-resign',
    fields: { ...v3, version: 2, priority: 0 },
    form: 'message-only',
  },
  { frame: 'keepalived-v3-ipv4', fields: v3, form: 'pseudo-header' },
  { frame: 'keepalived-v3-ipv4-resign', fields: { ...v3, priority: 0 }, form: 'pseudo-header' },
  { frame: 'keepalived-v3-ipv6', fields: { ...v3, addresses: two6 }, form: 'pseudo-header' },
  {
    frame: 'keepalived-v3-ipv6-resign',
    fields: { ...v3, priority: 0, addresses: two6 },
    form: 'pseudo-header',
  },
] as const;

describe('frames captured from keepalived', () => {
  it.each(captured)('$frame is decoded field by field', ({ frame, fields, form }) => {
    const datagram = readDatagram(frame);
    const decoded = decodeAdvert(datagram.payload, datagram);
    expect(decoded).toMatchObject({ ok: true, advert: { ...fields, checksumForm: form } });
  });

  it.each(captured)('$frame is what we send for the same configuration', ({ frame, fields }) => {
    const datagram = readDatagram(frame);
    expect(encodeAdvert(fields, datagram)).toEqual(datagram.payload);
  });

  it('a password is decoded, for admission to refuse', () => {
    const datagram = readDatagram('keepalived-v2-pass');
    const decoded = decodeAdvert(datagram.payload, datagram);
    expect(decoded).toMatchObject({
      ok: true,
      advert: { authType: 1, authData: new TextEncoder().encode('secret12') },
    });
  });

  it('the goodbye that the supervisor sends is the one keepalived sends', () => {
    const config = router({
      priority: 150,
      virtualAddresses: [vip('10.0.0.100/24'), vip('10.0.0.101/24')],
    });
    const datagram = readDatagram('keepalived-v3-ipv4-resign');
    expect(encodeOwnAdvert(config, ip('10.0.0.1'), 0)).toEqual(datagram.payload);
  });

  it.each(captured)('$frame cut short at any byte is refused', ({ frame }) => {
    const datagram = readDatagram(frame);
    // Version 2 without its zero trailer is a form of its own (below); every other cut is damage.
    const bare = frame.startsWith('keepalived-v2') ? datagram.payload.length - 8 : undefined;
    for (let length = 0; length < datagram.payload.length; length += 1) {
      if (length === bare) continue;
      const cut = datagram.payload.subarray(0, length);
      expect(decodeAdvert(cut, datagram).ok, `${length} bytes`).toBe(false);
    }
  });

  it.each(captured)('$frame with any one bit flipped is refused', ({ frame }) => {
    const datagram = readDatagram(frame);
    for (let bit = 0; bit < datagram.payload.length * 8; bit += 1) {
      const flipped = datagram.payload.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(decodeAdvert(flipped, datagram).ok, `bit ${bit}`).toBe(false);
    }
  });
});

describe('the two checksums of version 3 over IPv4', () => {
  it('the message-only form of RFC 9568 5.2.8 is accepted, and told apart', () => {
    const payload = encodeAdvert(v3, envelope4, 'message-only');
    expect(decodeAdvert(payload, envelope4)).toMatchObject({
      ok: true,
      advert: { checksumForm: 'message-only' },
    });
  });

  it('IPv6 has only the form with the pseudo-header', () => {
    const envelope = { source: ip('fe80::1'), destination: vrrpGroup('inet6') };
    const fields = { ...v3, addresses: two6 };
    const wanted = encodeAdvert(fields, envelope);
    expect(encodeAdvert(fields, envelope, 'message-only')).toEqual(wanted);
    const elsewhere = { source: ip('fe80::2'), destination: vrrpGroup('inet6') };
    expect(decodeAdvert(wanted, elsewhere)).toMatchObject({ ok: false, code: 'BAD_CHECKSUM' });
  });
});

describe('each way to be bad has its name', () => {
  const good = encodeAdvert(v3, envelope4);
  const table: readonly [string, (bytes: Uint8Array) => Uint8Array][] = [
    ['TOO_SHORT', (bytes) => bytes.subarray(0, 7)],
    ['BAD_VERSION', (bytes) => withByte(bytes, 0, 0x41)],
    ['BAD_TYPE', (bytes) => withByte(bytes, 0, 0x32)],
    ['BAD_LENGTH', (bytes) => bytes.subarray(0, 15)],
    ['BAD_LENGTH', (bytes) => Uint8Array.of(...bytes, 0)],
    ['BAD_CHECKSUM', (bytes) => withByte(bytes, 2, 151)],
    ['INTERVAL_ZERO', (bytes) => resummed(withByte(bytes, 5, 0))],
    ['NO_ADDRESSES', (bytes) => resummed(withByte(bytes, 3, 0).subarray(0, 8))],
  ];
  it.each(table)('%s', (code, spoil) => {
    expect(decodeAdvert(spoil(good), envelope4)).toMatchObject({ ok: false, code });
  });

  it('version 2 does not exist over IPv6', () => {
    const envelope = { source: ip('fe80::1'), destination: vrrpGroup('inet6') };
    const payload = encodeAdvert({ ...v3, version: 2 }, envelope4);
    expect(decodeAdvert(payload, envelope)).toMatchObject({ ok: false, code: 'BAD_VERSION' });
  });

  it('version 2 may leave the authentication data out, but only without authentication', () => {
    const bare = encodeAdvert({ ...v3, version: 2 }, envelope4).subarray(0, 16);
    const decoded = decodeAdvert(bare, envelope4);
    expect(decoded).toMatchObject({ ok: true, advert: { addresses: two4 } });
    expect(decoded.ok && 'authData' in decoded.advert).toBe(false);
    const claimed = decodeAdvert(withByte(bare, 4, 1), envelope4);
    expect(claimed).toMatchObject({ ok: false, code: 'BAD_LENGTH' });
  });

  it('the reserved bits of version 3 are ignored on receipt', () => {
    const payload = resummed(withByte(good, 4, 0xf0));
    expect(decodeAdvert(payload, envelope4)).toMatchObject({
      ok: true,
      advert: { advertIntervalMs: 1000 },
    });
  });
});

describe('encode refuses what does not fit', () => {
  it.each([
    ['a priority of 256', { ...v3, priority: 256 }],
    ['no address', { ...v3, addresses: [] }],
    ['256 addresses', { ...v3, addresses: new Array(256).fill(ip('10.0.0.1')) }],
    ['41 seconds in version 3', { ...v3, advertIntervalMs: 41_000 }],
    ['half a second in version 2', { ...v3, version: 2 as const, advertIntervalMs: 1500 }],
    ['an IPv6 address over IPv4', { ...v3, addresses: two6 }],
  ])('%s', (_what, fields) => {
    expect(() => encodeAdvert(fields, envelope4)).toThrow();
  });
});

describe('properties', () => {
  const address4 = fc.uint8Array({ minLength: 4, maxLength: 4 }).map(addressFromBytes);
  const address6 = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(addressFromBytes);
  const common = { virtualRouterId: fc.integer({ min: 1, max: 255 }), priority: fc.nat(255) };
  const list = { minLength: 1, maxLength: 255, size: 'medium' } as const;
  const cs = fc.integer({ min: 1, max: 4095 }).map((value) => value * 10);
  const seconds = fc.integer({ min: 1, max: 255 }).map((value) => value * 1000);
  const fields = fc.oneof(
    fc.record({
      ...common,
      version: fc.constant(2 as const),
      advertIntervalMs: seconds,
      addresses: fc.array(address4, list),
    }),
    fc.record({
      ...common,
      version: fc.constant(3 as const),
      advertIntervalMs: cs,
      addresses: fc.oneof(fc.array(address4, list), fc.array(address6, list)),
    }),
  );

  it('what is encoded is decoded again', () => {
    fc.assert(
      fc.property(fields, (advert) => {
        const family = advert.addresses[0]?.family ?? 'inet';
        const source = family === 'inet' ? ip('10.0.0.1') : ip('fe80::1');
        const envelope = { source, destination: vrrpGroup(family) };
        const decoded = decodeAdvert(encodeAdvert(advert, envelope), envelope);
        expect(decoded).toMatchObject({ ok: true, advert });
      }),
    );
  });

  it('no bytes make the decoder throw, and what it accepts it can send again', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        for (const payload of [bytes, resummed(Uint8Array.of(0x31, ...bytes))]) {
          const decoded = decodeAdvert(payload, envelope4);
          if (!decoded.ok) continue;
          const { checksumForm, ...advert } = decoded.advert;
          if (advert.virtualRouterId === 0) continue;
          const again = encodeAdvert(advert, envelope4, checksumForm);
          const redecoded = decodeAdvert(again, envelope4);
          expect(redecoded).toMatchObject({ ok: true, advert: { addresses: advert.addresses } });
        }
      }),
    );
  });
});

function withByte(bytes: Uint8Array, offset: number, value: number): Uint8Array {
  const changed = bytes.slice();
  changed[offset] = value;
  return changed;
}

/** With a right message-only checksum, summed here by another way than the codec's. */
function resummed(bytes: Uint8Array): Uint8Array {
  const buffer = Buffer.from(bytes);
  if (buffer.length < 8) return buffer;
  buffer.writeUInt16BE(0, 6);
  const padded = buffer.length % 2 === 0 ? buffer : Buffer.concat([buffer, Buffer.alloc(1)]);
  let sum = 0n;
  for (let offset = 0; offset < padded.length; offset += 2) {
    sum += BigInt(padded.readUInt16BE(offset));
  }
  const folded = Number(sum % 0xffffn);
  buffer.writeUInt16BE(0xffff - (folded === 0 && sum > 0n ? 0xffff : folded), 6);
  return Uint8Array.from(buffer);
}
