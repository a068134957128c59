/**
 * Ports that nobody is bound to and that the kernel gives nobody by itself: one that was free a moment ago is soon
 * the source of a connection, or a server, of a test that runs beside this one.
 */
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

const FIRST_UNPRIVILEGED = 1024;
const PORTS = 65_536;
const ATTEMPTS = 100;

/** Beside the ports of connections (ip_local_port_range), on the side where there are more. */
function anyUnassigned(): number {
  const text = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8');
  const [first = 0, last = 0] = text.trim().split(/\s+/).map(Number);
  const isAbove = PORTS - last > first - FIRST_UNPRIVILEGED;
  return isAbove ? randomInt(last + 1, PORTS) : randomInt(FIRST_UNPRIVILEGED, first);
}

/** `hold` rejects where somebody is bound to the port. */
async function freePort(hold: (port: number) => Promise<void>): Promise<number> {
  for (let attempt = 1; ; attempt += 1) {
    const port = anyUnassigned();
    try {
      await hold(port);
      return port;
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
    }
  }
}

export function closedPort(host = '127.0.0.1'): Promise<number> {
  return freePort(async (port) => {
    const server = createServer().listen(port, host);
    await once(server, 'listening');
    server.close();
    await once(server, 'close');
  });
}

export function closedDatagramPort(host = '127.0.0.1'): Promise<number> {
  return freePort(async (port) => {
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4').bind(port, host);
    await once(socket, 'listening');
    socket.close();
    await once(socket, 'close');
  });
}
