/** Configurations for tests: an ordinary instance, changed where a test says so. */
import { type IpAddress, parseAddress } from '../../src/base/address.ts';
import type { GarpConfig, VirtualAddressConfig } from '../../src/config/model.ts';
import type { UnicastPeerConfig } from '../../src/config/model-vrrp.ts';
import type { RouterConfig } from '../../src/vrrp/machine.ts';

const span = { file: 'test.conf', line: 1, column: 1, endLine: 1, endColumn: 2 };

export function ip(text: string): IpAddress {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`Not an address: ${text}`);
  return address;
}

/** `10.0.0.100/24` on eth0. */
export function vip(prefix: string, device = 'eth0'): VirtualAddressConfig {
  const [text = '', length = '32'] = prefix.split('/');
  return { span, address: ip(text), prefixLength: Number(length), device, scope: 0 };
}

/** A line of unicast_peer. */
export function peer(text: string, ttl: { minTtl?: number; maxTtl?: number } = {}) {
  return { span, address: ip(text), ...ttl } satisfies UnicastPeerConfig;
}

/** keepalived's defaults. */
export const defaultGarp: GarpConfig = {
  masterDelayMs: 5000,
  masterRepeat: 5,
  masterRefreshMs: 0,
  masterRefreshRepeat: 1,
  lowerPrioDelayMs: 5000,
  lowerPrioRepeat: 5,
};

export function router(changes: Partial<RouterConfig> = {}): RouterConfig {
  return {
    name: 'VI_1',
    span,
    virtualRouterId: 51,
    interface: 'eth0',
    initialState: 'BACKUP',
    priority: 100,
    advertIntervalMs: 1000,
    version: 3,
    family: 'inet',
    preempt: true,
    preemptDelayMs: 0,
    virtualAddresses: [vip('10.0.0.100/24')],
    garp: defaultGarp,
    primaryAddress: ip('10.0.0.1'),
    ...changes,
  };
}
