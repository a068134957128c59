/**
 * Our own advert, built from the configuration at the moment it is sent: nothing is prepared ahead, so a
 * changed configuration cannot leave a stale packet behind. One datagram for the group, or one for each
 * unicast peer: the checksum may cover the destination.
 */
import type { IpAddress } from '../base/address.ts';
import type { VrrpInstanceConfig } from '../config/model.ts';
import { sealMessage } from './auth-hmac.ts';
import { passwordFields } from './auth-password.ts';
import { type ChecksumForm, encodeAdvert, type Seal, vrrpGroup } from './packet.ts';

/** An advert to be sent; what carries it makes the bytes. */
export interface OwnAdvert {
  readonly config: VrrpInstanceConfig;
  readonly source: IpAddress;
  readonly priority: number;
  /** How a peer, by address, makes its own checksums: an old one is answered in kind. */
  readonly peerForms?: ReadonlyMap<string, ChecksumForm>;
}

export interface AdvertDatagram {
  readonly destination: IpAddress;
  readonly payload: Uint8Array;
}

/** `sequence` numbers a sealed advert; instances without auth_hmac, or that only receive, need none. */
export function advertDatagrams(advert: OwnAdvert, sequence = 0n): readonly AdvertDatagram[] {
  const seal = sealOf(advert, sequence);
  return advertDestinations(advert.config).map((destination) => {
    const form = checksumFormFor(advert.config, advert.peerForms?.get(destination.text));
    return { destination, payload: encode(advert, destination, form, seal) };
  });
}

/** The advert of `config` from `source` with this priority, as it goes to the first destination. */
export function encodeOwnAdvert(
  config: VrrpInstanceConfig,
  source: IpAddress,
  priority: number,
  checksumForm: ChecksumForm = checksumFormFor(config, undefined),
): Uint8Array {
  const advert = { config, source, priority };
  const destination = advertDestinations(config)[0] ?? advertGroup(config);
  return encode(advert, destination, checksumForm, sealOf(advert, 0n));
}

/** The listed peers, or the group. */
export function advertDestinations(config: VrrpInstanceConfig): readonly IpAddress[] {
  if (!isUnicast(config)) return [advertGroup(config)];
  return (config.unicastPeers ?? []).map(({ address }) => address);
}

/** Without peers adverts go to the group, as keepalived sends them. */
export function isUnicast(config: VrrpInstanceConfig): boolean {
  return (config.unicastPeers ?? []).length > 0;
}

/** `mcast_dst_ip`, `vrrp_mcast_group4` and `vrrp_mcast_group6`, or the RFC's. */
export function advertGroup(config: VrrpInstanceConfig): IpAddress {
  return config.multicastGroup ?? vrrpGroup(config.family);
}

/** Whether our adverts carry the trailer of auth_hmac. */
export function isSealed(config: VrrpInstanceConfig): boolean {
  return config.hmac !== undefined && config.hmac.mode !== 'receive-only';
}

/** The addresses that stand in the adverts of `config`, in the order of the file. */
export function advertisedAddresses(config: VrrpInstanceConfig): readonly IpAddress[] {
  return config.virtualAddresses
    .map(({ address }) => address)
    .filter((address) => address.family === config.family);
}

function checksumFormFor(
  config: VrrpInstanceConfig,
  peerForm: ChecksumForm | undefined,
): ChecksumForm {
  if (config.checksumVersion3As2 === true) return 'message-only';
  if (!isUnicast(config)) return 'pseudo-header';
  if (config.oldUnicastChecksum === 'always') return 'old-unicast';
  const isAnswered = config.oldUnicastChecksum === undefined && peerForm === 'old-unicast';
  return isAnswered ? 'old-unicast' : 'pseudo-header';
}

function sealOf({ config, source }: OwnAdvert, sequence: bigint): Seal | undefined {
  const { hmac, version, virtualRouterId } = config;
  if (hmac === undefined || !isSealed(config)) return undefined;
  return (message) => sealMessage(message, { version, virtualRouterId, source }, hmac, sequence);
}

function encode(
  { config, source, priority }: OwnAdvert,
  destination: IpAddress,
  form: ChecksumForm,
  seal: Seal | undefined,
): Uint8Array {
  const fields = {
    version: config.version,
    virtualRouterId: config.virtualRouterId,
    priority,
    advertIntervalMs: config.advertIntervalMs,
    addresses: advertisedAddresses(config),
    ...passwordFields(config),
  };
  return encodeAdvert(fields, { source, destination }, form, seal);
}
