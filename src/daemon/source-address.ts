/** Which address of an interface adverts come from. */
import { compareAddresses, type Family, type IpAddress } from '../base/address.ts';
import type { InterfaceAddress } from '../kernel/links.ts';

/** rtnetlink(7) RT_SCOPE_LINK: an IPv6 link-local address. */
const SCOPE_LINK = 253;
/** linux/if_addr.h: not usable (yet). */
const IFA_F_DADFAILED = 0x08;
const IFA_F_TENTATIVE = 0x40;
const IFA_F_SECONDARY = 0x01;

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
