/**
 * Readiness of many short-lived sockets: one epoll of our own, which alone is in Node's event loop. A handle
 * of libuv's for each socket costs more than the socket.
 *
 *   sockets -> epoll -> its descriptor is readable -> event loop -> all that are ready, in turn
 */
import * as libc from './libc.ts';
import {
  EPOLL_CLOEXEC,
  EPOLL_CTL_ADD,
  EPOLL_CTL_MOD,
  EPOLLERR,
  EPOLLHUP,
  EPOLLIN,
  EPOLLOUT,
} from './linux.ts';
import { type Watch, watchReadable } from './poller.ts';

/** `connection`: it has come about, or failed; `bytes` to be read; `both`: bytes, or room to write. */
export type Wanted = 'connection' | 'bytes' | 'both';

export interface Waiting {
  change(what: Wanted): void;
  /** Before the descriptor is closed, which takes it out of the epoll. */
  end(): void;
}

/** What is left undone is told again. `hasFailed`: SO_ERROR says why. */
export type OnReady = (hasFailed: boolean) => void;

const EVENTS: Readonly<Record<Wanted, number>> = {
  connection: EPOLLOUT,
  bytes: EPOLLIN,
  both: EPOLLIN | EPOLLOUT,
};

/** Events of one turn of the event loop; more wait for the next, so that timers run in between. */
const EVENTS_MAX = 256;

/**
 * struct epoll_event, linux/eventpoll.h, is packed on x86-64 only:
 *
 *          0          4          8          12         16
 *   x64   +----------+---------------------+
 *         | events   | data                |
 *   arm64 +----------+----------+---------------------+
 *         | events   | padding  | data                |
 *         +----------+----------+---------------------+
 */
const DATA_OFFSET = process.arch === 'x64' ? 4 : 8;
const EVENT_BYTES = DATA_OFFSET + 8;
/** Nobody waited at the end of this: the watch is closed. */
const IDLE_MS = 500;
const NUMBER_END = 2 ** 32;

class Readiness {
  readonly #epoll = libc.epollCreate(EPOLL_CLOEXEC);
  readonly #event = Buffer.alloc(EVENT_BYTES);
  readonly #events = Buffer.alloc(EVENT_BYTES * EVENTS_MAX);
  /** By a number of their own: that of a descriptor is another socket's as soon as it is closed. */
  readonly #waiting = new Map<number, OnReady>();
  #lastNumber = 0;
  #watch: Watch | undefined;
  #idle: NodeJS.Timeout | undefined;

  add(fd: number, what: Wanted, onReady: OnReady): Waiting {
    const number = this.#freeNumber();
    this.#control(EPOLL_CTL_ADD, fd, { what, number });
    this.#waiting.set(number, onReady);
    this.#watch ??= watchReadable(this.#epoll, () => this.#tell());
    return {
      change: (other) => this.#control(EPOLL_CTL_MOD, fd, { what: other, number }),
      end: () => this.#forget(number),
    };
  }

  #freeNumber(): number {
    do this.#lastNumber = (this.#lastNumber + 1) % NUMBER_END;
    while (this.#waiting.has(this.#lastNumber));
    return this.#lastNumber;
  }

  #forget(number: number): void {
    if (!this.#waiting.delete(number) || this.#waiting.size > 0) return;
    // Once for all of a while: opening the watch costs a tenth of a check.
    if (this.#idle === undefined) this.#idle = setTimeout(() => this.#rest(), IDLE_MS).unref();
  }

  /** Without anybody to wait for, the event loop may end. */
  #rest(): void {
    this.#idle = undefined;
    if (this.#waiting.size > 0) return;
    this.#watch?.close();
    this.#watch = undefined;
  }

  #control(
    operation: number,
    fd: number,
    { what, number }: { readonly what: Wanted; readonly number: number },
  ): void {
    this.#event.writeUInt32LE(EVENTS[what], 0);
    this.#event.writeUInt32LE(number, DATA_OFFSET);
    libc.epollControl(this.#epoll, operation, fd, this.#event);
  }

  #tell(): void {
    const count = libc.epollTake(this.#epoll, this.#events, EVENTS_MAX);
    for (let index = 0; index < count; index += 1) {
      const events = this.#events.readUInt32LE(index * EVENT_BYTES);
      const number = this.#events.readUInt32LE(index * EVENT_BYTES + DATA_OFFSET);
      this.#waiting.get(number)?.((events & (EPOLLERR | EPOLLHUP)) !== 0);
    }
  }
}

let shared: Readiness | undefined;

/** Calls back from the event loop, see poller.ts. Throws SysError. */
export function awaitReady(fd: number, what: Wanted, onReady: OnReady): Waiting {
  shared ??= new Readiness();
  return shared.add(fd, what, onReady);
}
