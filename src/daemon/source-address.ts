/** Which address adverts come from. */
import { compareAddresses, type Family, type IpAddress, isSameAddress } from '../base/address.ts';
import type { VrrpInstanceConfig } from '../config/model.ts';
import type { InterfaceAddress } from '../kernel/links.ts';

/** rtnetlink(7) RT_SCOPE_LINK: an IPv6 link-local address. */
const SCOPE_LINK = 253;
const SCOPE_UNIVERSE = 0;
/** linux/if_addr.h: not usable (yet). */
const IFA_F_DADFAILED = 0x08;
const IFA_F_TENTATIVE = 0x40;
const IFA_F_SECONDARY = 0x01;

export interface AddressesPresent {
  readonly onInterface: readonly InterfaceAddress[];
  readonly everywhere: readonly InterfaceAddress[];
  /** Addresses of every instance. */
  readonly virtual: ReadonlySet<string>;
}

/**
 * `unicast_src_ip` or `mcast_src_ip` where it is set, on whatever interface, once it is usable; otherwise
 * one of the interface. Peers beyond the link cannot answer to a link-local address: IPv6 unicast to such
 * takes a global one.
 */
export function chooseSource(
  config: VrrpInstanceConfig,
  { onInterface, everywhere, virtual }: AddressesPresent,
): IpAddress | undefined {
  const { sourceAddress: wanted, family, unicastPeers = [] } = config;
  if (wanted !== undefined) return hasAddress(everywhere, wanted) ? wanted : undefined;
  const isBeyondLink =
    family === 'inet6' &&
    unicastPeers.length > 0 &&
    unicastPeers.every(({ address }) => !/^fe[89ab]/.test(address.text));
  if (!isBeyondLink) return sourceAddress(onInterface, family, virtual);
  return onInterface.find(
    ({ address, scope, flags }) =>
      address.family === family &&
      scope === SCOPE_UNIVERSE &&
      !isUnusable(flags) &&
      !virtual.has(address.text),
  )?.address;
}

/**
 * What an instance that has a source address lacks all the same: `track_src_ip` and that address is gone from
 * the machine, or `unicast_fault_no_peer` and nobody to speak to.
 */
export function standingFaults(
  { tracksSourceAddress, faultsWithoutPeer, unicastPeers = [] }: VrrpInstanceConfig,
  source: IpAddress,
  present: readonly Pick<InterfaceAddress, 'address'>[],
): readonly string[] {
  const lacksSource =
    tracksSourceAddress && !present.some(({ address }) => isSameAddress(address, source));
  const lacksPeers = faultsWithoutPeer && unicastPeers.length === 0;
  return [
    ...(lacksSource ? [`source address ${source.text}`] : []),
    ...(lacksPeers ? ['no unicast peer'] : []),
  ];
}

/** There and usable: its duplicate check is over. */
export function hasAddress(addresses: readonly InterfaceAddress[], wanted: IpAddress): boolean {
  return addresses.some(
    ({ address, flags }) => isSameAddress(address, wanted) && !isUnusable(flags),
  );
}

/**
 * IPv4: the first primary address, as keepalived takes it. IPv6: a link-local one (RFC 9568 5.1.2.1).
 * Never a virtual one: a leftover must not become the source of our adverts.
 */
export function sourceAddress(
  addresses: readonly InterfaceAddress[],
  family: Family,
  virtual: ReadonlySet<string>,
): IpAddress | undefined {
  const candidates = addresses.filter(
    ({ address, scope, flags }) =>
      address.family === family &&
      !virtual.has(address.text) &&
      (family === 'inet' || (scope === SCOPE_LINK && !isUnusable(flags))),
  );
  if (family === 'inet') {
    const primary = candidates.find(({ flags }) => (flags & IFA_F_SECONDARY) === 0);
    return (primary ?? candidates[0])?.address;
  }
  return candidates.map(({ address }) => address).sort(compareAddresses)[0];
}

function isUnusable(flags: number): boolean {
  return (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) !== 0;
}
