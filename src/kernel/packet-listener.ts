/**
 * Listens to what hosts on a link say about who has which address: ARP, or ICMPv6 neighbor
 * advertisements. The kernel hands over nothing else, and nothing that this host sent itself.
 */
import { watchDatagrams } from './datagram-watch.ts';
import type { SysError } from './libc.ts';
import * as libc from './libc.ts';
import { AF_PACKET, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_RAW } from './linux.ts';
import { IncomingMessage } from './message-header.ts';
import { packSockaddrLl } from './sockaddr.ts';
import { ACCEPT, attachFilter, jumpIfEqual, loadByte, REFUSE } from './socket-filter.ts';

export interface PacketListenerOptions {
  readonly ifindex: number;
  /** inet: every ARP packet; inet6: neighbor advertisements. */
  readonly family: 'inet' | 'inet6';
  /** A whole Ethernet frame; aliases the receive buffer. May close the listener. */
  readonly onFrame: (frame: Uint8Array) => void;
  /** A receive that failed (the link went down); the listener goes on. */
  readonly onError: (error: SysError) => void;
}

export interface PacketListener {
  close(): void;
}

const ETHERTYPE_ARP = 0x0806;
const ETHERTYPE_IPV6 = 0x86dd;
const FRAME_BYTES_MAX = 2048;
const NO_MAC = new Uint8Array(6);

/** IPv6's next header is ICMPv6, and its type neighbor advertisement. */
const ADVERTISEMENTS_ONLY = [
  loadByte(20),
  jumpIfEqual(58, 0, 3),
  loadByte(54),
  jumpIfEqual(136, 0, 1),
  ACCEPT,
  REFUSE,
];

/** Needs CAP_NET_RAW. Throws SysError. */
export function openPacketListener(options: PacketListenerOptions): PacketListener {
  const { family, ifindex } = options;
  const type = SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC;
  // Protocol 0 receives nothing: the filter is there before the first frame.
  const fd = libc.socket(AF_PACKET, type, 0, 'AF_PACKET');
  try {
    if (family === 'inet6') attachFilter(fd, ADVERTISEMENTS_ONLY);
    const etherType = family === 'inet' ? ETHERTYPE_ARP : ETHERTYPE_IPV6;
    libc.bind(fd, packSockaddrLl(ifindex, etherType, NO_MAC));
  } catch (error) {
    libc.close(fd);
    throw error;
  }
  const incoming = new IncomingMessage({ payload: FRAME_BYTES_MAX, name: 0, control: 0 });
  return watchDatagrams(fd, () => incoming, {
    onDatagram: ({ payload }) => options.onFrame(payload),
    onError: options.onError,
  });
}
