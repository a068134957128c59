/**
 * auth_hmac: the keyed hash and the sequence number that follow an advert (draft-cassen-vrrp-auth-hmac-00,
 * keepalived 2.4). The same for both versions, both families, unicast and multicast.
 *
 *     0                   1                   2                   3
 *     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *    |   Type = 1    |    Key ID     |         Reserved = 0          |
 *    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *    |               Sequence: seconds since 1970 (UTC)              |
 *    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *    | Sequence: 1/65536 of a second |       Sequence: counter       |
 *    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *    |        HMAC-SHA256, its first 128 bits (16 bytes)             |
 *    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *
 * Hashed are 20 bytes of identity, the message with its checksum read as zero, the trailer up to the hash,
 * and 16 zero bytes. The identity stops an advert from being moved to another instance or sender:
 *
 *    +--------+---------+------+---+---------------------------------+
 *    | 4 or 6 | version | VRID | 0 | source address, 16 bytes, an    |
 *    |        |         |      |   | IPv4 one with 12 zeros behind   |
 *    +--------+---------+------+---+---------------------------------+
 *
 * One sealed advert goes to every peer unchanged: the destination is in no part of the hash.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { addressBytes, type IpAddress } from '../base/address.ts';
import type { VrrpVersion } from '../config/model.ts';
import type { HmacConfig, HmacKeyConfig } from '../config/model-vrrp.ts';

export const HMAC_TRAILER_LENGTH = 28;
const TYPE_SHA256_128 = 1;
const HASH_LENGTH = 16;
const PREFIX_LENGTH = HMAC_TRAILER_LENGTH - HASH_LENGTH;
const IDENTITY_LENGTH = 20;
const CHECKSUM_OFFSET = 6;
const CHECKSUM_LENGTH = 2;
const SEQUENCE_OFFSET = 4;
const SEQUENCE_BITS = 64;
const SECONDS_BITS = 32;
const SECONDS_SHIFT = 32n;
const FRACTION_SHIFT = 16n;
const FRACTIONS_PER_SECOND = 0x10000;
const MS_PER_SECOND = 1000;
const NO_CHECKSUM = new Uint8Array(CHECKSUM_LENGTH);
const NO_HASH = new Uint8Array(HASH_LENGTH);

/** A message and what followed it, as received. */
export interface Sealed {
  readonly message: Uint8Array;
  /** {@link HMAC_TRAILER_LENGTH} bytes. */
  readonly trailer: Uint8Array;
}

/** What the hash binds the advert to. */
export interface SealIdentity {
  readonly version: VrrpVersion;
  readonly virtualRouterId: number;
  readonly source: IpAddress;
}

/** Source address -> the highest sequence accepted from it; the one heard last is at the end. */
export type ReplayMemory = ReadonlyMap<string, bigint>;

export type HmacRefusal =
  | 'HMAC_MALFORMED'
  | 'HMAC_STALE'
  | 'HMAC_UNKNOWN_KEY'
  | 'HMAC_MISMATCH'
  | 'HMAC_REPLAYED';

export type HmacVerdict =
  | { readonly ok: true; readonly memory: ReplayMemory; readonly skewMs: number }
  | { readonly ok: false; readonly code: HmacRefusal; readonly detail: string };

/**
 * The next sequence number: the wall clock (`nowMs`, ms since 1970), or one more than the last where the
 * clock has not moved on. With `anti_replay time` a clock that was set back by more than the window starts
 * over, because nobody would accept the old numbers; without it numbers only grow.
 */
export function nextSequence(last: bigint | undefined, nowMs: number, hmac: HmacConfig): bigint {
  const clock = clockSequence(nowMs);
  if (last === undefined || isAfter(clock, last)) return clock;
  const aheadSeconds = BigInt.asIntN(
    SECONDS_BITS,
    (last >> SECONDS_SHIFT) - (clock >> SECONDS_SHIFT),
  );
  const isStranded = Number(aheadSeconds) * MS_PER_SECOND > hmac.timeWindowMs;
  if (hmac.antiReplay === 'time' && isStranded) return clock;
  return BigInt.asUintN(SEQUENCE_BITS, last + 1n);
}

/** The trailer for `message`, made with the active key. Throws when that key is not there. */
export function sealMessage(
  message: Uint8Array,
  identity: SealIdentity,
  hmac: HmacConfig,
  sequence: bigint,
): Uint8Array {
  const key = keyBytes(hmac.keys.find(({ id }) => id === hmac.activeKey));
  if (key === undefined) throw new Error(`The HMAC key ${hmac.activeKey} is not there`);
  const trailer = new Uint8Array(HMAC_TRAILER_LENGTH);
  const view = new DataView(trailer.buffer);
  view.setUint8(0, TYPE_SHA256_128);
  view.setUint8(1, hmac.activeKey);
  view.setBigUint64(SEQUENCE_OFFSET, sequence);
  trailer.set(hashOf(message, trailer, identity, key), PREFIX_LENGTH);
  return trailer;
}

/**
 * Judges a trailer at the wall clock time `nowMs`. A stale number is refused before anything is hashed, so
 * that a flood of recorded adverts costs nothing; the memory moves only for adverts whose hash is right.
 * `slots`: senders that are remembered.
 */
export function verifySeal(
  { message, trailer }: Sealed,
  identity: SealIdentity,
  hmac: HmacConfig,
  memory: ReplayMemory,
  nowMs: number,
  slots: number,
): HmacVerdict {
  const view = new DataView(trailer.buffer, trailer.byteOffset, trailer.byteLength);
  const type = view.getUint8(0);
  if (type !== TYPE_SHA256_128 || view.getUint16(2) !== 0) {
    return refuse('HMAC_MALFORMED', `trailer of type ${type}, expected ${TYPE_SHA256_128}`);
  }
  const sequence = view.getBigUint64(SEQUENCE_OFFSET);
  const skewMs = ageMs(sequence, nowMs);
  if (hmac.antiReplay === 'time' && Math.abs(skewMs) > hmac.timeWindowMs) {
    const when = skewMs > 0 ? `${skewMs} ms old` : `${-skewMs} ms in the future`;
    return refuse(
      'HMAC_STALE',
      `${when}, accepted are ${hmac.timeWindowMs} ms: compare the clocks`,
    );
  }
  const keyId = view.getUint8(1);
  const key = keyBytes(hmac.keys.find(({ id }) => id === keyId));
  if (key === undefined) return refuse('HMAC_UNKNOWN_KEY', `signed with key ${keyId}, not ours`);
  if (!timingSafeEqual(hashOf(message, trailer, identity, key), trailer.subarray(PREFIX_LENGTH))) {
    return refuse('HMAC_MISMATCH', `the hash of key ${keyId} is wrong: another key, or a forgery`);
  }
  const source = identity.source.text;
  const mark = memory.get(source);
  // A mark outside the window orders only what the window refuses; it is left of a clock that was set.
  const isMarkInForce =
    mark !== undefined &&
    (hmac.antiReplay === 'monotonic' || Math.abs(ageMs(mark, nowMs)) <= hmac.timeWindowMs);
  if (isMarkInForce && !isAfter(sequence, mark)) {
    return refuse('HMAC_REPLAYED', 'its sequence number was seen before');
  }
  return { ok: true, memory: remember(memory, source, sequence, slots), skewMs };
}

/** Undefined when its file was not read. */
function keyBytes(key: HmacKeyConfig | undefined): Uint8Array | undefined {
  if (key === undefined) return undefined;
  const { source } = key;
  if (source.key === undefined) return undefined;
  return Buffer.from(source.key.text, source.kind === 'ascii' ? 'utf8' : 'hex');
}

function hashOf(
  message: Uint8Array,
  trailer: Uint8Array,
  identity: SealIdentity,
  key: Uint8Array,
): Uint8Array {
  return createHmac('sha256', key)
    .update(identityBytes(identity))
    .update(message.subarray(0, CHECKSUM_OFFSET))
    .update(NO_CHECKSUM)
    .update(message.subarray(CHECKSUM_OFFSET + CHECKSUM_LENGTH))
    .update(trailer.subarray(0, PREFIX_LENGTH))
    .update(NO_HASH)
    .digest()
    .subarray(0, HASH_LENGTH);
}

function identityBytes({ version, virtualRouterId, source }: SealIdentity): Uint8Array {
  const bytes = new Uint8Array(IDENTITY_LENGTH);
  bytes.set([source.family === 'inet' ? 4 : 6, version, virtualRouterId]);
  bytes.set(addressBytes(source), 4);
  return bytes;
}

function clockSequence(nowMs: number): bigint {
  const seconds = BigInt.asUintN(SECONDS_BITS, BigInt(Math.floor(nowMs / MS_PER_SECOND)));
  const fraction = Math.floor(((nowMs % MS_PER_SECOND) * FRACTIONS_PER_SECOND) / MS_PER_SECOND);
  return (seconds << SECONDS_SHIFT) | (BigInt(fraction) << FRACTION_SHIFT);
}

/** Whole seconds, as keepalived compares; negative for the future. */
function ageMs(sequence: bigint, nowMs: number): number {
  const now = clockSequence(nowMs) >> SECONDS_SHIFT;
  return Number(BigInt.asIntN(SECONDS_BITS, now - (sequence >> SECONDS_SHIFT))) * MS_PER_SECOND;
}

/** Serial number arithmetic (RFC 1982) in 64 bits. */
function isAfter(left: bigint, right: bigint): boolean {
  return BigInt.asIntN(SEQUENCE_BITS, left - right) > 0n;
}

function remember(
  memory: ReplayMemory,
  source: string,
  sequence: bigint,
  slots: number,
): ReplayMemory {
  const others = [...memory].filter(([address]) => address !== source);
  return new Map([...others.slice(Math.max(0, others.length - slots + 1)), [source, sequence]]);
}

function refuse(code: HmacRefusal, detail: string): HmacVerdict {
  return { ok: false, code, detail };
}
