import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  AttributeWriter,
  align4,
  decodeAcknowledgement,
  decodeAttributes,
  decodeDone,
  decodeMessages,
  encodeMessage,
  listAttributes,
  NetlinkFormatError,
  NLM_F_ACK,
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLM_F_REQUEST,
  readI32,
  readString,
  readU8,
  readU16,
  readU16be,
  readU32,
  readU64,
  requireAttribute,
} from '../../src/kernel/netlink.ts';

const hex = (text: string): Uint8Array =>
  Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'));

/** Nothing but the typed error, however the bytes are cut. */
function expectTypedFailures(bytes: Uint8Array, decode: (cut: Uint8Array) => unknown): void {
  for (let length = 0; length < bytes.length; length++) {
    try {
      decode(bytes.slice(0, length));
    } catch (error) {
      expect(error).toBeInstanceOf(NetlinkFormatError);
    }
  }
}

describe('messages', () => {
  // GETFAMILY "IPVS" as libnl sends it: nlmsghdr, genlmsghdr, one attribute.
  const GETFAMILY = `
    20000000 1000 0500 07000000 00000000
    03 02 0000
    0900 0200 49505653 00 000000`;

  test('a request is laid out as linux/netlink.h draws it, padded to four bytes', () => {
    const attribute = new AttributeWriter().string(2, 'IPVS').finish();
    const payload = Uint8Array.from([3, 2, 0, 0, ...attribute]);
    const flags = NLM_F_REQUEST | NLM_F_ACK;
    expect(encodeMessage({ type: 0x10, flags, sequence: 7, payload })).toEqual(hex(GETFAMILY));
  });

  test('several messages in one datagram come apart, the last one without padding too', () => {
    const bytes = hex(`
      11000000 0300 0200 01000000 05000000 aa 000000
      12000000 0200 0000 02000000 06000000 bbcc`);
    expect(decodeMessages(bytes)).toEqual([
      { type: 3, flags: 2, sequence: 1, portId: 5, payload: hex('aa') },
      { type: 2, flags: 0, sequence: 2, portId: 6, payload: hex('bbcc') },
    ]);
  });

  test.each([
    ['shorter than its own header', '0f000000 0300 0000 00000000 00000000'],
    ['of length 0, which would never end', '00000000 0300 0000 00000000 00000000'],
    ['longer than the datagram', '15000000 0300 0000 00000000 00000000 aabbccdd'],
    ['of the largest length', 'ffffffff 0300 0000 00000000 00000000 aabbccdd'],
  ])('a message %s is refused', (_, bytes) => {
    expect(() => decodeMessages(hex(bytes))).toThrow(
      expect.objectContaining({ code: 'TRUNCATED_MESSAGE' }),
    );
  });

  test('what is encoded is decoded, and a cut at any byte is a typed failure', () => {
    const u32 = fc.nat(0xffffffff);
    const u16 = fc.nat(0xffff);
    const message = fc.record({
      type: u16,
      flags: u16,
      sequence: u32,
      payload: fc.uint8Array({ maxLength: 40 }),
    });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 4 }), (messages) => {
        const bytes = Uint8Array.from(messages.flatMap((each) => [...encodeMessage(each)]));
        expect(decodeMessages(bytes)).toEqual(messages.map((each) => ({ ...each, portId: 0 })));
        expectTypedFailures(bytes, decodeMessages);
      }),
    );
  });

  test('random bytes never cause another failure than the typed one', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        for (const decode of [decodeMessages, listAttributes]) {
          expectTypedFailures(bytes, decode);
        }
        expectTypedFailures(bytes, (cut) => decodeAcknowledgement(cut, NLM_F_ACK_TLVS));
        expectTypedFailures(bytes, (cut) => decodeDone(cut, NLM_F_ACK_TLVS));
      }),
    );
  });

  test('lengths are rounded up to four', () => {
    expect([0, 1, 4, 5, 8].map(align4)).toEqual([0, 4, 4, 8, 8]);
  });
});

describe('attributes', () => {
  test('every kind of value is laid out and read back', () => {
    const bytes = new AttributeWriter()
      .u8(1, 0xab)
      .u16(2, 0x0102)
      .u16be(3, 80)
      .u32(4, 0xfffffffe)
      .i32(5, -2)
      .u64(6, 0x1122334455667788n)
      .string(7, 'rr')
      .bytes(8, hex('0a000001'))
      .finish();
    expect(bytes).toEqual(
      hex(`0500 0100 ab000000
           0600 0200 0201 0000
           0600 0300 0050 0000
           0800 0400 feffffff
           0800 0500 feffffff
           0c00 0600 8877665544332211
           0700 0700 727200 00
           0800 0800 0a000001`),
    );
    const map = decodeAttributes(bytes);
    const value = (type: number) => requireAttribute(map, type, 'TEST');
    expect(readU8(value(1))).toBe(0xab);
    expect(readU16(value(2))).toBe(0x0102);
    expect(readU16be(value(3))).toBe(80);
    expect(readU32(value(4))).toBe(0xfffffffe);
    expect(readI32(value(5))).toBe(-2);
    expect(readU64(value(6))).toBe(0x1122334455667788n);
    expect(readString(value(7))).toBe('rr');
    expect(value(8)).toEqual(hex('0a000001'));
  });

  test('a nested attribute carries its bit, which reading takes off again', () => {
    const bytes = new AttributeWriter().nested(1, (inner) => inner.u16(2, 6)).finish();
    expect(bytes).toEqual(hex('0c00 0180 0600 0200 0600 0000'));
    const [outer] = listAttributes(bytes);
    expect(outer?.type).toBe(1);
    expect(listAttributes(outer?.value ?? hex(''))).toEqual([{ type: 2, value: hex('0600') }]);
  });

  test('the network byte order bit is taken off the type', () => {
    expect(listAttributes(hex('0600 0440 0050 0000'))).toEqual([{ type: 4, value: hex('0050') }]);
  });

  test('the attributes written are the attributes read, and a cut is a typed failure', () => {
    const attribute = fc.record({
      type: fc.nat(0x3fff),
      value: fc.uint8Array({ maxLength: 300 }),
    });
    fc.assert(
      fc.property(fc.array(attribute, { maxLength: 5 }), (attributes) => {
        const writer = new AttributeWriter();
        for (const { type, value } of attributes) writer.bytes(type, value);
        expect(listAttributes(writer.finish())).toEqual(attributes);
        expectTypedFailures(writer.finish(), listAttributes);
      }),
      { numRuns: 30 },
    );
  });

  test('a value of another size than asked for says so', () => {
    expect(() => readU32(hex('0102'))).toThrow('The attribute has 2 bytes, expected 4');
  });

  test('a missing attribute is named', () => {
    expect(() => requireAttribute(new Map(), 3, 'IFLA_IFNAME')).toThrow(
      'Attribute IFLA_IFNAME (3) is missing',
    );
  });

  test('a value that no attribute can hold is refused', () => {
    expect(() => new AttributeWriter().bytes(1, new Uint8Array(65_532))).toThrow(RangeError);
  });
});

describe('acknowledgements', () => {
  const REQUEST_HEADER = '24000000 1400 0500 07000000 00000000';
  const TEXT = '0a00 0100 4e6f70652100 0000';
  const OFFSET = '0800 0200 14000000';
  const MISSING = '0800 0500 03000000';

  test('success is errno 0', () => {
    const payload = hex(`00000000 ${REQUEST_HEADER}`);
    expect(decodeAcknowledgement(payload, NLM_F_CAPPED)).toEqual({ errno: 0 });
  });

  test('a refusal carries the errno and what the kernel says about it', () => {
    const payload = hex(`eaffffff ${REQUEST_HEADER} ${TEXT} ${OFFSET} ${MISSING}`);
    expect(decodeAcknowledgement(payload, NLM_F_CAPPED | NLM_F_ACK_TLVS)).toEqual({
      errno: 22,
      text: 'Nope!',
      offset: 20,
      missingType: 3,
    });
  });

  test('a request that is echoed whole is skipped over', () => {
    const echoed = 'ff'.repeat(0x24 - 16);
    const payload = hex(`ffffffff ${REQUEST_HEADER} ${echoed} ${TEXT}`);
    expect(decodeAcknowledgement(payload, NLM_F_ACK_TLVS)).toEqual({ errno: 1, text: 'Nope!' });
    expectTypedFailures(payload, (cut) => decodeAcknowledgement(cut, NLM_F_ACK_TLVS));
  });

  test('the end of a dump may carry an errno, or nothing at all', () => {
    expect(decodeDone(hex(''), 0)).toEqual({ errno: 0 });
    expect(decodeDone(hex('00000000'), 0)).toEqual({ errno: 0 });
    expect(decodeDone(hex(`edffffff ${TEXT}`), NLM_F_ACK_TLVS)).toEqual({
      errno: 19,
      text: 'Nope!',
    });
  });
});
