/**
 * IP packets to a MAC, and from which MAC they came: AF_PACKET with SOCK_DGRAM, where the kernel writes and
 * takes off the link's header. Needs CAP_NET_RAW.
 */
import type { Family, IpAddress } from '../base/address.ts';
import { watchDatagrams } from './datagram-watch.ts';
import type { SysError } from './libc.ts';
import * as libc from './libc.ts';
import { AF_PACKET, MSG_DONTWAIT, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK } from './linux.ts';
import { IncomingMessage } from './message-header.ts';
import { packSockaddrLl, SOCKADDR_LL_LENGTH } from './sockaddr.ts';
import { attachFilter, tcpFrom } from './socket-filter.ts';

export interface CookedPacketOptions {
  readonly ifindex: number;
  /** Only TCP from this address is handed over. */
  readonly from: IpAddress;
  /** An IP packet, and the MAC that it came from; copies. May close. */
  readonly onPacket: (packet: Buffer, mac: Buffer) => void;
  /** A receive that failed: the link went down. May close. */
  readonly onError: (error: SysError) => void;
}

export interface CookedPackets {
  /** Throws SysError. */
  send(packet: Uint8Array, mac: Uint8Array): void;
  close(): void;
}

const ETHERTYPES: Readonly<Record<Family, number>> = { inet: 0x0800, inet6: 0x86dd };
const PACKET_BYTES_MAX = 2048;
const NO_MAC = new Uint8Array(6);
/** Where a sockaddr_ll has the address, and how long it is. */
const MAC_OFFSET = 12;
const MAC_LENGTH = 6;

/** Throws SysError. */
export function openCookedPackets(options: CookedPacketOptions): CookedPackets {
  const { ifindex, from } = options;
  const etherType = ETHERTYPES[from.family];
  // Protocol 0 receives nothing: the filter is there before the first packet.
  const fd = libc.socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, 'AF_PACKET');
  try {
    attachFilter(fd, tcpFrom(from));
    libc.bind(fd, packSockaddrLl(ifindex, etherType, NO_MAC));
  } catch (error) {
    libc.close(fd);
    throw error;
  }
  const size = { payload: PACKET_BYTES_MAX, name: SOCKADDR_LL_LENGTH, control: 0 };
  const incoming = new IncomingMessage(size);
  const watch = watchDatagrams(fd, () => incoming, {
    onDatagram: ({ payload, name }) => {
      const mac = name.subarray(MAC_OFFSET, MAC_OFFSET + MAC_LENGTH);
      options.onPacket(Buffer.from(payload), Buffer.from(mac));
    },
    onError: options.onError,
  });
  return {
    send: (packet, mac) => {
      libc.sendto(fd, packet, MSG_DONTWAIT, packSockaddrLl(ifindex, etherType, mac));
    },
    close: watch.close,
  };
}
