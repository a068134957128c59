import { describe, expect, it } from 'vitest';
import { leftoverAddresses } from '../../src/daemon/leftovers.ts';
import type { InterfaceAddress, Link } from '../../src/kernel/links.ts';
import { VIRTUAL_ADDRESS_PROTOCOL } from '../../src/vrrp/addresses.ts';
import { configWith, span, vrrpInstance } from '../fake/configs.ts';

const eth0: Link = {
  index: 2,
  name: 'eth0',
  mac: new Uint8Array(6),
  isUp: true,
  hasCarrier: true,
  mtu: 1500,
};

function present(text: string, changes: Partial<InterfaceAddress> = {}): InterfaceAddress {
  const address = { family: 'inet', text } as const;
  return { ifindex: 2, address, prefixLength: 32, scope: 0, protocol: 0, flags: 0, ...changes };
}

const config = configWith(
  vrrpInstance({
    virtualAddresses: [
      {
        span,
        address: { family: 'inet', text: '10.0.0.100' },
        prefixLength: 32,
        device: 'eth0',
        scope: 0,
      },
    ],
  }),
);

function leftovers(addresses: readonly InterfaceAddress[], resume: readonly string[] = []) {
  const view = {
    addresses: () => addresses,
    byIndex: (index: number) => (index === 2 ? eth0 : undefined),
  };
  return leftoverAddresses(config, new Set(resume), view).map(({ address }) => address.text);
}

describe('leftoverAddresses', () => {
  it('leaves the machine its own addresses', () => {
    expect(leftovers([present('10.0.0.1'), present('192.0.2.1')])).toEqual([]);
  });

  it('takes off what the configuration names, whatever prefix it has', () => {
    expect(leftovers([present('10.0.0.100', { prefixLength: 24 })])).toEqual(['10.0.0.100']);
  });

  it('takes off what carries our mark though the configuration no longer names it', () => {
    const marked = { protocol: VIRTUAL_ADDRESS_PROTOCOL };
    expect(leftovers([present('10.0.0.200', marked)])).toEqual(['10.0.0.200']);
  });

  it('keeps the addresses of an instance that goes on as master', () => {
    const marked = { protocol: VIRTUAL_ADDRESS_PROTOCOL };
    expect(leftovers([present('10.0.0.100', marked)], ['VI_1'])).toEqual([]);
  });

  it('does not touch the same address on another interface', () => {
    expect(leftovers([present('10.0.0.100', { ifindex: 3 })])).toEqual([]);
  });
});
