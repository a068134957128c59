/**
 * `garp_extra_if`: adverts keep the switches' MAC tables right on the interface that they leave by; on
 * the other interfaces of the addresses nothing may be sent for minutes, and the entry ages out. There one
 * address of each interface and family is announced again and again, as keepalived 2.2.7 does it.
 */
import type { VirtualAddressConfig } from '../config/model.ts';
import { heldAddresses } from './addresses.ts';
import type { RouterConfig, Timers } from './machine.ts';

/**
 * What is announced: without `all` only on interfaces that were made for the addresses, whose MAC no
 * other traffic of this host has.
 */
export function extraAddresses(config: RouterConfig): readonly VirtualAddressConfig[] {
  const { garpExtraInterface, ownInterface, vmacTransmitsOnBase, addressInterfaces = [] } = config;
  if (garpExtraInterface === undefined) return [];
  const { isForAll } = garpExtraInterface;
  const hasOwnCarrier = ownInterface !== undefined && vmacTransmitsOnBase !== true;
  const carrier = hasOwnCarrier ? ownInterface.name : config.interface;
  const made = new Set([ownInterface?.name, ...addressInterfaces.map(({ name }) => name)]);
  const met = new Set<string>();
  return heldAddresses(config).filter(({ device, address }) => {
    if (device === carrier || (!isForAll && !made.has(device))) return false;
    const key = `${address.family} ${device}`;
    if (met.has(key)) return false;
    met.add(key);
    return true;
  });
}

/** The timer of a master that has something to announce so. */
export function extraTimer(config: RouterConfig, nowMs: number): Pick<Timers, 'garpExtra'> {
  const { garpExtraInterface } = config;
  if (garpExtraInterface === undefined || extraAddresses(config).length === 0) return {};
  return { garpExtra: nowMs + garpExtraInterface.intervalMs };
}
