/**
 * A netlink socket: requests, dumps, batches and multicast events, all without waiting. rtnetlink
 * and generic netlink do their work in the sender's context, so an answer is queued when send(2)
 * returns and the next part of a dump when recv(2) has taken the one before.
 */
import { describeErrno, EAGAIN, EINTR, EMSGSIZE, ENOBUFS, errnoCode } from './errno.ts';
import * as libc from './libc.ts';
import {
  AF_NETLINK,
  NETLINK_CAP_ACK,
  NETLINK_EXT_ACK,
  NETLINK_GET_STRICT_CHK,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_SNDBUF,
  SO_SNDBUFFORCE,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_NETLINK,
} from './linux.ts';
import { MessageBuffer } from './message-buffer.ts';
import { IncomingMessage } from './message-header.ts';
import {
  type Acknowledgement,
  decodeAcknowledgement,
  decodeDone,
  decodeMessages,
  encodeMessage,
  type NetlinkMessage,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_HEADER_LENGTH,
} from './netlink.ts';
import { packSockaddrNl, portIdOfSockaddrNl, SOCKADDR_NL_LENGTH } from './sockaddr.ts';

/** What the caller says; sequence, port id and the REQUEST, ACK and DUMP flags are the socket's. */
export interface NetlinkRequest {
  readonly type: number;
  readonly flags?: number;
  readonly payload: Uint8Array;
}

/** An array, or what makes them one at a time: what `at` gave is not needed once it is asked again. */
export interface BatchRequests {
  readonly length: number;
  at(index: number): BatchRequest | undefined;
}

/** `head` stands before the payload. */
export interface BatchRequest extends NetlinkRequest {
  readonly head?: Uint8Array;
}

/**
 * The kernel refused, or its answer was lost. Codes are errno names, and these:
 * ENOBUFS: answers or events were lost; what was asked may have been done, so read the state again.
 * DUMP_INTERRUPTED: the table changed under every attempt to dump it.
 * NO_REPLY: no answer was queued, though the kernel answers at once.
 * REPLY_TOO_LONG: the answer does not fit the receive buffer.
 */
export interface NetlinkFailure {
  readonly ok: false;
  readonly code: string;
  /** Where the code is no errno name, the nearest. */
  readonly errno: number;
  readonly detail: string;
}

export type AckOutcome = { readonly ok: true } | NetlinkFailure;
export type ReplyOutcome =
  | { readonly ok: true; readonly messages: readonly NetlinkMessage[] }
  | NetlinkFailure;

/** Longer than any datagram the kernel builds: it dumps in pieces of at most 32 KiB. */
const RECEIVE_BYTES_MAX = 128 * 1024;
const SOCKET_BUFFER_BYTES = 8 * 1024 * 1024;
/** A batch is split so that a socket buffer of the default size (212,992) takes each part. */
const BATCH_MESSAGES_MAX = 1000;
const BATCH_BYTES_MAX = 128 * 1024;
const DUMP_ATTEMPTS_MAX = 8;
/** Bounds a turn of `drain` that a storm of events would otherwise never leave. */
const DRAIN_DATAGRAMS_MAX = 100_000;

const OK: AckOutcome = { ok: true };
const NO_BYTES = new Uint8Array(0);

export class NetlinkSocket {
  readonly fd: number;
  readonly portId: number;
  readonly #incoming = new IncomingMessage({
    payload: RECEIVE_BYTES_MAX,
    name: SOCKADDR_NL_LENGTH,
    control: 0,
  });
  readonly #batch = new MessageBuffer();
  #sequence = 0;
  #isClosed = false;

  private constructor(fd: number, portId: number) {
    this.fd = fd;
    this.portId = portId;
  }

  /**
   * Opens NETLINK_ROUTE, NETLINK_GENERIC, …, joined to the multicast `groups` (RTMGRP_* mask).
   * Buffers are 8 MiB with CAP_NET_ADMIN, else what the system allows. `isStrict`: the kernel looks at
   * the header of a dump and filters by it. Throws SysError.
   */
  static open(
    protocol: number,
    options: { groups?: number; isStrict?: boolean } = {},
  ): NetlinkSocket {
    const type = SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC;
    const fd = libc.socket(AF_NETLINK, type, protocol, `netlink ${protocol}`);
    try {
      libc.setBufferSize(fd, SOCKET_BUFFER_BYTES, SO_RCVBUFFORCE, SO_RCVBUF);
      libc.setBufferSize(fd, SOCKET_BUFFER_BYTES, SO_SNDBUFFORCE, SO_SNDBUF);
      const on = { level: SOL_NETLINK, value: 1 };
      libc.setsockopt(fd, { ...on, name: NETLINK_CAP_ACK, label: 'NETLINK_CAP_ACK' });
      libc.setsockopt(fd, { ...on, name: NETLINK_EXT_ACK, label: 'NETLINK_EXT_ACK' });
      if (options.isStrict === true) {
        libc.setsockopt(fd, { ...on, name: NETLINK_GET_STRICT_CHK, label: 'GET_STRICT_CHK' });
      }
      libc.bind(fd, packSockaddrNl(options.groups ?? 0));
      const name = Buffer.alloc(SOCKADDR_NL_LENGTH);
      libc.getsockname(fd, name);
      return new NetlinkSocket(fd, portIdOfSockaddrNl(name));
    } catch (error) {
      libc.close(fd);
      throw error;
    }
  }

  /** One request, acknowledged; with what the kernel said in between (the answer to a GET). */
  request(request: NetlinkRequest): ReplyOutcome {
    const sequence = this.#nextSequence();
    const sent = this.#send(this.#encode(request, sequence, NLM_F_ACK));
    if (!sent.ok) return sent;
    const messages: NetlinkMessage[] = [];
    while (true) {
      const part = this.#receive();
      if (!part.ok) return part;
      for (const message of part.messages) {
        if (message.sequence !== sequence) continue;
        if (message.type !== NLMSG_ERROR) {
          messages.push(message);
          continue;
        }
        const outcome = ackOutcome(decodeAcknowledgement(message.payload, message.flags));
        return outcome.ok ? { ok: true, messages } : outcome;
      }
    }
  }

  /** All parts of a dump; tried again while the table changes under it (NLM_F_DUMP_INTR). */
  dump(request: NetlinkRequest): ReplyOutcome {
    for (let attempt = 0; attempt < DUMP_ATTEMPTS_MAX; attempt++) {
      const outcome = this.#dumpOnce(request);
      if (outcome !== 'interrupted') return outcome;
    }
    return {
      ok: false,
      code: 'DUMP_INTERRUPTED',
      errno: EINTR,
      detail: `The table changed during each of ${DUMP_ATTEMPTS_MAX} attempts to read it`,
    };
  }

  /**
   * Sends many requests, up to 1000 with one send(2); outcomes in the same order. The kernel
   * applies every one, in order, also those after a failure. Only the last of a send is
   * acknowledged: failures are reported without being asked for. Where answers were lost the
   * outcome is ENOBUFS. Requests are asked for in order, and one is not needed any more with the next.
   */
  batch(requests: BatchRequests): readonly AckOutcome[] {
    const outcomes: AckOutcome[] = [];
    while (outcomes.length < requests.length) this.#batchChunk(requests, outcomes);
    return outcomes;
  }

  /**
   * Sends requests between the two marks of an nfnetlink batch: all of them happen, or none. The last
   * but the closing mark is acknowledged; the outcome is the first failure.
   */
  transaction(requests: readonly NetlinkRequest[]): AckOutcome {
    const first = this.#sequence + 1;
    const acknowledged = first + requests.length - 2;
    const parts = requests.map((request) => {
      const sequence = this.#nextSequence();
      return this.#encode(request, sequence, sequence === acknowledged ? NLM_F_ACK : 0);
    });
    const sent = this.#send(Buffer.concat(parts));
    if (!sent.ok) return sent;
    let failure: AckOutcome | undefined;
    let isDone = false;
    while (true) {
      const part = this.#receive();
      // The kernel has answered all of it when send(2) returns: nothing more is queued.
      if (!part.ok) return failure ?? (isDone && part.code === 'NO_REPLY' ? OK : part);
      for (const message of part.messages) {
        if (message.type !== NLMSG_ERROR || message.sequence < first) continue;
        const outcome = ackOutcome(decodeAcknowledgement(message.payload, message.flags));
        if (!outcome.ok) failure ??= outcome;
        else if (message.sequence === acknowledged) isDone = true;
      }
    }
  }

  /**
   * Hands every waiting message to `onMessage`. ENOBUFS: events were lost before these; read the
   * state again. For a socket that is joined to groups and sends no requests.
   */
  drain(onMessage: (message: NetlinkMessage) => void): AckOutcome {
    let lost: NetlinkFailure | undefined;
    for (let datagrams = 0; datagrams < DRAIN_DATAGRAMS_MAX && !this.#isClosed; datagrams++) {
      const part = this.#receive();
      if (part.ok) {
        for (const message of part.messages) onMessage(message);
      } else if (part.code === 'NO_REPLY') {
        return lost ?? OK;
      } else if (part.errno === ENOBUFS) {
        lost = part;
      } else {
        return part;
      }
    }
    return lost ?? OK;
  }

  /** Sends what is not answered. */
  tell(request: NetlinkRequest): AckOutcome {
    return this.#send(this.#encode(request, this.#nextSequence(), 0));
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    libc.close(this.fd);
  }

  #dumpOnce(request: NetlinkRequest): ReplyOutcome | 'interrupted' {
    const sequence = this.#nextSequence();
    const sent = this.#send(this.#encode(request, sequence, NLM_F_DUMP));
    if (!sent.ok) return sent;
    const messages: NetlinkMessage[] = [];
    let isInterrupted = false;
    while (true) {
      const part = this.#receive();
      if (!part.ok) {
        if (part.errno !== ENOBUFS) return part;
        // The dump goes on; unless it is read to its end, the next one is refused with EBUSY.
        isInterrupted = true;
        continue;
      }
      for (const message of part.messages) {
        if (message.sequence !== sequence) continue;
        if ((message.flags & NLM_F_DUMP_INTR) !== 0) isInterrupted = true;
        if (message.type !== NLMSG_DONE && message.type !== NLMSG_ERROR) {
          messages.push(message);
          continue;
        }
        const decode = message.type === NLMSG_DONE ? decodeDone : decodeAcknowledgement;
        const outcome = ackOutcome(decode(message.payload, message.flags));
        if (!outcome.ok) return outcome;
        return isInterrupted ? 'interrupted' : { ok: true, messages };
      }
    }
  }

  /** As many as one send takes, from the first that has no outcome yet. */
  #batchChunk(requests: BatchRequests, outcomes: AckOutcome[]): void {
    const buffer = this.#batch;
    const from = outcomes.length;
    const first = this.#sequence + 1;
    let to = from;
    buffer.clear();
    while (to < requests.length && to - from < BATCH_MESSAGES_MAX) {
      const request = requests.at(to);
      if (request === undefined) throw new Error('A batch has a request for each outcome');
      const { type, flags = 0, head = NO_BYTES, payload } = request;
      const bytes = NLMSG_HEADER_LENGTH + head.length + payload.length;
      // It is asked for again as the first of the next send.
      if (to > from && buffer.length + bytes > BATCH_BYTES_MAX) break;
      const sequence = this.#nextSequence();
      buffer.add({ type, flags: NLM_F_REQUEST | flags, sequence }, head, payload);
      to += 1;
    }
    buffer.flagLast(NLM_F_ACK);
    const sent = this.#send(buffer.bytes);
    const failures = new Map<number, NetlinkFailure>();
    const unheard = sent.ok ? this.#collectFailures(first, this.#sequence, failures) : sent;
    for (let index = from; index < to; index += 1) {
      outcomes.push(failures.get(first + index - from) ?? unheard);
    }
  }

  /** Fills `failures` by sequence; the outcome is that of every message not in there. */
  #collectFailures(first: number, last: number, failures: Map<number, NetlinkFailure>): AckOutcome {
    let lost: NetlinkFailure | undefined;
    while (true) {
      const part = this.#receive();
      if (!part.ok) {
        if (part.errno !== ENOBUFS) return lost ?? part;
        lost = part;
        continue;
      }
      for (const message of part.messages) {
        if (message.type !== NLMSG_ERROR) continue;
        if (message.sequence < first || message.sequence > last) continue;
        const outcome = ackOutcome(decodeAcknowledgement(message.payload, message.flags));
        if (!outcome.ok) failures.set(message.sequence, outcome);
        if (message.sequence === last) return lost ?? OK;
      }
    }
  }

  #encode(request: NetlinkRequest, sequence: number, flags: number): Uint8Array {
    return encodeMessage({
      type: request.type,
      flags: NLM_F_REQUEST | flags | (request.flags ?? 0),
      sequence,
      payload: request.payload,
    });
  }

  /** Sequence numbers are u32 on the wire; 2^32 requests are out of a process's reach. */
  #nextSequence(): number {
    this.#sequence += 1;
    return this.#sequence;
  }

  #send(bytes: Uint8Array): AckOutcome {
    try {
      libc.sendto(this.fd, bytes, 0, KERNEL);
      return OK;
    } catch (error) {
      return failureOf(error);
    }
  }

  /** One datagram from the kernel, copied. NO_REPLY when none is waiting. */
  #receive(): ReplyOutcome {
    try {
      while (this.#incoming.receive(this.fd)) {
        if (portIdOfSockaddrNl(this.#incoming.name) !== 0) continue;
        if (this.#incoming.isTruncated) return TOO_LONG;
        return { ok: true, messages: decodeMessages(new Uint8Array(this.#incoming.payload)) };
      }
      return NO_REPLY;
    } catch (error) {
      return failureOf(error);
    }
  }
}

const KERNEL = packSockaddrNl(0);

const NO_REPLY: NetlinkFailure = {
  ok: false,
  code: 'NO_REPLY',
  errno: EAGAIN,
  detail: 'The kernel has queued no answer',
};

const TOO_LONG: NetlinkFailure = {
  ok: false,
  code: 'REPLY_TOO_LONG',
  errno: EMSGSIZE,
  detail: `The kernel's answer is longer than ${RECEIVE_BYTES_MAX} bytes`,
};

function failureOf(error: unknown): NetlinkFailure {
  if (!(error instanceof libc.SysError)) throw error;
  return { ok: false, code: error.code, errno: error.errno, detail: error.message };
}

function ackOutcome(ack: Acknowledgement): AckOutcome {
  if (ack.errno === 0) return OK;
  const words = [
    ack.text,
    ack.missingType === undefined ? undefined : `attribute ${ack.missingType} is missing`,
    ack.offset === undefined ? undefined : `at byte ${ack.offset} of the request`,
  ].filter((word) => word !== undefined);
  const reason = describeErrno(ack.errno);
  return {
    ok: false,
    code: errnoCode(ack.errno),
    errno: ack.errno,
    detail: words.length === 0 ? reason : `${reason}: ${words.join(', ')}`,
  };
}
