import { expect, it } from 'vitest';
import type { IpAddress } from '../../src/base/address.ts';
import { rehearse } from '../../src/daemon/rehearsal.ts';
import { span, vrrpInstance } from '../fake/configs.ts';

const source: IpAddress = { family: 'inet', text: '10.0.0.1' };
const peer: IpAddress = { family: 'inet', text: '10.0.0.2' };
const address = { family: 'inet', text: '10.0.0.100' } as const;
const virtualAddresses = [{ span, address, prefixLength: 32, device: 'eth0', scope: 0 }];

it.each([
  ['a backup', {}],
  ['the owner of the address', { priority: 255 }],
  ['a router that does not preempt', { preempt: false }],
  ['version 2', { version: 2 as const }],
  ['periodic announcements', { garp: { ...vrrpInstance().garp, masterRefreshMs: 1_000 } }],
])('ends for %s, whatever the machine decides', (_what, changes) => {
  const config = vrrpInstance({ virtualAddresses, ...changes });
  expect(() => rehearse(config, source, peer)).not.toThrow();
});
