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
 * The checksum of version 3 over IPv4 has two forms in the field. RFC 9568 5.2.8 sums the message alone;
 * keepalived, FRR and every other Linux peer sum an IPv4 pseudo-header too and drop the other form.
 * We send theirs and accept both, and the decoded advert says which one the peer uses.
 */
import {
  addressBytes,
  addressFromBytes,
  addressLength,
  type Family,
  type IpAddress,
} from '../base/address.ts';
import type { VrrpVersion } from '../config/model.ts';

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

/** What the checksum covers beside the message. */
export type ChecksumForm = 'pseudo-header' | 'message-only';

export interface AdvertFields {
  readonly version: VrrpVersion;
  /** 1..255. */
  readonly virtualRouterId: number;
  /** 0..255. */
  readonly priority: number;
  /** v2: whole seconds, 1000..255000; v3: 10..40950 in steps of 10. */
  readonly advertIntervalMs: number;
  readonly addresses: readonly IpAddress[];
}

export interface Advert extends AdvertFields {
  readonly checksumForm: ChecksumForm;
  /** Version 2 only: 0 none, 1 password, 2 IP authentication header; 0 for version 3. */
  readonly authType: number;
  /** The 8 bytes after the addresses, when they are there. */
  readonly authData?: Uint8Array;
}

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
  const lengthFault = checkLength(view, version, envelope.source.family);
  if (lengthFault !== undefined) return refuse('BAD_LENGTH', lengthFault);
  const checksumForm = matchChecksum(payload, version, envelope);
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
  return {
    ok: true,
    advert: readAdvert(payload, version, advertIntervalMs, checksumForm, envelope),
  };
}

/**
 * The bytes of an advert. A version 2 advert carries the 8 bytes of authentication data, zero, as RFC
 * 3768 5.3.10 wants. Throws when a field does not fit its place: the configuration promised it would.
 */
export function encodeAdvert(
  advert: AdvertFields,
  envelope: Envelope,
  checksumForm: ChecksumForm = 'pseudo-header',
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
  const isCovered = coversPseudoHeader(advert.version, family, checksumForm);
  const initial = isCovered ? pseudoHeaderSum(envelope, VRRP_PROTOCOL, payload.length) : 0;
  view.setUint16(CHECKSUM_OFFSET, ~foldedSum(payload, initial) & 0xffff);
  return payload;
}

/** One's complement sum of 16-bit words (RFC 1071), folded; an odd last byte counts as its high half. */
export function foldedSum(bytes: Uint8Array, initial: number): number {
  let sum = initial;
  for (const [index, byte] of bytes.entries()) sum += index % 2 === 0 ? byte * 256 : byte;
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return sum;
}

/** The unfolded sum of the IPv4 (RFC 793 3.1) or IPv6 (RFC 8200 8.1) pseudo-header. */
export function pseudoHeaderSum(envelope: Envelope, protocol: number, length: number): number {
  const addresses = foldedSum(
    addressBytes(envelope.destination),
    foldedSum(addressBytes(envelope.source), 0),
  );
  return addresses + protocol + length;
}

function decodeVersion(version: number, family: Family): VrrpVersion | undefined {
  if (version === 3) return 3;
  return version === 2 && family === 'inet' ? 2 : undefined;
}

/** What is wrong with the length; undefined when it is right to the byte. */
function checkLength(view: DataView, version: VrrpVersion, family: Family): string | undefined {
  const count = view.getUint8(COUNT_OFFSET);
  const bare = HEADER_LENGTH + count * addressLength(family);
  const found = view.byteLength;
  if (version === 3) {
    if (found === bare) return undefined;
    return `${found} bytes, expected ${bare} for ${count} addresses`;
  }
  // Some version 2 routers (FRR) leave the authentication data out when there is no authentication.
  const isTrailerOptional = view.getUint8(AUTH_TYPE_OFFSET) === 0;
  if (found === bare + AUTH_DATA_LENGTH || (found === bare && isTrailerOptional)) return undefined;
  return `${found} bytes, expected ${bare + AUTH_DATA_LENGTH} for ${count} addresses`;
}

function coversPseudoHeader(version: VrrpVersion, family: Family, form: ChecksumForm): boolean {
  if (version === 2) return false;
  return family === 'inet6' || form === 'pseudo-header';
}

function matchChecksum(
  payload: Uint8Array,
  version: VrrpVersion,
  envelope: Envelope,
): ChecksumForm | undefined {
  const { family } = envelope.source;
  const forms: readonly ChecksumForm[] = ['pseudo-header', 'message-only'];
  return forms.find((form) => {
    const isCovered = form === 'pseudo-header';
    if (coversPseudoHeader(version, family, form) !== isCovered) return false;
    const initial = isCovered ? pseudoHeaderSum(envelope, VRRP_PROTOCOL, payload.length) : 0;
    return foldedSum(payload, initial) === 0xffff;
  });
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
