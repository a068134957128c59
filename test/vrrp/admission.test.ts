import { describe, expect, it } from 'vitest';
import type { HmacConfig } from '../../src/config/model-vrrp.ts';
import { admitAdvert, type DatagramFacts, NOTHING_HEARD } from '../../src/vrrp/admission.ts';
import { advertDatagrams } from '../../src/vrrp/own-advert.ts';
import { type Advert, decodeAdvert, vrrpGroup } from '../../src/vrrp/packet.ts';
import { keyOf, sealedConfig } from './hmac.ts';
import { ip, peer, router, vip } from './router.ts';

const config = router();
const advert: Advert = {
  version: 3,
  virtualRouterId: 51,
  priority: 150,
  advertIntervalMs: 1000,
  addresses: [ip('10.0.0.100')],
  checksumForm: 'pseudo-header',
  authType: 0,
};
const facts: DatagramFacts = { source: ip('10.0.0.2'), destination: vrrpGroup('inet'), ttl: 255 };
const primary = ip('10.0.0.1');

describe('admission', () => {
  it('accepts an advert of the same group without a remark', () => {
    expect(admitAdvert(advert, facts, config, primary)).toEqual({ ok: true, remarks: [] });
  });

  it.each([
    ['WRONG_VRID', { virtualRouterId: 52 }, {}],
    ['WRONG_GROUP', {}, { destination: ip('224.0.0.19') }],
    ['UNICAST_FOR_MULTICAST', {}, { destination: ip('10.0.0.1') }],
    ['TTL_NOT_255', {}, { ttl: 254 }],
    ['OWN_ADDRESS', {}, { source: primary }],
    ['WRONG_VERSION', { version: 2 as const }, {}],
  ])('refuses by name: %s', (code, badAdvert, badFacts) => {
    const admission = admitAdvert(
      { ...advert, ...badAdvert },
      { ...facts, ...badFacts },
      config,
      primary,
    );
    expect(admission).toMatchObject({ ok: false, code });
  });

  it.each([
    ['AUTH_TYPE_MISMATCH', { authType: 1 }],
    ['INTERVAL_MISMATCH', { advertIntervalMs: 2000 }],
  ])('refuses in version 2 by name: %s', (code, bad) => {
    const admission = admitAdvert(
      { ...advert, version: 2, ...bad },
      facts,
      { ...config, version: 2 },
      primary,
    );
    expect(admission).toMatchObject({ ok: false, code });
  });

  it('RFC 9568 7.1: another interval in version 3 is remarked, not refused', () => {
    const admission = admitAdvert({ ...advert, advertIntervalMs: 100 }, facts, config, primary);
    expect(admission).toEqual({ ok: true, remarks: ['INTERVAL_DIFFERS'] });
  });

  it('RFC 9568 7.1: another address list is remarked, not refused; order does not matter', () => {
    const two = router({ virtualAddresses: [vip('10.0.0.100/24'), vip('10.0.0.101/24')] });
    expect(admitAdvert(advert, facts, two, primary)).toEqual({
      ok: true,
      remarks: ['ADDRESS_LIST_MISMATCH'],
    });
    const swapped = { ...advert, addresses: [ip('10.0.0.101'), ip('10.0.0.100')] };
    expect(admitAdvert(swapped, facts, two, primary)).toEqual({ ok: true, remarks: [] });
  });

  it('erratum 8300: an IPv6 list should begin with the link-local address', () => {
    const config6 = router({
      family: 'inet6',
      virtualAddresses: [vip('2001:db8::100/64')],
      primaryAddress: ip('fe80::1'),
    });
    const advert6 = { ...advert, addresses: [ip('2001:db8::100')] };
    const facts6 = { source: ip('fe80::2'), destination: vrrpGroup('inet6'), ttl: 255 };
    expect(admitAdvert(advert6, facts6, config6, ip('fe80::1'))).toEqual({
      ok: true,
      remarks: ['FIRST_ADDRESS_NOT_LINK_LOCAL'],
    });
  });

  it('erratum 8298: an owner hears of a second owner, and does not discard it', () => {
    const admission = admitAdvert(
      { ...advert, priority: 255 },
      facts,
      { ...config, priority: 255 },
      primary,
    );
    expect(admission).toEqual({ ok: true, remarks: ['SECOND_OWNER'] });
  });
});

describe('unicast', () => {
  const us = { destination: primary };
  const listed = router({ unicastPeers: [peer('10.0.0.2', { minTtl: 250, maxTtl: 254 })] });
  const open = router({ unicastPeers: [peer('10.0.0.8')] });

  it('any TTL is accepted where none is asked for, also from a router that is not listed', () => {
    expect(admitAdvert(advert, { ...facts, ...us, ttl: 3 }, open, primary).ok).toBe(true);
  });

  it.each([
    ['MULTICAST_FOR_UNICAST', open, {}],
    ['NOT_A_PEER', { ...open, checksUnicastSource: true }, us],
    ['NOT_A_PEER', { ...open, transport: { kind: 'udp', port: 50_112 } as const }, us],
    ['TTL_OUT_OF_RANGE', listed, { ...us, ttl: 249 }],
    ['TTL_OUT_OF_RANGE', listed, { ...us, ttl: 255 }],
    ['OWN_ADDRESS', open, { ...us, source: primary }],
  ])('refuses by name: %s', (code, config, changed) => {
    const admission = admitAdvert(advert, { ...facts, ...changed }, config, primary);
    expect(admission).toMatchObject({ ok: false, code });
  });

  it('a socket that tells no TTL is not asked for one', () => {
    const { ttl: _, ...told } = { ...facts, ...us };
    expect(admitAdvert(advert, told, listed, primary).ok).toBe(true);
    expect(
      admitAdvert(advert, { ...told, destination: facts.destination }, config, primary),
    ).toEqual(expect.objectContaining({ ok: false, code: 'TTL_NOT_255' }));
  });

  it('the checksum of 1.3.6 is accepted unless it is ruled out', () => {
    const old = { ...advert, checksumForm: 'old-unicast' } as const;
    expect(admitAdvert(old, { ...facts, ...us }, open, primary).ok).toBe(true);
    const never = { ...open, oldUnicastChecksum: 'never' } as const;
    const admission = admitAdvert(old, { ...facts, ...us }, never, primary);
    expect(admission).toMatchObject({ ok: false, code: 'OLD_CHECKSUM' });
  });
});

describe('a password', () => {
  const password = { kind: 'secret', text: 'secret' } as const;
  const ours = router({ version: 2, authentication: { type: 'PASS', password } });
  const theirs = { ...advert, version: 2, authType: 1 } as const;
  const data = (text: string) => Buffer.from(text.padEnd(8, '\0'));

  it('that is ours is accepted', () => {
    expect(admitAdvert({ ...theirs, authData: data('secret') }, facts, ours, primary).ok).toBe(
      true,
    );
  });

  it.each([
    ['AUTH_FAILURE', { authData: data('secreT') }],
    ['AUTH_FAILURE', { authData: data('secret12') }],
    ['AUTH_FAILURE', {}],
    ['AUTH_TYPE_MISMATCH', { authType: 0 }],
    ['AUTH_TYPE_MISMATCH', { authType: 2 }],
  ])('refuses by name: %s', (code, changed) => {
    const admission = admitAdvert({ ...theirs, ...changed }, facts, ours, primary);
    expect(admission).toMatchObject({ ok: false, code });
    expect(JSON.stringify(admission)).not.toContain('secret');
  });
});

describe('auth_hmac', () => {
  const seal = (hmac: HmacConfig): Advert => {
    const own = { config: router({ hmac }), source: facts.source, priority: 150 };
    const [datagram] = advertDatagrams(own, 1000n << 32n);
    const decoded = datagram && decodeAdvert(datagram.payload, facts);
    if (decoded?.ok !== true) throw new Error('Not decoded');
    return decoded.advert;
  };
  const judge = (seen: Advert, hmac: HmacConfig, nowMs = 1_000_000) =>
    admitAdvert(seen, facts, router({ hmac }), primary, NOTHING_HEARD, nowMs);

  it.each(['enforce', 'permissive', 'receive-only'] as const)(
    '%s: a right seal is accepted',
    (mode) => {
      expect(judge(seal(sealedConfig()), sealedConfig({ mode }))).toMatchObject({
        ok: true,
        remarks: [],
      });
    },
  );

  it.each([
    ['permissive', true],
    ['receive-only', true],
    ['enforce', false],
  ] as const)('%s: an unsigned advert is accepted: %s', (mode, isAccepted) => {
    const admission = judge(advert, sealedConfig({ mode }));
    expect(admission).toMatchObject(
      isAccepted ? { ok: true, remarks: ['HMAC_MISSING'] } : { ok: false, code: 'HMAC_MISSING' },
    );
  });

  it.each(['enforce', 'permissive', 'receive-only'] as const)(
    '%s: a wrong seal is refused',
    (mode) => {
      const strange = seal(sealedConfig({ keys: [{ ...keyOf(2), id: 1 }] }));
      expect(judge(strange, sealedConfig({ mode }))).toMatchObject({
        ok: false,
        code: 'HMAC_MISMATCH',
      });
    },
  );

  it('a seal is refused where none is configured: nobody checks it', () => {
    expect(admitAdvert(seal(sealedConfig()), facts, config, primary)).toMatchObject({
      ok: false,
      code: 'HMAC_UNEXPECTED',
    });
  });

  it('clocks that are half the window apart are remarked before they are too far apart', () => {
    const hmac = sealedConfig();
    expect(judge(seal(hmac), hmac, 1_003_000)).toMatchObject({ remarks: ['CLOCKS_DIFFER'] });
    expect(judge(seal(hmac), hmac, 1_006_000)).toMatchObject({ ok: false, code: 'HMAC_STALE' });
  });
});

describe('strict mode', () => {
  const strict = router({ isStrict: true });
  const other = { ...advert, addresses: [ip('10.0.0.101')] };

  it('drops an advert that lists other addresses', () => {
    expect(admitAdvert(other, facts, strict, primary)).toMatchObject({
      ok: false,
      code: 'ADDRESS_LIST_REFUSED',
    });
  });

  it('skip_check_adv_addr: not from the sender whose list was right before', () => {
    const skipping = { ...strict, skipsAddressCheck: true };
    const first = admitAdvert(advert, facts, skipping, primary);
    if (!first.ok) throw new Error(first.code);
    const again = admitAdvert(other, facts, skipping, primary, first.memory);
    expect(again).toMatchObject({ ok: true, remarks: ['ADDRESS_LIST_MISMATCH'] });
    const stranger = { ...facts, source: ip('10.0.0.3') };
    expect(admitAdvert(other, stranger, skipping, primary, first.memory).ok).toBe(false);
  });
});
