/**
 * Our own advert, built from the configuration at the moment it is sent: nothing is prepared ahead, so a
 * changed configuration cannot leave a stale packet behind.
 */
import type { IpAddress } from '../base/address.ts';
import type { VrrpInstanceConfig } from '../config/model.ts';
import { type ChecksumForm, encodeAdvert, vrrpGroup } from './packet.ts';

/** The advert of `config` from `source` with this priority: only addresses of its own family are in it. */
export function encodeOwnAdvert(
  config: VrrpInstanceConfig,
  source: IpAddress,
  priority: number,
  checksumForm?: ChecksumForm,
): Uint8Array {
  return encodeAdvert(
    {
      version: config.version,
      virtualRouterId: config.virtualRouterId,
      priority,
      advertIntervalMs: config.advertIntervalMs,
      addresses: advertisedAddresses(config),
    },
    { source, destination: vrrpGroup(config.family) },
    checksumForm,
  );
}

/** The addresses that stand in the adverts of `config`, in the order of the file. */
export function advertisedAddresses(config: VrrpInstanceConfig): readonly IpAddress[] {
  return config.virtualAddresses
    .map(({ address }) => address)
    .filter((address) => address.family === config.family);
}
