/**
 * Which session a datagram is for, and whether it may be believed: the rest of RFC 5880 section 6.8.6, the
 * demultiplexing of RFC 5881 section 3 and RFC 5883 section 3, the TTL check of RFC 5881 section 5. Pure.
 */
import type { IpAddress } from '../base/address.ts';
import { type ControlPacket, decodePacket, type PacketRefusal } from './packet.ts';

export type ReceptionRefusal =
  | PacketRefusal
  | 'UNKNOWN_DISCRIMINATOR'
  /** Your Discriminator is 0, and no session is with this address. */
  | 'UNKNOWN_NEIGHBOR'
  /** It came over more hops than `max_hops` allows; RFC 5881 allows none. */
  | 'TTL_TOO_LOW'
  /** A is set and, as in keepalived, no authentication is in use. */
  | 'AUTHENTICATION_NOT_IN_USE';

/** A datagram as it came from the socket of one of the two ports. */
export interface Arrival {
  readonly payload: Uint8Array;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  /** TTL or hop limit as received. */
  readonly ttl: number;
  /** It came to UDP port 4784, not 3784. */
  readonly isMultihop: boolean;
}

/** What a session is found by. */
export interface Receiver {
  readonly discriminator: number;
  readonly neighbor: IpAddress;
  /** `source_ip`: only what is sent to this address. */
  readonly source?: IpAddress;
  readonly isMultihop: boolean;
  /** What the neighbour is expected to send with, and what may be missing of it. */
  readonly ttl: number;
  readonly maxHops: number;
}

export interface Receivers<R> {
  byDiscriminator(discriminator: number): R | undefined;
  all(): Iterable<R>;
}

export type Admission<R> =
  | { readonly ok: true; readonly receiver: R; readonly packet: ControlPacket }
  | {
      readonly ok: false;
      readonly code: ReceptionRefusal;
      /** The session that it was meant for, as far as that can be told. */
      readonly receiver?: R;
    };

/** `max_hops -1`, and keepalived's 255: hops are not counted. */
const ANY_HOPS = 255;

export function admit<R extends Receiver>(arrival: Arrival, receivers: Receivers<R>): Admission<R> {
  const decoded = decodePacket(arrival.payload);
  if (!decoded.ok) return refused(decoded.code, byAddress(arrival, receivers));
  const { packet } = decoded;
  const isAddressed = packet.yourDiscriminator !== 0;
  const receiver = isAddressed
    ? byDiscriminator(arrival, packet.yourDiscriminator, receivers)
    : byAddress(arrival, receivers);
  if (receiver === undefined) {
    if (!isAddressed) return refused('UNKNOWN_NEIGHBOR');
    // After a restart the neighbour goes on with our old discriminator for a while.
    return refused('UNKNOWN_DISCRIMINATOR', byAddress(arrival, receivers));
  }
  if (!isNearEnough(arrival.ttl, receiver)) return refused('TTL_TOO_LOW', receiver);
  if (packet.hasAuthentication) return refused('AUTHENTICATION_NOT_IN_USE', receiver);
  return { ok: true, receiver, packet };
}

/** Section 6.8.6: it alone selects the session; but each port has sessions of its own. */
function byDiscriminator<R extends Receiver>(
  { isMultihop }: Arrival,
  discriminator: number,
  receivers: Receivers<R>,
): R | undefined {
  const receiver = receivers.byDiscriminator(discriminator);
  return receiver?.isMultihop === isMultihop ? receiver : undefined;
}

function byAddress<R extends Receiver>(arrival: Arrival, receivers: Receivers<R>): R | undefined {
  for (const receiver of receivers.all()) {
    if (receiver.isMultihop !== arrival.isMultihop) continue;
    if (receiver.neighbor.text !== arrival.source.text) continue;
    if (receiver.source === undefined || receiver.source.text === arrival.destination.text) {
      return receiver;
    }
  }
  return undefined;
}

/** keepalived's arithmetic, which with its defaults over IPv4 is RFC 5881's: 255 or nothing. */
function isNearEnough(received: number, { ttl, maxHops }: Receiver): boolean {
  if (maxHops < 0 || maxHops >= ANY_HOPS) return true;
  return received >= ttl - maxHops;
}

function refused<R>(code: ReceptionRefusal, receiver?: R): Admission<R> {
  return receiver === undefined ? { ok: false, code } : { ok: false, code, receiver };
}
