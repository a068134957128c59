/**
 * The C library: the only file that imports koffi. Every wrapper either returns what the call
 * gives or throws SysError; errno is read at once. Buffers are passed by address, nothing is
 * copied.
 *
 * libc is loaded at the first call, once; where it cannot be (another system, another C library)
 * that call throws LibcUnavailableError, which says what is needed.
 */
import { endianness } from 'node:os';
import koffi, { type LibraryHandle } from 'koffi';
import { describeErrno, EAGAIN, EINPROGRESS, EINTR, errnoCode } from './errno.ts';
import { SO_ERROR, SOL_SOCKET, WNOHANG } from './linux.ts';

/** A system call that the kernel refused. */
export class SysError extends Error {
  /** What was called, with the argument that matters: `setsockopt SO_BINDTODEVICE`. */
  readonly syscall: string;
  readonly errno: number;
  /** `EPERM`. */
  readonly code: string;

  constructor(syscall: string, errno: number) {
    super(`${syscall} failed: ${describeErrno(errno)}`);
    this.name = 'SysError';
    this.syscall = syscall;
    this.errno = errno;
    this.code = errnoCode(errno);
  }
}

/** The C library this machine has is not one lvsd can call. */
export class LibcUnavailableError extends Error {
  readonly code = 'LIBC_UNAVAILABLE';
}

interface Libc {
  readonly socket: (domain: number, type: number, protocol: number) => number;
  readonly close: (fd: number) => number;
  readonly bind: (fd: number, address: Uint8Array, length: number) => number;
  readonly connect: (fd: number, address: Uint8Array, length: number) => number;
  readonly getsockname: (fd: number, address: Uint8Array, length: Uint8Array) => number;
  readonly getsockopt: (
    fd: number,
    level: number,
    name: number,
    value: Uint8Array,
    length: Uint8Array,
  ) => number;
  readonly setsockopt: (
    fd: number,
    level: number,
    name: number,
    value: Uint8Array,
    length: number,
  ) => number;
  readonly sendto: (
    fd: number,
    bytes: Uint8Array,
    length: number,
    flags: number,
    address: Uint8Array | null,
    addressLength: number,
  ) => number;
  readonly sendmsg: (fd: number, header: Uint8Array, flags: number) => number;
  readonly recvmsg: (fd: number, header: Uint8Array, flags: number) => number;
  readonly read: (fd: number, into: Uint8Array, length: number) => number;
  readonly send: (fd: number, bytes: Uint8Array, length: number, flags: number) => number;
  readonly epoll_create1: (flags: number) => number;
  readonly epoll_ctl: (epoll: number, operation: number, fd: number, event: Uint32Array) => number;
  readonly epoll_wait: (epoll: number, into: Uint32Array, count: number, ms: number) => number;
  readonly clock_gettime: (clock: number, into: Uint8Array) => number;
  readonly timerfd_create: (clock: number, flags: number) => number;
  readonly timerfd_settime: (
    fd: number,
    flags: number,
    value: Uint8Array,
    old: Uint8Array | null,
  ) => number;
  readonly prctl: (option: number, a: number, b: number, c: number, d: number) => number;
  readonly mkfifo: (path: string, mode: number) => number;
  readonly fcntl: (fd: number, command: number, argument: number) => number;
  readonly capset: (header: Uint8Array, data: Uint8Array) => number;
  readonly sched_setscheduler: (pid: number, policy: number, parameters: Uint8Array) => number;
  readonly sched_getscheduler: (pid: number) => number;
  readonly waitpid: (pid: number, status: null, options: number) => number;
}

const GLIBC = 'libc.so.6';

let loaded: Libc | undefined;

function libc(): Libc {
  loaded ??= loadLibc();
  return loaded;
}

function loadLibc(): Libc {
  const fits = process.platform === 'linux' && endianness() === 'LE';
  if (!fits || (process.arch !== 'x64' && process.arch !== 'arm64')) {
    throw new LibcUnavailableError(
      `This is ${process.platform} on ${process.arch}; lvsd needs Linux on x64 or arm64`,
    );
  }
  try {
    return bindFunctions(koffi.load(GLIBC));
  } catch (cause) {
    throw new LibcUnavailableError(
      `Cannot load ${GLIBC}: lvsd needs the GNU C library (Debian, Ubuntu, RHEL and their kin)`,
      { cause },
    );
  }
}

/** `ssize_t` is not a koffi type: intptr_t is the same thing. */
function bindFunctions(library: LibraryHandle): Libc {
  return {
    socket: library.func('int socket(int, int, int)'),
    close: library.func('int close(int)'),
    bind: library.func('int bind(int, void *, uint32_t)'),
    connect: library.func('int connect(int, void *, uint32_t)'),
    getsockopt: library.func('int getsockopt(int, int, int, void *, void *)'),
    getsockname: library.func('int getsockname(int, void *, void *)'),
    setsockopt: library.func('int setsockopt(int, int, int, void *, uint32_t)'),
    sendto: library.func('intptr_t sendto(int, void *, size_t, int, void *, uint32_t)'),
    sendmsg: library.func('intptr_t sendmsg(int, void *, int)'),
    recvmsg: library.func('intptr_t recvmsg(int, void *, int)'),
    read: library.func('intptr_t read(int, void *, size_t)'),
    send: library.func('intptr_t send(int, void *, size_t, int)'),
    epoll_create1: library.func('int epoll_create1(int)'),
    epoll_ctl: library.func('int epoll_ctl(int, int, int, void *)'),
    epoll_wait: library.func('int epoll_wait(int, void *, int, int)'),
    clock_gettime: library.func('int clock_gettime(int, void *)'),
    timerfd_create: library.func('int timerfd_create(int, int)'),
    timerfd_settime: library.func('int timerfd_settime(int, int, void *, void *)'),
    prctl: library.func('int prctl(int, ulong, ulong, ulong, ulong)'),
    mkfifo: library.func('int mkfifo(str, uint32_t)'),
    fcntl: library.func('int fcntl(int, int, int)'),
    capset: library.func('int capset(void *, void *)'),
    sched_setscheduler: library.func('int sched_setscheduler(int, int, void *)'),
    sched_getscheduler: library.func('int sched_getscheduler(int)'),
    waitpid: library.func('int waitpid(int, void *, int)'),
  };
}

/** The result, or SysError when it is -1. errno is only valid right after the call. */
function check(result: number, syscall: string): number {
  if (result === -1) throw new SysError(syscall, koffi.errno());
  return result;
}

/** As `check`; undefined when the call would have had to wait (EAGAIN), or a signal came first. */
function checkUnlessEmpty(result: number, syscall: string): number | undefined {
  if (result !== -1) return result;
  const errno = koffi.errno();
  if (errno === EAGAIN || errno === EINTR) return undefined;
  throw new SysError(syscall, errno);
}

/** A file descriptor. `what` names the socket in the error: `VRRP for IPv4`. */
export function socket(domain: number, type: number, protocol: number, what: string): number {
  const fd = libc().socket(domain, type, protocol);
  return fd === -1 ? check(fd, `socket ${what}`) : fd;
}

/** Never throws: after close(2) the descriptor is gone whatever it returned. */
export function close(fd: number): void {
  libc().close(fd);
}

/** `address` is a packed sockaddr, see sockaddr.ts. */
export function bind(fd: number, address: Uint8Array): void {
  check(libc().bind(fd, address, address.length), 'bind');
}

/**
 * connect(2) of a non-blocking socket: true when it is connected at once, false when it is under way
 * (EINPROGRESS) and writability will tell.
 */
export function connect(fd: number, address: Uint8Array): boolean {
  if (libc().connect(fd, address, address.length) === 0) return true;
  const errno = koffi.errno();
  if (errno === EINPROGRESS) return false;
  throw new SysError('connect', errno);
}

/** SO_ERROR: the error that the socket met since it was last asked, and 0 when none. Clears it. */
export function takeSocketError(fd: number): number {
  const value = packInt(0);
  check(libc().getsockopt(fd, SOL_SOCKET, SO_ERROR, value, packInt(4)), 'getsockopt SO_ERROR');
  return value.readInt32LE(0);
}

/** Used within the call, as the kernel reads and writes it. */
const addressLength = Buffer.alloc(4);

/** Fills `address` with the packed sockaddr of this end. */
export function getsockname(fd: number, address: Uint8Array): void {
  addressLength.writeUInt32LE(address.length);
  check(libc().getsockname(fd, address, addressLength), 'getsockname');
}

export interface SocketOption {
  readonly level: number;
  readonly name: number;
  /** A number is passed as a C int. */
  readonly value: number | Uint8Array;
  /** The option's own name, for the error: `SO_BINDTODEVICE`. */
  readonly label: string;
}

export function setsockopt(fd: number, option: SocketOption): void {
  const value = typeof option.value === 'number' ? packInt(option.value) : option.value;
  const result = libc().setsockopt(fd, option.level, option.name, value, value.length);
  if (result === -1) check(result, `setsockopt ${option.label}`);
}

/**
 * Sets a socket buffer size in bytes: past the system's limit with CAP_NET_ADMIN (`force`), as far
 * as the limit allows without.
 */
export function setBufferSize(fd: number, bytes: number, force: number, plain: number): void {
  const value = packInt(bytes);
  if (libc().setsockopt(fd, SOL_SOCKET, force, value, value.length) === 0) return;
  check(libc().setsockopt(fd, SOL_SOCKET, plain, value, value.length), 'setsockopt SO_*BUF');
}

/** Sends to `address` (packed sockaddr), or to the peer when there is none. Returns bytes sent. */
export function sendto(fd: number, bytes: Uint8Array, flags: number, address?: Uint8Array): number {
  const result = libc().sendto(
    fd,
    bytes,
    bytes.length,
    flags,
    address ?? null,
    address?.length ?? 0,
  );
  return check(result, 'sendto');
}

/** `header` is a packed msghdr, see message-header.ts. Returns bytes sent. */
export function sendmsg(fd: number, header: Uint8Array, flags: number): number {
  return check(libc().sendmsg(fd, header, flags), 'sendmsg');
}

/** Bytes received; undefined when nothing is waiting. `header` as in sendmsg. */
export function recvmsg(fd: number, header: Uint8Array, flags: number): number | undefined {
  return checkUnlessEmpty(libc().recvmsg(fd, header, flags), 'recvmsg');
}

/** Bytes read; undefined when nothing is waiting. */
export function read(fd: number, into: Uint8Array): number | undefined {
  return checkUnlessEmpty(libc().read(fd, into, into.length), 'read');
}

/** Bytes taken; undefined when there is no room for any now. */
export function send(fd: number, bytes: Uint8Array, flags: number): number | undefined {
  return checkUnlessEmpty(libc().send(fd, bytes, bytes.length, flags), 'send');
}

export function epollCreate(flags: number): number {
  return check(libc().epoll_create1(flags), 'epoll_create1');
}

/** `event` is a packed epoll_event, see readiness.ts. */
export function epollControl(
  epoll: number,
  operation: number,
  fd: number,
  event: Uint32Array,
): void {
  check(libc().epoll_ctl(epoll, operation, fd, event), 'epoll_ctl');
}

/** Events that are there now, at most `count`, written into `into`. Does not wait. */
export function epollTake(epoll: number, into: Uint32Array, count: number): number {
  return checkUnlessEmpty(libc().epoll_wait(epoll, into, count, 0), 'epoll_wait') ?? 0;
}

/** Fills `into` with a timespec: s and ns, 8 bytes each. */
export function clockGettime(clock: number, into: Uint8Array): void {
  check(libc().clock_gettime(clock, into), 'clock_gettime');
}

export function timerfdCreate(clock: number, flags: number): number {
  return check(libc().timerfd_create(clock, flags), 'timerfd_create');
}

/** `value` is a packed itimerspec, see timer.ts. */
export function timerfdSettime(fd: number, flags: number, value: Uint8Array): void {
  check(libc().timerfd_settime(fd, flags, value, null), 'timerfd_settime');
}

/** prctl(2); `what` is the option's name. */
export function prctl(option: number, argument: number, what: string, second = 0): number {
  return check(libc().prctl(option, argument, second, 0, 0), `prctl ${what}`);
}

/** A FIFO with these permissions, less the umask. */
export function mkfifo(path: string, mode: number): void {
  check(libc().mkfifo(path, mode), 'mkfifo');
}

/** fcntl(2) with an integer argument. */
export function fcntl(fd: number, command: number, argument: number): number {
  return check(libc().fcntl(fd, command, argument), 'fcntl');
}

/** Capabilities of the calling thread; packed structs of linux/capability.h. */
export function capset(header: Uint8Array, data: Uint8Array): void {
  check(libc().capset(header, data), 'capset');
}

/** Scheduling of the calling thread. */
export function schedSetscheduler(policy: number, priority: number): void {
  check(libc().sched_setscheduler(0, policy, packInt(priority)), 'sched_setscheduler');
}

/** Policy of the calling thread, with SCHED_RESET_ON_FORK or'ed in where it is set. */
export function schedGetscheduler(): number {
  return check(libc().sched_getscheduler(0), 'sched_getscheduler');
}

/** Of a child of this process, without waiting: true when it had ended and is gone now. */
export function waitpid(pid: number): boolean {
  return check(libc().waitpid(pid, null, WNOHANG), 'waitpid') === pid;
}

/** The address of a buffer, for pointers inside structs; the buffer must outlive its use. */
export function addressOf(buffer: Uint8Array): bigint {
  return koffi.address(buffer);
}

/** What `poll` gives back. It must stay referenced: a collected handle stops without a word. */
export interface PollHandle {
  close(): void;
}

/**
 * Calls back from the event loop whenever `fd` is readable, or writable (level-triggered, a uv_poll_t).
 * Only for poller.ts, which says what such a callback may not do.
 */
export function poll(fd: number, what: 'readable' | 'writable', onReady: () => void): PollHandle {
  return koffi.node.poll(fd, { [what]: true }, onReady);
}

function packInt(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}
