/**
 * A reply of HTTP/1 (RFC 9112), byte by byte as it comes: pure. Strict where servers differ in what they take
 * one and the same bytes for (lengths), lenient where nobody does (line ends, folded lines).
 *
 *   status line -> fields -> body: none | counted | chunked | until the connection ends
 *        ^            |
 *        +--- 1xx ----+
 */
import type { HttpHeaders } from './http-reply.ts';

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
const STATUS_LINE = /^HTTP\/1\.[01] (\d{3})(?: (?:\t|[\P{Cc}\x80-\x9f])*)?$/u;
const VERSION = 'HTTP/1.';
/** A method, or the name of a field (RFC 9110 5.6.2). */
export const TOKEN = /^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/;
/** What a value may not have; from 0x80 on is text of whatever coding (RFC 9110 5.5). */
export const CONTROL = /(?!\t)[^\P{Cc}\x80-\x9f]/u;
/** A control character that is neither a tab nor part of a line end, somewhere in a head. */
const LINE_CONTROL = /(?![\t\r\n])[^\P{Cc}\x80-\x9f]|\r(?!\n)/u;
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
    const start = bytes.toString('latin1', 0, VERSION.length);
    if (!VERSION.startsWith(start)) {
      return this.#bad('BAD_RESPONSE', 'what came is no reply of HTTP/1', events);
    }
    const end = endOfHead(bytes);
    if (this.#headBytes + (end ?? bytes.length) > MAX_HEAD_BYTES) {
      return this.#bad('HEADERS_TOO_LARGE', TOO_LARGE, events);
    }
    if (end === undefined) return 0;
    this.#headBytes += end;
    const head = readHead(bytes.toString('latin1', 0, end), this.#wanted);
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

/** Where the body begins: behind an empty line. A line ends with LF, before which a CR stands mostly. */
function endOfHead(bytes: Buffer): number | undefined {
  for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at + 1] === LF) return at + 2;
    if (bytes[at + 1] === CR && bytes[at + 2] === LF) return at + 3;
  }
  return undefined;
}

type Field = string | string[];

interface Head {
  readonly status: number;
  readonly headers: HttpHeaders;
  /** Content-Length. */
  readonly length: Field | undefined;
  /** Transfer-Encoding. */
  readonly encoding: Field | undefined;
}

/** A whole head, of whose fields the `wanted` ones are kept; what is wrong as a text. */
function readHead(text: string, wanted: ReadonlySet<string> | undefined): Head | string {
  let end = text.indexOf('\n');
  const [, digits] = STATUS_LINE.exec(lineOf(text, 0, end)) ?? [];
  if (digits === undefined) return 'the status line is none of HTTP/1';
  const headers: Record<string, Field> = Object.create(null);
  let length: Field | undefined;
  let encoding: Field | undefined;
  const hasControls = LINE_CONTROL.test(text);
  let last: string | undefined;
  for (;;) {
    const start = end + 1;
    end = text.indexOf('\n', start);
    const line = lineOf(text, start, end);
    // The empty line, behind which comes the body.
    if (line === '') return { status: Number(digits), headers, length, encoding };
    const isFolded = line.startsWith(' ') || line.startsWith('\t');
    if (isFolded && last === undefined) return 'the first header has no name';
    const colon = line.indexOf(':');
    const name = isFolded ? (last ?? '') : line.slice(0, Math.max(0, colon)).toLowerCase();
    if (!isFolded && !TOKEN.test(name)) return 'a header has no name';
    last = name;
    const isLength = name === 'content-length';
    const isEncoding = name === 'transfer-encoding';
    const isKept = wanted === undefined || wanted.has(name);
    if (!isKept && !isLength && !isEncoding && !hasControls) continue;
    const value = (isFolded ? line : line.slice(colon + 1)).trim();
    if (CONTROL.test(value)) return `the header ${name} has control characters`;
    if (isLength) length = joined(length, value, isFolded);
    if (isEncoding) encoding = joined(encoding, value, isFolded);
    if (isKept) headers[name] = joined(headers[name], value, isFolded);
  }
}

/** From `start` to the line feed at `end`, without the carriage return before that. */
function lineOf(text: string, start: number, end: number): string {
  return text.slice(start, text.charCodeAt(end - 1) === CR && end > start ? end - 1 : end);
}

/** A field with one more value. A folded line goes on with the value before it (RFC 9112 5.2). */
function joined(before: Field | undefined, value: string, isFolded: boolean): Field {
  if (before === undefined) return value;
  if (!isFolded) return [before, value].flat();
  if (typeof before === 'string') return `${before} ${value}`;
  return [...before.slice(0, -1), `${before.at(-1)} ${value}`];
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
