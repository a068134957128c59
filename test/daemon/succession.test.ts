import { describe, expect, it } from 'vitest';
import { hasItsAddresses, takeSuccession } from '../../src/daemon/succession.ts';
import type { InterfaceAddress, Link } from '../../src/kernel/links.ts';
import { configWith, vrrpInstance } from '../fake/configs.ts';

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
  const config = configWith(vrrpInstance());
  const [instance] = config.vrrpInstances;
  const [wanted] = instance?.virtualAddresses ?? [];
  if (instance === undefined || wanted === undefined) throw new Error('It has an address');
  const link = { index: 2, name: wanted.device ?? instance.interface } as Link;

  function view(...present: readonly Partial<InterfaceAddress>[]) {
    return {
      addresses: () => present as readonly InterfaceAddress[],
      byIndex: (index: number) => (index === link.index ? link : undefined),
    };
  }

  it('is held as long as its addresses are where they should be', () => {
    const { address } = wanted;
    expect(hasItsAddresses(config, instance.name, view({ ifindex: 2, address }))).toBe(true);
    expect(hasItsAddresses(config, instance.name, view({ ifindex: 3, address }))).toBe(false);
    expect(hasItsAddresses(config, instance.name, view())).toBe(false);
    expect(hasItsAddresses(config, 'gone', view({ ifindex: 2, address }))).toBe(false);
  });
});
