import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { addressFromBytes, type IpAddress, parseAddress } from '../../src/base/address.ts';
import { NetlinkFormatError } from '../../src/kernel/netlink.ts';
import {
  type AddressSpec,
  decodeAddress,
  decodeLink,
  encodeAddress,
  encodeAddressRemoval,
  faultOfAddress,
  IFA_F_NODAD,
} from '../../src/kernel/rtnetlink.ts';

const hex = (text: string): Uint8Array =>
  Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'));

function address(text: string): IpAddress {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
}

const VIP: AddressSpec = {
  ifindex: 3,
  address: address('192.168.10.188'),
  prefixLength: 24,
  scope: 0,
  label: 'eth0:1',
  broadcast: address('192.168.10.255'),
  protocol: 18,
};

describe('addresses', () => {
  test('an addition names the address, its broadcast, label and protocol', () => {
    expect(encodeAddress(VIP)).toEqual(
      hex(`02 18 00 00 03000000
           0800 0200 c0a80abc
           0800 0100 c0a80abc
           0800 0400 c0a80aff
           0b00 0300 657468303a3100 00
           0500 0b00 12 000000`),
    );
  });

  test('a removal goes by address and prefix length alone', () => {
    expect(encodeAddressRemoval(VIP)).toEqual(
      hex('02 18 00 00 03000000 0800 0200 c0a80abc 0800 0100 c0a80abc'),
    );
  });

  test('an IPv6 addition has no label and no broadcast, and may do without DAD', () => {
    const spec = { ...VIP, address: address('fd00::5'), prefixLength: 128, noDad: true };
    expect(encodeAddress(spec)).toEqual(
      hex(`0a 80 00 00 03000000
           1400 0200 fd000000000000000000000000000005
           1400 0100 fd000000000000000000000000000005
           0800 0800 02000000
           0500 0b00 12 000000`),
    );
  });

  test('with a peer, the address is the local one and not the peer', () => {
    const payload = hex('02 20 80 00 04000000 0800 0100 0a000002 0800 0200 0a000001');
    expect(decodeAddress(payload)).toMatchObject({ address: address('10.0.0.1'), flags: 0x80 });
  });

  test('the 32-bit flags win over the eight bits of the header', () => {
    const payload = hex(
      '0a 40 80 fd 04000000 1400 0100 fe80 000000000000 0000000000000001 0800 0800 00020000',
    );
    expect(decodeAddress(payload)).toMatchObject({ flags: 0x200, scope: 253, prefixLength: 64 });
  });

  test('an address of a family that is not IP is none of ours', () => {
    expect(decodeAddress(hex('07 40 80 00 04000000'))).toBeUndefined();
  });

  test.each([
    ['without an address', '02 20 80 00 04000000', 'MISSING_ATTRIBUTE'],
    ['of the wrong length', '0a 20 80 00 04000000 0800 0100 0a000002', 'BAD_ATTRIBUTE_LENGTH'],
    ['cut off in the header', '02 20 80 00 0400', 'TRUNCATED_MESSAGE'],
    ['cut off in an attribute', '02 20 80 00 04000000 0800 0100 0a00', 'TRUNCATED_ATTRIBUTE'],
  ])('a message %s is refused', (_, bytes, code) => {
    expect(() => decodeAddress(hex(bytes))).toThrow(expect.objectContaining({ code }));
  });

  test('what is encoded is decoded, and a cut at any byte is a typed failure', () => {
    const v4 = fc.uint8Array({ minLength: 4, maxLength: 4 });
    const v6 = fc.uint8Array({ minLength: 16, maxLength: 16 });
    const spec = fc.record({
      bytes: fc.oneof(v4, v6),
      prefixLength: fc.nat(32),
      ifindex: fc.nat(0x7fffffff),
      scope: fc.nat(255),
      protocol: fc.nat(255),
      noDad: fc.boolean(),
    });
    fc.assert(
      fc.property(spec, ({ bytes, noDad, ...rest }) => {
        const wanted = { ...rest, address: addressFromBytes(bytes) };
        const payload = encodeAddress({ ...wanted, noDad });
        expect(decodeAddress(payload)).toEqual({ ...wanted, flags: noDad ? IFA_F_NODAD : 0 });
        for (let length = 0; length < payload.length; length++) {
          try {
            decodeAddress(payload.slice(0, length));
          } catch (error) {
            expect(error).toBeInstanceOf(NetlinkFormatError);
          }
        }
      }),
    );
  });

  test.each([
    [{ prefixLength: 33 }, 'The prefix length of 192.168.10.188 is 0 to 32, not 33'],
    [{ label: 'a-label-of-16-by' }, 'The label a-label-of-16-by is longer than 15 bytes'],
    [
      { broadcast: address('fd00::1') },
      'The broadcast address fd00::1 is not of the family of 192.168.10.188',
    ],
    [{}, undefined],
  ])('a spec that cannot be sent says why: %o', (change, fault) => {
    expect(faultOfAddress({ ...VIP, ...change })).toBe(fault);
  });
});

describe('links', () => {
  const ATTRIBUTES = '0900 0300 65746830 00 000000 0800 0400 dc050000 0a00 0100 020000000001 0000';

  test('name, hardware address, MTU and state are read', () => {
    expect(decodeLink(hex(`00 00 0100 02000000 43100100 00000000 ${ATTRIBUTES}`))).toEqual({
      index: 2,
      name: 'eth0',
      mac: hex('020000000001'),
      mtu: 1500,
      isUp: true,
      hasCarrier: true,
    });
  });

  test('a link whose cable is out is up without carrier', () => {
    const link = decodeLink(hex(`00 00 0100 02000000 03100000 00000000 ${ATTRIBUTES}`));
    expect(link).toMatchObject({ isUp: true, hasCarrier: false });
  });

  test('a message about a bridge port says nothing about the link itself', () => {
    const bridged = hex(`07 00 0100 02000000 43100100 00000000 ${ATTRIBUTES}`);
    expect(decodeLink(bridged)).toBeUndefined();
  });

  test('a cut at any byte is a typed failure', () => {
    const payload = hex(`00 00 0100 02000000 43100100 00000000 ${ATTRIBUTES}`);
    for (let length = 0; length < payload.length; length++) {
      try {
        decodeLink(payload.slice(0, length));
      } catch (error) {
        expect(error).toBeInstanceOf(NetlinkFormatError);
      }
    }
  });
});
