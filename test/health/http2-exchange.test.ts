/**
 * The client's side of HTTP/2 in bytes, with no socket (RFC 9113): what it says, and to what. What replies come to,
 * good ones and bad ones, cut and flipped, is in http2-replies.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { encodeFields, type HpackField } from '../../src/health/hpack.ts';
import type { ReplyEvent } from '../../src/health/http1-reply.ts';
import { Http2Exchange } from '../../src/health/http2-exchange.ts';
import {
  FLAG,
  FRAME,
  type Frame,
  FrameReader,
  MAX_FRAME_BYTES,
  PREFACE,
  SETTING,
  words,
  writeFrame,
  writeHeaders,
  writeSettings,
} from '../../src/health/http2-frame.ts';

const REQUEST: readonly HpackField[] = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':authority', 'web.test'],
  [':path', '/'],
];

const head = (fields: readonly HpackField[], flags: number): Buffer =>
  writeFrame(FRAME.HEADERS, flags | FLAG.END_HEADERS, 1, encodeFields(fields));
const OK: readonly HpackField[] = [
  [':status', '200'],
  ['content-type', 'text/plain'],
];

/** Everything that a decent server may say about one request. */
const REPLY = Buffer.concat([
  writeSettings([SETTING.INITIAL_WINDOW_SIZE, 100_000]),
  writeFrame(FRAME.SETTINGS, FLAG.ACK, 0),
  writeFrame(FRAME.WINDOW_UPDATE, 0, 0, words(1000)),
  writeFrame(FRAME.PING, 0, 0, Buffer.from('12345678')),
  writeFrame(0x42, 0xff, 7, Buffer.from('nobody knows this')),
  head([[':status', '103']], 0),
  head(OK, 0),
  writeFrame(FRAME.DATA, FLAG.PADDED, 1, Buffer.from('\x03hello\0\0\0')),
  writeFrame(FRAME.GOAWAY, 0, 0, words(1, 0)),
  writeFrame(FRAME.DATA, 0, 1, Buffer.from(' world')),
  head([['grpc-status', '0']], FLAG.END_STREAM),
]);

function exchange(body?: Buffer, fields = REQUEST): Http2Exchange {
  return new Http2Exchange(body === undefined ? 'GET' : 'POST', fields, body);
}

/** A request without body, sent. */
function asked(): Http2Exchange {
  const one = exchange();
  one.open();
  return one;
}

/** Events in short, neighbouring data joined. */
function told(events: readonly ReplyEvent[]): readonly string[] {
  const lines: string[] = [];
  for (const event of events) {
    if (event.kind === 'head') lines.push(`head ${event.status}`);
    else if (event.kind === 'bad') lines.push(`bad ${event.reason}`);
    else if (event.kind === 'end') lines.push('end');
    else if (lines.at(-1)?.startsWith('data ')) lines.push(`${lines.pop()}${event.bytes}`);
    else lines.push(`data ${event.bytes}`);
  }
  return lines;
}

function framesOf(bytes: Buffer): readonly Frame[] {
  return new FrameReader().read(bytes).frames;
}

function afterPreface(bytes: Buffer): readonly Frame[] {
  expect(bytes.subarray(0, PREFACE.length).toString()).toBe(PREFACE);
  return framesOf(bytes.subarray(PREFACE.length));
}

describe('reading a reply', () => {
  it('skips what is not of it, acknowledges what must be', () => {
    const step = asked().push(REPLY);
    expect(told(step.events)).toEqual(['head 200', 'data hello world', 'end']);
    const said = framesOf(step.send).map(({ type, flags, payload }) => [type, flags, `${payload}`]);
    expect(said.slice(0, 2)).toEqual([
      [FRAME.SETTINGS, FLAG.ACK, ''],
      [FRAME.PING, FLAG.ACK, '12345678'],
    ]);
    expect(said.at(-1)?.[0]).toBe(FRAME.GOAWAY);
  });

  it('takes a head that is larger than two frames', () => {
    const block = encodeFields([...OK, ['x-long', 'x'.repeat(40_000)]]);
    const bytes = Buffer.concat([writeSettings(), writeHeaders(1, block, false)]);
    expect(framesOf(bytes)).toHaveLength(4);
    expect(told(asked().push(bytes).events)).toEqual(['head 200']);
  });

  it('gives back the window of a body that is larger', () => {
    const one = asked();
    one.push(Buffer.concat([writeSettings(), head(OK, 0)]));
    let given = 0;
    const sent = 40 * MAX_FRAME_BYTES;
    for (let frame = 0; frame < 40; frame += 1) {
      const { send } = one.push(writeFrame(FRAME.DATA, 0, 1, Buffer.alloc(MAX_FRAME_BYTES)));
      for (const { stream, payload } of framesOf(send)) {
        if (stream === 1) given += payload.readUInt32BE(0);
      }
    }
    expect(given).toBeGreaterThan(sent - 65_535);
    expect(given).toBeLessThanOrEqual(sent);
  });
});

describe('sending a request', () => {
  it('says its settings, and ends the stream where there is no body', () => {
    const [settings, headers, ...rest] = afterPreface(exchange().open());
    expect(settings).toMatchObject({ type: FRAME.SETTINGS, stream: 0 });
    expect(headers).toMatchObject({
      type: FRAME.HEADERS,
      flags: FLAG.END_HEADERS | FLAG.END_STREAM,
      stream: 1,
    });
    expect(rest).toEqual([]);
  });

  it('cuts headers that are larger than a frame', () => {
    const long: HpackField = ['x-long', 'x'.repeat(2 * MAX_FRAME_BYTES)];
    const frames = afterPreface(exchange(undefined, [...REQUEST, long]).open()).slice(1);
    expect(frames.map(({ type, flags }) => [type, flags])).toEqual([
      [FRAME.HEADERS, FLAG.END_STREAM],
      [FRAME.CONTINUATION, 0],
      [FRAME.CONTINUATION, FLAG.END_HEADERS],
    ]);
  });

  // RFC 9113 6.9.3: a server of smaller windows may refuse what comes before it has said so.
  it('holds what has a body until the server has said its settings', () => {
    const one = exchange(Buffer.from('body'));
    expect(afterPreface(one.open()).map(({ type }) => type)).toEqual([FRAME.SETTINGS]);
    const frames = framesOf(one.push(writeSettings([SETTING.INITIAL_WINDOW_SIZE, 3])).send);
    expect(frames.map(({ type, flags, payload }) => [type, flags, payload.length])).toEqual([
      [FRAME.SETTINGS, FLAG.ACK, 0],
      [FRAME.HEADERS, FLAG.END_HEADERS, expect.any(Number)],
      [FRAME.DATA, 0, 3],
    ]);
    expect(framesOf(one.push(writeSettings()).send).map(({ type }) => type)).toEqual([
      FRAME.SETTINGS,
    ]);
  });

  it('sends of a body what the windows allow, and the rest when they grow', () => {
    const body = Buffer.alloc(200_000, 'b');
    const one = exchange(body);
    const bodyOf = (bytes: readonly Frame[]): number =>
      bytes.filter(({ type }) => type === FRAME.DATA).reduce((sum, f) => sum + f.payload.length, 0);
    one.open();
    expect(bodyOf(framesOf(one.push(writeSettings()).send))).toBe(65_535);
    // The stream's window alone is not enough.
    const grown = writeSettings([SETTING.INITIAL_WINDOW_SIZE, 1_000_000]);
    expect(bodyOf(framesOf(one.push(grown).send))).toBe(0);
    const more = writeFrame(FRAME.WINDOW_UPDATE, 0, 0, words(100_000));
    expect(bodyOf(framesOf(one.push(more).send))).toBe(100_000);
    const last = framesOf(one.push(more).send);
    expect(bodyOf(last)).toBe(200_000 - 165_535);
    expect(last.at(-1)?.flags).toBe(FLAG.END_STREAM);
  });

  it('a window below zero sends nothing until it is above', () => {
    const one = exchange(Buffer.alloc(70_000));
    one.open();
    one.push(writeSettings());
    one.push(writeSettings([SETTING.INITIAL_WINDOW_SIZE, 0]));
    const connection = writeFrame(FRAME.WINDOW_UPDATE, 0, 0, words(100_000));
    expect(framesOf(one.push(connection).send)).toEqual([]);
    const stream = writeFrame(FRAME.WINDOW_UPDATE, 0, 1, words(65_535));
    expect(framesOf(one.push(stream).send)).toEqual([]);
    const [data] = framesOf(one.push(writeFrame(FRAME.WINDOW_UPDATE, 0, 1, words(10))).send);
    expect(data?.payload.length).toBe(10);
  });
});
