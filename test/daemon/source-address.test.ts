import { describe, expect, it } from 'vitest';
import { chooseSource, sourceAddress, standingFaults } from '../../src/daemon/source-address.ts';
import type { InterfaceAddress } from '../../src/kernel/links.ts';
import { ip, peer, router } from '../vrrp/router.ts';

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

describe('chooseSource', () => {
  const virtual = new Set(['2001:db8::100']);
  const onInterface = [
    address('10.0.0.1'),
    address('fe80::1', { scope: LINK }),
    address('2001:db8::100'),
    address('2001:db8::1'),
  ];
  const everywhere = [...onInterface, address('10.9.9.9', { ifindex: 3 })];
  const choose = (changes: Parameters<typeof router>[0]) =>
    chooseSource(router(changes), { onInterface, everywhere, virtual })?.text;

  it('is the one that is set, on any interface, and nothing while that is missing', () => {
    expect(choose({ sourceAddress: ip('10.9.9.9') })).toBe('10.9.9.9');
    expect(choose({ sourceAddress: ip('10.9.9.8') })).toBeUndefined();
  });

  it('is a global one for IPv6 peers that are not on the link', () => {
    const family = 'inet6';
    expect(choose({ family, unicastPeers: [peer('2001:db8:1::2')] })).toBe('2001:db8::1');
    expect(choose({ family, unicastPeers: [peer('fe80::2')] })).toBe('fe80::1');
    expect(choose({ family })).toBe('fe80::1');
  });
});

describe('what an instance lacks although it has a source', () => {
  const source = ip('10.0.0.1');
  const there = [{ address: source }];
  const none: readonly { address: typeof source }[] = [];

  it('is its source address, where that is tracked', () => {
    const tracking = router({ tracksSourceAddress: true });
    expect(standingFaults(tracking, source, none)).toEqual(['source address 10.0.0.1']);
    expect(standingFaults(tracking, source, there)).toEqual([]);
    expect(standingFaults(router(), source, none)).toEqual([]);
  });

  it('is a peer, with unicast_fault_no_peer', () => {
    const asking = { faultsWithoutPeer: true };
    expect(standingFaults(router(asking), source, there)).toEqual(['no unicast peer']);
    const answered = router({ ...asking, unicastPeers: [peer('10.0.0.2')] });
    expect(standingFaults(answered, source, there)).toEqual([]);
    expect(standingFaults(router(), source, there)).toEqual([]);
  });
});
