/**
 * IPVS over generic netlink: operations into commands, dumped messages into services and
 * destinations.
 *
 *   genlmsghdr | cmd, version 1
 *   +- SERVICE (1) nested
 *   |  +- AF (1) u16                 \
 *   |  +- PROTOCOL (2) u16            | key of a service; FWMARK (5) u32 stands in place of
 *   |  +- ADDR (3) 16 bytes           | PROTOCOL, ADDR and PORT for a firewall mark
 *   |  +- PORT (4) u16 big-endian    /
 *   |  +- SCHED_NAME (6) string\0
 *   |  +- FLAGS (7) { u32 flags, u32 mask }
 *   |  +- TIMEOUT (8) u32 seconds
 *   |  +- NETMASK (9) 4 bytes: IPv4 mask in network order, or IPv6 prefix length as u32
 *   |  `- PE_NAME (11) string\0, only with a persistence engine
 *   `- DEST (2) nested
 *      +- ADDR (1) 16 bytes          \
 *      +- PORT (2) u16 big-endian     | key of a destination
 *      +- ADDR_FAMILY (11) u16       /
 *      +- FWD_METHOD (3) u32, WEIGHT (4) u32, U_THRESH (5) u32, L_THRESH (6) u32
 *      +- TUN_TYPE (13) u8, TUN_PORT (14) u16 big-endian, TUN_FLAGS (15) u16
 *      +- ACTIVE_CONNS (7) u32, INACT_CONNS (8) u32, PERSIST_CONNS (9) u32   dumped only
 *      `- STATS64 (12) nested: CONNS (1) .. OUTBYTES (5) u64   dumped only
 *
 * Integers are in the machine's own order (little endian, libc.ts sees to that) unless said.
 * SET_DEST and NEW_DEST want every field of DEST.
 */
import { AttributeWriter } from '../kernel/netlink.ts';
import * as abi from './abi.ts';
import { encodeService, encodeServiceKey } from './codec-service.ts';
import { accept, type Decoded, readFields, readU32 } from './fields.ts';
import { PackedServer } from './packed-server.ts';
import type { Operation, OperationKind, ServerOperation } from './plan.ts';
import type { Service, ServiceKey } from './types.ts';

/** One generic netlink message: command and attributes, without the two headers. */
export interface IpvsCommand {
  readonly command: number;
  readonly attributes: Uint8Array;
}

export interface IpvsInfo {
  /** `1.2.1`. */
  readonly version: string;
  /** Buckets of the connection table. */
  readonly connectionTableSize: number;
}

const COMMAND: Readonly<Record<OperationKind, number>> = {
  addService: abi.IPVS_CMD_NEW_SERVICE,
  editService: abi.IPVS_CMD_SET_SERVICE,
  deleteService: abi.IPVS_CMD_DEL_SERVICE,
  addServer: abi.IPVS_CMD_NEW_DEST,
  raiseWeight: abi.IPVS_CMD_SET_DEST,
  editServer: abi.IPVS_CMD_SET_DEST,
  lowerWeight: abi.IPVS_CMD_SET_DEST,
  deleteServer: abi.IPVS_CMD_DEL_DEST,
};

/**
 * Commands that do these operations, in order, each made when it is asked for: its attributes are good until
 * the next is. Most operations of a batch are on servers of few services, of which only a few bytes differ.
 */
export function encodeOperations(operations: readonly Operation[]): OperationCommands {
  return new OperationCommands(operations);
}

export class OperationCommands {
  readonly #operations: readonly Operation[];
  readonly #writer = new AttributeWriter();
  /** The service of the last server, its key, and the message. */
  #service: Service | undefined;
  #key: Uint8Array = new Uint8Array(0);
  #last: PackedServer | undefined;

  constructor(operations: readonly Operation[]) {
    this.#operations = operations;
  }

  get length(): number {
    return this.#operations.length;
  }

  at(index: number): IpvsCommand | undefined {
    const operation = this.#operations[index];
    if (operation === undefined) return undefined;
    const { kind } = operation;
    const command = COMMAND[kind];
    if ('destination' in operation) return { command, attributes: this.#server(operation) };
    const { service } = operation;
    const isWhole = kind !== 'deleteService';
    return { command, attributes: isWhole ? encodeService(service) : encodeServiceKey(service) };
  }

  #server({ kind, service, destination }: ServerOperation): Uint8Array {
    const isWhole = kind !== 'deleteServer';
    if (service !== this.#service) {
      this.#service = service;
      this.#key = encodeServiceKey(service);
      this.#last = undefined;
    }
    if (this.#last?.isLike(destination, isWhole) !== true) {
      this.#last = PackedServer.pack(this.#writer.append(this.#key), destination, isWhole);
    }
    return this.#last.of(destination);
  }
}

/** The dump request for all services. */
export function encodeServiceDump(): IpvsCommand {
  return { command: abi.IPVS_CMD_GET_SERVICE, attributes: new Uint8Array(0) };
}

/** The dump request for the destinations of one service. */
export function encodeDestinationDump(service: ServiceKey): IpvsCommand {
  return { command: abi.IPVS_CMD_GET_DEST, attributes: encodeServiceKey(service) };
}

export function encodeInfoRequest(): IpvsCommand {
  return { command: abi.IPVS_CMD_GET_INFO, attributes: new Uint8Array(0) };
}

/** The answer to an information request. */
export function decodeInfo(attributes: Uint8Array): Decoded<IpvsInfo> {
  const found = readFields(attributes);
  if (!found.ok) return found;
  const fields = found.value;
  const version = readU32(fields, abi.IPVS_INFO_ATTR_VERSION, 'VERSION');
  if (!version.ok) return version;
  const size = readU32(fields, abi.IPVS_INFO_ATTR_CONN_TAB_SIZE, 'CONN_TAB_SIZE');
  if (!size.ok) return size;
  const code = version.value;
  const text = [(code >> 16) & 0xff, (code >> 8) & 0xff, code & 0xff].join('.');
  return accept({ version: text, connectionTableSize: size.value });
}
