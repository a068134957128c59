import { describe, expect, it } from 'vitest';
import type { HmacConfig } from '../../src/config/model-vrrp.ts';
import {
  nextSequence,
  type ReplayMemory,
  type Sealed,
  sealMessage,
  verifySeal,
} from '../../src/vrrp/auth-hmac.ts';
import { decodeAdvert, type Envelope, encodeAdvert, vrrpGroup } from '../../src/vrrp/packet.ts';
import { bytesOf, keyOf, sealedConfig } from './hmac.ts';
import { ip, router } from './router.ts';

const hmac: HmacConfig = sealedConfig({ antiReplay: 'monotonic' });
const timed: HmacConfig = sealedConfig();

/** The draft's appendix: key 00..1f, VRID 51, priority 200, one address. */
const vectors = [
  {
    name: 'IPv4',
    source: '198.51.100.10',
    destination: '224.0.0.18',
    address: '192.0.2.100',
    form: 'message-only',
    hex: '3133c80100644402c0000264 010100006800000080000000 1b84bc4e8e43892dc6d98448f8ee2265',
  },
  {
    name: 'IPv6',
    source: 'fe80::10',
    destination: 'fe80::20',
    address: 'fe80::100',
    form: 'pseudo-header',
    hex:
      '3133c8010064a2e9 fe800000000000000000000000000100' +
      '010100006800000080000000 c8c56146ebfd66ee10ec4d8186461b78',
  },
] as const;
const SEQUENCE = 0x6800_0000_8000_0000n;
const SEQUENCE_MS = 0x6800_0000 * 1000 + 500;

const identityOf = (source: string, virtualRouterId = 51) =>
  ({ version: 3, virtualRouterId, source: ip(source) }) as const;

function sealedIn(vector: (typeof vectors)[number]): Sealed {
  const envelope: Envelope = { source: ip(vector.source), destination: ip(vector.destination) };
  const decoded = decodeAdvert(bytesOf(vector.hex), envelope);
  if (!decoded.ok || decoded.advert.sealed === undefined) throw new Error('No trailer');
  return decoded.advert.sealed;
}

const nobody: ReplayMemory = new Map();

describe('the wire images of draft-cassen-vrrp-auth-hmac-00', () => {
  it.each(vectors)('$name is what we send', ({ source, destination, address, form, hex }) => {
    const fields = { ...router(), priority: 200, addresses: [ip(address)] };
    const payload = encodeAdvert(
      fields,
      { source: ip(source), destination: ip(destination) },
      form,
      (message) => sealMessage(message, identityOf(source), hmac, SEQUENCE),
    );
    expect(Buffer.from(payload).toString('hex')).toBe(hex.replaceAll(' ', ''));
  });

  it.each(vectors)('$name is accepted', (vector) => {
    const verdict = verifySeal(sealedIn(vector), identityOf(vector.source), hmac, nobody, 0, 4);
    expect(verdict).toMatchObject({ ok: true, memory: new Map([[vector.source, SEQUENCE]]) });
  });

  it.each([
    ['the priority', 'message', 2, 'HMAC_MISMATCH'],
    ['the interval', 'message', 5, 'HMAC_MISMATCH'],
    ['an address', 'message', 23, 'HMAC_MISMATCH'],
    ['the type', 'trailer', 0, 'HMAC_MALFORMED'],
    ['the key id', 'trailer', 1, 'HMAC_UNKNOWN_KEY'],
    ['what is reserved', 'trailer', 2, 'HMAC_MALFORMED'],
    ['the seconds', 'trailer', 7, 'HMAC_MISMATCH'],
    ['the counter', 'trailer', 11, 'HMAC_MISMATCH'],
    ['the hash', 'trailer', 12, 'HMAC_MISMATCH'],
  ] as const)('with %s changed it is refused', (_what, part, offset, code) => {
    const sealed = sealedIn(vectors[1]);
    const changed = sealed[part].with(offset, (sealed[part][offset] ?? 0) ^ 1);
    const spoiled = { ...sealed, [part]: changed };
    const verdict = verifySeal(spoiled, identityOf('fe80::10'), hmac, nobody, 0, 4);
    expect(verdict).toMatchObject({ ok: false, code });
  });

  it('the checksum is no part of the hash: the kernel fills it in after we signed', () => {
    const sealed = sealedIn(vectors[1]);
    const message = sealed.message.with(6, 0).with(7, 0);
    const verdict = verifySeal({ ...sealed, message }, identityOf('fe80::10'), hmac, nobody, 0, 4);
    expect(verdict.ok).toBe(true);
  });

  it.each([
    ['another sender', identityOf('fe80::20')],
    ['another virtual router', identityOf('fe80::10', 52)],
  ])('it does not count for %s', (_what, identity) => {
    const verdict = verifySeal(sealedIn(vectors[1]), identity, hmac, nobody, 0, 4);
    expect(verdict).toMatchObject({ ok: false, code: 'HMAC_MISMATCH' });
  });

  it('over IPv4 the checksum ends before the trailer, over IPv6 it covers it', () => {
    for (const vector of vectors) {
      const bytes = bytesOf(vector.hex);
      const last = bytes.length - 1;
      const envelope = { source: ip(vector.source), destination: ip(vector.destination) };
      const decoded = decodeAdvert(bytes.with(last, (bytes[last] ?? 0) ^ 1), envelope);
      expect(decoded.ok, vector.name).toBe(vector.name === 'IPv4');
    }
  });
});

describe('both versions, both families', () => {
  it.each([
    [2, '10.0.0.1', '10.0.0.100'],
    [3, '10.0.0.1', '10.0.0.100'],
    [3, 'fe80::1', 'fe80::100'],
  ] as const)('version %i from %s is decoded and verified', (version, source, address) => {
    const family = source.includes(':') ? 'inet6' : 'inet';
    const envelope = { source: ip(source), destination: vrrpGroup(family) };
    const fields = { ...router(), version, family, addresses: [ip(address)] } as const;
    const identity = { version, virtualRouterId: 51, source: ip(source) };
    const payload = encodeAdvert(fields, envelope, 'pseudo-header', (message) =>
      sealMessage(message, identity, hmac, 7n),
    );
    const decoded = decodeAdvert(payload, envelope);
    if (!decoded.ok || decoded.advert.sealed === undefined) throw new Error('Not decoded');
    expect(verifySeal(decoded.advert.sealed, identity, hmac, nobody, 0, 4).ok).toBe(true);
  });
});

describe('the sequence number', () => {
  it('is the wall clock in 1/65536 s, and grows when the clock does not', () => {
    expect(nextSequence(undefined, SEQUENCE_MS, timed)).toBe(SEQUENCE);
    expect(nextSequence(SEQUENCE, SEQUENCE_MS, timed)).toBe(SEQUENCE + 1n);
    expect(nextSequence(SEQUENCE + 1n, SEQUENCE_MS - 1000, timed)).toBe(SEQUENCE + 2n);
  });

  it('starts over when the clock was set back by more than the window, but not with monotonic', () => {
    const backMs = SEQUENCE_MS - timed.timeWindowMs - 1000;
    expect(nextSequence(SEQUENCE, backMs, timed)).toBe(nextSequence(undefined, backMs, timed));
    expect(nextSequence(SEQUENCE, backMs, hmac)).toBe(SEQUENCE + 1n);
  });

  it('goes round after 2^64, and what comes after is still newer', () => {
    const last = 2n ** 64n - 1n;
    expect(nextSequence(last, 0, hmac)).toBe(0n);
    const identity = identityOf('10.0.0.2');
    const memory = new Map([['10.0.0.2', last]]);
    const message = new Uint8Array(12);
    const trailer = sealMessage(message, identity, hmac, 0n);
    expect(verifySeal({ message, trailer }, identity, hmac, memory, 0, 4).ok).toBe(true);
  });
});

describe('replays', () => {
  const message = new Uint8Array(12).fill(9);
  const seal = (source: string, sequence: bigint, config = timed): Sealed => ({
    message,
    trailer: sealMessage(message, identityOf(source), config, sequence),
  });
  const judge = (source: string, sequence: bigint, memory: ReplayMemory, nowMs = SEQUENCE_MS) =>
    verifySeal(seal(source, sequence), identityOf(source), timed, memory, nowMs, 4);

  it('are refused: the same number again, and any earlier one', () => {
    const first = judge('10.0.0.2', SEQUENCE, nobody);
    if (!first.ok) throw new Error(first.code);
    for (const sequence of [SEQUENCE, SEQUENCE - 1n]) {
      const again = judge('10.0.0.2', sequence, first.memory);
      expect(again).toMatchObject({ ok: false, code: 'HMAC_REPLAYED' });
    }
    expect(judge('10.0.0.2', SEQUENCE + 1n, first.memory).ok).toBe(true);
    expect(judge('10.0.0.3', SEQUENCE, first.memory).ok).toBe(true);
  });

  it.each([
    ['too old', 6000],
    ['from the future', -6000],
  ])('an advert that is %s is stale', (_what, laterMs) => {
    const verdict = judge('10.0.0.2', SEQUENCE, nobody, SEQUENCE_MS + laterMs);
    expect(verdict).toMatchObject({ ok: false, code: 'HMAC_STALE' });
  });

  it('a mark left of a clock that was wrong expires with time, and stays with monotonic', () => {
    const future = new Map([['10.0.0.2', SEQUENCE + (3600n << 32n)]]);
    expect(judge('10.0.0.2', SEQUENCE, future).ok).toBe(true);
    const sealed = seal('10.0.0.2', SEQUENCE, hmac);
    const verdict = verifySeal(sealed, identityOf('10.0.0.2'), hmac, future, SEQUENCE_MS, 4);
    expect(verdict).toMatchObject({ ok: false, code: 'HMAC_REPLAYED' });
  });

  it('only so many senders are remembered, and the one silent longest is forgotten', () => {
    let memory = nobody;
    for (let host = 1; host <= 6; host += 1) {
      const verdict = judge(`10.0.0.${host}`, SEQUENCE, memory);
      if (verdict.ok) memory = verdict.memory;
    }
    expect([...memory.keys()]).toEqual(['10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6']);
  });
});

describe('keys', () => {
  const identity = identityOf('10.0.0.2');
  const message = new Uint8Array(12);

  it('any configured key verifies, so that they can be changed one router at a time', () => {
    const both = sealedConfig({
      keys: [keyOf(1), keyOf(2)],
      activeKey: 1,
      antiReplay: 'monotonic',
    });
    const trailer = sealMessage(message, identity, { ...both, activeKey: 2 }, 1n);
    expect(verifySeal({ message, trailer }, identity, both, nobody, 0, 4).ok).toBe(true);
  });

  it('text and the hexadecimal digits of the same bytes are the same key', () => {
    const text = 'thirty-two characters make a key';
    const secret = (value: string) => ({ kind: 'secret', text: value }) as const;
    const ascii = { id: 1, source: { kind: 'ascii', key: secret(text) } } as const;
    const digits = Buffer.from(text).toString('hex');
    const hex = { id: 1, source: { kind: 'hex', key: secret(digits) } } as const;
    const seals = [ascii, hex].map((key) =>
      sealMessage(message, identity, { ...hmac, keys: [key] }, 1n),
    );
    expect(seals[0]).toEqual(seals[1]);
  });

  it('a file that was not read makes no key: nothing is signed or accepted with it', () => {
    const unread = { ...hmac, keys: [{ id: 1, source: { kind: 'file', path: '/k' } }] } as const;
    expect(() => sealMessage(message, identity, unread, 1n)).toThrow('not there');
    const trailer = sealMessage(message, identity, hmac, 1n);
    expect(verifySeal({ message, trailer }, identity, unread, nobody, 0, 4)).toMatchObject({
      ok: false,
      code: 'HMAC_UNKNOWN_KEY',
    });
  });
});
