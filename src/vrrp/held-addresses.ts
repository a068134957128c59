/**
 * Every address that moves with an instance: those in its adverts and `virtual_ipaddress_excluded`, which
 * are held, announced and given up like the others and only never named on the wire.
 */
import type { VirtualAddressConfig, VrrpInstanceConfig } from '../config/model.ts';

/** In the order of the file, those in the adverts first. */
export function heldAddresses(
  config: Pick<VrrpInstanceConfig, 'virtualAddresses' | 'excludedAddresses'>,
): readonly VirtualAddressConfig[] {
  const { virtualAddresses, excludedAddresses } = config;
  return excludedAddresses === undefined
    ? virtualAddresses
    : [...virtualAddresses, ...excludedAddresses];
}
