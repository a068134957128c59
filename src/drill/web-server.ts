/**
 * A real server's web server: one page for every request, on every address, each connection closed
 * after the answer. Usage: `node web-server.ts PORT PAGE`. Prints `listening` when it accepts.
 */
import { createServer } from 'node:http';

const [port = '80', page = ''] = process.argv.slice(2);

const server = createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'text/plain', connection: 'close' });
  response.end(`${page}\n`);
});

server.on('error', (error) => {
  process.stderr.write(`The web server cannot listen on port ${port}: ${error.message}\n`);
  process.exitCode = 1;
});
server.listen(Number(port), '0.0.0.0', () => process.stdout.write('listening\n'));
