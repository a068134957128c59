/** Accepts on an address and a port, says who came and closes when they do. */
import { createServer } from 'node:net';
import { argument, hear, say } from './lines.ts';

const server = createServer((socket) => {
  say({ from: socket.remoteAddress, port: socket.remotePort });
  socket.on('error', () => {});
  socket.resume();
});
server.listen({ host: argument(0), port: Number(argument(1)) }, () => say({ ready: true }));
hear(
  () => {},
  () => process.exit(0),
);
