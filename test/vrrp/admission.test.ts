import { describe, expect, it } from 'vitest';
import { admitAdvert, type DatagramFacts } from '../../src/vrrp/admission.ts';
import { type Advert, vrrpGroup } from '../../src/vrrp/packet.ts';
import { ip, router, vip } from './router.ts';

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
