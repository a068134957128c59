import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeIpv4Datagram } from '../../src/kernel/ip-header.ts';

const hex = (text: string): Uint8Array =>
  Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'));

/** TTL 255, protocol 112, 10.9.0.1 to 224.0.0.18. */
const ADDRESSES = 'ff 70 0000 0a090001 e0000012';

describe('an IPv4 datagram', () => {
  test('is split where its header ends', () => {
    expect(decodeIpv4Datagram(hex(`45 c0 0018 0000 0000 ${ADDRESSES} 31336400`))).toEqual({
      ok: true,
      ttl: 255,
      protocol: 112,
      source: { family: 'inet', text: '10.9.0.1' },
      destination: { family: 'inet', text: '224.0.0.18' },
      payload: hex('31336400'),
    });
  });

  test('with options has its payload after them', () => {
    const datagram = decodeIpv4Datagram(hex(`46 c0 001c 0000 0000 ${ADDRESSES} 94040000 31336400`));
    expect(datagram).toMatchObject({ ok: true, payload: hex('31336400') });
  });

  test('ends at its total length, not at the padding of a short frame', () => {
    const datagram = decodeIpv4Datagram(hex(`45 c0 0018 0000 0000 ${ADDRESSES} 31336400 00000000`));
    expect(datagram).toMatchObject({ ok: true, payload: hex('31336400') });
  });

  test.each([
    ['shorter than a header', '45 c0 0014 0000 0000', 'SHORT_DATAGRAM'],
    ['of another version', `65 c0 0018 0000 0000 ${ADDRESSES} 31336400`, 'NOT_IPV4'],
    ['with a header below 20 bytes', `44 c0 0018 0000 0000 ${ADDRESSES}`, 'BAD_HEADER_LENGTH'],
    ['whose total is below its header', `46 c0 0017 0000 0000 ${ADDRESSES}`, 'BAD_HEADER_LENGTH'],
    ['that is cut off', `45 c0 0019 0000 0000 ${ADDRESSES} 31336400`, 'SHORT_DATAGRAM'],
    ['whose options are cut off', `4f c0 003c 0000 0000 ${ADDRESSES}`, 'SHORT_DATAGRAM'],
  ])('%s is refused by name', (_, bytes, code) => {
    expect(decodeIpv4Datagram(hex(bytes))).toEqual({ ok: false, code });
  });

  test('of any bytes is split within its bounds or refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const datagram = decodeIpv4Datagram(bytes);
        if (datagram.ok) expect(datagram.payload.length).toBeLessThanOrEqual(bytes.length - 20);
      }),
    );
  });
});
