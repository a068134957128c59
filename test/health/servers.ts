/** Loopback servers that misbehave on purpose. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';

export interface FaultyServer {
  readonly port: number;
  /** Everything clients sent, as latin1 text, one entry per connection. */
  readonly received: readonly string[];
  /** Connections accepted so far. */
  readonly accepted: () => number;
  /** Connections that still hold a descriptor of this process, on the server's side. */
  readonly open: () => number;
  /** Closes the listener and every connection; resolves when all their descriptors are gone. */
  close(): Promise<void>;
}

/** Listens on a free port and hands every connection to `serve`. */
export async function listen(
  serve: (socket: Socket) => void,
  host = '127.0.0.1',
): Promise<FaultyServer> {
  const sockets = new Set<Socket>();
  const received: string[] = [];
  let accepted = 0;
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    const index = accepted;
    accepted += 1;
    received[index] = '';
    sockets.add(socket);
    socket.setEncoding('latin1');
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    socket.on('data', (text) => {
      received[index] += String(text);
    });
    serve(socket);
  });
  server.listen({ port: 0, host, backlog: 1024 });
  await once(server, 'listening');
  return {
    port: portOf(server),
    received,
    accepted: () => accepted,
    open: () => sockets.size,
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** The same bytes again and again, as fast as the client reads them. */
export function pour(socket: Socket, chunk: string | Uint8Array): void {
  const more = (): void => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on('drain', more);
  more();
}

/** Calls `reply` once the head of a request is there. */
export function onRequest(socket: Socket, reply: () => void): void {
  let head = '';
  const onData = (text: unknown): void => {
    head += String(text);
    if (!head.includes('\r\n\r\n')) return;
    socket.off('data', onData);
    reply();
  };
  socket.on('data', onData);
}

/** Answers every request with `bytes`; then closes, or leaves the connection open. */
export function replyWith(bytes: string, then: 'close' | 'stay' = 'close') {
  return (socket: Socket): void =>
    onRequest(socket, () => {
      socket.write(bytes, 'latin1');
      if (then === 'close') socket.end();
    });
}

/** Accepts and says nothing, ever. */
export function silent(_socket: Socket): void {}

export function reset(socket: Socket): void {
  socket.resetAndDestroy();
}

export function resetAfterRequest(socket: Socket): void {
  onRequest(socket, () => socket.resetAndDestroy());
}

export function closeAtOnce(socket: Socket): void {
  socket.end();
}

/** One byte of a good reply a second: alive, and far too slow. */
export function drip(socket: Socket): void {
  const bytes = 'HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n';
  let sent = 0;
  const timer = setInterval(() => {
    socket.write(bytes[sent] ?? 'x');
    sent += 1;
  }, 1000);
  socket.write('H');
  sent = 1;
  socket.on('close', () => clearInterval(timer));
}

/** Bytes of TLS records that are none: the client waits for more, or sees nonsense. */
export function dripTls(socket: Socket): void {
  const timer = setInterval(() => socket.write(Buffer.from([22])), 1000);
  socket.write(Buffer.from([22]));
  socket.on('close', () => clearInterval(timer));
}

/** A good head, one byte of the body at once, and one more now and then. */
export function dripBody(socket: Socket): void {
  onRequest(socket, () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nx'));
}

/** A body without end, as fast as the client reads it. */
export function endlessBody(socket: Socket): void {
  onRequest(socket, () => {
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    pour(socket, 'x'.repeat(65_536));
  });
}

/** Header lines without end. */
export function endlessHeaders(socket: Socket): void {
  onRequest(socket, () => {
    socket.write('HTTP/1.1 200 OK\r\n');
    pour(socket, 'X-Flood: yes\r\n'.repeat(1000));
  });
}

const STOPPED_LISTENER = `
  const server = require('node:net').createServer();
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    console.log(server.address().port);
  });
`;

/**
 * A listener whose process is stopped, so that nothing accepts. With its backlog of 1 the kernel
 * completes two handshakes and leaves further ones unanswered.
 */
export async function stoppedListener(): Promise<{ port: number; close(): Promise<void> }> {
  const child: ChildProcess = spawn(process.execPath, ['-e', STOPPED_LISTENER], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const { stdout } = child;
  if (stdout === null) throw new Error('The child has no stdout');
  const [text] = await once(stdout, 'data');
  child.kill('SIGSTOP');
  return {
    port: Number(String(text)),
    async close() {
      const exited = once(child, 'exit');
      child.kill('SIGKILL');
      await exited;
    },
  };
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('Not a TCP server');
  return address.port;
}
