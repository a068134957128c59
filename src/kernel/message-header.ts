/**
 * msghdr, iovec and cmsghdr (linux/socket.h), for sendmsg and recvmsg. The kernel writes into these
 * buffers through addresses stored inside them, so each object keeps all of its buffers alive.
 *
 *      0       8         16      24         32        40           48      56
 *     +-------+---------+-------+----------+---------+------------+-------+
 *     | name* | namelen | iov*  | iovlen   | control*| controllen | flags |      msghdr
 *     +-------+---------+-------+----------+---------+------------+-------+
 *
 *      0       8                             0      8       12     16
 *     +-------+--------+                    +------+-------+------+----------+
 *     | base* | length |   iovec            | len  | level | type | data ... |  cmsghdr, next at 8n
 *     +-------+--------+                    +------+-------+------+----------+
 */
import { addressOf, recvmsg, sendmsg } from './libc.ts';
import { MSG_CONFIRM, MSG_DONTWAIT, MSG_PROBE, MSG_TRUNC } from './linux.ts';

const MSGHDR_LENGTH = 56;
const IOVEC_LENGTH = 16;
const CMSGHDR_LENGTH = 16;

/** Room for one control message with this much data, as CMSG_SPACE counts it. */
export function controlSpace(dataLength: number): number {
  return align8(CMSGHDR_LENGTH + dataLength);
}

/** A piece of ancillary data: IPV6_PKTINFO, IPV6_HOPLIMIT. */
export interface ControlMessage {
  readonly level: number;
  readonly type: number;
  readonly data: Buffer;
}

/**
 * Receives one datagram at a time into buffers of its own; what it shows is valid until the next.
 */
export class IncomingMessage {
  readonly #header = Buffer.allocUnsafeSlow(MSGHDR_LENGTH).fill(0);
  readonly #iovec = Buffer.allocUnsafeSlow(IOVEC_LENGTH).fill(0);
  readonly #payload: Buffer;
  readonly #name: Buffer;
  readonly #control: Buffer;
  #payloadLength = 0;

  constructor(size: { payload: number; name: number; control: number }) {
    this.#payload = Buffer.allocUnsafeSlow(size.payload).fill(0);
    this.#name = Buffer.allocUnsafeSlow(Math.max(size.name, 1)).fill(0);
    this.#control = Buffer.allocUnsafeSlow(Math.max(size.control, 1)).fill(0);
    this.#iovec.writeBigUInt64LE(addressOf(this.#payload), 0);
    this.#iovec.writeBigUInt64LE(BigInt(size.payload), 8);
    this.#header.writeBigUInt64LE(addressOf(this.#name), 0);
    this.#header.writeBigUInt64LE(addressOf(this.#iovec), 16);
    this.#header.writeBigUInt64LE(1n, 24);
    this.#header.writeBigUInt64LE(addressOf(this.#control), 32);
  }

  /** False when nothing is waiting. Throws SysError. */
  receive(fd: number): boolean {
    this.#header.writeUInt32LE(this.#name.length, 8);
    // The upper half of the length is always 0; no BigInt, as this runs in the wait for a deadline.
    this.#header.writeUInt32LE(this.#control.length, 40);
    const length = recvmsg(fd, this.#header, MSG_DONTWAIT | MSG_TRUNC);
    if (length === undefined) return false;
    this.#payloadLength = length;
    return true;
  }

  /** The datagram was longer than the buffer; `payload` is its beginning. */
  get isTruncated(): boolean {
    return this.#payloadLength > this.#payload.length;
  }

  /** Aliases the receive buffer: copy what outlives the next `receive`. */
  get payload(): Buffer {
    return this.#payload.subarray(0, Math.min(this.#payloadLength, this.#payload.length));
  }

  /** The packed sockaddr of the sender; aliases. */
  get name(): Buffer {
    return this.#name.subarray(0, Math.min(this.#header.readUInt32LE(8), this.#name.length));
  }

  /** Ancillary data; aliases. */
  *controlMessages(): Generator<ControlMessage> {
    const end = Math.min(Number(this.#header.readBigUInt64LE(40)), this.#control.length);
    let at = 0;
    while (at + CMSGHDR_LENGTH <= end) {
      const length = Number(this.#control.readBigUInt64LE(at));
      if (length < CMSGHDR_LENGTH || at + length > end) return;
      yield {
        level: this.#control.readInt32LE(at + 8),
        type: this.#control.readInt32LE(at + 12),
        data: this.#control.subarray(at + CMSGHDR_LENGTH, at + length),
      };
      at += align8(length);
    }
  }
}

/** Sends datagrams to one address, each with the same ancillary data. */
export class OutgoingMessage {
  readonly #header = Buffer.allocUnsafeSlow(MSGHDR_LENGTH).fill(0);
  readonly #iovec = Buffer.allocUnsafeSlow(IOVEC_LENGTH).fill(0);
  readonly #name: Buffer;
  readonly #control: Buffer;

  constructor(name: Uint8Array, control: { level: number; type: number; data: Uint8Array }) {
    this.#name = Buffer.allocUnsafeSlow(name.length);
    this.#name.set(name);
    this.#control = Buffer.allocUnsafeSlow(controlSpace(control.data.length)).fill(0);
    this.#control.writeBigUInt64LE(BigInt(CMSGHDR_LENGTH + control.data.length), 0);
    this.#control.writeInt32LE(control.level, 8);
    this.#control.writeInt32LE(control.type, 12);
    this.#control.set(control.data, CMSGHDR_LENGTH);
    this.#header.writeBigUInt64LE(addressOf(this.#name), 0);
    this.#header.writeUInt32LE(this.#name.length, 8);
    this.#header.writeBigUInt64LE(addressOf(this.#iovec), 16);
    this.#header.writeBigUInt64LE(1n, 24);
    this.#header.writeBigUInt64LE(addressOf(this.#control), 32);
    this.#header.writeBigUInt64LE(BigInt(this.#control.length), 40);
  }

  /**
   * Throws SysError. A rehearsal goes as far as the route and the neighbour, and sends nothing: both flags
   * together with no payload (raw_sendmsg, rawv6_sendmsg).
   */
  send(fd: number, payload: Uint8Array, isRehearsal = false): void {
    const length = isRehearsal ? 0 : payload.length;
    const flags = isRehearsal ? MSG_CONFIRM | MSG_PROBE : 0;
    this.#iovec.writeBigUInt64LE(addressOf(payload), 0);
    this.#iovec.writeBigUInt64LE(BigInt(length), 8);
    sendmsg(fd, this.#header, flags | MSG_DONTWAIT);
  }
}

function align8(length: number): number {
  return (length + 7) & ~7;
}
