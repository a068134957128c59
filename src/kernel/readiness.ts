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
  EPOLLET,
  EPOLLIN,
  EPOLLOUT,
  EPOLLRDHUP,
} from './linux.ts';
import { type Watch, watchReadable } from './poller.ts';

export interface ReadyListener {
  /**
   * Something came about: EPOLLOUT, a connection or room to write; EPOLLIN, bytes or the peer's end; EPOLLERR
   * or EPOLLHUP, SO_ERROR says why. Told once: who does not read until there is nothing left says `rearm`.
   */
  onReady(events: number): void;
}

/** One epoll_ctl for the life of a socket, which mostly wants first the one and then the other. */
const EVENTS = (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET) >>> 0;

/** Events of one turn of the event loop; more wait for the next, so that timers run in between. */
const EVENTS_MAX = 256;

/**
 * struct epoll_event, linux/eventpoll.h, is packed on x86-64 only:
 *
 *          0          4          8          12         16
 *   x64   +----------+----------+----------+
 *         | events   | place    | number   |    data: ours
 *   arm64 +----------+----------+----------+----------+
 *         | events   | padding  | place    | number   |
 *         +----------+----------+----------+----------+
 */
const PLACE_WORD = process.arch === 'x64' ? 1 : 2;
const NUMBER_WORD = PLACE_WORD + 1;
/** Words of 32 bits. */
const EVENT_WORDS = NUMBER_WORD + 1;
/** Nobody waited at the end of this: the watch is closed. */
const IDLE_MS = 500;
const NUMBER_END = 2 ** 32;

/** One socket that is waited for. */
export class Waiting {
  readonly fd: number;
  readonly listener: ReadyListener;
  /** Where it is among those that wait. */
  readonly place: number;
  /** Of this one alone: place and descriptor are another one's as soon as it has ended. */
  readonly number: number;
  readonly #readiness: Readiness;

  constructor(
    readiness: Readiness,
    fd: number,
    listener: ReadyListener,
    { place, number }: { readonly place: number; readonly number: number },
  ) {
    this.#readiness = readiness;
    this.fd = fd;
    this.listener = listener;
    this.place = place;
    this.number = number;
  }

  /** What is there already is told again, at the next turn of the event loop. */
  rearm(): void {
    this.#readiness.control(EPOLL_CTL_MOD, this);
  }

  /** Once, before the descriptor is closed, which takes it out of the epoll. */
  end(): void {
    this.#readiness.forget(this);
  }
}

class Readiness {
  readonly #epoll = libc.epollCreate(EPOLL_CLOEXEC);
  readonly #event = new Uint32Array(EVENT_WORDS);
  readonly #events = new Uint32Array(EVENT_WORDS * EVENTS_MAX);
  readonly #waiting: (Waiting | undefined)[] = [];
  readonly #freePlaces: number[] = [];
  #lastNumber = 0;
  #watch: Watch | undefined;
  #idle: NodeJS.Timeout | undefined;

  add(fd: number, listener: ReadyListener): Waiting {
    const place = this.#freePlaces.pop() ?? this.#waiting.length;
    this.#lastNumber = (this.#lastNumber + 1) % NUMBER_END;
    const waiting = new Waiting(this, fd, listener, { place, number: this.#lastNumber });
    this.#waiting[place] = waiting;
    try {
      this.control(EPOLL_CTL_ADD, waiting);
    } catch (error) {
      this.forget(waiting);
      throw error;
    }
    this.#watch ??= watchReadable(this.#epoll, () => this.#tell());
    return waiting;
  }

  forget({ place }: Waiting): void {
    this.#waiting[place] = undefined;
    this.#freePlaces.push(place);
    if (this.#freePlaces.length < this.#waiting.length) return;
    // Once for all of a while: opening the watch costs a tenth of a check.
    if (this.#idle === undefined) this.#idle = setTimeout(() => this.#rest(), IDLE_MS).unref();
  }

  /** Without anybody to wait for, the event loop may end. */
  #rest(): void {
    this.#idle = undefined;
    if (this.#freePlaces.length < this.#waiting.length) return;
    this.#watch?.close();
    this.#watch = undefined;
  }

  control(operation: number, { fd, place, number }: Waiting): void {
    this.#event[0] = EVENTS;
    this.#event[PLACE_WORD] = place;
    this.#event[NUMBER_WORD] = number;
    libc.epollControl(this.#epoll, operation, fd, this.#event);
  }

  #tell(): void {
    const count = libc.epollTake(this.#epoll, this.#events, EVENTS_MAX);
    for (let at = 0; at < count * EVENT_WORDS; at += EVENT_WORDS) {
      const waiting = this.#waiting[this.#events[at + PLACE_WORD] ?? 0];
      // One that ended in this turn is not told, nor is who has its place now.
      if (waiting?.number !== this.#events[at + NUMBER_WORD]) continue;
      waiting?.listener.onReady(this.#events[at] ?? 0);
    }
  }
}

let shared: Readiness | undefined;

/** Calls back from the event loop, see poller.ts. Throws SysError. */
export function awaitReady(fd: number, listener: ReadyListener): Waiting {
  shared ??= new Readiness();
  return shared.add(fd, listener);
}
