/**
 * Frames of HTTP/2 (RFC 9113 4.1 and 6): pure.
 *
 *   +---------------+------+-------+-----------------+---------+
 *   | length (24)   | type | flags | R, stream (32)  | payload |
 *   +---------------+------+-------+-----------------+---------+
 */

export const FRAME = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

export const FLAG = {
  /** DATA, HEADERS. */
  END_STREAM: 0x1,
  /** SETTINGS, PING: the same bit. */
  ACK: 0x1,
  /** HEADERS, CONTINUATION. */
  END_HEADERS: 0x4,
  /** DATA, HEADERS. */
  PADDED: 0x8,
  /** HEADERS. */
  PRIORITY: 0x20,
} as const;

export const SETTING = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
  MAX_HEADER_LIST_SIZE: 6,
} as const;

/** Error codes (RFC 9113 7), by their number. */
export const ERRORS = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
] as const;

export type Http2Error = (typeof ERRORS)[number];

/** What a client says first (3.4). */
export const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

/** SETTINGS_MAX_FRAME_SIZE while nobody says anything else: octets of a payload. */
export const MAX_FRAME_BYTES = 16_384;

/** The largest window, and the largest stream (5.1.1, 6.9.1). */
export const MAX_31_BITS = 2 ** 31 - 1;

const HEAD_BYTES = 9;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  /** Aliases what was read. */
  readonly payload: Buffer;
}

export function writeFrame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** Numbers of 32 bits, as the payloads of most frames are. */
export function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, index) => {
    bytes.writeUInt32BE(value, 4 * index);
  });
  return bytes;
}

/** Identifiers and values alternate (6.5.1). */
export function writeSettings(...pairs: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(6 * pairs.length);
  pairs.forEach(([id, value], index) => {
    payload.writeUInt16BE(id, 6 * index);
    payload.writeUInt32BE(value, 6 * index + 2);
  });
  return writeFrame(FRAME.SETTINGS, 0, 0, payload);
}

/** A block of headers (6.2, 6.10) in as many frames as it takes. */
export function writeHeaders(stream: number, block: Buffer, endsStream: boolean): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at === 0 || at < block.length; at += MAX_FRAME_BYTES) {
    const isLast = at + MAX_FRAME_BYTES >= block.length;
    const flags = (isLast ? FLAG.END_HEADERS : 0) | (at === 0 && endsStream ? FLAG.END_STREAM : 0);
    const type = at === 0 ? FRAME.HEADERS : FRAME.CONTINUATION;
    frames.push(writeFrame(type, flags, stream, block.subarray(at, at + MAX_FRAME_BYTES)));
  }
  return Buffer.concat(frames);
}

/** Cuts what is read into frames. */
export class FrameReader {
  /** Of a frame that is not whole yet; copies, for the caller may use its bytes again. */
  #kept: Buffer[] = [];
  #keptBytes = 0;
  /** Nothing can be done with less. */
  #wanted = HEAD_BYTES;

  /** The whole frames; `isTooLarge`: the next one is larger than we allow, and nothing more can be read. */
  read(chunk: Buffer): { readonly frames: readonly Frame[]; readonly isTooLarge: boolean } {
    const frames: Frame[] = [];
    // What drips is not looked through again with every byte.
    if (this.#keptBytes + chunk.length < this.#wanted) {
      this.#keep(chunk);
      return { frames, isTooLarge: false };
    }
    let bytes = this.#kept.length === 0 ? chunk : Buffer.concat([...this.#kept, chunk]);
    this.#kept = [];
    this.#keptBytes = 0;
    for (;;) {
      this.#wanted = HEAD_BYTES;
      if (bytes.length < HEAD_BYTES) break;
      const length = bytes.readUIntBE(0, 3);
      if (length > MAX_FRAME_BYTES) return { frames, isTooLarge: true };
      this.#wanted = HEAD_BYTES + length;
      if (bytes.length < this.#wanted) break;
      frames.push({
        type: bytes.readUInt8(3),
        flags: bytes.readUInt8(4),
        // The reserved bit says nothing.
        stream: bytes.readUInt32BE(5) & MAX_31_BITS,
        payload: bytes.subarray(HEAD_BYTES, this.#wanted),
      });
      bytes = bytes.subarray(this.#wanted);
    }
    this.#keep(bytes);
    return { frames, isTooLarge: false };
  }

  #keep(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#kept.push(Buffer.from(bytes));
    this.#keptBytes += bytes.length;
  }
}

/** The connection cannot go on; never leaves the exchange. */
export class Broken extends Error {
  readonly error: Http2Error;
  readonly reason: string;

  constructor(error: Http2Error, detail: string, reason = 'BAD_RESPONSE') {
    super(detail);
    this.error = error;
    this.reason = reason;
  }
}

/** Also the last word of a caller that has heard enough. The server never opened a stream. */
export function goaway(error: Http2Error): Buffer {
  return writeFrame(FRAME.GOAWAY, 0, 0, words(0, ERRORS.indexOf(error)));
}

export function errorName(code: number): string {
  return ERRORS[code] ?? `error ${code}`;
}

export function wrongStream({ stream }: Frame): Broken {
  return new Broken('PROTOCOL_ERROR', `a frame is on stream ${stream}, where it may not be`);
}

export function expectLength({ payload }: Frame, length: number): void {
  if (payload.length !== length) throw new Broken('FRAME_SIZE_ERROR', 'a frame has a wrong length');
}

export function expectWindow(bytes: number): void {
  if (bytes > MAX_31_BITS) throw new Broken('FLOW_CONTROL_ERROR', 'a window is too large');
}

export function unpadded({ flags, payload }: Frame): Buffer {
  if (!(flags & FLAG.PADDED)) return payload;
  const padding = payload[0] ?? payload.length;
  if (padding >= payload.length) throw new Broken('PROTOCOL_ERROR', 'more padding than frame');
  return payload.subarray(1, payload.length - padding);
}
