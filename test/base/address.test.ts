import { isIPv4, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addressBytes,
  addressFromBytes,
  compareAddresses,
  formatEndpoint,
  type IpAddress,
  parseAddress,
} from '../../src/base/address.ts';

function read(text: string): IpAddress {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`Not an address: ${text}`);
  return address;
}

describe('parseAddress', () => {
  it.each([
    ['10.0.0.1', '10.0.0.1'],
    ['0.0.0.0', '0.0.0.0'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['::', '::'],
    ['::1', '::1'],
    ['fe80::', 'fe80::'],
    ['::ffff:192.0.2.1', '::ffff:c000:201'],
  ])('reads %s as %s (RFC 5952)', (text, canonical) => {
    expect(read(text).text).toBe(canonical);
  });

  it.each([
    '',
    '1',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '01.2.3.4',
    '1.2.3.4/32',
    '1.2.3.-4',
    ' 1.2.3.4',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '12345::',
    'g::',
    '1.2.3.4::',
    '1:2:3:4:5:6:7::8',
    'fe80::1%eth0',
    'www.example.org',
  ])('refuses %j', (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });

  it('survives a round trip through bytes, and agrees with node about what is an address', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
    );
    fc.assert(
      fc.property(bytes, (wire) => {
        const address = addressFromBytes(wire);
        expect(address.family === 'inet' ? isIPv4(address.text) : isIPv6(address.text)).toBe(true);
        expect(read(address.text)).toEqual(address);
        expect([...addressBytes(address)]).toEqual([...wire]);
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'0123456789abcf:.') }), (text) => {
        expect(parseAddress(text) !== undefined).toBe(isIPv4(text) || isIPv6(text));
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('compareAddresses', () => {
  it('orders by number, not by text (RFC 9568 6.4.3)', () => {
    expect(compareAddresses(read('10.0.0.9'), read('10.0.0.10'))).toBeLessThan(0);
    expect(compareAddresses(read('200.0.0.1'), read('100.0.0.1'))).toBeGreaterThan(0);
    expect(compareAddresses(read('fe80::1'), read('fe80:0::1'))).toBe(0);
  });
});

describe('formatEndpoint', () => {
  it('puts brackets round IPv6', () => {
    expect(formatEndpoint(read('10.0.0.1'), 80)).toBe('10.0.0.1:80');
    expect(formatEndpoint(read('2001:db8::1'), 80)).toBe('[2001:db8::1]:80');
  });
});
