/**
 * IPVS over generic netlink, beside services and servers: the sync daemon and the timeouts.
 *
 *   genlmsghdr | NEW_DAEMON, DEL_DAEMON, GET_DAEMON, SET_CONFIG, GET_CONFIG
 *   +- DAEMON (3) nested
 *   |  +- STATE (1) u32: 1 tells, 2 listens   +- MCAST_IFN (2) string\0   +- SYNC_ID (3) u32
 *   |  +- SYNC_MAXLEN (4) u16                 +- MCAST_GROUP (5) 4 bytes or MCAST_GROUP6 (6) 16 bytes
 *   |  `- MCAST_PORT (7) u16, host order      `- MCAST_TTL (8) u8
 *   `- TIMEOUT_TCP (4), TIMEOUT_TCP_FIN (5), TIMEOUT_UDP (6): u32 seconds
 */
import { addressBytes } from '../base/address.ts';
import { AttributeWriter } from '../kernel/netlink.ts';
import * as abi from './abi.ts';
import type { IpvsCommand } from './codec.ts';
import {
  accept,
  type Decoded,
  readAddress,
  readFields,
  readNested,
  readText,
  readU8,
  readU16,
  readU32,
  refuse,
} from './fields.ts';
import type { SyncDaemon, SyncStep } from './sync-daemon.ts';

/** When IPVS forgets connections, whole seconds; 0 leaves the kernel's as it is. */
export interface Timeouts {
  readonly tcpS: number;
  readonly tcpFinS: number;
  readonly udpS: number;
}

export function encodeSyncStep({ kind, daemon }: SyncStep): IpvsCommand {
  const writer = new AttributeWriter().nested(abi.IPVS_CMD_ATTR_DAEMON, (inner) => {
    inner.u32(abi.IPVS_DAEMON_ATTR_STATE, stateNumber(daemon));
    // The kernel wants these three of a daemon to stop as well.
    inner.string(abi.IPVS_DAEMON_ATTR_MCAST_IFN, daemon.interface);
    inner.u32(abi.IPVS_DAEMON_ATTR_SYNC_ID, daemon.syncId);
    if (kind === 'startDaemon') writeMulticast(inner, daemon);
  });
  const command = kind === 'startDaemon' ? abi.IPVS_CMD_NEW_DAEMON : abi.IPVS_CMD_DEL_DAEMON;
  return { command, attributes: writer.finish() };
}

function writeMulticast(writer: AttributeWriter, daemon: SyncDaemon): void {
  const { maxLength, group, port, ttl } = daemon;
  if (maxLength !== undefined) writer.u16(abi.IPVS_DAEMON_ATTR_SYNC_MAXLEN, maxLength);
  if (group !== undefined) {
    const isInet = group.family === 'inet';
    const type = isInet ? abi.IPVS_DAEMON_ATTR_MCAST_GROUP : abi.IPVS_DAEMON_ATTR_MCAST_GROUP6;
    writer.bytes(type, addressBytes(group));
  }
  if (port !== undefined) writer.u16(abi.IPVS_DAEMON_ATTR_MCAST_PORT, port);
  if (ttl !== undefined) writer.u8(abi.IPVS_DAEMON_ATTR_MCAST_TTL, ttl);
}

export function encodeDaemonDump(): IpvsCommand {
  return { command: abi.IPVS_CMD_GET_DAEMON, attributes: new Uint8Array(0) };
}

export function decodeDaemon(attributes: Uint8Array): Decoded<SyncDaemon> {
  const outer = readFields(attributes);
  if (!outer.ok) return outer;
  const found = readNested(outer.value, abi.IPVS_CMD_ATTR_DAEMON, 'DAEMON');
  if (!found.ok) return found;
  const fields = found.value;
  const state = readU32(fields, abi.IPVS_DAEMON_ATTR_STATE, 'STATE');
  if (!state.ok) return state;
  if (state.value !== abi.IP_VS_STATE_MASTER && state.value !== abi.IP_VS_STATE_BACKUP) {
    return refuse('FOREIGN_KIND', `Sync daemon state ${state.value} is neither master nor backup`);
  }
  const device = readText(fields, abi.IPVS_DAEMON_ATTR_MCAST_IFN, 'MCAST_IFN');
  if (!device.ok) return device;
  const syncId = readU32(fields, abi.IPVS_DAEMON_ATTR_SYNC_ID, 'SYNC_ID');
  if (!syncId.ok) return syncId;
  // Kernels before 4.3 do not send the rest.
  const maxLength = readU16(fields, abi.IPVS_DAEMON_ATTR_SYNC_MAXLEN, 'SYNC_MAXLEN');
  const group = fields.has(abi.IPVS_DAEMON_ATTR_MCAST_GROUP6)
    ? readAddress(fields, abi.IPVS_DAEMON_ATTR_MCAST_GROUP6, 'inet6')
    : readAddress(fields, abi.IPVS_DAEMON_ATTR_MCAST_GROUP, 'inet');
  const port = readU16(fields, abi.IPVS_DAEMON_ATTR_MCAST_PORT, 'MCAST_PORT');
  const ttl = readU8(fields, abi.IPVS_DAEMON_ATTR_MCAST_TTL, 'MCAST_TTL');
  return accept({
    role: state.value === abi.IP_VS_STATE_MASTER ? 'master' : 'backup',
    interface: device.value,
    syncId: syncId.value,
    ...(maxLength.ok ? { maxLength: maxLength.value } : {}),
    ...(group.ok ? { group: group.value } : {}),
    ...(port.ok ? { port: port.value } : {}),
    ...(ttl.ok ? { ttl: ttl.value } : {}),
  });
}

export function encodeTimeouts({ tcpS, tcpFinS, udpS }: Timeouts): IpvsCommand {
  const writer = new AttributeWriter()
    .u32(abi.IPVS_CMD_ATTR_TIMEOUT_TCP, tcpS)
    .u32(abi.IPVS_CMD_ATTR_TIMEOUT_TCP_FIN, tcpFinS)
    .u32(abi.IPVS_CMD_ATTR_TIMEOUT_UDP, udpS);
  return { command: abi.IPVS_CMD_SET_CONFIG, attributes: writer.finish() };
}

export function encodeTimeoutsRequest(): IpvsCommand {
  return { command: abi.IPVS_CMD_GET_CONFIG, attributes: new Uint8Array(0) };
}

export function decodeTimeouts(attributes: Uint8Array): Decoded<Timeouts> {
  const found = readFields(attributes);
  if (!found.ok) return found;
  const tcp = readU32(found.value, abi.IPVS_CMD_ATTR_TIMEOUT_TCP, 'TIMEOUT_TCP');
  if (!tcp.ok) return tcp;
  const fin = readU32(found.value, abi.IPVS_CMD_ATTR_TIMEOUT_TCP_FIN, 'TIMEOUT_TCP_FIN');
  if (!fin.ok) return fin;
  const udp = readU32(found.value, abi.IPVS_CMD_ATTR_TIMEOUT_UDP, 'TIMEOUT_UDP');
  if (!udp.ok) return udp;
  return accept({ tcpS: tcp.value, tcpFinS: fin.value, udpS: udp.value });
}

/** Empties the table: every service, whoever made it. */
export function encodeFlush(): IpvsCommand {
  return { command: abi.IPVS_CMD_FLUSH, attributes: new Uint8Array(0) };
}

function stateNumber({ role }: SyncDaemon): number {
  return role === 'master' ? abi.IP_VS_STATE_MASTER : abi.IP_VS_STATE_BACKUP;
}
