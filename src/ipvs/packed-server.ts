/**
 * The message about a server, packed once; for the next server of the same service only what differs is
 * written into it. A table is loaded by tens of thousands of these.
 *
 *      ... key of the service ...
 *       0         8            24        32        40        48        56        64        72
 *      +---------+------------+---------+---------+---------+---------+---------+---------+
 *      | h DEST, | ADDR       | h PORT  | h AF    | h FWD   | h WEIGHT| h UPPER | h LOWER | tunnel, where
 *      | h ADDR  | 16 bytes   | be16    | u16     | u32     | u32     | u32     | u32     | it is not ipip
 *      +---------+------------+---------+---------+---------+---------+---------+---------+
 *      h: nlattr, 4 bytes. Without anything from FWD on where the key alone is meant.
 */
import { addressBytes, type Family } from '../base/address.ts';
import type { AttributeWriter } from '../kernel/netlink.ts';
import { forwardingNumber, writeDestination, writeDestinationName } from './codec-destination.ts';
import { writeInet } from './field-values.ts';
import type { Destination } from './types.ts';

const ADDRESS_AT = 8;
const PORT_AT = 28;
const FORWARDING_AT = 44;
const WEIGHT_AT = 52;
const UPPER_AT = 60;
const LOWER_AT = 68;
const LITTLE_ENDIAN = true;

export class PackedServer {
  readonly #bytes: Uint8Array;
  readonly #destination: DataView;
  readonly #family: Family;
  readonly #isWhole: boolean;
  /** Its tunnel is written, which others have not at this place. */
  readonly #isTunnel: boolean;

  private constructor(
    { bytes, start }: { readonly bytes: Uint8Array; readonly start: number },
    destination: Destination,
    isWhole: boolean,
  ) {
    this.#bytes = bytes;
    this.#destination = new DataView(bytes.buffer, bytes.byteOffset + start);
    this.#family = destination.address.family;
    this.#isWhole = isWhole;
    this.#isTunnel = destination.tunnel.type !== 'ipip';
  }

  /** `writer` holds the key of the service. `isWhole`: with every field, not the key alone. */
  static pack(writer: AttributeWriter, destination: Destination, isWhole: boolean): PackedServer {
    const start = writer.length;
    if (isWhole) writeDestination(writer, destination);
    else writeDestinationName(writer, destination);
    return new PackedServer({ bytes: writer.finish(), start }, destination, isWhole);
  }

  /** Whether a message about this server differs in nothing but what `of` writes. */
  isLike({ address, tunnel }: Destination, isWhole: boolean): boolean {
    return (
      isWhole === this.#isWhole &&
      address.family === this.#family &&
      !this.#isTunnel &&
      tunnel.type === 'ipip'
    );
  }

  /** The attributes of a message about a server that is like the one it was packed for, or that one. */
  of(destination: Destination): Uint8Array {
    const view = this.#destination;
    const { address, port } = destination;
    if (address.family === 'inet') writeInet(view, ADDRESS_AT, address.text);
    else
      for (const [index, byte] of addressBytes(address).entries())
        view.setUint8(ADDRESS_AT + index, byte);
    view.setUint16(PORT_AT, port);
    if (!this.#isWhole) return this.#bytes;
    view.setUint32(FORWARDING_AT, forwardingNumber(destination.forwardingMethod), LITTLE_ENDIAN);
    view.setUint32(WEIGHT_AT, destination.weight, LITTLE_ENDIAN);
    view.setUint32(UPPER_AT, destination.upperThreshold, LITTLE_ENDIAN);
    view.setUint32(LOWER_AT, destination.lowerThreshold, LITTLE_ENDIAN);
    return this.#bytes;
  }
}
