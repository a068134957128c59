/** Servers that live as long as one test. */
import { afterEach } from 'vitest';
import { type FaultyServer, listen } from './servers.ts';

/** `listen` for the tests of one file; what a test started is closed after it. */
export function listenPerTest(): typeof listen {
  const servers: FaultyServer[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.close();
  });
  return async (...parameters) => {
    const server = await listen(...parameters);
    servers.push(server);
    return server;
  };
}
