/** Servers that never let a check come to its end, for every kind of check that has a socket. */
import { once } from 'node:events';
import { type AddressInfo, connect, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import type { ConnectingCheckerConfig } from '../../src/config/model.ts';
import {
  FLAG,
  FRAME,
  FrameReader,
  PREFACE,
  writeFrame,
  writeSettings,
} from '../../src/health/http2-frame.ts';
import type { Certificate } from './certificates.ts';
import {
  agentCheck,
  dnsCheck,
  httpGet,
  httpUrl,
  redisCheck,
  smtpCheck,
  sslGet,
  tcpCheck,
  udpCheck,
} from './configs.ts';
import { serveDatagrams } from './datagram-servers.ts';
import { fillBacklog } from './probing.ts';
import { drip, dripBody, dripTls, listen, onRequest, silent, stoppedListener } from './servers.ts';

export interface Endless {
  /** What to ask it; whoever asks says within which time. */
  readonly config: ConnectingCheckerConfig;
  /** Whether a check is where it will never come on from, as far as the server can know. */
  isAsked(): boolean;
  /** Descriptors of its own that it holds for its clients. */
  open(): number;
  close(): Promise<void>;
}

type Starter = () => Promise<Endless>;
type Ask = (connectPort: number) => ConnectingCheckerConfig;

const STREAM_CHUNK = 'x'.repeat(16_384);
const STREAM_MS = 10;
/** A digest is wanted, so that the body must be read to its end. */
const DIGESTED = [httpUrl({ digest: '5d41402abc4b2a76b9719d911017c592' })];

/** All of them, by what they do. `certificate`: theirs, where they do TLS. */
export function endlessServers(certificate: Certificate): ReadonlyMap<string, Starter> {
  const lines: readonly (readonly [name: string, ask: Ask])[] = [
    ['SMTP_CHECK', (connectPort) => smtpCheck({ connectPort })],
    ['REDIS_CHECK', (connectPort) => redisCheck({ connectPort })],
    ['AGENT_CHECK', (connectPort) => agentCheck({ connectPort })],
  ];
  const web: Ask = (connectPort) => httpGet({ connectPort, urls: DIGESTED });
  const tls: Ask = (connectPort) => sslGet({ connectPort, urls: DIGESTED });
  const http2: Ask = (connectPort) => sslGet({ connectPort, httpProtocol: '2' });
  const udp: Ask = (connectPort) => udpCheck({ connectPort, requiresReply: true });
  const dns: Ask = (connectPort) => dnsCheck({ connectPort });
  return new Map<string, Starter>([
    ['TCP_CHECK of a full backlog', fullBacklog],
    ['HTTP_GET of silence', stream(web, silent)],
    ['HTTP_GET of a byte a second', stream(web, drip)],
    ['HTTP_GET of a body that stalls', stream(web, dripBody)],
    ['HTTP_GET of an endless body', stream(web, streamBody)],
    ['SSL_GET of silence', stream(tls, silent)],
    ['SSL_GET of a slow handshake', stream(tls, dripTls)],
    ['SSL_GET of a handshake byte by byte', () => slowHandshake(tls, certificate)],
    ['SSL_GET of silence in TLS', () => secure(tls, certificate, silent)],
    ['SSL_GET of an endless body in TLS', () => secure(tls, certificate, streamBody)],
    ['SSL_GET of silence in HTTP/2', () => silentHttp2(http2, certificate)],
    ...lines.flatMap(([name, ask]): [string, Starter][] => [
      [`${name} of silence`, stream(ask, silent)],
      [`${name} of a byte a second`, stream(ask, drip)],
    ]),
    ['UDP_CHECK of silence', () => datagramServer(udp, 0)],
    ['DNS_CHECK of silence', () => datagramServer(dns, 0)],
    // Of UDP_CHECK the first datagram decides, whatever it is.
    ['DNS_CHECK of a flood of something else', () => datagramServer(dns, 50)],
  ]);
}

async function fullBacklog(): Promise<Endless> {
  const listener = await stoppedListener();
  await fillBacklog(listener.port);
  return {
    config: tcpCheck({ connectPort: listener.port }),
    // Its kernel answers nothing.
    isAsked: () => true,
    open: () => 0,
    close: () => listener.close(),
  };
}

const SPEAKS_FIRST: ReadonlySet<string> = new Set(['HTTP_GET', 'SSL_GET', 'REDIS_CHECK']);

function stream(ask: Ask, behave: (socket: Socket) => void): Starter {
  return async () => {
    const server = await listen(behave);
    const config = ask(server.port);
    return {
      config,
      // The checks of SMTP and of agents wait for the server to speak.
      isAsked: () =>
        server.accepted() > 0 && (server.received[0] !== '' || !SPEAKS_FIRST.has(config.kind)),
      open: server.open,
      close: () => server.close(),
    };
  };
}

/** A body of unknown length at a pace that no bound on its size ends soon. */
function streamBody(socket: Socket): void {
  onRequest(socket, () => {
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    const timer = setInterval(() => socket.write(STREAM_CHUNK), STREAM_MS);
    socket.once('close', () => clearInterval(timer));
  });
}

/** A server that does TLS, and then as told. */
function secure(
  ask: Ask,
  { cert, key }: Certificate,
  behave: (socket: TLSSocket) => void,
): Promise<Endless> {
  const server = createTlsServer({ cert, key }, (socket) => {
    socket.setEncoding('latin1');
    socket.on('error', () => {});
    socket.resume();
    behave(socket);
  });
  return started(server, ask, 'secureConnection');
}

/** A server that takes HTTP/2 and the request, and says no more. */
function silentHttp2(ask: Ask, { cert, key }: Certificate): Promise<Endless> {
  const server = createTlsServer({ cert, key, ALPNProtocols: ['h2'] }, (socket) => {
    socket.on('error', () => {});
    socket.write(writeSettings());
    const reader = new FrameReader();
    let preface = PREFACE.length;
    socket.on('data', (bytes: Buffer) => {
      const skipped = Math.min(preface, bytes.length);
      preface -= skipped;
      for (const { type, flags } of reader.read(bytes.subarray(skipped)).frames) {
        if (type === FRAME.SETTINGS && !(flags & FLAG.ACK)) {
          socket.write(writeFrame(FRAME.SETTINGS, FLAG.ACK, 0));
        }
        if (type === FRAME.HEADERS) server.emit('stream');
      }
    });
  });
  return started(server, ask, 'stream');
}

/** `asked`: the event that says that a check has come as far as it will. */
async function started(server: Server, ask: Ask, asked: string): Promise<Endless> {
  const sockets = new Set<Socket>();
  let isAsked = false;
  server.on(asked, () => {
    isAsked = true;
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  });
  // A client that goes away in the handshake is no matter.
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    config: ask((server.address() as AddressInfo).port),
    isAsked: () => isAsked,
    open: () => sockets.size,
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Passes a good handshake on, one byte of the server every now and then. */
async function slowHandshake(ask: Ask, certificate: Certificate): Promise<Endless> {
  const good = await secure(ask, certificate, () => {});
  const slow = await listen((socket) => {
    const onward = connect(good.config.connectPort, '127.0.0.1');
    const waiting: number[] = [];
    const timer = setInterval(() => {
      const byte = waiting.shift();
      if (byte !== undefined) socket.write(Buffer.from([byte]));
    }, STREAM_MS);
    socket.on('data', (text) => onward.write(Buffer.from(String(text), 'latin1')));
    onward.on('data', (bytes: Buffer) => waiting.push(...bytes));
    onward.on('error', () => {});
    socket.once('close', () => {
      clearInterval(timer);
      onward.destroy();
    });
  });
  return {
    config: ask(slow.port),
    isAsked: () => slow.accepted() > 0,
    // Each has one more, to the good server, which has one for that.
    open: () => 2 * slow.open() + good.open(),
    async close() {
      await slow.close();
      await good.close();
    },
  };
}

/** Answers every datagram with so many that are none of what is asked for. */
async function datagramServer(ask: Ask, answers: number): Promise<Endless> {
  const server = await serveDatagrams(() => new Array(answers).fill(Buffer.from('nonsense')));
  return {
    config: ask(server.port),
    isAsked: () => server.received.length > 0,
    open: () => 0,
    close: () => server.close(),
  };
}
