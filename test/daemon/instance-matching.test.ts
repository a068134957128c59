/** Which running instance a block of a new configuration means. */
import { describe, expect, it } from 'vitest';
import type { VrrpInstanceConfig } from '../../src/config/model.ts';
import { instanceIdentity, membersOf } from '../../src/daemon/instance-matching.ts';
import { compile } from '../config/compile-fixture.ts';
import { ip, peer, router, vip } from '../vrrp/router.ts';

const same = (changes: Partial<VrrpInstanceConfig>): boolean =>
  instanceIdentity(router(changes)) === instanceIdentity(router());

describe('the same instance', () => {
  it.each<[string, Partial<VrrpInstanceConfig>]>([
    ['with another name', { name: 'renamed' }],
    ['with another priority', { priority: 7 }],
    ['with another interval', { advertIntervalMs: 50 }],
    ['with other addresses', { virtualAddresses: [vip('10.0.0.7/24')] }],
    ['that no longer preempts', { preempt: false }],
    ['on another line of the file', { span: { ...router().span, line: 99, endLine: 99 } }],
  ])('%s', (_, changes) => {
    expect(same(changes)).toBe(true);
  });

  it('with other peers: unicast stays unicast', () => {
    const [one, other] = [router({ unicastPeers: [peer('10.0.0.2')] }), ['10.0.0.3', '10.0.0.4']];
    const changed = router({ unicastPeers: other.map((text) => peer(text)) });
    expect(instanceIdentity(changed)).toBe(instanceIdentity(one));
  });
});

describe('another instance', () => {
  it.each<[string, Partial<VrrpInstanceConfig>]>([
    ['router id', { virtualRouterId: 52 }],
    ['interface', { interface: 'eth1' }],
    ['version', { version: 2 }],
    ['family', { family: 'inet6' }],
    ['transport', { transport: { kind: 'udp', port: 1112 } }],
    ['source address', { sourceAddress: ip('10.0.0.9') }],
    ['unicast', { unicastPeers: [peer('10.0.0.2')] }],
    ['group', { multicastGroup: ip('224.0.0.99') }],
    ['vrf', { vrf: 'blue' }],
    ['virtual MAC', { ownInterface: { kind: 'vmac', notifiesByNetlink: false } }],
  ])('by its %s', (_, changes) => {
    expect(same(changes)).toBe(false);
  });
});

it('every instance knows the sync group it is in', () => {
  const instance = (name: string, id: number): string =>
    `vrrp_instance ${name} {\n interface eth0\n virtual_router_id ${id}\n priority 100\n virtual_ipaddress {\n 10.0.0.${id}\n }\n}\n`;
  const text = `vrrp_sync_group G1 {\n group {\n A\n B\n }\n}\n${instance('A', 51)}${instance('B', 52)}${instance('C', 53)}`;
  const { config } = compile(text);
  if (config === undefined) throw new Error('Refused');
  const groups = membersOf(config).map(({ name, syncGroup }) => [name, syncGroup]);
  expect(groups).toEqual([
    ['A', 'G1'],
    ['B', 'G1'],
    ['C', undefined],
  ]);
});
