/** HTTP/2 of SSL_GET against servers that speak it badly on purpose: frames written by hand (RFC 9113). */
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Authority, type Certificate, makeAuthority } from './certificates.ts';
import { httpUrl, sslGet } from './configs.ts';
import { check, LATE_MS, openDescriptors, outcomes, SHORT_MS } from './probing.ts';
import { pour } from './servers.ts';

let authority: Authority;
let certificate: Certificate;

beforeAll(() => {
  authority = makeAuthority();
  certificate = authority.sign('web', 'DNS:web.test,IP:127.0.0.1', 90);
});

afterAll(() => authority.remove());

const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** A server that takes HTTP/2 in ALPN, and then as told. */
async function serve(behave: (socket: TLSSocket) => void) {
  const sockets = new Set<Socket>();
  const options = { cert: certificate.cert, key: certificate.key, ALPNProtocols: ['h2'] };
  const server = createServer(options, (socket) => {
    socket.on('error', () => {});
    socket.resume();
    behave(socket);
  });
  server.on('tlsClientError', () => {});
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(async () => {
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  return { port: (server.address() as AddressInfo).port, open: () => sockets.size };
}

const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const PUSH_PROMISE = 5;
const PING = 6;
const GOAWAY = 7;
const CONTINUATION = 9;
const END_STREAM = 1;
const END_HEADERS = 4;
/** The only stream of a check. */
const STREAM = 1;

/**
 * RFC 9113 4.1:
 *
 *   +---------------+------+-------+-----------------+---------+
 *   | length (24)   | type | flags | R, stream (32)  | payload |
 *   +---------------+------+-------+-----------------+---------+
 */
function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, index) => {
    bytes.writeUInt32BE(value, 4 * index);
  });
  return bytes;
}

const settings = frame(SETTINGS, 0, 0, Buffer.alloc(0));
/** Only from then on the settings of the client count. */
const settingsAck = frame(SETTINGS, 1, 0, Buffer.alloc(0));
const goaway = (code: number) => frame(GOAWAY, 0, 0, words(0, code));
/** RFC 7541, appendix A: entry 8 of the static table is `:status: 200`. */
const STATUS_200 = Buffer.from([0x88]);
const ok = (flags: number) => frame(HEADERS, END_HEADERS | flags, STREAM, STATUS_200);
/** A literal header field without indexing, RFC 7541 6.2.2. */
const FIELD = Buffer.concat([
  Buffer.from([0, 7]),
  Buffer.from('x-flood'),
  Buffer.from([3]),
  Buffer.from('yes'),
]);
const FIELDS = Buffer.concat(Array.from({ length: 1000 }, () => FIELD));

const NO_ERROR = 0;
const INTERNAL_ERROR = 2;
const REFUSED_STREAM = 7;

/** Says these at once, in answer to the first bytes of the client, and no more. */
function says(...frames: readonly Uint8Array[]) {
  return (socket: TLSSocket): void => {
    socket.once('data', () => socket.write(Buffer.concat(frames)));
  };
}

/** Says the first ones, then the last without end. */
function floods(chunk: Buffer, ...first: readonly Uint8Array[]) {
  const many = Buffer.concat(Array.from({ length: Math.ceil(65_536 / chunk.length) }, () => chunk));
  return (socket: TLSSocket): void => {
    socket.once('data', () => {
      socket.write(Buffer.concat(first));
      pour(socket, many);
    });
  };
}

const PADDED = Buffer.alloc(16_384, 'x');
const IN_A_WAY: Record<string, RegExp> = {
  early: /^(CLOSED_EARLY|CONNECTION_RESET)$/,
  badly: /^(BAD_RESPONSE|CLOSED_EARLY|CONNECTION_RESET)$/,
  late: /^TIMEOUT$/,
};

const behaviours: readonly [
  what: string,
  behave: (socket: TLSSocket) => void,
  ends: string,
  ms?: number,
][] = [
  ['answers', says(settings, ok(END_STREAM)), 'pass'],
  ['answers in two frames', says(settings, ok(0), frame(DATA, END_STREAM, STREAM, PADDED)), 'pass'],
  ['goes away at once', says(settings, goaway(NO_ERROR)), 'badly'],
  ['goes away in error', says(settings, goaway(INTERNAL_ERROR)), 'early'],
  [
    'refuses the stream',
    says(settings, frame(RST_STREAM, 0, STREAM, words(REFUSED_STREAM))),
    'badly',
  ],
  [
    'resets the stream without an error',
    says(settings, frame(RST_STREAM, 0, STREAM, words(NO_ERROR))),
    'early',
  ],
  [
    'resets the stream in its body',
    says(settings, ok(0), frame(RST_STREAM, 0, STREAM, words(INTERNAL_ERROR))),
    'badly',
  ],
  ['goes away in the body', says(settings, ok(0), goaway(INTERNAL_ERROR)), 'early'],
  ['stalls after SETTINGS', says(settings), 'late', SHORT_MS],
  ['stalls after the head', says(settings, ok(0)), 'late', SHORT_MS],
  ['says nothing at all', () => {}, 'late', SHORT_MS],
  ['speaks HTTP/1.1 after all', says(Buffer.from('HTTP/1.1 200 OK\r\n\r\nhello')), 'badly'],
  ['sends noise', says(Buffer.alloc(4096, 0xff)), 'badly'],
  ['sends a frame that is too large', says(settings, Buffer.alloc(9, 0x7f)), 'badly'],
  [
    'pushes what nobody wants',
    says(settings, settingsAck, frame(PUSH_PROMISE, 4, STREAM, words(2))),
    'badly',
  ],
  ['answers on another stream', says(settings, frame(HEADERS, 5, 3, STATUS_200)), 'badly'],
  ['closes after SETTINGS', (socket) => void socket.end(settings), 'early'],
  ['closes in the body', (socket) => says(settings, ok(0))(socket) ?? later(socket), 'early'],
  ['floods SETTINGS', floods(settings, settings), 'badly'],
  ['floods PING', floods(frame(PING, 0, 0, words(0, 0)), settings), 'badly'],
  ['sends data past the window', floods(frame(DATA, 0, STREAM, PADDED), settings, ok(0)), 'badly'],
  [
    'sends headers without end',
    floods(
      frame(CONTINUATION, 0, STREAM, FIELDS),
      settings,
      frame(HEADERS, 0, STREAM, Buffer.concat([STATUS_200, FIELDS])),
    ),
    'badly',
  ],
  [
    'sends empty CONTINUATION frames without end',
    floods(
      frame(CONTINUATION, 0, STREAM, Buffer.alloc(0)),
      settings,
      frame(HEADERS, 0, STREAM, STATUS_200),
    ),
    'badly',
  ],
];

/** After what it has said. */
function later(socket: TLSSocket): void {
  socket.once('data', () => setImmediate(() => socket.end()));
}

describe('SSL_GET in HTTP/2 of a server that', () => {
  it.each(behaviours)('%s; 100 checks leave nothing', async (_what, behave, ends, ms = 5000) => {
    const server = await serve(behave);
    const before = openDescriptors();
    const urls = [httpUrl()];
    const config = sslGet({
      connectPort: server.port,
      connectTimeoutMs: ms,
      httpProtocol: '2',
      urls,
    });
    const result = await check(config);
    const matches = IN_A_WAY[ends] ?? /^pass$/;
    expect(result.kind === 'pass' ? 'pass' : result.reason, result.detail).toMatch(matches);
    expect(result.durationMs).toBeLessThan(ms + LATE_MS);
    for (const outcome of await outcomes(config, 100)) expect(outcome).toMatch(matches);
    await expect.poll(() => openDescriptors() - server.open()).toBeLessThanOrEqual(before);
  });
});
