/**
 * One request and its reply in HTTP/2 (RFC 9113), the client's side, in a session of its own: pure. A request without a
 * body goes out at once, while all settings have their defaults; one with a body when the server has said its own,
 * for one that gives smaller windows may refuse what comes before (6.9.3; nginx refuses the stream). The reply is
 * read frame by frame.
 *
 *   SETTINGS -> HEADERS [CONTINUATION...] -> DATA... -> [HEADERS: trailers] -> END_STREAM
 *                  ^              |
 *                  +----- 1xx ----+
 */
import { encodeFields, HpackDecoder, type HpackField } from './hpack.ts';
import { MAX_INFORMATIONAL, type ReplyEvent } from './http1-reply.ts';
import { replyFields } from './http2-fields.ts';
import {
  Broken,
  errorName,
  expectLength,
  expectWindow,
  FLAG,
  FRAME,
  type Frame,
  FrameReader,
  goaway,
  MAX_31_BITS,
  MAX_FRAME_BYTES,
  PREFACE,
  SETTING,
  unpadded,
  words,
  writeFrame,
  writeHeaders,
  writeSettings,
  wrongStream,
} from './http2-frame.ts';

/** Fields of a block of headers. */
export const MAX_FIELDS = 1000;

/** Octets of blocks of headers, as they come, informational ones and trailers included; and of one as it is read. */
export const MAX_HEADER_BYTES = 64 * 1024;

/** Frames that bring the exchange no further: more are a flood. */
export const MAX_IDLE_FRAMES = 1000;

/** SETTINGS_INITIAL_WINDOW_SIZE while nobody says anything else, and the window of the connection (6.9.2). */
const WINDOW_BYTES = 65_535;

/** The only stream. */
const STREAM = 1;

export interface Http2Step {
  readonly events: readonly ReplyEvent[];
  /** To be sent, maybe nothing. */
  readonly send: Buffer;
}

export class Http2Exchange {
  readonly #reader = new FrameReader();
  readonly #hpack = new HpackDecoder();
  readonly #method: string;
  #events: ReplyEvent[] = [];
  #send: Buffer[] = [];
  #isOver = false;
  #hasSettings = false;
  #hasHead = false;
  #idleFrames = 0;
  #informational = 0;
  /** The head of a request with a body, before the server's settings. */
  #held: Buffer | undefined;
  /** Of the body of the request. */
  #unsent: Buffer;
  /** What we may send: on the connection, on the stream, and what a new stream may. */
  #connectionWindow = WINDOW_BYTES;
  #streamWindow = WINDOW_BYTES;
  #initialWindow = WINDOW_BYTES;
  /** Octets that came and were not given back yet; the same for both windows, there is only one stream. */
  #taken = 0;
  /** A block of headers that is not whole. */
  #block: Buffer[] | undefined;
  #blockEndsStream = false;
  #headerBytes = 0;
  /** Of the body, where the head says how many. */
  #bodyLeft: number | undefined;

  constructor(method: string, fields: readonly HpackField[], body: Buffer | undefined) {
    this.#method = method;
    this.#unsent = body ?? Buffer.alloc(0);
    this.#send.push(
      Buffer.from(PREFACE),
      writeSettings([SETTING.ENABLE_PUSH, 0], [SETTING.MAX_HEADER_LIST_SIZE, MAX_HEADER_BYTES]),
    );
    const isBodiless = this.#unsent.length === 0;
    const headers = writeHeaders(STREAM, encodeFields(fields), isBodiless);
    if (isBodiless) this.#send.push(headers);
    else this.#held = headers;
  }

  /** What is to be said before anything is heard. */
  open(): Buffer {
    return this.#step().send;
  }

  /** After `end` or `bad` it is over, and there are no more events. */
  push(chunk: Buffer): Http2Step {
    if (this.#isOver) return { events: [], send: Buffer.alloc(0) };
    try {
      const { frames, isTooLarge } = this.#reader.read(chunk);
      for (const frame of frames) {
        this.#take(frame);
        if (this.#isOver) return this.#step();
      }
      if (isTooLarge) {
        const detail = this.#hasSettings ? 'a frame is too large' : NOT_HTTP2;
        throw new Broken('FRAME_SIZE_ERROR', detail);
      }
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
      this.#isOver = true;
      this.#events.push({ kind: 'bad', reason: error.reason, detail: error.message });
      this.#send.push(goaway(error.error));
    }
    return this.#step();
  }

  /** The peer has ended the connection. */
  close(): ReplyEvent | undefined {
    if (this.#isOver) return undefined;
    this.#isOver = true;
    return { kind: 'bad', reason: 'CLOSED_EARLY', detail: CLOSED_EARLY };
  }

  #step(): Http2Step {
    const step = { events: this.#events, send: Buffer.concat(this.#send) };
    this.#events = [];
    this.#send = [];
    return step;
  }

  #take(frame: Frame): void {
    const { type } = frame;
    if (!this.#hasSettings) {
      // 3.4: the server's preface.
      if (type !== FRAME.SETTINGS || frame.flags & FLAG.ACK) {
        throw new Broken('PROTOCOL_ERROR', NOT_HTTP2);
      }
      this.#hasSettings = true;
    }
    if ((this.#block !== undefined) !== (type === FRAME.CONTINUATION)) {
      throw new Broken('PROTOCOL_ERROR', 'a block of headers is torn by another frame');
    }
    if (!this.#advances(frame)) this.#idleFrames += 1;
    if (this.#idleFrames > MAX_IDLE_FRAMES) {
      const detail = `more than ${MAX_IDLE_FRAMES} frames that say nothing`;
      throw new Broken('ENHANCE_YOUR_CALM', detail);
    }
    switch (type) {
      case FRAME.DATA:
        this.#data(frame);
        break;
      case FRAME.HEADERS:
        this.#headers(frame);
        break;
      case FRAME.CONTINUATION:
        this.#headerPart(frame, frame.payload);
        break;
      case FRAME.PRIORITY:
        if (frame.stream === 0) throw wrongStream(frame);
        expectLength(frame, 5);
        break;
      case FRAME.RST_STREAM:
        this.#reset(frame);
        break;
      case FRAME.SETTINGS:
        this.#settings(frame);
        break;
      case FRAME.PUSH_PROMISE:
        throw new Broken('PROTOCOL_ERROR', 'the server pushes, which it was told not to');
      case FRAME.PING:
        this.#ping(frame);
        break;
      case FRAME.GOAWAY:
        this.#goaway(frame);
        break;
      case FRAME.WINDOW_UPDATE:
        this.#windowUpdate(frame);
        break;
      default:
      // 4.1: what nobody knows is ignored.
    }
  }

  #advances({ type, payload }: Frame): boolean {
    if (type === FRAME.WINDOW_UPDATE) return this.#unsent.length > 0;
    return type === FRAME.DATA && payload.length > 0;
  }

  /** 6.1. The padding counts for the windows too. */
  #data(frame: Frame): void {
    expectStream(frame);
    const bytes = unpadded(frame);
    if (!this.#hasHead) throw new Broken('PROTOCOL_ERROR', 'the body comes before its head');
    this.#taken += frame.payload.length;
    const isLast = (frame.flags & FLAG.END_STREAM) !== 0;
    if (this.#taken > WINDOW_BYTES / 2 && !isLast) {
      // What came is gone by now: nothing is kept here that a window would have to bound.
      const increment = words(this.#taken);
      this.#send.push(writeFrame(FRAME.WINDOW_UPDATE, 0, 0, increment));
      this.#send.push(writeFrame(FRAME.WINDOW_UPDATE, 0, STREAM, increment));
      this.#taken = 0;
    }
    if (this.#bodyLeft !== undefined) {
      this.#bodyLeft -= bytes.length;
      if (this.#bodyLeft < 0) throw new Broken('PROTOCOL_ERROR', 'the body is longer than it says');
    }
    if (bytes.length > 0) this.#events.push({ kind: 'data', bytes });
    if (isLast) this.#end();
  }

  /** 6.2. */
  #headers(frame: Frame): void {
    expectStream(frame);
    let block = unpadded(frame);
    if (frame.flags & FLAG.PRIORITY) {
      if (block.length < 5) throw new Broken('FRAME_SIZE_ERROR', 'a frame is too small');
      block = block.subarray(5);
    }
    this.#block = [];
    this.#blockEndsStream = (frame.flags & FLAG.END_STREAM) !== 0;
    this.#headerPart(frame, block);
  }

  #headerPart(frame: Frame, part: Buffer): void {
    expectStream(frame);
    this.#headerBytes += part.length;
    if (this.#headerBytes > MAX_HEADER_BYTES) {
      const detail = `more than ${MAX_HEADER_BYTES} bytes of headers`;
      throw new Broken('ENHANCE_YOUR_CALM', detail);
    }
    this.#block?.push(Buffer.from(part));
    if (frame.flags & FLAG.END_HEADERS) this.#blockIsWhole();
  }

  #blockIsWhole(): void {
    const block = Buffer.concat(this.#block ?? []);
    this.#block = undefined;
    const limits = { fields: MAX_FIELDS, listBytes: MAX_HEADER_BYTES };
    const decoded = this.#hpack.decode(block, limits);
    if (!decoded.ok) throw new Broken(decoded.error, decoded.detail);
    const read = replyFields(decoded.fields);
    if (typeof read === 'string') throw new Broken('PROTOCOL_ERROR', read);
    const { status, headers, length } = read;
    if (this.#hasHead) {
      // 8.1: trailers; there is no more behind them.
      if (status !== undefined || !this.#blockEndsStream) {
        throw new Broken('PROTOCOL_ERROR', 'headers in the middle of the body');
      }
      this.#end();
      return;
    }
    if (status === undefined) throw new Broken('PROTOCOL_ERROR', 'the reply has no status');
    if (status < 200) {
      this.#inform(status);
      return;
    }
    this.#hasHead = true;
    const isBodiless = this.#method === 'HEAD' || status === 204 || status === 304;
    this.#bodyLeft = isBodiless ? 0 : length;
    this.#events.push({ kind: 'head', status, headers });
    if (this.#blockEndsStream) this.#end();
  }

  /** 8.1: not the end of anything; 8.6: there is no 101 in HTTP/2. */
  #inform(status: number): void {
    this.#informational += 1;
    if (status < 100 || status === 101 || this.#blockEndsStream) {
      throw new Broken('PROTOCOL_ERROR', `an unexpected ${status} reply`);
    }
    if (this.#informational > MAX_INFORMATIONAL) {
      const detail = `more than ${MAX_INFORMATIONAL} informational replies`;
      throw new Broken('ENHANCE_YOUR_CALM', detail);
    }
  }

  #end(): void {
    if ((this.#bodyLeft ?? 0) > 0) {
      throw new Broken('PROTOCOL_ERROR', 'body does not have its Content-Length');
    }
    this.#isOver = true;
    this.#events.push({ kind: 'end' });
    this.#send.push(goaway('NO_ERROR'));
  }

  /** 6.4. */
  #reset(frame: Frame): void {
    expectStream(frame);
    expectLength(frame, 4);
    const name = errorName(frame.payload.readUInt32BE(0));
    if (name === 'NO_ERROR' || name === 'CANCEL') {
      throw new Broken('NO_ERROR', CLOSED_EARLY, 'CLOSED_EARLY');
    }
    throw new Broken('NO_ERROR', `the server reset the stream: ${name}`);
  }

  /** 6.5. */
  #settings(frame: Frame): void {
    const { flags, payload } = frame;
    if (frame.stream !== 0) throw wrongStream(frame);
    if (payload.length % 6 !== 0 || (flags & FLAG.ACK && payload.length > 0)) {
      throw new Broken('FRAME_SIZE_ERROR', 'SETTINGS have a wrong length');
    }
    if (flags & FLAG.ACK) return;
    for (let at = 0; at < payload.length; at += 6) {
      this.#setting(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
    }
    this.#send.push(writeFrame(FRAME.SETTINGS, FLAG.ACK, 0));
    if (this.#held !== undefined) this.#send.push(this.#held);
    this.#held = undefined;
    this.#pump();
  }

  /**
   * 6.5.2. What we send is never larger than the smallest MAX_FRAME_SIZE, and uses no table; whoever wants no
   * stream at all resets it.
   */
  #setting(id: number, value: number): void {
    if (id === SETTING.ENABLE_PUSH && value !== 0) {
      throw new Broken('PROTOCOL_ERROR', 'the server wants pushes');
    }
    if (id === SETTING.MAX_FRAME_SIZE && (value < MAX_FRAME_BYTES || value >= 2 ** 24)) {
      throw new Broken('PROTOCOL_ERROR', 'a size of frames that is not allowed');
    }
    if (id !== SETTING.INITIAL_WINDOW_SIZE) return;
    // 6.9.2: it changes the window that there is, even below 0.
    this.#streamWindow += value - this.#initialWindow;
    this.#initialWindow = value;
    expectWindow(Math.max(value, this.#streamWindow));
  }

  /** 6.7. */
  #ping(frame: Frame): void {
    if (frame.stream !== 0) throw wrongStream(frame);
    expectLength(frame, 8);
    if (frame.flags & FLAG.ACK) return;
    this.#send.push(writeFrame(FRAME.PING, FLAG.ACK, 0, frame.payload));
  }

  /** 6.8: a server that goes without an error ends what it has begun. */
  #goaway(frame: Frame): void {
    const { payload } = frame;
    if (frame.stream !== 0) throw wrongStream(frame);
    if (payload.length < 8) throw new Broken('FRAME_SIZE_ERROR', 'a frame is too small');
    const last = payload.readUInt32BE(0) & MAX_31_BITS;
    const name = errorName(payload.readUInt32BE(4));
    if (name === 'NO_ERROR' && last >= STREAM) return;
    throw new Broken('NO_ERROR', `the server goes away: ${name}`, 'CLOSED_EARLY');
  }

  /** 6.9. */
  #windowUpdate(frame: Frame): void {
    expectLength(frame, 4);
    const increment = frame.payload.readUInt32BE(0) & MAX_31_BITS;
    if (increment === 0) throw new Broken('PROTOCOL_ERROR', 'a window that grows by nothing');
    if (frame.stream === 0) this.#connectionWindow += increment;
    else {
      expectStream(frame);
      this.#streamWindow += increment;
    }
    expectWindow(Math.max(this.#connectionWindow, this.#streamWindow));
    this.#pump();
  }

  /** Sends of the body what both windows allow. */
  #pump(): void {
    for (;;) {
      const window = Math.min(this.#connectionWindow, this.#streamWindow, MAX_FRAME_BYTES);
      if (this.#unsent.length === 0 || window <= 0) return;
      const part = this.#unsent.subarray(0, window);
      this.#unsent = this.#unsent.subarray(part.length);
      this.#connectionWindow -= part.length;
      this.#streamWindow -= part.length;
      const flags = this.#unsent.length === 0 ? FLAG.END_STREAM : 0;
      this.#send.push(writeFrame(FRAME.DATA, flags, STREAM, part));
    }
  }
}

const NOT_HTTP2 = 'what came is no reply of HTTP/2';
const CLOSED_EARLY = 'connection closed before a complete reply';

function expectStream(frame: Frame): void {
  if (frame.stream !== STREAM) throw wrongStream(frame);
}
