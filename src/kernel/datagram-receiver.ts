/**
 * The receiving half of datagram sockets whose datagrams come with their envelope: addresses, TTL,
 * interface, and the kernel's stamp of their arrival.
 */
import { addressFromBytes, type IpAddress } from '../base/address.ts';
import { arrivalMs } from './arrival.ts';
import * as libc from './libc.ts';
import { SysError } from './libc.ts';
import { IPPROTO_IPV6, IPV6_HOPLIMIT, IPV6_PKTINFO, SCM_TIMESTAMPNS, SOL_SOCKET } from './linux.ts';
import type { IncomingMessage } from './message-header.ts';
import { type Watch, watchReadable } from './poller.ts';
import { addressOfSockaddrIn6, IN6_PKTINFO_LENGTH } from './sockaddr.ts';

export interface Datagram {
  /** What follows the IP header; a copy. */
  readonly payload: Uint8Array;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  /** TTL or hop limit. */
  readonly ttl: number;
  readonly ifindex: number;
  /**
   * When it arrived, monotonic ms: what waking up, reading and decoding take does not put a deadline
   * off. Without it, now.
   */
  readonly receivedMs?: number;
}

export interface ReceiverHandlers {
  /** May drain or close. */
  readonly onReceive: (datagram: Datagram) => void;
  /** A receive that failed; the receiver goes on. */
  readonly onError: (error: SysError) => void;
}

export interface IncomingWire {
  readonly incoming: IncomingMessage;
  /** The datagram in `incoming`; undefined when it is malformed. */
  decode(): Datagram | undefined;
}

/** Datagrams per turn of the event loop: a flood must not keep timers from running. */
const TURN_DATAGRAMS_MAX = 64;
/**
 * Datagrams per `drain()`: a timeout is believed after reading what a default socket buffer can
 * hold.
 */
export const DRAIN_DATAGRAMS_MAX = 10_000;

/** Owns `fd` from here on. */
export class DatagramReceiver {
  readonly #fd: number;
  readonly #wire: IncomingWire;
  readonly #handlers: ReceiverHandlers;
  readonly #watch: Watch;
  #isClosed = false;

  constructor(fd: number, wire: IncomingWire, handlers: ReceiverHandlers) {
    this.#fd = fd;
    this.#wire = wire;
    this.#handlers = handlers;
    this.#watch = watchReadable(fd, () => this.#receive(TURN_DATAGRAMS_MAX));
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Reads everything that is there now, delivering to `onReceive` before it returns. */
  drain(): void {
    this.#receive(DRAIN_DATAGRAMS_MAX);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#watch.close();
    libc.close(this.#fd);
  }

  #receive(datagramsMax: number): void {
    const { incoming } = this.#wire;
    for (let count = 0; count < datagramsMax && !this.#isClosed; count++) {
      try {
        if (!incoming.receive(this.#fd)) return;
      } catch (error) {
        if (!(error instanceof SysError)) throw error;
        this.#handlers.onError(error);
        return;
      }
      if (incoming.isTruncated) continue;
      const receivedMs = arrivalMs(stampOf(incoming));
      const datagram = this.#wire.decode();
      if (datagram !== undefined) this.#handlers.onReceive({ ...datagram, receivedMs });
    }
  }
}

/** IPv6 sockets receive no IP header, not even raw ones: what it said comes as ancillary data (RFC 3542). */
export function decodeV6(incoming: IncomingMessage): Datagram | undefined {
  const source = addressOfSockaddrIn6(incoming.name);
  let destination: IpAddress | undefined;
  let ifindex: number | undefined;
  let ttl: number | undefined;
  for (const { level, type, data } of incoming.controlMessages()) {
    if (level !== IPPROTO_IPV6) continue;
    if (type === IPV6_PKTINFO && data.length >= IN6_PKTINFO_LENGTH) {
      destination = addressFromBytes(data.subarray(0, 16));
      ifindex = data.readUInt32LE(16);
    } else if (type === IPV6_HOPLIMIT && data.length >= 4) {
      ttl = data.readInt32LE(0);
    }
  }
  if (source === undefined || destination === undefined) return undefined;
  if (ifindex === undefined || ttl === undefined) return undefined;
  return { payload: new Uint8Array(incoming.payload), source, destination, ttl, ifindex };
}

/** The kernel's stamp on what was read; none on what came before the socket asked for stamps. */
function stampOf(incoming: IncomingMessage): Buffer | undefined {
  for (const { level, type, data } of incoming.controlMessages()) {
    if (level === SOL_SOCKET && type === SCM_TIMESTAMPNS) return data;
  }
  return undefined;
}
