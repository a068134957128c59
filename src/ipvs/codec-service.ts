/** A service in a message: its key, its settings, and what a dump says. Drawing: codec.ts. */
import type { Family } from '../base/address.ts';
import type { TransportProtocol } from '../config/model.ts';
import { familyOfEndpoint } from '../config/service-endpoints.ts';
import { AttributeWriter } from '../kernel/netlink.ts';
import * as abi from './abi.ts';
import { familyNumber, inetAddressBytes, known } from './field-values.ts';
import {
  accept,
  type Decoded,
  type Fields,
  readAddress,
  readFamily,
  readFields,
  readNested,
  readNetmask,
  readPort,
  readText,
  readU16,
  readU32,
  refuse,
} from './fields.ts';
import type { Service, ServiceKey } from './types.ts';

const PROTOCOLS: readonly (readonly [TransportProtocol, number])[] = [
  ['tcp', abi.IPPROTO_TCP],
  ['udp', abi.IPPROTO_UDP],
  ['sctp', abi.IPPROTO_SCTP],
];

const protocolNumbers = new Map(PROTOCOLS);
const protocolNames = new Map(PROTOCOLS.map(([name, number]) => [number, name]));

const FLAGS_MASK = 0xffffffff;

/** A packed SERVICE with nothing but the key. */
export function encodeServiceKey(service: ServiceKey): Uint8Array {
  return new AttributeWriter()
    .nested(abi.IPVS_CMD_ATTR_SERVICE, (inner) => writeServiceKey(inner, service))
    .finish();
}

/** A packed SERVICE with every field. */
export function encodeService(service: Service): Uint8Array {
  return new AttributeWriter()
    .nested(abi.IPVS_CMD_ATTR_SERVICE, (inner) => {
      writeServiceKey(inner, service);
      writeServiceFields(inner, service);
    })
    .finish();
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
