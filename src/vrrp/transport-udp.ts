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

/** Turns of the loop that a timeout waits for at most: a flood must not keep it from being told. */
const SETTLE_TURNS_MAX = 300;

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
  /** A receive that failed; the endpoint goes on. */
  readonly onError: (code: string, detail: string) => void;
}

export interface UdpEndpoint {
  /**
   * Never waits; node tells a failure only later, so it is the outcome of the next send. A rehearsal is none:
   * there is no way through dgram that sends nothing.
   */
  send(payload: Uint8Array, destination: IpAddress, isRehearsal?: boolean): SendOutcome;
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
  let received = 0;
  socket.on('message', (payload, { address }) => {
    received += 1;
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
      return { ok: true, endpoint: endpointOf(socket, options, () => received) };
    } catch (error) {
      failure = error as NodeJS.ErrnoException;
    }
  }
  socket.close();
  return { ok: false, code: failure.code ?? 'UNKNOWN', detail: failure.message };
}

function endpointOf(
  socket: Socket,
  { ifname, peerPort }: UdpEndpointOptions,
  received: () => number,
): UdpEndpoint {
  let isClosed = false;
  let failed: SendOutcome | undefined;
  return {
    send: (payload, destination, isRehearsal = false) => {
      if (isClosed) return { ok: false, code: 'CLOSED', detail: 'The socket is closed' };
      if (isRehearsal) return { ok: true };
      const outcome = failed ?? { ok: true };
      failed = undefined;
      socket.send(payload, peerPort, scoped(destination, ifname), (error) => {
        if (error === null) return;
        const { code = 'UNKNOWN' } = error as NodeJS.ErrnoException;
        failed = { ok: false, code, detail: error.message };
      });
      return outcome;
    },
    settle: (onSettled) => settle(received, onSettled),
    close: () => {
      if (isClosed) return;
      isClosed = true;
      socket.close();
    },
  };
}

/**
 * The loop polls between two immediates, and reads at most 32 datagrams of a socket each time (libuv,
 * uv__udp_recvmsg): it has read all when a whole turn brought none.
 */
function settle(received: () => number, onSettled: () => void): void {
  let before = received();
  let turns = 0;
  const turn = (): void => {
    turns += 1;
    const isQuiet = turns > 1 && received() === before;
    if (isQuiet || turns === SETTLE_TURNS_MAX) {
      onSettled();
      return;
    }
    before = received();
    setImmediate(turn);
  };
  setImmediate(turn);
}

function scoped({ text }: IpAddress, ifname: string): string {
  return /^fe[89ab]/.test(text) ? `${text}%${ifname}` : text;
}
