/**
 * Netlink messages one after the other in one buffer, for a single send(2). Nothing is allocated for a
 * message: tables of tens of thousands of entries are loaded through it. Drawing: netlink.ts.
 */
import { align4, NLMSG_HEADER_LENGTH } from './netlink.ts';

const FIRST_BYTES = 64 * 1024;
const FLAGS_OFFSET = 6;

export class MessageBuffer {
  #bytes = new Uint8Array(FIRST_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;
  /** Of the message that was begun last. */
  #start = 0;

  /** Of all that was written, in bytes. */
  get length(): number {
    return this.#length;
  }

  /** What was written; valid until the next `clear`. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
    this.#start = 0;
  }

  /** One message, whose payload is these parts. The port id is left for the kernel to fill. */
  add(
    header: { readonly type: number; readonly flags: number; readonly sequence: number },
    ...parts: readonly Uint8Array[]
  ): void {
    let length = NLMSG_HEADER_LENGTH;
    for (const part of parts) length += part.length;
    const start = this.#length;
    const end = start + align4(length);
    if (end > this.#bytes.length) this.#grow(end);
    const view = this.#view;
    view.setUint32(start, length, true);
    view.setUint16(start + 4, header.type, true);
    view.setUint16(start + FLAGS_OFFSET, header.flags, true);
    view.setUint32(start + 8, header.sequence, true);
    view.setUint32(start + 12, 0, true);
    let at = start + NLMSG_HEADER_LENGTH;
    for (const part of parts) {
      this.#bytes.set(part, at);
      at += part.length;
    }
    if (at < end) this.#bytes.fill(0, at, end);
    this.#start = start;
    this.#length = end;
  }

  /** Adds flags to the message that was added last. */
  flagLast(flags: number): void {
    const at = this.#start + FLAGS_OFFSET;
    this.#view.setUint16(at, this.#view.getUint16(at, true) | flags, true);
  }

  #grow(length: number): void {
    const larger = new Uint8Array(Math.max(length, 2 * this.#bytes.length));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}
