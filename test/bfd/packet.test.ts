import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ControlPacket,
  decodePacket,
  describeDiagnostic,
  encodePacket,
  type SessionState,
} from '../../src/bfd/packet.ts';
import { packet } from './packets.ts';

const STATES: readonly SessionState[] = ['AdminDown', 'Down', 'Init', 'Up'];
const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });

/** Up, 3 x 300 ms, echo 50 ms. */
const WRITTEN = '20c003189d8a7c4f00000001000493e0000493e00000c350';

/** As Debian's keepalived 2.2.7 sent it, off the wire: the answer to our Poll, Up, 4 x 40 ms, min_rx 50 ms. */
const FROM_KEEPALIVED = '20d00418da95b57a233e0ed300009c400000c35000000000';

const bytesOf = (hex: string): Buffer => Buffer.from(hex, 'hex');

describe('a control packet', () => {
  it('is read field by field', () => {
    expect(decodePacket(bytesOf(WRITTEN))).toEqual({
      ok: true,
      packet: packet({
        state: 'Up',
        myDiscriminator: 0x9d8a7c4f,
        yourDiscriminator: 1,
        desiredMinTxUs: 300_000,
        requiredMinRxUs: 300_000,
        requiredMinEchoRxUs: 50_000,
      }),
    });
  });

  it('of keepalived is read', () => {
    expect(decodePacket(bytesOf(FROM_KEEPALIVED))).toMatchObject({
      ok: true,
      packet: {
        state: 'Up',
        isFinal: true,
        detectMult: 4,
        desiredMinTxUs: 40_000,
        requiredMinRxUs: 50_000,
        requiredMinEchoRxUs: 0,
      },
    });
  });

  it('is written as it is read', () => {
    const decoded = decodePacket(bytesOf(WRITTEN));
    if (!decoded.ok) throw new Error(decoded.code);
    expect(Buffer.from(encodePacket(decoded.packet)).toString('hex')).toBe(WRITTEN);
  });

  it('survives the way there and back, whatever is in it', () => {
    const any: fc.Arbitrary<ControlPacket> = fc.record({
      diagnostic: fc.integer({ min: 0, max: 31 }),
      state: fc.constantFrom(...STATES),
      isPoll: fc.boolean(),
      isFinal: fc.constant(false),
      isControlPlaneIndependent: fc.boolean(),
      hasAuthentication: fc.constant(false),
      isDemand: fc.boolean(),
      detectMult: fc.integer({ min: 1, max: 255 }),
      myDiscriminator: fc.integer({ min: 1, max: 0xffff_ffff }),
      yourDiscriminator: fc.integer({ min: 1, max: 0xffff_ffff }),
      desiredMinTxUs: uint32,
      requiredMinRxUs: uint32,
      requiredMinEchoRxUs: uint32,
    });
    fc.assert(
      fc.property(any, (sent) => {
        expect(decodePacket(encodePacket(sent))).toEqual({ ok: true, packet: sent });
      }),
    );
  });

  it('may stand in a longer datagram: only its Length counts', () => {
    expect(decodePacket(bytesOf(`${WRITTEN}0000`)).ok).toBe(true);
  });
});

describe('RFC 5880 6.8.6: a packet is discarded', () => {
  const changed = (at: number, value: number): Buffer => {
    const bytes = bytesOf(WRITTEN);
    bytes.writeUInt8(value, at);
    return bytes;
  };
  const zeroed = (at: number): Buffer => bytesOf(WRITTEN).fill(0, at, at + 4);
  const noDiscriminator = (flags: number): Buffer => {
    const bytes = zeroed(8);
    bytes.writeUInt8(flags, 1);
    return bytes;
  };
  it.each([
    ['when its version is not 1', changed(0, 0x40), 'BAD_VERSION'],
    ['when its Length is below 24', changed(3, 23), 'BAD_LENGTH'],
    ['when A is set and its Length below 26', changed(1, 0xc4), 'BAD_LENGTH'],
    ['when its Length is above that of the datagram', changed(3, 25), 'LENGTH_BEYOND_DATAGRAM'],
    ['when Detect Mult is 0', changed(2, 0), 'ZERO_DETECT_MULT'],
    ['when M is set', changed(1, 0xc1), 'MULTIPOINT'],
    ['when My Discriminator is 0', zeroed(4), 'ZERO_MY_DISCRIMINATOR'],
    ['when it is Up and Your Discriminator 0', noDiscriminator(0xc0), 'ZERO_YOUR_DISCRIMINATOR'],
    ['when it is Init and Your Discriminator 0', noDiscriminator(0x80), 'ZERO_YOUR_DISCRIMINATOR'],
    ['when the datagram is shorter than any', bytesOf('20c00318'), 'SHORT_PACKET'],
  ])('%s', (_when, bytes, code) => {
    expect(decodePacket(bytes)).toEqual({ ok: false, code });
  });

  it('but not when it is Down or AdminDown and Your Discriminator 0', () => {
    expect(decodePacket(noDiscriminator(0x40)).ok).toBe(true);
    expect(decodePacket(noDiscriminator(0x00)).ok).toBe(true);
  });
});

describe('RFC 5880 6.5: Poll and Final', () => {
  it('MUST NOT both be set: such a packet is discarded', () => {
    const bytes = bytesOf(WRITTEN);
    bytes.writeUInt8(0xf0, 1);
    expect(decodePacket(bytes)).toEqual({ ok: false, code: 'POLL_AND_FINAL' });
  });
});

describe('garbage', () => {
  it('is refused at every length of a packet that was cut off', () => {
    const whole = bytesOf(WRITTEN);
    for (let length = 0; length < whole.length; length += 1) {
      expect(decodePacket(whole.subarray(0, length))).toEqual({ ok: false, code: 'SHORT_PACKET' });
    }
  });

  it('of any kind never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(typeof decodePacket(bytes).ok).toBe('boolean');
      }),
    );
  });
});

it('diagnostics are said in the words of the RFC, reserved ones by number', () => {
  expect(describeDiagnostic(1)).toBe('Control Detection Time Expired');
  expect(describeDiagnostic(31)).toBe('Diagnostic 31');
});
