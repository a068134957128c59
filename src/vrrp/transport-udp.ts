/**
 * Adverts in UDP datagrams, for networks that let no other protocol through. Unicast only; what proves an
 * advert is auth_hmac, which the configuration demands: UDP shows no TTL, and any program can send it.
 *
 *    +-----------+------------------------+----------------+-----------------------+
 *    | IP header | UDP, both ports `port` | VRRP message   | trailer of auth_hmac  |
 *    +-----------+------------------------+----------------+-----------------------+
 *
 * The message is the one of protocol 112, with its checksum as over IP.
 */
import { createSocket, type Socket } from 'node:dgram';
import { type IpAddress, parseAddress } from '../base/address.ts';
import type { SendOutcome } from '../kernel/datagram.ts';
import type { ReceivedAdvert } from './ports.ts';

export interface UdpEndpointOptions {
  /** Bound to it: what comes was sent to it. */
  readonly source: IpAddress;
  /** 0: any, for a socket that only sends. */
  readonly port: number;
  /** Where the peers listen. */
  readonly peerPort: number;
  /** Link-local IPv6 addresses mean something on one interface only. */
  readonly ifname: string;
  readonly ttl: number;
  readonly receiveBufferBytes?: number;
  readonly onReceive: (advert: ReceivedAdvert) => void;
  /** A receive or a send that failed later; the endpoint goes on. */
  readonly onError: (code: string, detail: string) => void;
}

export interface UdpEndpoint {
  /** Never waits. */
  send(payload: Uint8Array, destination: IpAddress): SendOutcome;
  /** Calls back when everything that had arrived has been given to `onReceive`. */
  settle(onSettled: () => void): void;
  close(): void;
}

export type UdpOpening =
  | { readonly ok: true; readonly endpoint: UdpEndpoint }
  | { readonly ok: false; readonly code: string; readonly detail: string };

/** Codes are errno's names: EADDRINUSE when another program has the port. */
export function openUdpEndpoint(options: UdpEndpointOptions): UdpOpening {
  const { source, port, ttl, receiveBufferBytes } = options;
  const isV6 = source.family === 'inet6';
  const socket = createSocket({
    type: isV6 ? 'udp6' : 'udp4',
    ...(isV6 ? { ipv6Only: true } : {}),
    // Addresses only: with this lookup nothing waits, and binding and sending happen in the call.
    lookup: (host, _options, callback) => callback(null, host, isV6 ? 6 : 4),
  });
  let failure: NodeJS.ErrnoException | undefined;
  let isOpen = false;
  socket.on('error', (error: NodeJS.ErrnoException) => {
    if (isOpen) options.onError(error.code ?? 'UNKNOWN', error.message);
    else failure = error;
  });
  socket.on('message', (payload, { address }) => {
    const from = parseAddress(address.replace(/%.*/, ''));
    if (from === undefined) return;
    options.onReceive({ payload: Uint8Array.from(payload), source: from, destination: source });
  });
  socket.bind({ address: scoped(source, options.ifname), port, exclusive: true });
  if (failure === undefined) {
    try {
      socket.setTTL(Math.max(1, ttl));
      if (receiveBufferBytes !== undefined) socket.setRecvBufferSize(receiveBufferBytes);
      isOpen = true;
      return { ok: true, endpoint: endpointOf(socket, options) };
    } catch (error) {
      failure = error as NodeJS.ErrnoException;
    }
  }
  socket.close();
  return { ok: false, code: failure.code ?? 'UNKNOWN', detail: failure.message };
}

function endpointOf(
  socket: Socket,
  { ifname, peerPort, onError }: UdpEndpointOptions,
): UdpEndpoint {
  let isClosed = false;
  socket.once('close', () => {
    isClosed = true;
  });
  return {
    send: (payload, destination) => {
      if (isClosed) return { ok: false, code: 'CLOSED', detail: 'The socket is closed' };
      let outcome: SendOutcome = { ok: true };
      let isLater = false;
      socket.send(payload, peerPort, scoped(destination, ifname), (error) => {
        if (error === null) return;
        const { code = 'UNKNOWN' } = error as NodeJS.ErrnoException;
        if (isLater) onError(code, error.message);
        else outcome = { ok: false, code, detail: error.message };
      });
      isLater = true;
      return outcome;
    },
    // The loop polls between two immediates: what the socket held before the first is read by the second.
    settle: (onSettled) => {
      setImmediate(() => setImmediate(onSettled));
    },
    close: () => {
      if (isClosed) return;
      isClosed = true;
      socket.close();
    },
  };
}

function scoped({ text }: IpAddress, ifname: string): string {
  return /^fe[89ab]/.test(text) ? `${text}%${ifname}` : text;
}
