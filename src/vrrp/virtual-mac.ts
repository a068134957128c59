/** The virtual router's MAC address (RFC 9568 7.3), and the interface that has it. */
import type { VrrpInstanceConfig } from '../config/model.ts';

/** 00-00-5E-00-01-{VRID} for IPv4, 00-00-5E-00-02-{VRID} for IPv6; or what `use_vmac` names. */
export function virtualMac(
  config: Pick<VrrpInstanceConfig, 'family' | 'virtualRouterId' | 'ownInterface'>,
  family = config.family,
): Uint8Array {
  const written = config.ownInterface?.mac;
  if (written !== undefined && family === config.family) {
    return Uint8Array.from(written.split(':'), (byte) => Number.parseInt(byte, 16));
  }
  const block = family === 'inet' ? 0x01 : 0x02;
  return Uint8Array.of(0x00, 0x00, 0x5e, 0x00, block, config.virtualRouterId);
}
