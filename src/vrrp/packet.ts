/**
 * The VRRP advertisement on the wire, both versions, both families. Decode says "well-formed";
 * whether it is for us and acceptable is admission.ts. Centiseconds and whole seconds exist only here.
 *
 * Version 3 (RFC 9568 5.1):
 *
 *     0                   1                   2                   3
 *     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *    |Version| Type  | Virtual Rtr ID|   Priority    | IPvX Addr Cnt |
 *    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *    |(Rsv)  | Max Advertise Interval|          Checksum             |
 *    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *    |                       IPvX Address(es)                        |
 *    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * Version 2 (RFC 3768 5.1), IPv4 only:
 *
 *    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *    |Version| Type  | Virtual Rtr ID|   Priority    | Count IP Addrs|
 *    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *    |   Auth Type   |   Adver Int   |          Checksum             |
 *    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *    |                         IP Address(es)                        |
 *    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *    |                  Authentication Data (8 bytes)                |
 *    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * The checksum of version 3 over IPv4 has three forms in the field. RFC 9568 5.2.8 sums the message alone;
 * keepalived, FRR and every other Linux peer sum an IPv4 pseudo-header too and drop the other form; unicast
 * adverts of keepalived up to 1.3.6 have the multicast group in that pseudo-header. We send the second unless
 * told otherwise, accept all, and the decoded advert says which one the peer uses.
 *
 * Either version may be followed by the trailer of auth_hmac (auth-hmac.ts). Over IPv4 the checksum ends
 * before it; over IPv6 the kernel sums the whole packet, so that it is covered there.
 */
import {
  addressBytes,
  addressFromBytes,
  addressLength,
  type Family,
  type IpAddress,
} from '../base/address.ts';
import { foldedSum, pseudoHeaderSum } from '../base/internet-checksum.ts';
import type { VrrpVersion } from '../config/model.ts';
import { HMAC_TRAILER_LENGTH, type Sealed } from './auth-hmac.ts';

/** IP protocol number of VRRP (IANA). */
export const VRRP_PROTOCOL = 112;
/** RFC 9568 5.1.1.3, 5.1.2.3: any other TTL or hop limit came through a router. */
export const VRRP_TTL = 255;
/** Priority of a master that resigns (RFC 9568 5.2.4). */
export const PRIORITY_RESIGN = 0;
/** Priority of the router that owns the addresses (RFC 9568 5.2.4). */
export const PRIORITY_OWNER = 255;
/** The count is one byte. */
export const ADDRESSES_MAX = 255;

const HEADER_LENGTH = 8;
const TYPE_ADVERTISEMENT = 1;
const PRIORITY_OFFSET = 2;
const COUNT_OFFSET = 3;
const AUTH_TYPE_OFFSET = 4;
const SECONDS_OFFSET = 5;
const CENTISECONDS_OFFSET = 4;
const CENTISECONDS_MASK = 0x0fff;
const CENTISECONDS_MAX = 4095;
const SECONDS_MAX = 255;
const CHECKSUM_OFFSET = 6;
const AUTH_DATA_LENGTH = 8;
const MS_PER_CENTISECOND = 10;
const MS_PER_SECOND = 1000;

const GROUP_INET: IpAddress = { family: 'inet', text: '224.0.0.18' };
const GROUP_INET6: IpAddress = { family: 'inet6', text: 'ff02::12' };

/** Where adverts of this family are sent (RFC 9568 5.1.1.2, 5.1.2.2). */
export function vrrpGroup(family: Family): IpAddress {
  return family === 'inet' ? GROUP_INET : GROUP_INET6;
}

/** What the checksum covers beside the message; `old-unicast`: a pseudo-header with the multicast group. */
export type ChecksumForm = 'pseudo-header' | 'message-only' | 'old-unicast';

export interface AdvertFields {
  readonly version: VrrpVersion;
  /** 1..255. */
  readonly virtualRouterId: number;
  /** 0..255. */
  readonly priority: number;
  /** v2: whole seconds, 1000..255000; v3: 10..40950 in steps of 10. */
  readonly advertIntervalMs: number;
  readonly addresses: readonly IpAddress[];
  /** Version 2 only: 0 none (when absent), 1 password, 2 IP authentication header; 0 for version 3. */
  readonly authType?: number;
  /** Version 2 only: the 8 bytes after the addresses, when they are there. */
  readonly authData?: Uint8Array;
}

export interface Advert extends AdvertFields {
  readonly checksumForm: ChecksumForm;
  readonly authType: number;
  /** With a trailer of auth_hmac; whether it is right is for admission to find out. */
  readonly sealed?: Sealed;
}

/** Makes the trailer for a message whose checksum field is zero. */
export type Seal = (message: Uint8Array) => Uint8Array;

/** The IP header's part in the checksum. */
export interface Envelope {
  readonly source: IpAddress;
  readonly destination: IpAddress;
}

export type DecodeCode =
  | 'TOO_SHORT'
  | 'BAD_VERSION'
  | 'BAD_TYPE'
  | 'BAD_LENGTH'
  | 'BAD_CHECKSUM'
  | 'NO_ADDRESSES'
  | 'INTERVAL_ZERO';

export type DecodeResult =
  | { readonly ok: true; readonly advert: Advert }
  | { readonly ok: false; readonly code: DecodeCode; readonly detail: string };

/**
 * Reads a VRRP message (without the IP header) that came in `envelope`. Never throws for any bytes.
 * Checks in the order of RFC 9568 7.1; the checksum before anything the sender meant is believed.
 */
export function decodeAdvert(payload: Uint8Array, envelope: Envelope): DecodeResult {
  if (payload.length < HEADER_LENGTH) {
    return refuse('TOO_SHORT', `${payload.length} bytes, expected at least ${HEADER_LENGTH}`);
  }
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const first = view.getUint8(0);
  const version = decodeVersion(first >> 4, envelope.source.family);
  if (version === undefined) {
    return refuse('BAD_VERSION', `version ${first >> 4} over ${envelope.source.family}`);
  }
  if ((first & 0x0f) !== TYPE_ADVERTISEMENT) {
    return refuse('BAD_TYPE', `type ${first & 0x0f}, expected ${TYPE_ADVERTISEMENT}`);
  }
  const length = messageLength(view, version, envelope.source.family);
  if (typeof length === 'string') return refuse('BAD_LENGTH', length);
  const message = payload.subarray(0, length);
  const covered = envelope.source.family === 'inet' ? message : payload;
  const checksumForm = matchChecksum(covered, version, envelope);
  if (checksumForm === undefined) {
    const found = hex16(view.getUint16(CHECKSUM_OFFSET));
    return refuse('BAD_CHECKSUM', `checksum ${found} fits neither with nor without pseudo-header`);
  }
  if (view.getUint8(COUNT_OFFSET) === 0) {
    return refuse('NO_ADDRESSES', 'no virtual address, expected at least 1 (erratum 8299)');
  }
  const advertIntervalMs = decodeInterval(view, version);
  if (advertIntervalMs === 0) {
    return refuse('INTERVAL_ZERO', 'advertisement interval 0 (erratum 8301)');
  }
  const advert = readAdvert(message, version, advertIntervalMs, checksumForm, envelope);
  if (payload.length === length) return { ok: true, advert };
  const sealed = { message: message.slice(), trailer: payload.slice(length) };
  return { ok: true, advert: { ...advert, sealed } };
}

/**
 * The bytes of an advert. A version 2 advert carries the 8 bytes of authentication data, zero without a
 * password, as RFC 3768 5.3.10 wants. Throws when a field does not fit its place: the configuration
 * promised it would.
 */
export function encodeAdvert(
  advert: AdvertFields,
  envelope: Envelope,
  checksumForm: ChecksumForm = 'pseudo-header',
  seal?: Seal,
): Uint8Array {
  const { family } = envelope.source;
  requireEncodable(advert, family);
  const trailer = advert.version === 2 ? AUTH_DATA_LENGTH : 0;
  const size = addressLength(family);
  const payload = new Uint8Array(HEADER_LENGTH + advert.addresses.length * size + trailer);
  const view = new DataView(payload.buffer);
  view.setUint8(0, advert.version * 16 + TYPE_ADVERTISEMENT);
  view.setUint8(1, advert.virtualRouterId);
  view.setUint8(PRIORITY_OFFSET, advert.priority);
  view.setUint8(COUNT_OFFSET, advert.addresses.length);
  encodeInterval(view, advert);
  for (const [index, address] of advert.addresses.entries()) {
    payload.set(addressBytes(address), HEADER_LENGTH + index * size);
  }
  if (advert.version === 2 && advert.authData !== undefined) {
    view.setUint8(AUTH_TYPE_OFFSET, advert.authType ?? 0);
    payload.set(advert.authData.subarray(0, AUTH_DATA_LENGTH), payload.length - AUTH_DATA_LENGTH);
  }
  const whole = seal === undefined ? payload : Uint8Array.of(...payload, ...seal(payload));
  const covered = family === 'inet' ? payload : whole;
  const initial = initialSum(advert.version, envelope, checksumForm, covered.length);
  const checksum = ~foldedSum(covered, initial) & 0xffff;
  new DataView(whole.buffer).setUint16(CHECKSUM_OFFSET, checksum);
  return whole;
}

function decodeVersion(version: number, family: Family): VrrpVersion | undefined {
  if (version === 3) return 3;
  return version === 2 && family === 'inet' ? 2 : undefined;
}

/** Where the message ends and a trailer may begin; what is wrong when it fits no form to the byte. */
function messageLength(view: DataView, version: VrrpVersion, family: Family): number | string {
  const count = view.getUint8(COUNT_OFFSET);
  const bare = HEADER_LENGTH + count * addressLength(family);
  const full = version === 2 ? bare + AUTH_DATA_LENGTH : bare;
  const found = view.byteLength;
  if (found === full || found === full + HMAC_TRAILER_LENGTH) return full;
  // Some version 2 routers (FRR) leave the authentication data out when there is no authentication.
  if (version === 2 && found === bare && view.getUint8(AUTH_TYPE_OFFSET) === 0) return bare;
  return `${found} bytes, expected ${full} for ${count} addresses`;
}

/** What the checksum starts from: the sum of the pseudo-header, where this form has one. */
function initialSum(
  version: VrrpVersion,
  envelope: Envelope,
  form: ChecksumForm,
  length: number,
): number {
  const { family } = envelope.source;
  if (version === 2 || (family === 'inet' && form === 'message-only')) return 0;
  const isOld = family === 'inet' && form === 'old-unicast';
  const summed = isOld ? { ...envelope, destination: vrrpGroup(family) } : envelope;
  return pseudoHeaderSum(summed, VRRP_PROTOCOL, length);
}

function matchChecksum(
  covered: Uint8Array,
  version: VrrpVersion,
  envelope: Envelope,
): ChecksumForm | undefined {
  return formsOf(version, envelope).find(
    (form) => foldedSum(covered, initialSum(version, envelope, form, covered.length)) === 0xffff,
  );
}

function formsOf(version: VrrpVersion, { source, destination }: Envelope): readonly ChecksumForm[] {
  if (version === 2) return ['message-only'];
  if (source.family === 'inet6') return ['pseudo-header'];
  const isUnicast = !isMulticast(destination);
  return ['pseudo-header', 'message-only', ...(isUnicast ? (['old-unicast'] as const) : [])];
}

/** 224.0.0.0/4 or ff00::/8. */
export function isMulticast(address: IpAddress): boolean {
  const first = addressBytes(address)[0] ?? 0;
  return address.family === 'inet' ? first >= 224 && first <= 239 : first === 0xff;
}

function decodeInterval(view: DataView, version: VrrpVersion): number {
  if (version === 2) return view.getUint8(SECONDS_OFFSET) * MS_PER_SECOND;
  return (view.getUint16(CENTISECONDS_OFFSET) & CENTISECONDS_MASK) * MS_PER_CENTISECOND;
}

function encodeInterval(view: DataView, advert: AdvertFields): void {
  if (advert.version === 2) {
    view.setUint8(SECONDS_OFFSET, advert.advertIntervalMs / MS_PER_SECOND);
  } else {
    view.setUint16(CENTISECONDS_OFFSET, Math.round(advert.advertIntervalMs / MS_PER_CENTISECOND));
  }
}

function readAdvert(
  payload: Uint8Array,
  version: VrrpVersion,
  advertIntervalMs: number,
  checksumForm: ChecksumForm,
  envelope: Envelope,
): Advert {
  const size = addressLength(envelope.source.family);
  const byte = (offset: number): number => payload[offset] ?? 0;
  const end = HEADER_LENGTH + byte(COUNT_OFFSET) * size;
  const addresses: IpAddress[] = [];
  for (let offset = HEADER_LENGTH; offset < end; offset += size) {
    addresses.push(addressFromBytes(payload.subarray(offset, offset + size)));
  }
  return {
    version,
    virtualRouterId: byte(1),
    priority: byte(PRIORITY_OFFSET),
    advertIntervalMs,
    addresses,
    checksumForm,
    authType: version === 2 ? byte(AUTH_TYPE_OFFSET) : 0,
    ...(payload.length > end ? { authData: payload.slice(end) } : {}),
  };
}

function requireEncodable(advert: AdvertFields, family: Family): void {
  const { version, virtualRouterId, priority, addresses, advertIntervalMs } = advert;
  const units = advertIntervalMs / (version === 2 ? MS_PER_SECOND : MS_PER_CENTISECOND);
  const unitsMax = version === 2 ? SECONDS_MAX : CENTISECONDS_MAX;
  requireInteger('virtual router id', virtualRouterId, 1, 255);
  requireInteger('priority', priority, 0, PRIORITY_OWNER);
  requireInteger('address count', addresses.length, 1, ADDRESSES_MAX);
  requireInteger(`advert interval of version ${version}`, Math.round(units), 1, unitsMax);
  if (version === 2 && (family !== 'inet' || !Number.isInteger(units))) {
    throw new Error(`Version 2 wants IPv4 and whole seconds, got ${family} ${advertIntervalMs} ms`);
  }
  const stranger = addresses.find((address) => address.family !== family);
  if (stranger !== undefined) {
    throw new Error(`An advert over ${family} cannot carry the address ${stranger.text}`);
  }
}

function requireInteger(what: string, value: number, from: number, to: number): void {
  if (Number.isInteger(value) && value >= from && value <= to) return;
  throw new Error(`The ${what} is ${value}, expected an integer from ${from} to ${to}`);
}

function refuse(code: DecodeCode, detail: string): DecodeResult {
  return { ok: false, code, detail };
}

function hex16(value: number): string {
  return `0x${value.toString(16).padStart(4, '0')}`;
}
