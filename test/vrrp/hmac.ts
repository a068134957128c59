/** Keys and configurations of auth_hmac for tests. */
import type { HmacConfig, HmacKeyConfig } from '../../src/config/model-vrrp.ts';

export function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'));
}

/** 32 bytes counting up from `id - 1`: key 1 is the draft's. */
export function keyOf(id: number): HmacKeyConfig {
  const bytes = Uint8Array.from({ length: 32 }, (_, index) => index + id - 1);
  const text = Buffer.from(bytes).toString('hex');
  return { id, source: { kind: 'hex', key: { kind: 'secret', text } } };
}

export function sealedConfig(changes: Partial<HmacConfig> = {}): HmacConfig {
  return {
    keys: [keyOf(1)],
    activeKey: 1,
    antiReplay: 'time',
    timeWindowMs: 5000,
    mode: 'enforce',
    ...changes,
  };
}
