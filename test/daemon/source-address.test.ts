import { describe, expect, it } from 'vitest';
import { sourceAddress } from '../../src/daemon/source-address.ts';
import type { InterfaceAddress } from '../../src/kernel/links.ts';

const LINK = 253;
const TENTATIVE = 0x40;
const SECONDARY = 0x01;

function address(text: string, changes: Partial<InterfaceAddress> = {}): InterfaceAddress {
  const family = text.includes(':') ? 'inet6' : 'inet';
  return {
    ifindex: 2,
    address: { family, text },
    prefixLength: 24,
    scope: 0,
    protocol: 0,
    flags: 0,
    ...changes,
  };
}

describe('sourceAddress', () => {
  it('is the first primary IPv4 address that is no virtual one', () => {
    const addresses = [
      address('10.0.0.100'),
      address('10.0.0.7', { flags: SECONDARY }),
      address('10.0.0.1'),
      address('10.0.0.2'),
    ];
    expect(sourceAddress(addresses, 'inet', new Set(['10.0.0.100']))?.text).toBe('10.0.0.1');
  });

  it('is a link-local IPv6 address whose duplicate check is over (RFC 9568 5.1.2.1)', () => {
    const addresses = [
      address('2001:db8::1'),
      address('fe80::1', { scope: LINK, flags: TENTATIVE }),
      address('fe80::2', { scope: LINK }),
    ];
    expect(sourceAddress(addresses, 'inet6', new Set())?.text).toBe('fe80::2');
  });

  it('is nothing where there is nothing to send from', () => {
    expect(sourceAddress([address('10.0.0.100')], 'inet', new Set(['10.0.0.100']))).toBeUndefined();
    expect(sourceAddress([address('2001:db8::1')], 'inet6', new Set())).toBeUndefined();
  });
});
