/**
 * Datagram sockets connected to one peer: the kernel hands over only what comes from there, and ICMP errors
 * about what was sent. UDP, and ICMP echo on a raw socket: the kernel's ping sockets are closed to
 * everybody by default (net.ipv4.ping_group_range), and CAP_NET_RAW is there for VRRP anyway.
 */

import { watchDatagrams } from './datagram-watch.ts';
import type { DialTarget } from './dial.ts';
import { packAddress, type SourceOptions, setSource } from './dial.ts';
import { decodeIpv4Datagram } from './ip-header.ts';
import type { SysError } from './libc.ts';
import * as libc from './libc.ts';
import {
  AF_INET,
  AF_INET6,
  ICMP_FILTER,
  ICMPV6_FILTER,
  IP_RECVERR,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPPROTO_UDP,
  IPV6_RECVERR,
  MSG_DONTWAIT,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_RAW,
} from './linux.ts';
import { IncomingMessage } from './message-header.ts';

export interface PeerOptions {
  readonly protocol: 'udp' | 'echo';
  /** The port is of no meaning for echo. */
  readonly target: DialTarget;
  /** A copy: of UDP the payload, of echo the ICMP message. May close the socket. */
  readonly onDatagram: (bytes: Buffer) => void;
  /** A receive that failed: ECONNREFUSED is ICMP's port unreachable. May close the socket. */
  readonly onError: (error: SysError) => void;
}

export interface Peer {
  /** Throws SysError. */
  send(bytes: Uint8Array): void;
  close(): void;
}

/** A UDP payload has no more over IPv4. */
const DATAGRAM_BYTES_MAX = 65_507;
const ICMP_ECHOREPLY = 0;
const ICMPV6_ECHO_REPLY = 129;

/** One buffer for all: it is read and copied from within one turn. */
let shared: IncomingMessage | undefined;

/** Throws SysError as `setSource` and connect(2) do: ENETUNREACH, EINVAL for a link-local without a scope. */
export function openPeer(options: PeerOptions): Peer {
  const fd = openSocket(options);
  const watch = watchDatagrams(fd, sharedBuffers, {
    onDatagram: ({ payload }) => {
      const bytes = contentOf(payload, options);
      if (bytes !== undefined) options.onDatagram(Buffer.from(bytes));
    },
    onError: options.onError,
  });
  return {
    send: (bytes) => {
      libc.sendto(fd, bytes, MSG_DONTWAIT);
    },
    close: watch.close,
  };
}

function sharedBuffers(): IncomingMessage {
  shared ??= new IncomingMessage({ payload: DATAGRAM_BYTES_MAX, name: 0, control: 0 });
  return shared;
}

function openSocket({ protocol, target }: PeerOptions): number {
  const { family } = target.connectAddress;
  const isV4 = family === 'inet';
  const flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
  const fd =
    protocol === 'udp'
      ? libc.socket(isV4 ? AF_INET : AF_INET6, SOCK_DGRAM | flags, IPPROTO_UDP, 'UDP')
      : openEcho(isV4, flags);
  try {
    setSource(fd, sourceOf(protocol, target), family);
    // Without it only "port unreachable" is told, not that the host or the network is away.
    const level = isV4 ? IPPROTO_IP : IPPROTO_IPV6;
    const name = isV4 ? IP_RECVERR : IPV6_RECVERR;
    libc.setsockopt(fd, { level, name, value: 1, label: 'IP_RECVERR' });
    // The port of a raw socket would be taken for a protocol.
    libc.connect(
      fd,
      packAddress(target.connectAddress, protocol === 'udp' ? target.connectPort : 0),
    );
    return fd;
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

/** A raw socket that is handed echo replies and nothing else. */
function openEcho(isV4: boolean, flags: number): number {
  const domain = isV4 ? AF_INET : AF_INET6;
  const protocol = isV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
  const fd = libc.socket(domain, SOCK_RAW | flags, protocol, 'ICMP echo');
  try {
    const [level, name, value, label] = isV4
      ? ([SOL_RAW, ICMP_FILTER, blockAllBut(ICMP_ECHOREPLY, 4), 'ICMP_FILTER'] as const)
      : ([
          IPPROTO_ICMPV6,
          ICMPV6_FILTER,
          blockAllBut(ICMPV6_ECHO_REPLY, 32),
          'ICMPV6_FILTER',
        ] as const);
    libc.setsockopt(fd, { level, name, value, label });
    return fd;
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

/** A bit for each type, of 32 each in a word; one that is set blocks it (linux/icmp.h, linux/icmpv6.h). */
function blockAllBut(type: number, length: number): Buffer {
  const bits = Buffer.alloc(length, 0xff);
  const word = (type >> 5) * 4;
  bits.writeUInt32LE((bits.readUInt32LE(word) & ~(1 << (type & 31))) >>> 0, word);
  return bits;
}

function sourceOf(protocol: PeerOptions['protocol'], target: SourceOptions): SourceOptions {
  if (protocol === 'udp') return target;
  const { bindPort: _, ...source } = target;
  return source;
}

/** A raw IPv4 socket receives the IP header too. */
function contentOf(bytes: Buffer, { protocol, target }: PeerOptions): Uint8Array | undefined {
  if (protocol === 'udp' || target.connectAddress.family === 'inet6') return bytes;
  const datagram = decodeIpv4Datagram(bytes);
  return datagram.ok ? datagram.payload : undefined;
}
