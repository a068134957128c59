/** A destination in a message: encoded, and decoded with what the kernel counts. Drawing: codec.ts. */
import type { Family } from '../base/address.ts';
import type { AttributeWriter } from '../kernel/netlink.ts';
import * as abi from './abi.ts';
import { familyNumber, inetAddressBytes, known } from './field-values.ts';
import {
  accept,
  type Decoded,
  type Fields,
  findCounter,
  readAddress,
  readFamily,
  readFields,
  readNested,
  readPort,
  readU8,
  readU16,
  readU32,
  refuse,
} from './fields.ts';
import {
  type Destination,
  type DestinationKey,
  type DestinationStatus,
  PLAIN_TUNNEL,
  type TrafficCounters,
  type Tunnel,
} from './types.ts';

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
const forwardingNumbers = new Map(FORWARDING);
const forwardingNames = new Map(FORWARDING.map(([name, number]) => [number, name]));

/** Adds DEST with the key alone, which is all that a deletion takes. */
export function writeDestinationName(writer: AttributeWriter, destination: DestinationKey): void {
  writer.nested(abi.IPVS_CMD_ATTR_DEST, (inner) => writeDestinationKey(inner, destination));
}

/** Adds DEST with every field. */
export function writeDestination(writer: AttributeWriter, destination: Destination): void {
  writer.nested(abi.IPVS_CMD_ATTR_DEST, (inner) => {
    writeDestinationKey(inner, destination);
    writeDestinationFields(inner, destination);
  });
}

/** linux/ip_vs.h IP_VS_CONN_F_*. */
export function forwardingNumber(method: Destination['forwardingMethod']): number {
  return known(forwardingNumbers, method);
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

function writeDestinationKey(writer: AttributeWriter, { address, port }: DestinationKey): void {
  writer
    .bytes(abi.IPVS_DEST_ATTR_ADDR, inetAddressBytes(address))
    .u16be(abi.IPVS_DEST_ATTR_PORT, port)
    .u16(abi.IPVS_DEST_ATTR_ADDR_FAMILY, familyNumber(address.family));
}

function writeDestinationFields(writer: AttributeWriter, destination: Destination): void {
  writer
    .u32(abi.IPVS_DEST_ATTR_FWD_METHOD, forwardingNumber(destination.forwardingMethod))
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

/** Read in place: a large table has them by the ten thousand, and nothing is decided by them. */
function decodeCounters(fields: Fields): TrafficCounters | undefined {
  if (!fields.has(abi.IPVS_DEST_ATTR_STATS64)) return undefined;
  const start = fields.startOf(abi.IPVS_DEST_ATTR_STATS64);
  const end = start + fields.lengthOf(abi.IPVS_DEST_ATTR_STATS64);
  const counter = (type: number): number => findCounter(fields.view, { start, end, type });
  return {
    connections: counter(abi.IPVS_STATS_ATTR_CONNS),
    inPackets: counter(abi.IPVS_STATS_ATTR_INPKTS),
    outPackets: counter(abi.IPVS_STATS_ATTR_OUTPKTS),
    inBytes: counter(abi.IPVS_STATS_ATTR_INBYTES),
    outBytes: counter(abi.IPVS_STATS_ATTR_OUTBYTES),
  };
}
