import { expect, it } from 'vitest';
import { diffConfig } from '../../src/config/diff.ts';
import { configWith, span, vrrpInstance } from '../fake/configs.ts';

it('says nothing of a line that only moved', () => {
  const moved = vrrpInstance({ span: { ...span, line: 99, endLine: 99 } });
  expect(diffConfig(configWith(vrrpInstance()), configWith(moved))).toEqual([]);
});

it('names what was removed, added and changed', () => {
  const before = configWith(vrrpInstance(), vrrpInstance({ name: 'VI_2' }));
  const after = configWith(vrrpInstance({ priority: 90 }), vrrpInstance({ name: 'VI_3' }));
  expect(diffConfig(before, after)).toEqual([
    'vrrp_instance VI_2 removed',
    'vrrp_instance VI_1 changed',
    'vrrp_instance VI_3 added',
  ]);
});
