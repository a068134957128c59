import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { VirtualAddressConfig } from '../../src/config/model.ts';
import {
  addressSpec,
  heldAddresses,
  isTracked,
  planAddresses,
  VIRTUAL_ADDRESS_PROTOCOL,
} from '../../src/vrrp/addresses.ts';
import { compile } from '../config/compile-fixture.ts';
import { ip, vip } from './router.ts';

/** A line of a list of addresses, as the configuration makes it. */
function line(text: string): VirtualAddressConfig {
  const [address] = compile(`static_ipaddress {\n${text}\n}\n`).config?.staticAddresses ?? [];
  if (address === undefined) throw new Error(text);
  return address;
}

describe('how an address goes onto its interface', () => {
  const common = { ifindex: 7, scope: 0, protocol: VIRTUAL_ADDRESS_PROTOCOL };

  test.each([
    ['10.0.0.100', { address: ip('10.0.0.100'), prefixLength: 32 }],
    [
      '10.0.0.100/24 brd + label eth0:1',
      { prefixLength: 24, broadcast: ip('10.0.0.255'), label: 'eth0:1' },
    ],
    ['10.0.0.100/24 brd -', { prefixLength: 24 }],
    ['10.0.0.100 peer 10.0.0.7/30', { prefixLength: 30, peer: ip('10.0.0.7') }],
    ['10.0.0.100/24 noprefixroute', { moreFlags: 0x200 }],
    ['fd00::5/64', { noDad: true, prefixLength: 64 }],
    ['fd00::5/64 -nodad home mngtmpaddr autojoin', { moreFlags: 0x510 }],
    ['fd00::5/64 preferred_lft 30', { preferredLifetimeSeconds: 30 }],
  ])('%s', (text, expected) => {
    const spec = addressSpec(line(text), 7);
    expect(spec).toMatchObject({ ...common, ...expected });
    expect('noDad' in spec).toBe(text.startsWith('fd') && !text.includes('-nodad'));
    expect('broadcast' in spec).toBe(text.includes('+'));
  });

  test('IPv6 of /128 is deprecated from the start, unless the line says forever', () => {
    expect(addressSpec(line('fd00::5'), 7).preferredLifetimeSeconds).toBe(0);
    expect(addressSpec(line('fd00::5 preferred_lft forever'), 7)).not.toHaveProperty(
      'preferredLifetimeSeconds',
    );
    expect(addressSpec(line('10.0.0.5'), 7)).not.toHaveProperty('preferredLifetimeSeconds');
  });
});

test('excluded addresses are held after those of the advert', () => {
  const [first, second] = [vip('10.0.0.1/24'), vip('10.0.0.2/24')];
  expect(heldAddresses({ virtualAddresses: [first], excludedAddresses: [second] })).toEqual([
    first,
    second,
  ]);
});

test('no_track leaves an address to whoever takes it', () => {
  expect(isTracked(line('10.0.0.5 no_track'))).toBe(false);
  expect(isTracked(line('10.0.0.5'))).toBe(true);
});

test('from one list to another: what stays is not touched, and twice is nothing', () => {
  const address = fc
    .record({ host: fc.integer({ min: 1, max: 6 }), length: fc.constantFrom(24, 32) })
    .map(({ host, length }) => vip(`10.0.0.${host}/${length}`));
  const list = fc.uniqueArray(address, { selector: (one) => one.address.text });
  fc.assert(
    fc.property(list, list, (held, wanted) => {
      const { removed, added, kept } = planAddresses(held, wanted);
      const after = held.filter((one) => !removed.includes(one)).concat(added);
      expect(
        new Set(after.map(({ address: { text }, prefixLength }) => `${text}/${prefixLength}`)),
      ).toEqual(
        new Set(wanted.map(({ address: { text }, prefixLength }) => `${text}/${prefixLength}`)),
      );
      expect(added.length + kept.length).toBe(wanted.length);
      expect(planAddresses(wanted, wanted)).toEqual({ removed: [], added: [], kept: wanted });
    }),
  );
});
