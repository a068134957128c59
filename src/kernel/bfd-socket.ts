/**
 * UDP as BFD needs it (RFC 5881 sections 4 and 5): one socket to hear on for each port and family, which tells
 * TTL and addresses of every datagram, and one to send with for each session, with a source port of its own.
 */
import { addressFromBytes, type Family, type IpAddress } from '../base/address.ts';
import { TIMESPEC_LENGTH } from './arrival.ts';
import { attempt, CLOSED, type SendOutcome } from './datagram.ts';
import {
  type Datagram,
  DatagramReceiver,
  decodeV6,
  type ReceiverHandlers,
} from './datagram-receiver.ts';
import * as libc from './libc.ts';
import { type SocketOption, SysError } from './libc.ts';
import * as linux from './linux.ts';
import { controlSpace, IncomingMessage, OutgoingMessage } from './message-header.ts';
import {
  addressOfSockaddrIn,
  IN_PKTINFO_LENGTH,
  IN6_PKTINFO_LENGTH,
  packIn6Pktinfo,
  packInPktinfo,
  packSockaddrIn,
  packSockaddrIn6,
  SOCKADDR_IN_LENGTH,
  SOCKADDR_IN6_LENGTH,
} from './sockaddr.ts';

/** Of each session one (RFC 5881 section 4). */
export const SOURCE_PORT_MIN = 49_152;
export const SOURCE_PORT_MAX = 65_535;

export interface BfdListener {
  /** Reads everything that is there now, delivering to `onReceive` before it returns. */
  drain(): void;
  close(): void;
}

export interface BfdSenderOptions {
  readonly neighbor: IpAddress;
  /** 3784 or 4784. */
  readonly port: number;
  /** The source of each packet; what the route says when absent. */
  readonly source?: IpAddress;
  /** TTL or hop limit. */
  readonly ttl: number;
  /** The source port, or where the search for a free one begins. */
  readonly sourcePort: number;
}

export interface BfdSender {
  readonly sourcePort: number;
  /** Never waits. EINVAL or EADDRNOTAVAIL while this host does not have `source`. */
  send(payload: Uint8Array): SendOutcome;
  close(): void;
}

/** Longer than any control packet: authentication adds 255 bytes at most. */
const RECEIVE_BYTES_MAX = 512;
/** As routers mark it, and keepalived its adverts. */
const TOS_INTERNETWORK_CONTROL = 0xc0;
/** TC_PRIO_CONTROL: the band of its own in pfifo_fast. */
const PRIORITY_CONTROL = 6;

/** Throws SysError: EADDRINUSE where another BFD daemon has the port. */
export function openBfdListener(
  family: Family,
  port: number,
  handlers: ReceiverHandlers,
): BfdListener {
  const isV4 = family === 'inet';
  const fd = openUdp(family);
  try {
    for (const option of isV4 ? HEARING_V4 : HEARING_V6) libc.setsockopt(fd, option);
    libc.bind(fd, packAny(family, port));
  } catch (error) {
    libc.close(fd);
    throw error;
  }
  const envelope = isV4
    ? controlSpace(IN_PKTINFO_LENGTH) + controlSpace(4)
    : controlSpace(IN6_PKTINFO_LENGTH) + controlSpace(4);
  const incoming = new IncomingMessage({
    payload: RECEIVE_BYTES_MAX,
    name: isV4 ? SOCKADDR_IN_LENGTH : SOCKADDR_IN6_LENGTH,
    control: controlSpace(TIMESPEC_LENGTH) + envelope,
  });
  const decode = (): Datagram | undefined => (isV4 ? decodeV4(incoming) : decodeV6(incoming));
  return new DatagramReceiver(fd, { incoming, decode }, handlers);
}

/** Throws SysError: EADDRINUSE when no port of the range is free. */
export function openBfdSender(options: BfdSenderOptions): BfdSender {
  const { neighbor, ttl } = options;
  const isV4 = neighbor.family === 'inet';
  const fd = openUdp(neighbor.family);
  try {
    for (const option of isV4 ? sendingV4(ttl) : sendingV6(ttl)) libc.setsockopt(fd, option);
    const sourcePort = bindFree(fd, neighbor.family, options.sourcePort);
    return senderOn(fd, sourcePort, options);
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

function senderOn(
  fd: number,
  sourcePort: number,
  { neighbor, port, source }: BfdSenderOptions,
): BfdSender {
  const isV4 = neighbor.family === 'inet';
  const to = isV4 ? packSockaddrIn(neighbor, port) : packSockaddrIn6(neighbor, 0, port);
  const message = source === undefined ? undefined : new OutgoingMessage(to, sourceOf(source));
  let isOpen = true;
  return {
    sourcePort,
    send: (payload) => {
      if (!isOpen) return CLOSED;
      return attempt(() => {
        if (message === undefined) libc.sendto(fd, payload, linux.MSG_DONTWAIT, to);
        else message.send(fd, payload);
      });
    },
    close: () => {
      if (!isOpen) return;
      isOpen = false;
      libc.close(fd);
    },
  };
}

/** The interface is left to the route. */
function sourceOf(source: IpAddress): { level: number; type: number; data: Uint8Array } {
  return source.family === 'inet'
    ? { level: linux.IPPROTO_IP, type: linux.IP_PKTINFO, data: packInPktinfo(source, 0) }
    : { level: linux.IPPROTO_IPV6, type: linux.IPV6_PKTINFO, data: packIn6Pktinfo(source, 0) };
}

function openUdp(family: Family): number {
  const domain = family === 'inet' ? linux.AF_INET : linux.AF_INET6;
  const type = linux.SOCK_DGRAM | linux.SOCK_NONBLOCK | linux.SOCK_CLOEXEC;
  return libc.socket(domain, type, linux.IPPROTO_UDP, 'UDP for BFD');
}

/** From `first` on, and at the end of the range from its beginning; each port once. */
function bindFree(fd: number, family: Family, first: number): number {
  const ports = SOURCE_PORT_MAX - SOURCE_PORT_MIN + 1;
  for (let tried = 0; ; tried += 1) {
    const port = SOURCE_PORT_MIN + ((first - SOURCE_PORT_MIN + tried) % ports);
    try {
      libc.bind(fd, packAny(family, port));
      return port;
    } catch (error) {
      const isTaken = error instanceof SysError && error.code === 'EADDRINUSE';
      if (!isTaken || tried === ports - 1) throw error;
    }
  }
}

function packAny(family: Family, port: number): Buffer {
  return family === 'inet'
    ? packSockaddrIn({ family, text: '0.0.0.0' }, port)
    : packSockaddrIn6({ family, text: '::' }, 0, port);
}

function decodeV4(incoming: IncomingMessage): Datagram | undefined {
  const source = addressOfSockaddrIn(incoming.name);
  let destination: IpAddress | undefined;
  let ifindex: number | undefined;
  let ttl: number | undefined;
  for (const { level, type, data } of incoming.controlMessages()) {
    if (level !== linux.IPPROTO_IP) continue;
    if (type === linux.IP_PKTINFO && data.length >= IN_PKTINFO_LENGTH) {
      ifindex = data.readInt32LE(0);
      destination = addressFromBytes(data.subarray(8, 12));
    } else if (type === linux.IP_TTL && data.length >= 4) {
      ttl = data.readInt32LE(0);
    }
  }
  if (source === undefined || destination === undefined) return undefined;
  if (ifindex === undefined || ttl === undefined) return undefined;
  return { payload: new Uint8Array(incoming.payload), source, destination, ttl, ifindex };
}

const STAMPED: SocketOption = {
  level: linux.SOL_SOCKET,
  name: linux.SO_TIMESTAMPNS,
  value: 1,
  label: 'SO_TIMESTAMPNS',
};

const HEARING_V4: readonly SocketOption[] = [
  STAMPED,
  { level: linux.IPPROTO_IP, name: linux.IP_PKTINFO, value: 1, label: 'IP_PKTINFO' },
  { level: linux.IPPROTO_IP, name: linux.IP_RECVTTL, value: 1, label: 'IP_RECVTTL' },
];

const HEARING_V6: readonly SocketOption[] = [
  STAMPED,
  optionV6(linux.IPV6_V6ONLY, 'IPV6_V6ONLY', 1),
  optionV6(linux.IPV6_RECVPKTINFO, 'IPV6_RECVPKTINFO', 1),
  optionV6(linux.IPV6_RECVHOPLIMIT, 'IPV6_RECVHOPLIMIT', 1),
];

// IP_TOS sets the priority too, so this one comes last.
const PRIORITY: SocketOption = {
  level: linux.SOL_SOCKET,
  name: linux.SO_PRIORITY,
  value: PRIORITY_CONTROL,
  label: 'SO_PRIORITY',
};

function sendingV4(ttl: number): readonly SocketOption[] {
  return [
    { level: linux.IPPROTO_IP, name: linux.IP_TTL, value: ttl, label: 'IP_TTL' },
    {
      level: linux.IPPROTO_IP,
      name: linux.IP_TOS,
      value: TOS_INTERNETWORK_CONTROL,
      label: 'IP_TOS',
    },
    PRIORITY,
  ];
}

function sendingV6(ttl: number): readonly SocketOption[] {
  return [
    optionV6(linux.IPV6_V6ONLY, 'IPV6_V6ONLY', 1),
    optionV6(linux.IPV6_UNICAST_HOPS, 'IPV6_UNICAST_HOPS', ttl),
    optionV6(linux.IPV6_TCLASS, 'IPV6_TCLASS', TOS_INTERNETWORK_CONTROL),
    PRIORITY,
  ];
}

function optionV6(name: number, label: string, value: number): SocketOption {
  return { level: linux.IPPROTO_IPV6, name, label, value };
}
