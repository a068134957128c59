import { once } from 'node:events';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, connect, type Server, type Socket } from 'node:net';
import { TLSSocket as ServerTls, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Authority, type Certificate, makeAuthority } from './certificates.ts';
import { httpUrl, sslGet } from './configs.ts';
import { type Http2Server, startHttp2Server } from './http2-server.ts';
import { check, LATE_MS, openDescriptors, outcome, outcomes, SHORT_MS } from './probing.ts';
import {
  closeAtOnce,
  dripTls,
  type FaultyServer,
  listen,
  onRequest,
  replyWith,
  reset,
  silent,
} from './servers.ts';

const DAY_MS = 86_400_000;
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello';

let authority: Authority;
let good: Certificate;
let expired: Certificate;
let wrongName: Certificate;
let client: Certificate;
let selfSigned: Certificate;

beforeAll(() => {
  authority = makeAuthority();
  const names = 'DNS:web.test,IP:127.0.0.1';
  good = authority.sign('web', names, 90);
  expired = authority.sign('old', names, -3);
  wrongName = authority.sign('other', 'DNS:other.test', 90);
  client = authority.sign('client', 'DNS:client.test', 90);
  const another = makeAuthority();
  selfSigned = another.sign('web', names, 90);
  another.remove();
});

afterAll(() => authority.remove());

const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function serveRaw(behave: (socket: Socket) => void): Promise<FaultyServer> {
  const server = await listen(behave);
  closers.push(() => server.close());
  return server;
}

/** A server that does TLS, and then as told. */
function tls(
  behave: (socket: TLSSocket, raw: Socket) => void,
  certificate = good,
): Promise<FaultyServer> {
  const { cert, key } = certificate;
  return serveRaw((raw) => {
    raw.removeAllListeners('data');
    // Its bytes are TLS's now.
    const socket = new ServerTls(raw, { isServer: true, cert, key });
    socket.setEncoding('latin1');
    socket.on('error', () => {});
    behave(socket, raw);
  });
}

async function started(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  closers.push(async () => {
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  return (server.address() as AddressInfo).port;
}

/** The kernel resets when what it holds was not read. */
function resetTls(socket: TLSSocket, raw: Socket): void {
  onRequest(socket, () => raw.resetAndDestroy());
}

const behaviours: readonly [
  what: string,
  server: () => Promise<FaultyServer>,
  ends: string,
  ms?: number,
][] = [
  ['answers 200', () => tls(replyWith(OK)), 'pass'],
  ['answers 200 and stays', () => tls(replyWith(OK, 'stay')), 'pass'],
  ['has an expired certificate, unverified', () => tls(replyWith(OK), expired), 'pass'],
  ['has the certificate of another, unverified', () => tls(replyWith(OK), wrongName), 'pass'],
  ['answers 503', () => tls(replyWith('HTTP/1.1 503 Busy\r\n\r\n')), 'BAD_STATUS'],
  ['closes after the handshake', () => tls(closeAtOnce), 'CLOSED_EARLY'],
  ['is silent after the handshake', () => tls(silent), 'TIMEOUT', SHORT_MS],
  ['resets after the request', () => tls(resetTls), 'CONNECTION_RESET'],
  ['closes in the body', () => tls(replyWith(OK.slice(0, -1))), 'CLOSED_EARLY'],
  ['accepts and is silent', () => serveRaw(silent), 'TIMEOUT', SHORT_MS],
  ['is slow in the handshake', () => serveRaw(dripTls), 'TIMEOUT', SHORT_MS],
  ['closes in the handshake', () => serveRaw(closeAtOnce), 'CLOSED_EARLY'],
  ['resets in the handshake', () => serveRaw(reset), 'CONNECTION_RESET'],
  ['speaks plain HTTP', () => serveRaw((socket) => socket.write(OK)), 'TLS_FAILED'],
];

describe('SSL_GET of a server that', () => {
  it.each(behaviours)('%s; 100 checks leave nothing', async (_what, start, ends, ms = 5000) => {
    const server = await start();
    const before = openDescriptors();
    const config = sslGet({ connectPort: server.port, connectTimeoutMs: ms });
    const result = await check(config);
    expect(result.kind === 'pass' ? 'pass' : result.reason, result.detail).toBe(ends);
    expect(result.durationMs).toBeLessThan(ms + LATE_MS);
    expect(await outcomes(config, 100)).toEqual([ends]);
    expect(openDescriptors()).toBeLessThanOrEqual(before + server.open());
  });
});

describe('verify of SSL_GET', () => {
  it('trusts ca, for the name that is asked for', async () => {
    const { port } = await tls(replyWith(OK));
    const config = sslGet({ connectPort: port, verify: true, ca: authority.caFile });
    expect(await check(config)).toMatchObject({ kind: 'pass' });
    const named = { ...config, urls: [httpUrl({ virtualhost: 'web.test' })] };
    expect(await outcome(named)).toBe('pass');
    expect(await outcome({ ...config, sniName: 'elsewhere.test' })).toBe('CERT_WRONG_NAME');
    const { ca: _, ...withoutCa } = config;
    expect(await outcome(withoutCa)).toBe('CERT_UNTRUSTED');
    expect(await outcome({ ...withoutCa, client: { ca: authority.caFile } })).toBe('pass');
  });

  it.each([
    ['expired', () => expired, 'CERT_EXPIRED'],
    ['for another name', () => wrongName, 'CERT_WRONG_NAME'],
    ['of an unknown authority', () => selfSigned, 'CERT_UNTRUSTED'],
  ] as const)('refuses a certificate that is %s', async (_what, certificate, reason) => {
    const { port } = await tls(replyWith(OK), certificate());
    const config = sslGet({ connectPort: port, verify: true, ca: authority.caFile });
    expect(await outcome(config)).toBe(reason);
  });

  it('fails closed without its file', async () => {
    const { port } = await tls(replyWith(OK));
    const config = sslGet({ connectPort: port, verify: true, ca: '/nowhere/ca.pem' });
    expect(await outcome(config)).toBe('CREDENTIALS_UNUSABLE');
  });
});

describe('the TLS of SSL_GET', () => {
  it('names the host in the handshake only where that is asked for', async () => {
    const names: unknown[] = [];
    const server = createHttpsServer({ cert: good.cert, key: good.key }, (request, response) => {
      names.push((request.socket as TLSSocket).servername);
      response.end();
    });
    const port = await started(server);
    const urls = [httpUrl({ virtualhost: 'web.test:8443' })];
    const config = sslGet({ connectPort: port, urls });
    await outcome(config);
    await outcome({ ...config, enableSni: true });
    await outcome({ ...config, enableSni: true, sniName: 'named.test' });
    expect(names).toEqual([false, 'web.test', 'named.test']);
  });

  it('shows the certificate of the block SSL', async () => {
    const ca = authority.caFile;
    const server = createHttpsServer(
      { cert: good.cert, key: good.key, requestCert: true, rejectUnauthorized: false },
      (request, response) => {
        const socket = request.socket as TLSSocket;
        response.statusCode = socket.getPeerCertificate().subject?.CN === 'client' ? 200 : 403;
        response.end();
      },
    );
    const config = sslGet({ connectPort: await started(server) });
    expect(await outcome(config)).toBe('BAD_STATUS');
    const { certFile: certificate, keyFile: key } = client;
    expect(await outcome({ ...config, client: { ca, certificate, key } })).toBe('pass');
  });

  it('tells when the certificate ends', async () => {
    const { port } = await tls(replyWith(OK));
    const result = await check(sslGet({ connectPort: port }));
    const endsMs = result.kind === 'pass' ? (result.certificateEndsMs ?? 0) : 0;
    expect(Math.round((endsMs - Date.now()) / DAY_MS)).toBe(90);
  });

  it('ends with close_notify where tls_compliant asks for it', async () => {
    const { port } = await tls(replyWith(OK, 'stay'));
    const wire = await serveRaw((socket) => {
      const onward = connect(port, '127.0.0.1');
      socket.on('data', (text) => onward.write(Buffer.from(String(text), 'latin1')));
      onward.on('data', (bytes) => socket.write(bytes));
      onward.on('error', () => {});
      socket.on('close', () => onward.destroy());
    });
    const config = sslGet({ connectPort: wire.port });
    expect(await outcome(config)).toBe('pass');
    expect(await outcome({ ...config, tlsCompliant: true })).toBe('pass');
    await expect.poll(() => wire.received.map(lastRecord)).toEqual(['data', 'alert']);
  });
});

/** What the last TLS record of a client is. An encrypted alert (RFC 8446 6) has 2 + 1 + 16 bytes. */
function lastRecord(bytes: string): string {
  let last = '';
  for (let at = 0; at + 5 <= bytes.length; ) {
    const length = bytes.charCodeAt(at + 3) * 256 + bytes.charCodeAt(at + 4);
    last = length === 19 ? 'alert' : 'data';
    at += 5 + length;
  }
  return last;
}

describe('HTTP/2 of SSL_GET', () => {
  async function serveBoth(): Promise<Http2Server> {
    const server = await startHttp2Server(good);
    closers.push(() => server.close());
    return server;
  }

  it('is spoken where http_protocol 2 offers it and the server takes it', async () => {
    const { port, requests } = await serveBoth();
    const urls = [httpUrl({ virtualhost: 'web.test', digest: '5d41402abc4b2a76b9719d911017c592' })];
    const config = sslGet({ connectPort: port, urls, httpProtocol: '2' });
    expect(await check(config)).toMatchObject({ kind: 'pass' });
    expect(await outcome({ ...config, urls: [httpUrl({ path: '/no' })] })).toBe('BAD_STATUS');
    expect(await outcome({ ...config, httpProtocol: '1.0' })).toBe('pass');
    await expect
      .poll(() => requests)
      .toEqual(['2.0 web.test /', `2.0 127.0.0.1:${port} /no`, '1.0 web.test /']);
  });

  it('is not where the server does not', async () => {
    const server = await tls(replyWith(OK));
    expect(await outcome(sslGet({ connectPort: server.port, httpProtocol: '2' }))).toBe('pass');
  });

  it('leaves nothing behind after 300 checks, and keeps its deadline', async () => {
    const { port } = await serveBoth();
    const config = sslGet({ connectPort: port, httpProtocol: '2' });
    await outcomes(config, 1);
    const before = openDescriptors();
    expect(await outcomes(config, 300)).toEqual(['pass']);
    await expect.poll(openDescriptors).toBeLessThanOrEqual(before);
    const mute = { ...config, urls: [httpUrl({ path: '/mute' })], connectTimeoutMs: SHORT_MS };
    expect(await outcomes(mute, 100)).toEqual(['TIMEOUT']);
    await expect.poll(openDescriptors).toBeLessThanOrEqual(before);
  });
});
