/** Replies of HTTP/2 as bytes: good ones end well however they are cut, bad ones are refused and never throw. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFields } from '../../src/health/hpack.ts';
import { Http2Exchange } from '../../src/health/http2-exchange.ts';
import {
  FLAG,
  FRAME,
  FrameReader,
  SETTING,
  words,
  writeFrame,
  writeSettings,
} from '../../src/health/http2-frame.ts';

const settings = writeSettings();
const block = (...fields: (readonly [string, string])[]) => encodeFields(fields);
const OK = block([':status', '200'], ['x-a', 'b']);
const head = (flags: number, fields = OK) => writeFrame(FRAME.HEADERS, flags, 1, fields);
const { END_HEADERS, END_STREAM, PADDED } = FLAG;
const data = (text: string, flags = 0) => writeFrame(FRAME.DATA, flags, 1, Buffer.from(text));
const INFORMATION = head(END_HEADERS, block([':status', '103']));

/**
 * Pushes the pieces, and closes; then pushes them again, which must come to nothing. Bytes that were pushed are
 * overwritten at once. `leaves`: whether it says so.
 */
function read(pieces: readonly Uint8Array[], method = 'GET') {
  const exchange = new Http2Exchange(method, [], undefined);
  exchange.open();
  const found = { status: 0, body: '', ends: 'open', leaves: false };
  const sent: Buffer[] = [];
  const judge = (event: ReturnType<Http2Exchange['close']>): void => {
    if (event === undefined) return;
    if (found.ends !== 'open') throw new Error(`${event.kind} after ${found.ends}`);
    if (event.kind === 'head') found.status = event.status;
    if (event.kind === 'data') found.body += event.bytes.toString('latin1');
    if (event.kind === 'end') found.ends = 'end';
    if (event.kind === 'bad') found.ends = event.reason;
  };
  const push = (piece: Uint8Array): void => {
    const bytes = Buffer.from(piece);
    const { events, send } = exchange.push(bytes);
    for (const event of events) judge(event);
    sent.push(send);
    bytes.fill('!');
  };
  for (const piece of pieces) push(piece);
  judge(exchange.close());
  for (const piece of pieces) push(piece);
  const { frames } = new FrameReader().read(Buffer.concat(sent));
  return { ...found, leaves: frames.at(-1)?.type === FRAME.GOAWAY };
}

const good: readonly (readonly [what: string, frames: readonly Buffer[], body: string])[] = [
  ['of no body', [settings, head(END_HEADERS | END_STREAM)], ''],
  ['of two frames', [settings, head(END_HEADERS), data('he'), data('llo', END_STREAM)], 'hello'],
  ['after hints', [settings, INFORMATION, head(END_HEADERS | END_STREAM)], ''],
  [
    'with trailers',
    [settings, head(END_HEADERS), data('x'), head(END_HEADERS | END_STREAM, block(['x-t', 'u']))],
    'x',
  ],
  [
    'with a head in three frames',
    [
      settings,
      head(END_STREAM, OK.subarray(0, 2)),
      writeFrame(FRAME.CONTINUATION, 0, 1, OK.subarray(2, 3)),
      writeFrame(FRAME.CONTINUATION, END_HEADERS, 1, OK.subarray(3)),
    ],
    '',
  ],
  ['with padding', [settings, head(END_HEADERS), data('\x02hi\0\0', PADDED | END_STREAM)], 'hi'],
  [
    'among frames that say nothing',
    [
      settings,
      writeFrame(FRAME.PING, 0, 0, words(1, 2)),
      writeFrame(0xfa, 0xff, 9, words(1)),
      writeFrame(FRAME.PRIORITY, 0, 1, Buffer.alloc(5)),
      writeFrame(FRAME.GOAWAY, 0, 0, words(1, 0)),
      head(END_HEADERS | END_STREAM),
    ],
    '',
  ],
  [
    'with all that a server may say',
    [
      writeSettings([SETTING.INITIAL_WINDOW_SIZE, 100_000]),
      writeFrame(FRAME.SETTINGS, FLAG.ACK, 0),
      writeFrame(FRAME.WINDOW_UPDATE, 0, 0, words(1000)),
      INFORMATION,
      head(END_HEADERS),
      data('\x03hello\0\0\0', PADDED),
      writeFrame(FRAME.GOAWAY, 0, 0, words(1, 0)),
      data(' world'),
      head(END_HEADERS | END_STREAM, block(['grpc-status', '0'])),
    ],
    'hello world',
  ],
];

const status = (...fields: (readonly [string, string])[]) =>
  head(END_HEADERS | END_STREAM, block([':status', '200'], ...fields));

const bad: readonly [what: string, frames: readonly Buffer[], ends?: string][] = [
  ['no settings first', [head(END_HEADERS | END_STREAM)]],
  ['settings on a stream', [writeFrame(FRAME.SETTINGS, 0, 1)]],
  ['settings of five bytes', [writeFrame(FRAME.SETTINGS, 0, 0, Buffer.alloc(5))]],
  ['pushes wanted', [writeSettings([SETTING.ENABLE_PUSH, 1])]],
  ['small frames wanted', [writeSettings([SETTING.MAX_FRAME_SIZE, 16_383])]],
  ['a window of 2 GiB', [writeSettings([SETTING.INITIAL_WINDOW_SIZE, 2 ** 31])]],
  ['a window that grows by nothing', [settings, writeFrame(FRAME.WINDOW_UPDATE, 0, 1, words(0))]],
  [
    'a window that overflows',
    [settings, writeFrame(FRAME.WINDOW_UPDATE, 0, 0, words(2 ** 31 - 1))],
  ],
  ['a frame that is too large', [settings, Buffer.from([1, 0, 0, 0, 0, 0, 0, 0, 1])]],
  ['a push', [settings, writeFrame(FRAME.PUSH_PROMISE, 4, 1, words(2))]],
  ['a torn head', [settings, head(0), data('x')]],
  ['a head torn by PING', [settings, head(0), writeFrame(FRAME.PING, 0, 0, words(1, 2))]],
  ['CONTINUATION of nothing', [settings, writeFrame(FRAME.CONTINUATION, 4, 1)]],
  ['a body before its head', [settings, data('x', END_STREAM)]],
  ['another stream', [settings, writeFrame(FRAME.HEADERS, 5, 3, OK)]],
  ['too much padding', [settings, head(END_HEADERS), data('\x05hi', PADDED)]],
  ['too much padding in the head', [settings, head(END_HEADERS | PADDED, Buffer.from([9, 1]))]],
  ['no status', [settings, head(5, block(['x-a', 'b']))]],
  ['a status of no number', [settings, head(5, block([':status', '2x0']))]],
  ['a status in the trailers', [settings, head(END_HEADERS), head(5)]],
  ['headers in the body', [settings, head(END_HEADERS), head(4, block(['x-a', 'b']))]],
  ['a large letter in a name', [settings, status(['X-A', 'b'])]],
  ['NUL in a value', [settings, status(['x-a', '\0'])]],
  ['Connection', [settings, status(['connection', 'close'])]],
  ['a length that is none', [settings, status(['content-length', '-1'])]],
  ['a body that is too short', [settings, status(['content-length', '1'])]],
  ['101', [settings, head(END_HEADERS, block([':status', '101']))]],
  ['hints without end', [settings, ...Array.from({ length: 9 }, () => INFORMATION)]],
  ['1,001 fields', [settings, head(5, Buffer.alloc(1001, 0x88))]],
  ['noise', [Buffer.alloc(64, 0xff)]],
  [
    'PING without end',
    [settings, ...Array.from({ length: 1001 }, () => writeFrame(6, 0, 0, words(0, 0)))],
  ],
  ['empty DATA without end', [settings, head(4), ...Array.from({ length: 1001 }, () => data(''))]],
  ['a reset', [settings, writeFrame(FRAME.RST_STREAM, 0, 1, words(7))]],
  [
    'a reset without an error',
    [settings, writeFrame(FRAME.RST_STREAM, 0, 1, words(0))],
    'CLOSED_EARLY',
  ],
  [
    'a server that is going',
    [settings, writeFrame(FRAME.GOAWAY, 0, 0, words(0, 0))],
    'CLOSED_EARLY',
  ],
  ['nothing', [], 'CLOSED_EARLY'],
];

describe('a reply', () => {
  it.each(good)('%s', (_what, frames, body) => {
    expect(read(frames)).toEqual({ status: 200, body, ends: 'end', leaves: true });
    const bytes = Buffer.concat(frames);
    for (let end = 0; end < bytes.length; end += 1) {
      expect(read([bytes.subarray(0, end)]).ends).toBe('CLOSED_EARLY');
      const halves = [bytes.subarray(0, end), bytes.subarray(end)];
      expect(read(halves)).toEqual(read([bytes]));
    }
    expect(read([...bytes].map((byte) => Buffer.from([byte])))).toEqual(read([bytes]));
  });

  it.each(bad)('that has %s is refused', (_what, frames, ends) => {
    expect(read(frames)).toMatchObject({
      ends: ends ?? 'BAD_RESPONSE',
      leaves: frames.length > 0,
    });
    const bytes = Buffer.concat(frames);
    expect(read([...bytes].map((byte) => Buffer.from([byte]))).ends).toBe(ends ?? 'BAD_RESPONSE');
  });

  it('to HEAD has no body', () => {
    const long = head(5, block([':status', '200'], ['content-length', '9']));
    expect(read([settings, long], 'HEAD').ends).toBe('end');
    expect(read([settings, head(4), data('x', 1)], 'HEAD').ends).toBe('BAD_RESPONSE');
  });

  it('with any bit flipped never throws', () => {
    for (const [, frames] of good) {
      const bytes = Buffer.concat(frames);
      for (let bit = 0; bit < bytes.length * 8; bit += 1) {
        const flipped = Buffer.from(bytes);
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(['end', 'BAD_RESPONSE', 'CLOSED_EARLY']).toContain(read([flipped]).ends);
      }
    }
  });

  it('with some bits flipped, or of bytes at random, never throws', () => {
    const flips = fc.array(fc.nat({ max: 2000 }), { minLength: 2, maxLength: 4 });
    fc.assert(
      fc.property(fc.constantFrom(...good), flips, ([, frames], places) => {
        const bytes = Buffer.concat(frames);
        for (const place of places) {
          const at = (place >> 3) % bytes.length;
          bytes[at] = (bytes[at] ?? 0) ^ (1 << (place & 7));
        }
        expect(['end', 'BAD_RESPONSE', 'CLOSED_EARLY']).toContain(read([bytes]).ends);
      }),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(['BAD_RESPONSE', 'CLOSED_EARLY']).toContain(read([settings, bytes]).ends);
      }),
      { numRuns: 2000 },
    );
  });
});
