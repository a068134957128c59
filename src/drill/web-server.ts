/**
 * A real server's web server: one page for every request, on every address, each connection closed
 * after the answer; and `/download/SECONDS`, which takes that long.
 * Usage: `node web-server.ts PORT PAGE`. Prints `listening` when it accepts.
 */
import { createServer, type ServerResponse } from 'node:http';
import { PIECE_INTERVAL_MS, piece, pieces } from './download-body.ts';

const [port = '80', page = ''] = process.argv.slice(2);

const server = createServer((request, response) => {
  const [, seconds] = /^\/download\/(\d+)$/.exec(request.url ?? '') ?? [];
  if (seconds !== undefined) {
    download(Number(seconds), response);
    return;
  }
  response.writeHead(200, { 'content-type': 'text/plain', connection: 'close' });
  response.end(`${page}\n`);
});

function download(seconds: number, response: ServerResponse): void {
  const count = pieces(seconds);
  const headers = {
    'content-length': count * piece(0).length,
    'x-page': page,
    connection: 'close',
  };
  response.writeHead(200, headers);
  response.flushHeaders();
  let index = 0;
  const timer = setInterval(() => {
    response.write(piece(index));
    index += 1;
    if (index < count) return;
    clearInterval(timer);
    response.end();
  }, PIECE_INTERVAL_MS);
  response.on('close', () => clearInterval(timer));
}

server.on('error', (error) => {
  process.stderr.write(`The web server cannot listen on port ${port}: ${error.message}\n`);
  process.exitCode = 1;
});
server.listen(Number(port), '0.0.0.0', () => process.stdout.write('listening\n'));
