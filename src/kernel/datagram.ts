/**
 * Datagrams that Node has no sockets for: VRRP (raw IP, protocol 112, multicast) and Ethernet
 * frames. Payloads handed out are copies.
 */
import type { IpAddress } from '../base/address.ts';
import { TIMESPEC_LENGTH } from './arrival.ts';
import {
  type Datagram,
  DatagramReceiver,
  DRAIN_DATAGRAMS_MAX,
  decodeV6,
  type IncomingWire,
} from './datagram-receiver.ts';
import { decodeIpv4Datagram } from './ip-header.ts';
import * as libc from './libc.ts';
import { SysError } from './libc.ts';
import {
  AF_INET,
  AF_INET6,
  AF_PACKET,
  IP_PKTINFO,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPPROTO_VRRP,
  IPV6_PKTINFO,
  MSG_DONTWAIT,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
} from './linux.ts';
import { controlSpace, IncomingMessage, OutgoingMessage } from './message-header.ts';
import {
  IN6_PKTINFO_LENGTH,
  packIn6Pktinfo,
  packInPktinfo,
  packSockaddrIn,
  packSockaddrIn6,
  packSockaddrLl,
  SOCKADDR_IN6_LENGTH,
} from './sockaddr.ts';
import { type VrrpSocket, vrrpOptions } from './vrrp-options.ts';

/** `code` is the errno's name. */
export type SendOutcome =
  | { readonly ok: true }
  | { readonly ok: false; readonly code: string; readonly detail: string };

export interface Endpoint {
  /**
   * To a group or to one router. Never waits: EAGAIN where the send buffer is full. A rehearsal goes the
   * same way, through our code and the kernel's, and sends nothing: the first send in a long time costs some
   * 100 us more than the next.
   */
  send(payload: Uint8Array, destination: IpAddress, isRehearsal?: boolean): SendOutcome;
  /** Reads everything that is there now, delivering to `onReceive` before it returns. */
  drain(): void;
  close(): void;
}

/** `group`: 224.0.0.18, ff02::12; `source`: the address the adverts come from. */
export interface VrrpEndpointOptions extends VrrpSocket {
  readonly onReceive: (datagram: Datagram) => void;
  /** A receive that failed; the endpoint goes on. */
  readonly onError: (error: SysError) => void;
}

export interface FrameSender {
  send(frame: Uint8Array): SendOutcome;
  close(): void;
}

/**
 * Longer than any VRRP advert; what is longer is no advert, and what is cut off is not delivered.
 */
const RECEIVE_BYTES_MAX = 4096;
/** Peers whose packed addresses are kept. */
const DESTINATIONS_MAX = 64;
const ETHERNET_HEADER_LENGTH = 14;
const ETHERTYPE_OFFSET = 12;

const SENT: SendOutcome = { ok: true };

/**
 * Opens a raw VRRP socket on one interface: the group joined there, TTL 255 to groups, not looped back,
 * TOS 0xc0, sent with `source`. The kernel fills in and checks the checksum of IPv6 adverts. Needs
 * CAP_NET_RAW. Throws SysError when the kernel refuses.
 */
export function openVrrpEndpoint(options: VrrpEndpointOptions): Endpoint {
  const isV4 = options.family === 'inet';
  const fd = libc.socket(
    isV4 ? AF_INET : AF_INET6,
    SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
    IPPROTO_VRRP,
    `VRRP for ${isV4 ? 'IPv4' : 'IPv6'}`,
  );
  try {
    for (const option of vrrpOptions(options)) libc.setsockopt(fd, option);
    return isV4 ? endpointV4(fd, options) : endpointV6(fd, options);
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

/**
 * Sends whole Ethernet frames out of an interface; receives none. Needs CAP_NET_RAW. Throws
 * SysError.
 */
export function openFrameSender(ifindex: number): FrameSender {
  const type = SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC;
  // Protocol 0 receives nothing.
  const fd = libc.socket(AF_PACKET, type, 0, 'AF_PACKET');
  let isOpen = true;
  return {
    send: (frame) => {
      if (!isOpen) return CLOSED;
      if (frame.length < ETHERNET_HEADER_LENGTH) {
        const detail = `A frame has ${ETHERNET_HEADER_LENGTH} bytes or more, not ${frame.length}`;
        return { ok: false, code: 'SHORT_FRAME', detail };
      }
      const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
      const address = packSockaddrLl(ifindex, view.getUint16(ETHERTYPE_OFFSET), frame);
      return attempt(() => libc.sendto(fd, frame, MSG_DONTWAIT, address));
    },
    close: () => {
      if (!isOpen) return;
      isOpen = false;
      libc.close(fd);
    },
  };
}

/** What differs between the two families. */
interface Wire extends IncomingWire {
  messageTo(destination: IpAddress): OutgoingMessage;
}

/** One message a destination, kept: an advert goes to the same few for ever. */
function messagesBy(
  create: (destination: IpAddress) => OutgoingMessage,
): (destination: IpAddress) => OutgoingMessage {
  const messages = new Map<string, OutgoingMessage>();
  return (destination) => {
    const known = messages.get(destination.text);
    if (known !== undefined) return known;
    if (messages.size === DESTINATIONS_MAX) messages.clear();
    const created = create(destination);
    messages.set(destination.text, created);
    return created;
  };
}

function endpointV4(fd: number, options: VrrpEndpointOptions): Endpoint {
  const incoming = new IncomingMessage({
    payload: RECEIVE_BYTES_MAX,
    name: 0,
    control: controlSpace(TIMESPEC_LENGTH),
  });
  const source = {
    level: IPPROTO_IP,
    type: IP_PKTINFO,
    data: packInPktinfo(options.source, options.ifindex),
  };
  const messageTo = messagesBy((to) => new OutgoingMessage(packSockaddrIn(to), source));
  return new RawEndpoint(fd, options, {
    incoming,
    messageTo,
    decode: () => {
      const datagram = decodeIpv4Datagram(incoming.payload);
      if (!datagram.ok) return undefined;
      const { source, destination: sentTo, ttl } = datagram;
      const payload = new Uint8Array(datagram.payload);
      return { payload, source, destination: sentTo, ttl, ifindex: options.ifindex };
    },
  });
}

function endpointV6(fd: number, options: VrrpEndpointOptions): Endpoint {
  const incoming = new IncomingMessage({
    payload: RECEIVE_BYTES_MAX,
    name: SOCKADDR_IN6_LENGTH,
    control: controlSpace(TIMESPEC_LENGTH) + controlSpace(IN6_PKTINFO_LENGTH) + controlSpace(4),
  });
  const source = {
    level: IPPROTO_IPV6,
    type: IPV6_PKTINFO,
    data: packIn6Pktinfo(options.source, options.ifindex),
  };
  const messageTo = messagesBy(
    (to) => new OutgoingMessage(packSockaddrIn6(to, options.ifindex), source),
  );
  return new RawEndpoint(fd, options, {
    incoming,
    decode: () => decodeV6(incoming),
    messageTo,
  });
}

class RawEndpoint implements Endpoint {
  readonly #fd: number;
  readonly #wire: Wire;
  readonly #receiver: DatagramReceiver;

  constructor(fd: number, options: VrrpEndpointOptions, wire: Wire) {
    this.#fd = fd;
    this.#wire = wire;
    this.#discardEarly();
    this.#receiver = new DatagramReceiver(fd, wire, options);
  }

  send(payload: Uint8Array, destination: IpAddress, isRehearsal = false): SendOutcome {
    if (this.#receiver.isClosed) return CLOSED;
    return attempt(() => this.#wire.messageTo(destination).send(this.#fd, payload, isRehearsal));
  }

  drain(): void {
    this.#receiver.drain();
  }

  close(): void {
    this.#receiver.close();
  }

  /** Until it was bound to its interface, the socket took datagrams from all of them. */
  #discardEarly(): void {
    for (let count = 0; count < DRAIN_DATAGRAMS_MAX; count++) {
      if (!this.#wire.incoming.receive(this.#fd)) return;
    }
  }
}

export const CLOSED: SendOutcome = { ok: false, code: 'CLOSED', detail: 'The socket is closed' };

/** Sends; what the kernel refuses is the outcome. */
export function attempt(send: () => void): SendOutcome {
  try {
    send();
    return SENT;
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    return { ok: false, code: error.code, detail: error.message };
  }
}
