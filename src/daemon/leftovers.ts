/**
 * Virtual addresses that are on an interface although nobody holds them: what a killed predecessor left.
 * Ours are known by their mark (IFA_PROTO, Linux 5.18) or, from keepalived and older kernels, by being
 * named in the configuration.
 */
import type { IpAddress } from '../base/address.ts';
import type { Config } from '../config/model.ts';
import type { AddressSpec, InterfaceAddress, Link } from '../kernel/links.ts';
import { heldAddresses, VIRTUAL_ADDRESS_PROTOCOL } from '../vrrp/addresses.ts';

export interface AddressView {
  addresses(): readonly InterfaceAddress[];
  byIndex(ifindex: number): Link | undefined;
}

export type Leftover = AddressSpec & { readonly interface: string };

/**
 * Addresses to take off before the first advert; those of instances that resume as master stay, and
 * static ones.
 */
export function leftoverAddresses(
  config: Config,
  resumeAsMaster: ReadonlySet<string>,
  view: AddressView,
): readonly Leftover[] {
  const key = (device: string, address: IpAddress): string => `${device} ${address.text}`;
  const kept = new Set<string>();
  const named = new Set<string>();
  for (const instance of config.vrrpInstances) {
    for (const { device, address } of heldAddresses(instance)) {
      (resumeAsMaster.has(instance.name) ? kept : named).add(key(device, address));
    }
  }
  for (const { device, address } of config.staticAddresses ?? []) kept.add(key(device, address));
  return view.addresses().flatMap((present) => {
    const device = view.byIndex(present.ifindex)?.name;
    if (device === undefined || kept.has(key(device, present.address))) return [];
    const isMarked = present.protocol === VIRTUAL_ADDRESS_PROTOCOL;
    if (!isMarked && !named.has(key(device, present.address))) return [];
    return [{ ...present, interface: device }];
  });
}

/** Virtual addresses of one family as text: an instance's source address is never one of them. */
export function virtualAddressTexts(config: Config): ReadonlySet<string> {
  return new Set(
    config.vrrpInstances.flatMap((instance) =>
      heldAddresses(instance).map(({ address }) => address.text),
    ),
  );
}
