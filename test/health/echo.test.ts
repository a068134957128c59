import { describe, expect, it } from 'vitest';
import { internetChecksum } from '../../src/base/internet-checksum.ts';
import { encodeEchoRequest, isReplyTo } from '../../src/health/echo.ts';

const echo = { identifier: 0x1234, sequence: 7, data: Buffer.from('nonce') };

function reply(change: (bytes: Buffer) => void = () => {}): Buffer {
  const bytes = encodeEchoRequest('inet', echo);
  bytes.writeUInt8(0, 0);
  change(bytes);
  return bytes;
}

describe('an echo request', () => {
  it('is laid out as RFC 792 has it, with a checksum that comes out', () => {
    const bytes = encodeEchoRequest('inet', echo);
    expect(bytes.toString('hex')).toMatch(/^0800....12340007/);
    expect(internetChecksum(bytes)).toBe(0);
  });

  it('leaves the checksum of ICMPv6 to the kernel', () => {
    expect(encodeEchoRequest('inet6', echo).toString('hex')).toMatch(/^8000000012340007/);
  });
});

describe('a reply', () => {
  it('is ours when all that was sent comes back', () => {
    expect(isReplyTo('inet', echo, reply())).toBe(true);
  });

  it.each<[string, Buffer]>([
    ['another identifier', reply((bytes) => bytes.writeUInt16BE(1, 4))],
    ['another sequence', reply((bytes) => bytes.writeUInt16BE(8, 6))],
    ['other data', reply((bytes) => bytes.writeUInt8(0, 9))],
    ['another type', reply((bytes) => bytes.writeUInt8(8, 0))],
    ['another code', reply((bytes) => bytes.writeUInt8(1, 1))],
    ['less data', reply().subarray(0, 10)],
    ['no header', Buffer.alloc(3)],
    ['nothing', Buffer.alloc(0)],
  ])('with %s is not', (_what, bytes) => {
    expect(isReplyTo('inet', echo, bytes)).toBe(false);
  });
});
