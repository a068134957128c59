/**
 * Socket options of a VRRP socket, in the order they have to be set (ip(7), ipv6(7), RFC 9568 5.1).
 */
import { addressBytes, type Family, type IpAddress } from '../base/address.ts';
import type { SocketOption } from './libc.ts';
import * as linux from './linux.ts';
import { packIpMreqn, packIpv6Mreq } from './sockaddr.ts';

const VRRP_TTL = 255;
/** IP_TTL and IPV6_UNICAST_HOPS take no 0: it would never leave. */
const TTL_MIN = 1;
/** IPTOS_PREC_INTERNETCONTROL, as routers and keepalived mark their adverts. */
const TOS_INTERNETWORK_CONTROL = 0xc0;
/** TC_PRIO_CONTROL: the band of its own in pfifo_fast. */
const PRIORITY_CONTROL = 6;
/** Where the checksum stands in an advert (RFC 9568 section 5.2). */
const VRRP_CHECKSUM_OFFSET = 6;

export interface VrrpSocket {
  readonly ifindex: number;
  readonly ifname: string;
  readonly family: Family;
  /** The group that is joined; absent: unicast only. */
  readonly group?: IpAddress;
  readonly source: IpAddress;
  /** Time to live of what is sent to single routers, 255 when absent. */
  readonly unicastTtl?: number;
  /** SO_RCVBUFFORCE: bytes for adverts that wait; the system's default when absent. */
  readonly receiveBufferBytes?: number;
}

export function vrrpOptions(socket: VrrpSocket): readonly SocketOption[] {
  const device: SocketOption = {
    level: linux.SOL_SOCKET,
    name: linux.SO_BINDTODEVICE,
    value: Buffer.from(`${socket.ifname}\0`),
    label: `SO_BINDTODEVICE ${socket.ifname}`,
  };
  const family = socket.family === 'inet' ? optionsV4(socket) : optionsV6(socket);
  // IP_TOS sets the priority too, so this one comes last.
  const priority: SocketOption = {
    level: linux.SOL_SOCKET,
    name: linux.SO_PRIORITY,
    value: PRIORITY_CONTROL,
    label: 'SO_PRIORITY',
  };
  const bytes = socket.receiveBufferBytes;
  const buffer: readonly SocketOption[] =
    bytes === undefined
      ? []
      : [
          {
            level: linux.SOL_SOCKET,
            name: linux.SO_RCVBUFFORCE,
            value: bytes,
            label: 'SO_RCVBUFFORCE',
          },
        ];
  const timestamps: SocketOption = {
    level: linux.SOL_SOCKET,
    name: linux.SO_TIMESTAMPNS,
    value: 1,
    label: 'SO_TIMESTAMPNS',
  };
  return [device, ...buffer, timestamps, ...family, priority];
}

const unicastTtl = (socket: VrrpSocket): number => Math.max(TTL_MIN, socket.unicastTtl ?? VRRP_TTL);

function optionsV4(socket: VrrpSocket): SocketOption[] {
  const { group, source, ifindex } = socket;
  const option = (name: number, label: string, value: number | Uint8Array): SocketOption => ({
    level: linux.IPPROTO_IP,
    name,
    label,
    value,
  });
  // The local address given here becomes the source of what is sent to a group.
  const sender = packIpMreqn(undefined, addressBytes(source), ifindex);
  const join = (to: IpAddress): SocketOption => {
    const membership = packIpMreqn(addressBytes(to), undefined, ifindex);
    return option(linux.IP_ADD_MEMBERSHIP, `IP_ADD_MEMBERSHIP ${to.text}`, membership);
  };
  return [
    option(linux.IP_MULTICAST_ALL, 'IP_MULTICAST_ALL', 0),
    ...(group === undefined ? [] : [join(group)]),
    option(linux.IP_TTL, 'IP_TTL', unicastTtl(socket)),
    option(linux.IP_MULTICAST_IF, 'IP_MULTICAST_IF', sender),
    option(linux.IP_MULTICAST_TTL, 'IP_MULTICAST_TTL', VRRP_TTL),
    option(linux.IP_MULTICAST_LOOP, 'IP_MULTICAST_LOOP', 0),
    option(linux.IP_MTU_DISCOVER, 'IP_MTU_DISCOVER', linux.IP_PMTUDISC_DONT),
    option(linux.IP_TOS, 'IP_TOS', TOS_INTERNETWORK_CONTROL),
  ];
}

function optionsV6(socket: VrrpSocket): SocketOption[] {
  const { group, ifindex } = socket;
  const option = (name: number, label: string, value: number | Uint8Array): SocketOption => ({
    level: linux.IPPROTO_IPV6,
    name,
    label,
    value,
  });
  const join = (to: IpAddress): SocketOption => {
    const membership = packIpv6Mreq(addressBytes(to), ifindex);
    return option(linux.IPV6_ADD_MEMBERSHIP, `IPV6_ADD_MEMBERSHIP ${to.text}`, membership);
  };
  return [
    option(linux.IPV6_CHECKSUM, 'IPV6_CHECKSUM', VRRP_CHECKSUM_OFFSET),
    option(linux.IPV6_MULTICAST_ALL, 'IPV6_MULTICAST_ALL', 0),
    ...(group === undefined ? [] : [join(group)]),
    option(linux.IPV6_UNICAST_HOPS, 'IPV6_UNICAST_HOPS', unicastTtl(socket)),
    option(linux.IPV6_MULTICAST_IF, 'IPV6_MULTICAST_IF', ifindex),
    option(linux.IPV6_MULTICAST_HOPS, 'IPV6_MULTICAST_HOPS', VRRP_TTL),
    option(linux.IPV6_MULTICAST_LOOP, 'IPV6_MULTICAST_LOOP', 0),
    option(linux.IPV6_RECVPKTINFO, 'IPV6_RECVPKTINFO', 1),
    option(linux.IPV6_RECVHOPLIMIT, 'IPV6_RECVHOPLIMIT', 1),
    option(linux.IPV6_TCLASS, 'IPV6_TCLASS', TOS_INTERNETWORK_CONTROL),
  ];
}
