/**
 * A well-formed advert: is it for this instance, and acceptable? Each refusal has a name, and a counter
 * with that name. What only deserves a note (keepalived 2.2.7 drops an advert whose address list differs, which
 * makes two masters during a rolling change) is a remark: the advert counts all the same, except in strict
 * mode.
 */
import { type IpAddress, isSameAddress } from '../base/address.ts';
import type { VrrpInstanceConfig } from '../config/model.ts';
import { type HmacRefusal, type ReplayMemory, verifySeal } from './auth-hmac.ts';
import { checkPassword, type PasswordRefusal } from './auth-password.ts';
import { advertGroup, advertisedAddresses, isUnicast } from './own-advert.ts';
import { type Advert, isMulticast, VRRP_TTL } from './packet.ts';

export type RefusalCode =
  | 'WRONG_VRID'
  /** Multicast, to another group than ours. */
  | 'WRONG_GROUP'
  | 'MULTICAST_FOR_UNICAST'
  | 'UNICAST_FOR_MULTICAST'
  | 'TTL_NOT_255'
  /** Outside min_ttl and max_ttl of the peer. */
  | 'TTL_OUT_OF_RANGE'
  | 'NOT_A_PEER'
  | 'OWN_ADDRESS'
  | 'WRONG_VERSION'
  /** The checksum of keepalived up to 1.3.6, with `old_unicast_checksum never`. */
  | 'OLD_CHECKSUM'
  | PasswordRefusal
  /** A trailer of auth_hmac, which we do not have. */
  | 'HMAC_UNEXPECTED'
  | 'HMAC_MISSING'
  | HmacRefusal
  | 'INTERVAL_MISMATCH'
  /** Strict mode only; a remark otherwise. */
  | 'ADDRESS_LIST_REFUSED';

export type Remark =
  /** The peer protects other addresses under the same router id. */
  | 'ADDRESS_LIST_MISMATCH'
  /** Version 3 adopts the master's interval; a permanent difference is still worth knowing. */
  | 'INTERVAL_DIFFERS'
  /** Erratum 8300: the first IPv6 address must be the link-local one. */
  | 'FIRST_ADDRESS_NOT_LINK_LOCAL'
  /** Erratum 8298: another router believes it owns the addresses that we own. */
  | 'SECOND_OWNER'
  /** No trailer, and auth_hmac is not enforced yet. */
  | 'HMAC_MISSING'
  /** The clocks differ by more than half of what is accepted. */
  | 'CLOCKS_DIFFER';

/** What the IP header said. */
export interface DatagramFacts {
  readonly source: IpAddress;
  readonly destination: IpAddress;
  /** Absent where the socket does not tell: UDP. */
  readonly ttl?: number | undefined;
}

/** What earlier adverts left behind. */
export interface AdmissionMemory {
  readonly replay: ReplayMemory;
  /** Whose address list was compared and found the same last. */
  readonly checkedSource?: string;
}

export const NOTHING_HEARD: AdmissionMemory = { replay: new Map() };

export type Admission =
  | {
      readonly ok: true;
      readonly remarks: readonly Remark[];
      /** When it changed. */
      readonly memory?: AdmissionMemory;
    }
  | { readonly ok: false; readonly code: RefusalCode; readonly detail: string };

type Refused = Extract<Admission, { ok: false }>;

/**
 * keepalived remembers four multicast senders: more than two speak for one group only while it quarrels.
 * A flood of forged sources cannot push one out, the hash is looked at first.
 */
const SENDERS_REMEMBERED = 4;

/**
 * Judges `advert`, that came in a datagram with these `facts` at the wall clock time `nowMs`, for the
 * instance of `config`.
 */
export function admitAdvert(
  advert: Advert,
  facts: DatagramFacts,
  config: VrrpInstanceConfig,
  primaryAddress: IpAddress,
  memory: AdmissionMemory = NOTHING_HEARD,
  nowMs = 0,
): Admission {
  if (advert.virtualRouterId !== config.virtualRouterId) {
    return refuse(
      'WRONG_VRID',
      `router id ${advert.virtualRouterId}, ours ${config.virtualRouterId}`,
    );
  }
  const misdelivered = checkDelivery(facts, config, primaryAddress);
  if (misdelivered !== undefined) return misdelivered;
  if (advert.version !== config.version) {
    return refuse('WRONG_VERSION', `version ${advert.version}, ours ${config.version}`);
  }
  if (advert.checksumForm === 'old-unicast' && config.oldUnicastChecksum === 'never') {
    return refuse('OLD_CHECKSUM', 'the unicast checksum of keepalived 1.3.6 and before');
  }
  const wrong = checkPassword(advert, config);
  if (wrong !== undefined) return { ok: false, ...wrong };
  const sealed = checkSeal(advert, facts.source, config, memory, nowMs);
  if (!sealed.ok) return sealed;
  if (advert.version === 2 && advert.advertIntervalMs !== config.advertIntervalMs) {
    return refuse(
      'INTERVAL_MISMATCH',
      `interval ${advert.advertIntervalMs} ms, ours ${config.advertIntervalMs} ms`,
    );
  }
  return checkList(advert, facts.source, config, sealed.memory ?? memory, [
    ...sealed.remarks,
    ...remarksOn(advert, config),
  ]);
}

/** How it came: where to, from whom, from how far. */
function checkDelivery(
  { source, destination, ttl }: DatagramFacts,
  config: VrrpInstanceConfig,
  primaryAddress: IpAddress,
): Refused | undefined {
  const toGroup = isMulticast(destination);
  const peer = config.unicastPeers?.find(({ address }) => isSameAddress(address, source));
  if (isUnicast(config)) {
    if (toGroup) {
      const detail = `sent to the group ${destination.text}, ours speak to listed peers`;
      return refuse('MULTICAST_FOR_UNICAST', detail);
    }
    // UDP comes from anywhere, protocol 112 only from where the routers let it.
    const isListed = config.checksUnicastSource === true || config.transport?.kind === 'udp';
    if (isListed && peer === undefined) {
      return refuse('NOT_A_PEER', `${source.text} is not listed in unicast_peer`);
    }
    const [min, max] = [peer?.minTtl ?? 0, peer?.maxTtl ?? VRRP_TTL];
    if (ttl !== undefined && (ttl < min || ttl > max)) {
      return refuse('TTL_OUT_OF_RANGE', `TTL ${ttl}, expected ${min} to ${max}`);
    }
  } else {
    const group = advertGroup(config);
    if (!toGroup) {
      const detail = `sent to ${destination.text}, expected the group ${group.text}`;
      return refuse('UNICAST_FOR_MULTICAST', detail);
    }
    if (!isSameAddress(destination, group)) {
      return refuse('WRONG_GROUP', `sent to ${destination.text}, expected ${group.text}`);
    }
    if (ttl !== VRRP_TTL) {
      return refuse('TTL_NOT_255', `TTL ${ttl}, expected ${VRRP_TTL}: it was routed or forged`);
    }
  }
  if (!isSameAddress(source, primaryAddress)) return undefined;
  return refuse('OWN_ADDRESS', `sent from ${primaryAddress.text}, which is our own address`);
}

/** Unsigned adverts pass where auth_hmac is not enforced; wrong ones never do. */
function checkSeal(
  { sealed, version, virtualRouterId }: Advert,
  source: IpAddress,
  { hmac, unicastPeers }: VrrpInstanceConfig,
  memory: AdmissionMemory,
  nowMs: number,
): Admission {
  if (hmac === undefined) {
    if (sealed === undefined) return { ok: true, remarks: [] };
    return refuse('HMAC_UNEXPECTED', 'it has a trailer of auth_hmac, which is not configured here');
  }
  if (sealed === undefined) {
    if (hmac.mode !== 'enforce') return { ok: true, remarks: ['HMAC_MISSING'] };
    return refuse('HMAC_MISSING', 'no trailer of auth_hmac, and ours is enforced');
  }
  const identity = { version, virtualRouterId, source };
  const slots = Math.max(SENDERS_REMEMBERED, unicastPeers?.length ?? 0);
  const verdict = verifySeal(sealed, identity, hmac, memory.replay, nowMs, slots);
  if (!verdict.ok) return verdict;
  const isSkewed = hmac.antiReplay === 'time' && Math.abs(verdict.skewMs) * 2 > hmac.timeWindowMs;
  return {
    ok: true,
    remarks: isSkewed ? ['CLOCKS_DIFFER'] : [],
    memory: { ...memory, replay: verdict.memory },
  };
}

/**
 * Strict mode drops what lists other addresses. `skip_check_adv_addr`: a sender whose list was right is
 * not asked again until another one is heard.
 */
function checkList(
  advert: Advert,
  source: IpAddress,
  config: VrrpInstanceConfig,
  memory: AdmissionMemory,
  remarks: readonly Remark[],
): Admission {
  const changed = memory === NOTHING_HEARD ? {} : { memory };
  if (config.isStrict !== true) return { ok: true, remarks, ...changed };
  const isSkipped = config.skipsAddressCheck === true && memory.checkedSource === source.text;
  if (remarks.includes('ADDRESS_LIST_MISMATCH') && !isSkipped) {
    const wanted = advertisedAddresses(config).map(({ text }) => text);
    const found = advert.addresses.map(({ text }) => text);
    return refuse('ADDRESS_LIST_REFUSED', `lists ${found.join(' ')}, ours ${wanted.join(' ')}`);
  }
  return { ok: true, remarks, memory: { ...memory, checkedSource: source.text } };
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

function refuse(code: RefusalCode, detail: string): Refused {
  return { ok: false, code, detail };
}
