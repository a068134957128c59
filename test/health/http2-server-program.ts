/**
 * An https server of Node that speaks HTTP/2 and HTTP/1, in a process of its own: its native code can end the process
 * (docs/adr/0004). Usage: node http2-server-program.ts CERT-FILE KEY-FILE. Prints its port, then a line for each
 * request. `/` is 200, `/mute` is never answered, everything else is 404.
 */
import { readFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';

const [cert, key] = process.argv.slice(2).map((file) => readFileSync(file));
if (cert === undefined || key === undefined) throw new Error('Usage: CERT-FILE KEY-FILE');

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const server = createSecureServer({ allowHTTP1: true, cert, key }, (request, response) => {
  const { httpVersion, headers, url } = request;
  say(`${httpVersion} ${headers[':authority'] ?? headers.host} ${url}`);
  if (url === '/mute') return;
  response.statusCode = url === '/' ? 200 : 404;
  response.end('hello');
});
server.on('tlsClientError', () => {});
server.on('sessionError', () => {});
server.listen(0, '127.0.0.1', () => say(String((server.address() as AddressInfo).port)));
// Whoever started it is gone.
process.stdin.on('end', () => process.exit(0)).resume();
