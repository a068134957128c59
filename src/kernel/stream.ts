/**
 * TCP connections as cheap as they get from Node: for checks that connect, say little, and are over. What
 * net.Socket has beyond that (streams, timers, half-open ends) costs more than the connection itself.
 *
 *   socket -> source -> connect ... connected -> bytes of the peer ... its end, or an error
 */
import { type DialTarget, openStreamSocket, packAddress } from './dial.ts';
import * as libc from './libc.ts';
import { SysError } from './libc.ts';
import { IPPROTO_TCP, MSG_DONTWAIT, MSG_NOSIGNAL, TCP_QUICKACK } from './linux.ts';
import { awaitReady, type Waiting, type Wanted } from './readiness.ts';

/** Called from the event loop; each may close the connection, and after that none is called. */
export interface StreamHandlers {
  readonly onConnected: () => void;
  /** Aliases a buffer that the next read overwrites. */
  readonly onBytes: (bytes: Buffer) => void;
  /** The peer will send no more. The connection is closed after this. */
  readonly onEnd: () => void;
  /** SysError with `syscall` connect before `onConnected`. The connection is closed after this. */
  readonly onError: (error: SysError) => void;
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

/** A read at a turn of the event loop: a flood must not keep timers from running. */
const READ_BYTES = 64 * 1024;

/** Family, port and address of a sockaddr_in; of a sockaddr_in6 all but the scope. */
const ADDRESS_END = { inet: 8, inet6: 24 } as const;

/** One for all: what was read is used within the turn. */
let shared: Buffer | undefined;

/** Throws SysError as `dial` does for what is refused at once; no descriptor is left then. */
export function openStream(target: DialTarget, handlers: StreamHandlers): TcpStream {
  return new TcpStream(target, handlers);
}

/** Made once for each: text is read for it. */
const addresses = new WeakMap<DialTarget, Buffer>();

function addressOf(target: DialTarget): Buffer {
  const known = addresses.get(target);
  if (known !== undefined) return known;
  const address = packAddress(target.connectAddress, target.connectPort);
  addresses.set(target, address);
  return address;
}

export class TcpStream {
  readonly #fd: number;
  readonly #handlers: StreamHandlers;
  readonly #address: Buffer;
  readonly #addressEnd: number;
  readonly #waiting: Waiting;
  #wanted: Wanted = 'connection';
  #unsent: Buffer | undefined;
  #state: 'connecting' | 'connected' | 'closed' = 'connecting';

  constructor(target: DialTarget, handlers: StreamHandlers) {
    this.#handlers = handlers;
    this.#address = addressOf(target);
    this.#addressEnd = ADDRESS_END[target.connectAddress.family];
    this.#fd = openStreamSocket(target);
    try {
      libc.setsockopt(this.#fd, NO_BARE_ACK);
      // Connected at once or not: writability tells.
      libc.connect(this.#fd, this.#address);
      this.#waiting = awaitReady(this.#fd, 'connection', (hasFailed) => this.#ready(hasFailed));
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
    const own = Buffer.alloc(this.#address.length);
    libc.getsockname(this.#fd, own);
    return own.compare(this.#address, 0, this.#addressEnd, 0, this.#addressEnd) === 0;
  }

  /** Sends all of it, now or when there is room. An error is told, not thrown. */
  write(bytes: Buffer): void {
    if (this.#state !== 'connected') return;
    const before = this.#unsent;
    this.#unsent = before === undefined ? bytes : Buffer.concat([before, bytes]);
    this.#guarded(() => this.#send());
  }

  close(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#waiting.end();
    libc.close(this.#fd);
  }

  #ready(hasFailed: boolean): void {
    this.#guarded(() => {
      if (this.#state === 'connecting') this.#connected(hasFailed);
      else this.#read();
    });
  }

  #connected(hasFailed: boolean): void {
    const errno = hasFailed ? libc.takeSocketError(this.#fd) : 0;
    if (errno !== 0) throw new SysError('connect', errno);
    this.#state = 'connected';
    this.#handlers.onConnected();
    if (this.#isOpen()) this.#want(this.#unsent === undefined ? 'bytes' : 'both');
  }

  #read(): void {
    // First, for a server may answer and close before all is sent.
    this.#receive();
    if (this.#isOpen()) this.#send();
  }

  #receive(): void {
    shared ??= Buffer.allocUnsafeSlow(READ_BYTES);
    const length = libc.read(this.#fd, shared);
    if (length === undefined) return;
    if (length > 0) {
      this.#handlers.onBytes(shared.subarray(0, length));
      return;
    }
    this.close();
    this.#handlers.onEnd();
  }

  #send(): void {
    const bytes = this.#unsent;
    if (bytes === undefined) return;
    const sent = libc.send(this.#fd, bytes, MSG_DONTWAIT | MSG_NOSIGNAL) ?? 0;
    this.#unsent = sent < bytes.length ? bytes.subarray(sent) : undefined;
    this.#want(this.#unsent === undefined ? 'bytes' : 'both');
  }

  #want(what: Wanted): void {
    if (what === this.#wanted) return;
    this.#wanted = what;
    this.#waiting.change(what);
  }

  #isOpen(): boolean {
    return this.#state !== 'closed';
  }

  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof SysError) || !this.#isOpen()) throw error;
      this.close();
      this.#handlers.onError(error);
    }
  }
}
