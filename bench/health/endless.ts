/** The servers without an end, in a process of their own: prints what to ask them, and lives until its stdin ends. */
import { makeAuthority } from '../../test/health/certificates.ts';
import { type Endless, endlessServers } from '../../test/health/endless-servers.ts';

const authority = makeAuthority();
const certificate = authority.sign('web', 'DNS:web.test,IP:127.0.0.1', 90);
authority.remove();
const servers = new Map<string, Endless>();
for (const [name, start] of endlessServers(certificate)) servers.set(name, await start());
const configs = Object.fromEntries([...servers].map(([name, { config }]) => [name, config]));
process.stdout.write(`${JSON.stringify(configs)}\n`);
process.stdin.resume().once('end', async () => {
  for (const server of servers.values()) await server.close();
  process.exit();
});
