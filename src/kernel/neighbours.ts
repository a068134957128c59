/**
 * The way to a host on a link, as rtnetlink has it: the route's interface and source address, and the
 * neighbour's MAC (linux/neighbour.h).
 *
 *      0        1     4         8       10      11     12
 *     +--------+-----+---------+-------+-------+------+----------------+
 *     | family | pad | ifindex | state | flags | type | attributes ... |    ndmsg
 *     +--------+-----+---------+-------+-------+------+----------------+
 */
import { addressBytes, addressFromBytes, addressLength, type IpAddress } from '../base/address.ts';
import { AF_INET, AF_INET6 } from './linux.ts';
import {
  AttributeWriter,
  decodeAttributes,
  NETLINK_ROUTE,
  type NetlinkMessage,
  readU32,
} from './netlink.ts';
import { type NetlinkFailure, NetlinkSocket } from './netlink-socket.ts';
import { RTM_GETROUTE, RTM_NEWROUTE } from './routes.ts';
import { decodeLink, RTM_GETLINK, RTM_NEWLINK } from './rtnetlink.ts';

export interface Way {
  readonly ok: true;
  readonly ifindex: number;
  /** The address that this host would send from; the one that was asked for where there was one. */
  readonly source: IpAddress;
  /** The host is not on the link, but behind this router. */
  readonly gateway?: IpAddress;
}

/** NO_INTERFACE, NO_SOURCE, or the errno's name: ENETUNREACH, EHOSTUNREACH, … */
export type WayOutcome =
  | Way
  | { readonly ok: false; readonly code: string; readonly detail: string };

export interface WayOptions {
  readonly bindAddress?: IpAddress;
  readonly bindInterface?: string;
  readonly fwmark?: number;
}

const RTM_NEWNEIGH = 28;
const RTM_GETNEIGH = 30;
const NDMSG_LENGTH = 12;
const RTMSG_LENGTH = 12;
const IFINFOMSG_LENGTH = 16;
const NDA_DST = 1;
const NDA_LLADDR = 2;
const RTA_DST = 1;
const RTA_SRC = 2;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PREFSRC = 7;
const RTA_MARK = 16;
const IFLA_IFNAME = 3;
/** NUD_REACHABLE, STALE, DELAY, PROBE, NOARP, PERMANENT: the MAC is known and used. */
const NUD_VALID = 0x02 | 0x04 | 0x08 | 0x10 | 0x40 | 0x80;
const MAC_LENGTH = 6;

/** Opened at the first question, for all of them. */
let opened: NetlinkSocket | undefined;

function socket(): NetlinkSocket {
  opened ??= NetlinkSocket.open(NETLINK_ROUTE);
  return opened;
}

/** How a packet to `destination` would leave. Throws SysError when netlink cannot be had. */
export function wayTo(destination: IpAddress, options: WayOptions): WayOutcome {
  const { bindInterface, bindAddress, fwmark } = options;
  const device = bindInterface === undefined ? undefined : indexOf(bindInterface);
  if (bindInterface !== undefined && device === undefined) {
    return { ok: false, code: 'NO_INTERFACE', detail: `there is no interface ${bindInterface}` };
  }
  const attributes = new AttributeWriter();
  attributes.bytes(RTA_DST, addressBytes(destination));
  if (bindAddress !== undefined) attributes.bytes(RTA_SRC, addressBytes(bindAddress));
  if (device !== undefined) attributes.u32(RTA_OIF, device);
  if (fwmark !== undefined) attributes.u32(RTA_MARK, fwmark);
  const header = new Uint8Array(RTMSG_LENGTH);
  const bits = addressLength(destination.family) * 8;
  header[0] = familyNumber(destination);
  header[1] = bits;
  header[2] = bindAddress === undefined ? 0 : bits;
  const reply = ask(RTM_GETROUTE, RTM_NEWROUTE, header, attributes);
  if (!reply.ok) return reply;
  const found = decodeAttributes(reply.message.payload.subarray(RTMSG_LENGTH));
  const ifindex = found.get(RTA_OIF);
  const source = found.get(RTA_PREFSRC);
  const gateway = found.get(RTA_GATEWAY);
  const from = bindAddress ?? (source === undefined ? undefined : addressFromBytes(source));
  if (ifindex === undefined || from === undefined) {
    return { ok: false, code: 'NO_SOURCE', detail: 'the route names no interface or no source' };
  }
  return {
    ok: true,
    ifindex: readU32(ifindex),
    source: from,
    ...(gateway === undefined ? {} : { gateway: addressFromBytes(gateway) }),
  };
}

/** The MAC of a host on the link, 6 bytes; undefined while the kernel does not know it. */
export function neighbourMac(ifindex: number, address: IpAddress): Uint8Array | undefined {
  const header = new Uint8Array(NDMSG_LENGTH);
  header[0] = familyNumber(address);
  new DataView(header.buffer).setInt32(4, ifindex, true);
  const attributes = new AttributeWriter();
  attributes.bytes(NDA_DST, addressBytes(address));
  const reply = ask(RTM_GETNEIGH, RTM_NEWNEIGH, header, attributes);
  if (!reply.ok) return undefined;
  const { payload } = reply.message;
  const state = new DataView(payload.buffer, payload.byteOffset).getUint16(8, true);
  const mac = decodeAttributes(payload.subarray(NDMSG_LENGTH)).get(NDA_LLADDR);
  if ((state & NUD_VALID) === 0 || mac?.length !== MAC_LENGTH) return undefined;
  return new Uint8Array(mac);
}

function indexOf(name: string): number | undefined {
  const attributes = new AttributeWriter();
  attributes.bytes(IFLA_IFNAME, Buffer.from(`${name}\0`));
  const reply = ask(RTM_GETLINK, RTM_NEWLINK, new Uint8Array(IFINFOMSG_LENGTH), attributes);
  return reply.ok ? decodeLink(reply.message.payload)?.index : undefined;
}

type Reply = { readonly ok: true; readonly message: NetlinkMessage } | NetlinkFailure;

function ask(type: number, answer: number, header: Uint8Array, attributes: AttributeWriter): Reply {
  const payload = Buffer.concat([header, attributes.finish()]);
  const outcome = socket().request({ type, payload });
  if (!outcome.ok) return outcome;
  const message = outcome.messages.find((each) => each.type === answer);
  if (message !== undefined) return { ok: true, message };
  return { ok: false, code: 'NO_REPLY', errno: 0, detail: 'the kernel gave no answer' };
}

function familyNumber({ family }: IpAddress): number {
  return family === 'inet' ? AF_INET : AF_INET6;
}
