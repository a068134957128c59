/**
 * TCP connections that Node cannot make: from a given device, with a firewall mark. What comes out is an
 * ordinary net.Socket, so that TLS, HTTP and the rest go on as ever.
 *
 *   socket -> options -> bind -> connect ... writable -> SO_ERROR -> net.Socket
 */
import { Socket } from 'node:net';
import type { IpAddress } from '../base/address.ts';
import * as libc from './libc.ts';
import { SysError } from './libc.ts';
import {
  AF_INET,
  AF_INET6,
  IPPROTO_TCP,
  SO_BINDTODEVICE,
  SO_LINGER,
  SO_MARK,
  SO_REUSEADDR,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
} from './linux.ts';
import { type Watch, watchWritable } from './poller.ts';
import { packSockaddrIn, packSockaddrIn6 } from './sockaddr.ts';

/** How packets leave: `bindto`, `bind_port`, `bind_if` and `fwmark` of a checker, under their names in the model. */
export interface SourceOptions {
  readonly bindAddress?: IpAddress;
  readonly bindPort?: number;
  /** Also the scope of link-local addresses, which cannot be connected to without one. */
  readonly bindInterface?: string;
  /** SO_MARK; needs CAP_NET_ADMIN. */
  readonly fwmark?: number;
}

/** Where to connect and from where: a checker's configuration is one. */
export interface DialTarget extends SourceOptions {
  readonly connectAddress: IpAddress;
  readonly connectPort: number;
}

/** The signal came first. */
export class DialAbortedError extends Error {
  readonly code = 'ABORTED';

  constructor(cause: unknown) {
    super('The connection was given up', { cause });
    this.name = 'DialAbortedError';
  }
}

const PORT_MAX = 65_535;

/**
 * Connects. Resolves with a connected socket, paused as Node makes them, which the caller destroys.
 * Rejects with SysError (`code` is the errno's name, `syscall` what was refused: `connect`, `bind`,
 * `setsockopt SO_BINDTODEVICE`) or with DialAbortedError; the descriptor is closed by then.
 */
export function dial(target: DialTarget, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(new DialAbortedError(signal.reason));
      return;
    }
    const fd = openStreamSocket(target);
    let watch: Watch | undefined;
    const leave = (): void => {
      signal.removeEventListener('abort', onAbort);
      watch?.close();
    };
    const fail = (error: unknown): void => {
      leave();
      libc.close(fd);
      reject(error);
    };
    const onAbort = (): void => fail(new DialAbortedError(signal.reason));
    const onWritable = (): void => {
      try {
        const errno = libc.takeSocketError(fd);
        if (errno !== 0) throw new SysError('connect', errno);
      } catch (error) {
        fail(error);
        return;
      }
      leave();
      resolve(new Socket({ fd }));
    };
    signal.addEventListener('abort', onAbort);
    try {
      const { connectAddress, connectPort } = target;
      // Connected at once or not: writability tells.
      libc.connect(fd, packAddress(connectAddress, connectPort));
      watch = watchWritable(fd, onWritable);
    } catch (error) {
      fail(error);
    }
  });
}

/** A non-blocking TCP socket with its options and its source set. Throws SysError. */
export function openStreamSocket(target: DialTarget): number {
  const domain = target.connectAddress.family === 'inet' ? AF_INET : AF_INET6;
  const type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const fd = libc.socket(domain, type, IPPROTO_TCP, 'TCP');
  try {
    setSource(fd, target, target.connectAddress.family);
    if (target.bindPort !== undefined) freePortAtClose(fd);
    return fd;
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

/**
 * Gives a socket of this family its device, mark, source address and source port, as far as they are
 * said. Throws SysError: ENODEV for a device that is not there, EPERM without the capability,
 * EADDRNOTAVAIL for an address that this host does not have, EADDRINUSE for a port that is taken.
 */
export function setSource(fd: number, source: SourceOptions, family: IpAddress['family']): void {
  const { bindInterface, fwmark, bindAddress, bindPort } = source;
  if (bindInterface !== undefined) {
    const value = Buffer.from(`${bindInterface}\0`);
    const label = `SO_BINDTODEVICE ${bindInterface}`;
    libc.setsockopt(fd, { level: SOL_SOCKET, name: SO_BINDTODEVICE, value, label });
  }
  if (fwmark !== undefined) {
    const value = Buffer.alloc(4);
    value.writeUInt32LE(fwmark);
    libc.setsockopt(fd, { level: SOL_SOCKET, name: SO_MARK, value, label: 'SO_MARK' });
  }
  if (bindAddress === undefined && bindPort === undefined) return;
  // A connection of before in TIME_WAIT does not block the port.
  libc.setsockopt(fd, { level: SOL_SOCKET, name: SO_REUSEADDR, value: 1, label: 'SO_REUSEADDR' });
  libc.bind(fd, packAddress(bindAddress ?? anyAddress(family), bindPort ?? 0));
}

/** A packed sockaddr. Throws for a port that cannot be. */
export function packAddress(address: IpAddress, port: number): Buffer {
  if (port < 0 || port > PORT_MAX) throw new RangeError(`Not a port: ${port}`);
  // The scope of a link-local address is the device that the socket is bound to.
  return address.family === 'inet'
    ? packSockaddrIn(address, port)
    : packSockaddrIn6(address, 0, port);
}

function anyAddress(family: IpAddress['family']): IpAddress {
  return { family, text: family === 'inet' ? '0.0.0.0' : '::' };
}

/**
 * A connection that we close waits a minute in TIME_WAIT, and the next one from the same port to the same
 * server is refused meanwhile. SO_LINGER with 0 seconds ends it with a reset instead.
 */
function freePortAtClose(fd: number): void {
  const value = Buffer.alloc(8);
  value.writeInt32LE(1, 0);
  libc.setsockopt(fd, { level: SOL_SOCKET, name: SO_LINGER, value, label: 'SO_LINGER' });
}
