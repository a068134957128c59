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
import { writeDestination, writeDestinationName } from './codec-destination.ts';
import { encodeService, encodeServiceKey } from './codec-service.ts';
import { accept, type Decoded, readFields, readU32 } from './fields.ts';
import type { Operation, OperationKind, ServerOperation, ServiceOperation } from './plan.ts';
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

/** Commands that do these operations, in order. */
export function encodeOperations(operations: readonly Operation[]): IpvsCommand[] {
  // Most operations of a batch are on few services: their key is encoded once.
  const keys = new Map<Service, Uint8Array>();
  const writer = new AttributeWriter();
  return operations.map((operation) => {
    if (!('destination' in operation)) return encodeServiceOperation(operation);
    let key = keys.get(operation.service);
    if (key === undefined) {
      key = encodeServiceKey(operation.service);
      keys.set(operation.service, key);
    }
    return encodeServerOperation(operation, writer.append(key));
  });
}

function encodeServiceOperation({ kind, service }: ServiceOperation): IpvsCommand {
  const attributes = kind === 'deleteService' ? encodeServiceKey(service) : encodeService(service);
  return { command: COMMAND[kind], attributes };
}

/** `writer` holds the key of the service. */
function encodeServerOperation(operation: ServerOperation, writer: AttributeWriter): IpvsCommand {
  const { kind, destination } = operation;
  if (kind === 'deleteServer') writeDestinationName(writer, destination);
  else writeDestination(writer, destination);
  return { command: COMMAND[kind], attributes: writer.finish() };
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
