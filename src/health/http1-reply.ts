/**
 * A reply of HTTP/1 (RFC 9112), byte by byte as it comes: pure. Strict where servers differ in what they take
 * one and the same bytes for (lengths), lenient where nobody does (line ends, folded lines).
 *
 *   status line -> fields -> body: none | counted | chunked | until the connection ends
 *        ^            |
 *        +--- 1xx ----+
 */
import type { HttpHeaders } from './http-reply.ts';
import { beginsAsReply, endOfHead, type Head, readHead } from './http1-head.ts';

/** Bytes of a reply's head, informational replies and trailers included; a server that sends more has failed. */
export const MAX_HEAD_BYTES = 64 * 1024;

/** Informational (1xx) replies before the real one. */
export const MAX_INFORMATIONAL = 8;

/** Bytes of the line before a chunk: a length, and extensions that nobody uses. */
const MAX_CHUNK_LINE_BYTES = 4096;

/** What a reply is made of, in whatever version of HTTP. */
export type ReplyEvent =
  | { readonly kind: 'head'; readonly status: number; readonly headers: HttpHeaders }
  /** Aliases what was pushed. */
  | { readonly kind: 'data'; readonly bytes: Buffer }
  | { readonly kind: 'end' }
  | { readonly kind: 'bad'; readonly reason: string; readonly detail: string };

type Stage =
  | { readonly kind: 'head' }
  | { readonly kind: 'counted'; left: number }
  | { readonly kind: 'untilEnd' }
  | { readonly kind: 'chunkLine' }
  | { readonly kind: 'chunk'; left: number }
  | { readonly kind: 'chunkEnd' }
  | { readonly kind: 'trailers' }
  | { readonly kind: 'over' };

const LF = 10;
const CR = 13;
/** More is no length of anything. */
const MAX_DIGITS = 15;

/** The events of one connection: `push` what is read, `close` when the peer has ended it. */
export class Http1Reply {
  readonly #isBodiless: boolean;
  readonly #wanted: ReadonlySet<string> | undefined;
  #stage: Stage = { kind: 'head' };
  /** Of a head or line that is not whole yet; copies, for the caller may use its bytes again. */
  #kept: Buffer[] = [];
  #keptBytes = 0;
  #headBytes = 0;
  #informational = 0;

  /**
   * `method`: that of the request; the reply to HEAD has no body. `wanted`: names of the fields that are told,
   * in lower case; all where absent. The others are read, and refused where they are wrong, all the same.
   */
  constructor(method: string, wanted?: ReadonlySet<string>) {
    this.#isBodiless = method === 'HEAD';
    this.#wanted = wanted;
  }

  /** After `end` or `bad` it is over, and there are no more events. */
  push(chunk: Buffer): readonly ReplyEvent[] {
    const events: ReplyEvent[] = [];
    let bytes = chunk;
    if (this.#kept.length > 0) {
      // Nothing ends without a line feed: what drips is not looked through again with every byte.
      if (!chunk.includes(LF) && this.#keptBytes + chunk.length <= MAX_HEAD_BYTES) {
        this.#keep(chunk);
        return events;
      }
      bytes = Buffer.concat([...this.#kept, chunk]);
      this.#kept = [];
      this.#keptBytes = 0;
    }
    while (bytes.length > 0 && this.#stage.kind !== 'over') {
      const taken = this.#take(bytes, events);
      if (taken === 0) {
        this.#keep(bytes);
        break;
      }
      if (taken === bytes.length) break;
      bytes = bytes.subarray(taken);
    }
    return events;
  }

  #keep(bytes: Buffer): void {
    this.#kept.push(Buffer.from(bytes));
    this.#keptBytes += bytes.length;
  }

  close(): ReplyEvent | undefined {
    const { kind } = this.#stage;
    this.#stage = { kind: 'over' };
    switch (kind) {
      case 'over':
        return undefined;
      case 'untilEnd':
        return { kind: 'end' };
      case 'head':
        return closedEarly('connection closed before a complete reply');
      case 'counted':
        return closedEarly('body does not have its Content-Length');
      default:
        return closedEarly('connection closed in the middle of the reply');
    }
  }

  /** How many bytes were used; 0: more are needed. */
  #take(bytes: Buffer, events: ReplyEvent[]): number {
    const stage = this.#stage;
    switch (stage.kind) {
      case 'head':
        return this.#takeHead(bytes, events);
      case 'counted':
      case 'chunk': {
        const part = bytes.length > stage.left ? bytes.subarray(0, stage.left) : bytes;
        stage.left -= part.length;
        events.push({ kind: 'data', bytes: part });
        if (stage.left === 0) this.#endPart(stage.kind, events);
        return part.length;
      }
      case 'untilEnd':
        events.push({ kind: 'data', bytes });
        return bytes.length;
      case 'chunkLine':
      case 'chunkEnd':
      case 'trailers':
        return this.#takeLine(bytes, stage.kind, events);
      case 'over':
        return bytes.length;
      default:
        return stage satisfies never;
    }
  }

  #endPart(kind: 'counted' | 'chunk', events: ReplyEvent[]): void {
    if (kind === 'counted') this.#end(events);
    else this.#stage = { kind: 'chunkEnd' };
  }

  #takeHead(bytes: Buffer, events: ReplyEvent[]): number {
    if (!beginsAsReply(bytes)) {
      return this.#bad('BAD_RESPONSE', 'what came is no reply of HTTP/1', events);
    }
    const end = endOfHead(bytes);
    if (this.#headBytes + (end ?? bytes.length) > MAX_HEAD_BYTES) {
      return this.#bad('HEADERS_TOO_LARGE', TOO_LARGE, events);
    }
    if (end === undefined) return 0;
    this.#headBytes += end;
    const head = readHead(bytes, this.#wanted);
    if (typeof head === 'string') return this.#bad('BAD_RESPONSE', head, events);
    const { status, headers } = head;
    if (status < 200) return this.#inform(status, end, events);
    const stage = this.#bodyOf(head);
    if (typeof stage === 'string') return this.#bad('BAD_RESPONSE', stage, events);
    events.push({ kind: 'head', status, headers });
    this.#stage = stage;
    if (stage.kind === 'over') events.push({ kind: 'end' });
    return end;
  }

  /** 100 answers an Expect, and 101 an Upgrade: nothing of that was sent. */
  #inform(status: number, end: number, events: ReplyEvent[]): number {
    this.#informational += 1;
    if (status === 100 || status === 101) {
      return this.#bad('BAD_RESPONSE', 'an unexpected 100 or 101 reply', events);
    }
    if (this.#informational > MAX_INFORMATIONAL) {
      const detail = `more than ${MAX_INFORMATIONAL} informational replies`;
      return this.#bad('BAD_RESPONSE', detail, events);
    }
    return end;
  }

  /** RFC 9112 6.3; what is wrong as a text. */
  #bodyOf({ status, encoding, length }: Head): Stage | string {
    if (encoding !== undefined && length !== undefined) {
      return 'the reply has both Content-Length and Transfer-Encoding';
    }
    const left = length === undefined ? undefined : readLength(length);
    if (length !== undefined && left === undefined) return 'the Content-Length is no number';
    if (this.#isBodiless || status === 204 || status === 304) return { kind: 'over' };
    if (encoding !== undefined) {
      return isChunked(encoding) ? { kind: 'chunkLine' } : { kind: 'untilEnd' };
    }
    if (left === undefined) return { kind: 'untilEnd' };
    return left === 0 ? { kind: 'over' } : { kind: 'counted', left };
  }

  #takeLine(
    bytes: Buffer,
    kind: 'chunkLine' | 'chunkEnd' | 'trailers',
    events: ReplyEvent[],
  ): number {
    const end = bytes.indexOf(LF);
    const length = end < 0 ? bytes.length : end + 1;
    if (kind !== 'trailers' && length > MAX_CHUNK_LINE_BYTES) {
      return this.#bad('BAD_RESPONSE', 'the length of a chunk has no end', events);
    }
    if (kind === 'trailers' && this.#headBytes + length > MAX_HEAD_BYTES) {
      return this.#bad('HEADERS_TOO_LARGE', TOO_LARGE, events);
    }
    if (end < 0) return 0;
    const line = bytes.toString('latin1', 0, bytes[end - 1] === CR ? end - 1 : end);
    if (kind === 'trailers') {
      this.#headBytes += length;
      if (line === '') this.#end(events);
      return length;
    }
    if (kind === 'chunkEnd') {
      this.#stage = { kind: 'chunkLine' };
      return line === ''
        ? length
        : this.#bad('BAD_RESPONSE', 'a chunk is longer than it says', events);
    }
    const [, digits] = /^([\dA-Fa-f]{1,12})[\t ]*(?:;.*)?$/.exec(line) ?? [];
    if (digits === undefined) return this.#bad('BAD_RESPONSE', 'a chunk has no length', events);
    const left = Number.parseInt(digits, 16);
    this.#stage = left === 0 ? { kind: 'trailers' } : { kind: 'chunk', left };
    return length;
  }

  #end(events: ReplyEvent[]): void {
    this.#stage = { kind: 'over' };
    events.push({ kind: 'end' });
  }

  #bad(reason: string, detail: string, events: ReplyEvent[]): number {
    this.#stage = { kind: 'over' };
    events.push({ kind: 'bad', reason, detail });
    return 1;
  }
}

const TOO_LARGE = `no end of the headers in ${MAX_HEAD_BYTES} bytes`;

function closedEarly(detail: string): ReplyEvent {
  return { kind: 'bad', reason: 'CLOSED_EARLY', detail };
}

export function readLength(text: string | readonly string[]): number | undefined {
  // Several, even of the same value, are taken for different things (RFC 9112 6.3).
  if (typeof text !== 'string' || text.length > MAX_DIGITS || !/^\d+$/.test(text)) return undefined;
  return Number(text);
}

/** Whether chunked is the last coding, which alone says where the body ends. */
function isChunked(encoding: string | readonly string[]): boolean {
  const codings = [encoding].flat().join(',').split(',');
  return codings.at(-1)?.trim().toLowerCase() === 'chunked';
}
