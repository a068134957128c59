/** On which interface an address ends up. */
import { expect, test } from 'vitest';
import { compile } from './compile-fixture.ts';

function placed(lines: string): readonly string[] {
  const { config } = compile(
    `vrrp_instance A {
interface eth0
virtual_router_id 7
${lines}
virtual_ipaddress {
10.0.0.1/24
10.1.0.1/24 dev eth1
10.1.0.2/24 dev eth1
}
virtual_ipaddress_excluded {
fd00::1/64
fd01::1/64 dev eth1
}
}
`,
  );
  const [instance] = config?.vrrpInstances ?? [];
  const held = [...(instance?.virtualAddresses ?? []), ...(instance?.excludedAddresses ?? [])];
  const made = (instance?.addressInterfaces ?? []).map(({ name, parent }) => `${name}@${parent}`);
  return [...held.map(({ address, device }) => `${address.text} ${device}`), ...made];
}

test('as written', () => {
  expect(placed('')).toEqual([
    '10.0.0.1 eth0',
    '10.1.0.1 eth1',
    '10.1.0.2 eth1',
    'fd00::1 eth0',
    'fd01::1 eth1',
  ]);
});

test('use_vmac takes those of its interface, whatever their family', () => {
  expect(placed('use_vmac')).toEqual([
    '10.0.0.1 vrrp.7',
    '10.1.0.1 eth1',
    '10.1.0.2 eth1',
    'fd00::1 vrrp.7',
    'fd01::1 eth1',
  ]);
});

test('use_vmac_addr makes one for each other interface and family', () => {
  expect(placed('use_vmac_addr')).toEqual([
    '10.0.0.1 eth0',
    '10.1.0.1 vrrp.7',
    '10.1.0.2 vrrp.7',
    'fd00::1 vrrp6.7',
    'fd01::1 vrrp6.7.2',
    'vrrp.7@eth1',
    'vrrp6.7@eth0',
    'vrrp6.7.2@eth1',
  ]);
});

test.each([
  ['use_ipvlan', ['LVS1054']],
  ['use_ipvlan fd00::5/64', ['LVS1054']],
  ['use_ipvlan 10.0.0.5/24 private', []],
  ['use_ipvlan ipv0 eth0 10.0.0.5/24\nvrf blue', []],
  ['vrf blue', ['LVS1231']],
])('%s is %j', (lines, codes) => {
  const text = `vrrp_instance A {\ninterface eth0\nvirtual_router_id 7\npriority 150\n${lines}\nvirtual_ipaddress {\n10.0.0.1/24\n}\n}\n`;
  expect(compile(text).diagnostics.map(({ code }) => code)).toEqual(codes);
});

test('use_ipvlan takes the addresses of its interface', () => {
  expect(placed('use_ipvlan ipv0 10.0.0.5/24')[0]).toBe('10.0.0.1 ipv0');
});

test('both: the instance has its own, and the other family is not on it', () => {
  expect(placed('use_vmac\nuse_vmac_addr')).toEqual([
    '10.0.0.1 vrrp.7',
    '10.1.0.1 vrrp.7.2',
    '10.1.0.2 vrrp.7.2',
    'fd00::1 vrrp6.7',
    'fd01::1 vrrp6.7.2',
    'vrrp.7.2@eth1',
    'vrrp6.7@eth0',
    'vrrp6.7.2@eth1',
  ]);
});
