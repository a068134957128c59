import { describe, expect, it } from 'vitest';
import { addressFromBytes } from '../../src/base/address.ts';
import { verifySeal } from '../../src/vrrp/auth-hmac.ts';
import { advertDatagrams, encodeOwnAdvert } from '../../src/vrrp/own-advert.ts';
import { decodeAdvert } from '../../src/vrrp/packet.ts';
import { readDatagram } from '../hex/frames.ts';
import { sealedConfig } from './hmac.ts';
import { ip, peer, router, vip } from './router.ts';

const source = ip('10.0.0.1');
const two = { unicastPeers: [peer('10.0.0.2'), peer('10.0.0.3')] };

function decoded(config: ReturnType<typeof router>, peerForms = new Map()) {
  return advertDatagrams({ config, source, priority: 100, peerForms }, 5n).map(
    ({ destination, payload }) => {
      const result = decodeAdvert(payload, { source, destination });
      if (!result.ok) throw new Error(result.code);
      return { to: destination.text, ...result.advert };
    },
  );
}

describe('destinations', () => {
  it('are every peer, with a checksum for each', () => {
    expect(decoded(router(two)).map(({ to, checksumForm }) => [to, checksumForm])).toEqual([
      ['10.0.0.2', 'pseudo-header'],
      ['10.0.0.3', 'pseudo-header'],
    ]);
  });

  it.each([
    ['without peers', {}, '224.0.0.18'],
    ['with an empty list', { unicastPeers: [] }, '224.0.0.18'],
    ['with a group of its own', { multicastGroup: ip('224.0.0.77') }, '224.0.0.77'],
  ])('%s it is one group', (_what, changes, group) => {
    expect(decoded(router(changes)).map(({ to }) => to)).toEqual([group]);
  });
});

describe('the checksum of version 3 over IPv4', () => {
  const old = new Map([['10.0.0.2', 'old-unicast']]);
  it.each([
    ['v3_checksum_as_v2', { ...two, checksumVersion3As2: true }, new Map(), 'message-only'],
    ['old_unicast_checksum', { ...two, oldUnicastChecksum: 'always' }, new Map(), 'old-unicast'],
    ['a peer of 1.3.6 that was heard', two, old, 'old-unicast'],
    ['never the old one', { ...two, oldUnicastChecksum: 'never' }, old, 'pseudo-header'],
    ['multicast, which has no old one', { oldUnicastChecksum: 'always' }, old, 'pseudo-header'],
  ] as const)('%s', (_what, changes, forms, form) => {
    expect(decoded(router(changes), new Map(forms))[0]?.checksumForm).toBe(form);
  });
});

describe('authentication', () => {
  const secret = (text: string) => ({ kind: 'secret', text }) as const;
  const pass = (text: string) =>
    router({ version: 2, authentication: { type: 'PASS', password: secret(text) } });

  it('a password makes the frame that keepalived sends', () => {
    const captured = readDatagram('keepalived-v2-pass');
    const config = {
      ...pass('secret12'),
      priority: 150,
      virtualAddresses: [vip('10.0.0.100/24')],
    };
    expect(encodeOwnAdvert(config, source, 150)).toEqual(captured.payload);
  });

  it('a short password is padded, a long one cut off', () => {
    const dataOf = (text: string) => [...(decoded(pass(text))[0]?.authData ?? [])];
    expect(dataOf('abc')).toEqual([97, 98, 99, 0, 0, 0, 0, 0]);
    expect(dataOf('123456789')).toEqual([...new TextEncoder().encode('12345678')]);
  });

  it('auth_hmac takes the place of the password, and one seal goes to all peers', () => {
    const config = { ...pass('secret12'), ...two, hmac: sealedConfig({ antiReplay: 'monotonic' }) };
    const adverts = decoded(config);
    expect(adverts.map(({ authType }) => authType)).toEqual([0, 0]);
    const [first, second] = adverts.map(({ sealed }) => sealed);
    if (first === undefined || second === undefined) throw new Error('No trailer');
    expect(first.trailer).toEqual(second.trailer);
    const identity = { version: 2, virtualRouterId: 51, source } as const;
    expect(verifySeal(second, identity, config.hmac, new Map(), 0, 4).ok).toBe(true);
  });

  it('receive-only signs nothing', () => {
    const [advert] = decoded(router({ hmac: sealedConfig({ mode: 'receive-only' }) }));
    expect(advert?.sealed).toBeUndefined();
  });
});

it('255 IPv4 addresses and a trailer fit into one datagram', () => {
  const virtualAddresses = Array.from({ length: 255 }, (_, host) => ({
    ...vip('10.0.0.1/32'),
    address: addressFromBytes(Uint8Array.of(10, 0, 0, host)),
  }));
  const config = router({ virtualAddresses, hmac: sealedConfig() });
  expect(encodeOwnAdvert(config, source, 1)).toHaveLength(8 + 255 * 4 + 28);
});
