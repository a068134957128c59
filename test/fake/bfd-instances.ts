import type { BfdInstanceConfig } from '../../src/config/model-vrrp.ts';
import { span } from './configs.ts';

/** `bfd_instance peer` with 10.0.0.2 and keepalived's defaults; `changes` over it. */
export function bfdInstance(changes: Partial<BfdInstanceConfig> = {}): BfdInstanceConfig {
  return {
    name: 'peer',
    span,
    neighbor: { family: 'inet', text: '10.0.0.2' },
    minRxMs: 10,
    minTxMs: 10,
    idleTxMs: 1_000,
    multiplier: 5,
    isPassive: false,
    ttl: 255,
    maxHops: 0,
    isMultihop: false,
    weight: 0,
    isReversed: false,
    isForVrrp: true,
    isForChecker: true,
    ...changes,
  };
}
