/**
 * TCP connections as cheap as they get from Node: for checks that connect, say little, and are over. What
 * net.Socket has beyond that (streams, timers, half-open ends) costs more than the connection itself.
 *
 *   socket -> source -> connect ... connected -> bytes of the peer ... its end, or an error
 */
import { type DialTarget, openStreamSocket, packAddress } from './dial.ts';
import * as libc from './libc.ts';
import { SysError } from './libc.ts';
import {
  EPOLLERR,
  EPOLLHUP,
  EPOLLOUT,
  IPPROTO_TCP,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  TCP_QUICKACK,
} from './linux.ts';
import { awaitReady, type ReadyListener, type Waiting } from './readiness.ts';
import { SOCKADDR_IN6_LENGTH } from './sockaddr.ts';

/** Called from the event loop; each may close the connection, and after that none is called. */
export interface StreamHandlers {
  onConnected(): void;
  /** Aliases a buffer that the next read overwrites. */
  onBytes(bytes: Buffer): void;
  /** The peer will send no more. The connection is closed after this. */
  onEnd(): void;
  /** SysError with `syscall` connect before `onConnected`. The connection is closed after this. */
  onError(error: SysError): void;
}

/**
 * The ACK that ends the handshake goes with what is sent next, the request or the FIN: a packet less for both
 * ends (tcp(7) TCP_QUICKACK; tcp_rcv_synsent_state_process of net/ipv4/tcp_input.c). Who sends nothing owes it
 * for 200 ms at the most.
 */
const NO_BARE_ACK = {
  level: IPPROTO_TCP,
  name: TCP_QUICKACK,
  value: Buffer.alloc(4),
  label: 'TCP_QUICKACK',
} as const;

/** Read at a turn of the event loop: a flood must not keep timers from running. */
const READ_BYTES = 64 * 1024;

/** Family, port and address of a sockaddr_in; of a sockaddr_in6 all but the scope. */
const ADDRESS_END = { inet: 8, inet6: 24 } as const;

/** One for all: what was read is used within the turn. */
let shared: Buffer | undefined;

/** This end of a connection, while it is looked at. */
const own = Buffer.alloc(SOCKADDR_IN6_LENGTH);

/** Where to connect, made ready once for many connections. */
export class StreamTarget {
  readonly dial: DialTarget;
  /** Where the address ends in `address`. */
  readonly addressEnd: number;
  #address: Buffer | undefined;

  constructor(dial: DialTarget) {
    this.dial = dial;
    this.addressEnd = ADDRESS_END[dial.connectAddress.family];
  }

  /** A packed sockaddr. Throws for a port that cannot be. */
  get address(): Buffer {
    this.#address ??= packAddress(this.dial.connectAddress, this.dial.connectPort);
    return this.#address;
  }
}

export class TcpStream implements ReadyListener {
  readonly #fd: number;
  readonly #handlers: StreamHandlers;
  readonly #to: StreamTarget;
  readonly #waiting: Waiting;
  #unsent: Buffer | undefined;
  #state: 'connecting' | 'connected' | 'closed' = 'connecting';

  /** Begins to connect. Throws SysError as `dial` does for what is refused at once; no descriptor is left then. */
  constructor(to: StreamTarget, handlers: StreamHandlers) {
    this.#handlers = handlers;
    this.#to = to;
    this.#fd = openStreamSocket(to.dial);
    try {
      libc.setsockopt(this.#fd, NO_BARE_ACK);
      // Connected at once or not: writability tells.
      libc.connect(this.#fd, to.address);
      this.#waiting = awaitReady(this.#fd, this);
    } catch (error) {
      libc.close(this.#fd);
      throw error;
    }
  }

  /**
   * A connect to a dead local port can pick that very port as its source and meet itself (TCP's simultaneous
   * open): connected, with no server anywhere.
   */
  isSelfConnected(): boolean {
    const { address, addressEnd } = this.#to;
    libc.getsockname(this.#fd, own);
    return own.compare(address, 0, addressEnd, 0, addressEnd) === 0;
  }

  /** Sends all of it, now or when there is room. An error is told, not thrown. */
  write(bytes: Buffer): void {
    if (this.#state !== 'connected') return;
    const before = this.#unsent;
    this.#unsent = before === undefined ? bytes : Buffer.concat([before, bytes]);
    try {
      this.#send();
    } catch (error) {
      this.#break(error);
    }
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#waiting.end();
    libc.close(this.#fd);
  }

  /** For readiness.ts. */
  onReady(events: number): void {
    try {
      if (this.#state === 'connecting') this.#connected(events);
      // First, for a server may answer and close before all is sent.
      if ((events & ~EPOLLOUT) !== 0) this.#receive();
      if (this.#unsent !== undefined) this.#send();
    } catch (error) {
      this.#break(error);
    }
  }

  #connected(events: number): void {
    const hasFailed = (events & (EPOLLERR | EPOLLHUP)) !== 0;
    const errno = hasFailed ? libc.takeSocketError(this.#fd) : 0;
    if (errno !== 0) throw new SysError('connect', errno);
    this.#state = 'connected';
    this.#handlers.onConnected();
  }

  /** Until there is nothing left, for that is told once only; but so much at most, and the rest next time. */
  #receive(): void {
    shared ??= Buffer.allocUnsafeSlow(READ_BYTES);
    for (let left = READ_BYTES; this.#isOpen(); ) {
      if (left <= 0) {
        this.#waiting.rearm();
        return;
      }
      const length = libc.read(this.#fd, shared);
      if (length === undefined) return;
      if (length === 0) {
        this.close();
        this.#handlers.onEnd();
        return;
      }
      left -= length;
      this.#handlers.onBytes(shared.subarray(0, length));
    }
  }

  /** What there is no room for goes when that is told of. */
  #send(): void {
    const bytes = this.#unsent;
    if (bytes === undefined || !this.#isOpen()) return;
    const sent = libc.send(this.#fd, bytes, MSG_DONTWAIT | MSG_NOSIGNAL) ?? 0;
    this.#unsent = sent < bytes.length ? bytes.subarray(sent) : undefined;
  }

  #isOpen(): boolean {
    return this.#state !== 'closed';
  }

  #break(error: unknown): void {
    if (!(error instanceof SysError) || !this.#isOpen()) throw error;
    this.close();
    this.#handlers.onError(error);
  }
}
