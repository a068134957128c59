import { describe, expect, it } from 'vitest';
import { hasItsAddresses, takeSuccession } from '../../src/daemon/succession.ts';
import type { InterfaceAddress, Link } from '../../src/kernel/links.ts';
import { configWith, vrrpInstance } from '../fake/configs.ts';
import { vip } from '../vrrp/router.ts';

describe('what a program leaves to the next one in its process', () => {
  it('is taken out of the environment, so that no script inherits it', () => {
    const left = { vrrpPid: 12, masterships: [], children: [12, 13] };
    const environment: NodeJS.ProcessEnv = { LVSD_SUCCEEDS: JSON.stringify(left), HOME: '/' };
    expect(takeSuccession(environment)).toEqual(left);
    expect(environment).toEqual({ HOME: '/' });
    expect(takeSuccession(environment)).toBeUndefined();
  });

  it.each(['', 'nonsense', '{}', '{"masterships":1,"children":[]}', 'null', '[]'])(
    'is nothing where it cannot be read: %j',
    (text) => {
      expect(takeSuccession({ LVSD_SUCCEEDS: text })).toBeUndefined();
    },
  );
});

describe('an instance that was held', () => {
  const config = configWith(vrrpInstance({ virtualAddresses: [vip('10.0.0.100/24')] }));
  const address = { family: 'inet', text: '10.0.0.100' } as const;
  const link = { index: 2, name: 'eth0' } as Link;

  function view(...present: readonly Partial<InterfaceAddress>[]) {
    return {
      addresses: () => present as readonly InterfaceAddress[],
      byIndex: (index: number) => (index === link.index ? link : undefined),
    };
  }

  it('is held as long as its addresses are where they should be', () => {
    expect(hasItsAddresses(config, 'VI_1', view({ ifindex: 2, address }))).toBe(true);
    expect(hasItsAddresses(config, 'VI_1', view({ ifindex: 3, address }))).toBe(false);
    expect(hasItsAddresses(config, 'VI_1', view())).toBe(false);
    expect(hasItsAddresses(config, 'gone', view({ ifindex: 2, address }))).toBe(false);
  });
});
