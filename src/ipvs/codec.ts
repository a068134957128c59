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
import { addressBytes, type Family, type IpAddress } from '../base/address.ts';
import type { TransportProtocol } from '../config/model.ts';
import { familyOfEndpoint } from '../config/service-endpoints.ts';
import { AttributeWriter } from '../kernel/netlink.ts';
import * as abi from './abi.ts';
import {
  accept,
  type Decoded,
  type Fields,
  readAddress,
  readCounter,
  readFamily,
  readFields,
  readNested,
  readNetmask,
  readPort,
  readText,
  readU8,
  readU16,
  readU32,
  refuse,
} from './fields.ts';
import type { Operation, OperationKind, ServerOperation, ServiceOperation } from './plan.ts';
import {
  type Destination,
  type DestinationKey,
  type DestinationStatus,
  PLAIN_TUNNEL,
  type Service,
  type ServiceKey,
  type TrafficCounters,
  type Tunnel,
} from './types.ts';

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

const PROTOCOLS: readonly (readonly [TransportProtocol, number])[] = [
  ['tcp', abi.IPPROTO_TCP],
  ['udp', abi.IPPROTO_UDP],
  ['sctp', abi.IPPROTO_SCTP],
];

const FORWARDING: readonly (readonly [Destination['forwardingMethod'], number])[] = [
  ['masq', abi.IP_VS_CONN_F_MASQ],
  ['local', abi.IP_VS_CONN_F_LOCALNODE],
  ['tunnel', abi.IP_VS_CONN_F_TUNNEL],
  ['droute', abi.IP_VS_CONN_F_DROUTE],
  ['bypass', abi.IP_VS_CONN_F_BYPASS],
];

const TUNNELS: readonly (readonly [Tunnel['type'], number])[] = [
  ['ipip', abi.IP_VS_CONN_F_TUNNEL_TYPE_IPIP],
  ['gue', abi.IP_VS_CONN_F_TUNNEL_TYPE_GUE],
  ['gre', abi.IP_VS_CONN_F_TUNNEL_TYPE_GRE],
];

const tunnelNumbers = new Map(TUNNELS);
const tunnelNames = new Map(TUNNELS.map(([name, number]) => [number, name]));
const protocolNumbers = new Map(PROTOCOLS);
const protocolNames = new Map(PROTOCOLS.map(([name, number]) => [number, name]));
const forwardingNumbers = new Map(FORWARDING);
const forwardingNames = new Map(FORWARDING.map(([name, number]) => [number, name]));

const FLAGS_MASK = 0xffffffff;
const DOT = 46;
const ZERO = 48;

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
  if (kind === 'deleteService') {
    return { command: COMMAND[kind], attributes: encodeServiceKey(service) };
  }
  const writer = new AttributeWriter().nested(abi.IPVS_CMD_ATTR_SERVICE, (inner) => {
    writeServiceKey(inner, service);
    writeServiceFields(inner, service);
  });
  return { command: COMMAND[kind], attributes: writer.finish() };
}

/** `writer` holds the key of the service. */
function encodeServerOperation(operation: ServerOperation, writer: AttributeWriter): IpvsCommand {
  const { kind, destination } = operation;
  writer.nested(abi.IPVS_CMD_ATTR_DEST, (inner) => {
    writeDestinationKey(inner, destination);
    if (kind !== 'deleteServer') writeDestinationFields(inner, destination);
  });
  return { command: COMMAND[kind], attributes: writer.finish() };
}

function encodeServiceKey(service: ServiceKey): Uint8Array {
  return new AttributeWriter()
    .nested(abi.IPVS_CMD_ATTR_SERVICE, (inner) => writeServiceKey(inner, service))
    .finish();
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

/** One message of a service dump; its destinations come in dumps of their own. */
export function decodeService(attributes: Uint8Array): Decoded<Service> {
  const outer = readFields(attributes);
  if (!outer.ok) return outer;
  const found = readNested(outer.value, abi.IPVS_CMD_ATTR_SERVICE, 'SERVICE');
  if (!found.ok) return found;
  const fields = found.value;
  const key = decodeServiceKey(fields);
  if (!key.ok) return key;
  const scheduler = readText(fields, abi.IPVS_SVC_ATTR_SCHED_NAME, 'SCHED_NAME');
  if (!scheduler.ok) return scheduler;
  const flags = readU32(fields, abi.IPVS_SVC_ATTR_FLAGS, 'FLAGS');
  if (!flags.ok) return flags;
  const timeout = readU32(fields, abi.IPVS_SVC_ATTR_TIMEOUT, 'TIMEOUT');
  if (!timeout.ok) return timeout;
  const netmask = readNetmask(fields, abi.IPVS_SVC_ATTR_NETMASK, familyOfEndpoint(key.value));
  if (!netmask.ok) return netmask;
  const engine = fields.has(abi.IPVS_SVC_ATTR_PE_NAME)
    ? readText(fields, abi.IPVS_SVC_ATTR_PE_NAME, 'PE_NAME')
    : accept('');
  if (!engine.ok) return engine;
  return accept({
    ...key.value,
    scheduler: scheduler.value,
    flags: (flags.value & ~abi.IP_VS_SVC_F_HASHED) >>> 0,
    timeoutS: timeout.value,
    netmask: netmask.value,
    engine: engine.value,
    destinations: [],
  });
}

/** One message of a destination dump, with what the kernel counts. */
export function decodeDestination(
  attributes: Uint8Array,
  serviceFamily: Family,
): Decoded<{ readonly destination: Destination; readonly status: DestinationStatus }> {
  const outer = readFields(attributes);
  if (!outer.ok) return outer;
  const found = readNested(outer.value, abi.IPVS_CMD_ATTR_DEST, 'DEST');
  if (!found.ok) return found;
  const fields = found.value;
  const key = decodeDestinationKey(fields, serviceFamily);
  if (!key.ok) return key;
  const numbers: number[] = [];
  for (const [type, name] of DESTINATION_NUMBERS) {
    const number = readU32(fields, type, name);
    if (!number.ok) return number;
    numbers.push(number.value);
  }
  const [forwarding = 0, weight = 0, upper = 0, lower = 0, active = 0, inactive = 0] = numbers;
  const forwardingMethod = forwardingNames.get(forwarding & abi.IP_VS_CONN_F_FWD_MASK);
  if (forwardingMethod === undefined) {
    return refuse('FOREIGN_KIND', `Forwarding method ${forwarding} is not known`);
  }
  const tunnel = decodeTunnel(fields);
  if (!tunnel.ok) return tunnel;
  const persistent = fields.has(abi.IPVS_DEST_ATTR_PERSIST_CONNS)
    ? readU32(fields, abi.IPVS_DEST_ATTR_PERSIST_CONNS, 'PERSIST_CONNS')
    : accept(0);
  if (!persistent.ok) return persistent;
  const counters = decodeCounters(fields);
  return accept({
    destination: {
      ...key.value,
      forwardingMethod,
      weight,
      upperThreshold: upper,
      lowerThreshold: lower,
      tunnel: tunnel.value,
    },
    status: {
      activeConnections: active,
      inactiveConnections: inactive,
      persistentConnections: persistent.value,
      ...(counters && { counters }),
    },
  });
}

const DESTINATION_NUMBERS = [
  [abi.IPVS_DEST_ATTR_FWD_METHOD, 'FWD_METHOD'],
  [abi.IPVS_DEST_ATTR_WEIGHT, 'WEIGHT'],
  [abi.IPVS_DEST_ATTR_U_THRESH, 'U_THRESH'],
  [abi.IPVS_DEST_ATTR_L_THRESH, 'L_THRESH'],
  [abi.IPVS_DEST_ATTR_ACTIVE_CONNS, 'ACTIVE_CONNS'],
  [abi.IPVS_DEST_ATTR_INACT_CONNS, 'INACT_CONNS'],
] as const;

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

function writeServiceKey(writer: AttributeWriter, key: ServiceKey): void {
  writer.u16(abi.IPVS_SVC_ATTR_AF, familyNumber(familyOfEndpoint(key)));
  if (key.kind === 'fwmark') {
    writer.u32(abi.IPVS_SVC_ATTR_FWMARK, key.fwmark);
    return;
  }
  const { protocol, address, port } = key;
  writer
    .u16(abi.IPVS_SVC_ATTR_PROTOCOL, known(protocolNumbers, protocol))
    .bytes(abi.IPVS_SVC_ATTR_ADDR, inetAddressBytes(address))
    .u16be(abi.IPVS_SVC_ATTR_PORT, port);
}

function writeServiceFields(writer: AttributeWriter, service: Service): void {
  writer
    .string(abi.IPVS_SVC_ATTR_SCHED_NAME, service.scheduler)
    .bytes(abi.IPVS_SVC_ATTR_FLAGS, flagsBytes(service.flags))
    .u32(abi.IPVS_SVC_ATTR_TIMEOUT, service.timeoutS)
    .bytes(abi.IPVS_SVC_ATTR_NETMASK, netmaskBytes(service.netmask, familyOfEndpoint(service)));
  if (service.engine !== '') writer.string(abi.IPVS_SVC_ATTR_PE_NAME, service.engine);
}

function writeDestinationKey(writer: AttributeWriter, { address, port }: DestinationKey): void {
  writer
    .bytes(abi.IPVS_DEST_ATTR_ADDR, inetAddressBytes(address))
    .u16be(abi.IPVS_DEST_ATTR_PORT, port)
    .u16(abi.IPVS_DEST_ATTR_ADDR_FAMILY, familyNumber(address.family));
}

function writeDestinationFields(writer: AttributeWriter, destination: Destination): void {
  writer
    .u32(abi.IPVS_DEST_ATTR_FWD_METHOD, known(forwardingNumbers, destination.forwardingMethod))
    .u32(abi.IPVS_DEST_ATTR_WEIGHT, destination.weight)
    .u32(abi.IPVS_DEST_ATTR_U_THRESH, destination.upperThreshold)
    .u32(abi.IPVS_DEST_ATTR_L_THRESH, destination.lowerThreshold);
  const { tunnel } = destination;
  // ipip is what a kernel takes when nothing is said; those before 5.2 know no other.
  if (tunnel.type === 'ipip') return;
  writer
    .u8(abi.IPVS_DEST_ATTR_TUN_TYPE, known(tunnelNumbers, tunnel.type))
    .u16be(abi.IPVS_DEST_ATTR_TUN_PORT, tunnel.port)
    .u16(abi.IPVS_DEST_ATTR_TUN_FLAGS, tunnel.flags);
}

function decodeServiceKey(fields: Fields): Decoded<ServiceKey> {
  const family = readFamily(fields, abi.IPVS_SVC_ATTR_AF);
  if (!family.ok) return family;
  if (fields.has(abi.IPVS_SVC_ATTR_FWMARK)) {
    const fwmark = readU32(fields, abi.IPVS_SVC_ATTR_FWMARK, 'FWMARK');
    if (!fwmark.ok) return fwmark;
    return accept({ kind: 'fwmark', fwmark: fwmark.value, family: family.value });
  }
  const number = readU16(fields, abi.IPVS_SVC_ATTR_PROTOCOL, 'PROTOCOL');
  if (!number.ok) return number;
  const protocol = protocolNames.get(number.value);
  if (protocol === undefined) {
    return refuse('FOREIGN_KIND', `IP protocol ${number.value} is not TCP, UDP or SCTP`);
  }
  const address = readAddress(fields, abi.IPVS_SVC_ATTR_ADDR, family.value);
  if (!address.ok) return address;
  const port = readPort(fields, abi.IPVS_SVC_ATTR_PORT);
  if (!port.ok) return port;
  return accept({ kind: 'address', protocol, address: address.value, port: port.value });
}

/** Kernels before 5.2 do not send it: there every tunnel is ipip. */
function decodeTunnel(fields: Fields): Decoded<Tunnel> {
  if (!fields.has(abi.IPVS_DEST_ATTR_TUN_TYPE)) return accept(PLAIN_TUNNEL);
  const number = readU8(fields, abi.IPVS_DEST_ATTR_TUN_TYPE, 'TUN_TYPE');
  if (!number.ok) return number;
  const type = tunnelNames.get(number.value);
  if (type === undefined) {
    return refuse('FOREIGN_KIND', `Tunnel type ${number.value} is not ipip, gue or gre`);
  }
  const port = readPort(fields, abi.IPVS_DEST_ATTR_TUN_PORT);
  if (!port.ok) return port;
  const flags = readU16(fields, abi.IPVS_DEST_ATTR_TUN_FLAGS, 'TUN_FLAGS');
  if (!flags.ok) return flags;
  if (type === 'ipip' && port.value === 0 && flags.value === 0) return accept(PLAIN_TUNNEL);
  return accept({ type, port: port.value, flags: flags.value });
}

function decodeDestinationKey(fields: Fields, serviceFamily: Family): Decoded<DestinationKey> {
  // Kernels before 3.18 do not send it: there a destination has the family of its service.
  const family = fields.has(abi.IPVS_DEST_ATTR_ADDR_FAMILY)
    ? readFamily(fields, abi.IPVS_DEST_ATTR_ADDR_FAMILY)
    : accept(serviceFamily);
  if (!family.ok) return family;
  const address = readAddress(fields, abi.IPVS_DEST_ATTR_ADDR, family.value);
  if (!address.ok) return address;
  const port = readPort(fields, abi.IPVS_DEST_ATTR_PORT);
  if (!port.ok) return port;
  return accept({ address: address.value, port: port.value });
}

function decodeCounters(fields: Fields): TrafficCounters | undefined {
  const totals = readNested(fields, abi.IPVS_DEST_ATTR_STATS64, 'STATS64');
  if (!totals.ok) return undefined;
  return {
    connections: readCounter(totals.value, abi.IPVS_STATS_ATTR_CONNS),
    inPackets: readCounter(totals.value, abi.IPVS_STATS_ATTR_INPKTS),
    outPackets: readCounter(totals.value, abi.IPVS_STATS_ATTR_OUTPKTS),
    inBytes: readCounter(totals.value, abi.IPVS_STATS_ATTR_INBYTES),
    outBytes: readCounter(totals.value, abi.IPVS_STATS_ATTR_OUTBYTES),
  };
}

function familyNumber(family: Family): number {
  return family === 'inet' ? abi.AF_INET : abi.AF_INET6;
}

/** union nf_inet_addr: the address, then zeros. */
function inetAddressBytes(address: IpAddress): Uint8Array {
  const bytes = new Uint8Array(abi.INET_ADDRESS_SIZE);
  if (address.family === 'inet6') bytes.set(addressBytes(address));
  else writeInet(bytes, address.text);
  return bytes;
}

/** Canonical dotted decimal, digit by digit: a table has tens of thousands of them. */
function writeInet(bytes: Uint8Array, text: string): void {
  let part = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === DOT) part += 1;
    else bytes[part] = (bytes[part] ?? 0) * 10 + code - ZERO;
  }
}

/** struct ip_vs_flags: the flags, and which of them are meant. All are. */
function flagsBytes(flags: number): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, flags, true);
  view.setUint32(4, FLAGS_MASK, true);
  return bytes;
}

function netmaskBytes(netmask: number, family: Family): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, netmask, family === 'inet6');
  return bytes;
}

/** A name from one of the tables above; that it is there is the type's promise. */
function known<Name extends string>(numbers: ReadonlyMap<Name, number>, name: Name): number {
  const number = numbers.get(name);
  if (number === undefined) throw new Error(`No number for ${name}`);
  return number;
}
