/** UDP servers on loopback that misbehave on purpose. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

export interface DatagramServer {
  readonly port: number;
  /** Everything clients sent, one entry per datagram. */
  readonly received: readonly Buffer[];
  close(): Promise<void>;
}

/** Answers each datagram with what `reply` makes of it, one or several, in order; with nothing when empty. */
export async function serveDatagrams(
  reply: (request: Buffer) => readonly Uint8Array[],
  host = '127.0.0.1',
): Promise<DatagramServer> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  const received: Buffer[] = [];
  socket.on('error', () => {});
  socket.on('message', (request, from) => {
    received.push(request);
    for (const bytes of reply(request)) socket.send(bytes, from.port, from.address);
  });
  socket.bind(0, host);
  await once(socket, 'listening');
  return {
    port: socket.address().port,
    received,
    async close() {
      const closed = once(socket, 'close');
      socket.close();
      await closed;
    },
  };
}
