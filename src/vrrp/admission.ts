/**
 * A well-formed advert: is it for this instance, and acceptable? Each refusal has a name, and a counter
 * with that name. What only deserves a note (keepalived 2.2.7 drops an advert whose address list differs, which
 * makes two masters during a rolling change) is a remark: the advert counts all the same.
 */
import { type IpAddress, isSameAddress } from '../base/address.ts';
import type { VrrpInstanceConfig } from '../config/model.ts';
import { advertisedAddresses } from './own-advert.ts';
import { type Advert, VRRP_TTL, vrrpGroup } from './packet.ts';

export type RefusalCode =
  | 'WRONG_VRID'
  | 'WRONG_GROUP'
  | 'TTL_NOT_255'
  | 'OWN_ADDRESS'
  | 'WRONG_VERSION'
  | 'AUTH_UNEXPECTED'
  | 'INTERVAL_MISMATCH';

export type Remark =
  /** The peer protects other addresses under the same router id. */
  | 'ADDRESS_LIST_MISMATCH'
  /** Version 3 adopts the master's interval; a permanent difference is still worth knowing. */
  | 'INTERVAL_DIFFERS'
  /** Erratum 8300: the first IPv6 address must be the link-local one. */
  | 'FIRST_ADDRESS_NOT_LINK_LOCAL'
  /** Erratum 8298: another router believes it owns the addresses that we own. */
  | 'SECOND_OWNER';

/** What the IP header said. */
export interface DatagramFacts {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly ttl: number;
}

export type Admission =
  | { readonly ok: true; readonly remarks: readonly Remark[] }
  | { readonly ok: false; readonly code: RefusalCode; readonly detail: string };

/** Judges `advert`, that came in a datagram with these `facts`, for the instance of `config`. */
export function admitAdvert(
  advert: Advert,
  facts: DatagramFacts,
  config: VrrpInstanceConfig,
  primaryAddress: IpAddress,
): Admission {
  const group = vrrpGroup(config.family);
  if (advert.virtualRouterId !== config.virtualRouterId) {
    return refuse(
      'WRONG_VRID',
      `router id ${advert.virtualRouterId}, ours ${config.virtualRouterId}`,
    );
  }
  if (!isSameAddress(facts.destination, group)) {
    return refuse('WRONG_GROUP', `sent to ${facts.destination.text}, expected ${group.text}`);
  }
  if (facts.ttl !== VRRP_TTL) {
    return refuse('TTL_NOT_255', `TTL ${facts.ttl}, expected ${VRRP_TTL}: it was routed or forged`);
  }
  if (isSameAddress(facts.source, primaryAddress)) {
    return refuse('OWN_ADDRESS', `sent from ${primaryAddress.text}, which is our own address`);
  }
  if (advert.version !== config.version) {
    return refuse('WRONG_VERSION', `version ${advert.version}, ours ${config.version}`);
  }
  if (advert.authType !== 0) {
    return refuse('AUTH_UNEXPECTED', `authentication type ${advert.authType}, ours none`);
  }
  if (advert.version === 2 && advert.advertIntervalMs !== config.advertIntervalMs) {
    return refuse(
      'INTERVAL_MISMATCH',
      `interval ${advert.advertIntervalMs} ms, ours ${config.advertIntervalMs} ms`,
    );
  }
  return { ok: true, remarks: remarksOn(advert, config) };
}

function remarksOn(advert: Advert, config: VrrpInstanceConfig): readonly Remark[] {
  const remarks: Remark[] = [];
  if (!isSameSet(advert.addresses, advertisedAddresses(config))) {
    remarks.push('ADDRESS_LIST_MISMATCH');
  }
  if (advert.advertIntervalMs !== config.advertIntervalMs) remarks.push('INTERVAL_DIFFERS');
  const first = advert.addresses[0];
  if (first?.family === 'inet6' && !/^fe[89ab]/.test(first.text)) {
    remarks.push('FIRST_ADDRESS_NOT_LINK_LOCAL');
  }
  if (advert.priority === 255 && config.priority === 255) remarks.push('SECOND_OWNER');
  return remarks;
}

function isSameSet(left: readonly IpAddress[], right: readonly IpAddress[]): boolean {
  const wanted = new Set(right.map(({ text }) => text));
  const found = new Set(left.map(({ text }) => text));
  return found.size === wanted.size && [...found].every((text) => wanted.has(text));
}

function refuse(code: RefusalCode, detail: string): Admission {
  return { ok: false, code, detail };
}
