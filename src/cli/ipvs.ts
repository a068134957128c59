/** `lvsd ipvs`: the kernel's table, with our health beside it. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { type Command, InvalidArgumentError } from 'commander';
import { ask, controlSocketPath } from '../daemon/control-client.ts';
import { type Connection, concerns, parseConnection } from '../observe/connections.ts';
import type { IpvsListing, ListedService } from '../observe/ipvs-listing.ts';
import { type IpvsView, renderIpvs } from '../observe/ipvs-text.ts';
import { table } from '../observe/screen.ts';
import { printError, printJson, printLine, wantsColor } from './output.ts';

const LISTING_TIMEOUT_MS = 60_000;
const CONNECTIONS_SHOWN = 100;

const HELP = `
NAME is a service or a server, as in the listing: tcp 10.0.0.1:80, 10.0.0.1:80 or 10.0.0.1; with
--connections a client too. Numbers are whole, never abbreviated. Services that lvsd did not make are
marked as foreign.

Exit status: 0 shown, 1 no daemon, or nothing of that name`;

interface IpvsOptions {
  readonly socket?: string;
  readonly json?: boolean;
  readonly stats?: boolean;
  readonly rate?: boolean;
  readonly connections?: boolean;
  readonly limit: number;
}

export function addIpvsCommand(program: Command): void {
  program
    .command('ipvs')
    .argument('[name...]', 'a service or a server')
    .description("the kernel's table as ipvsadm -Ln shows it, with the health of each server")
    .option('--stats', 'totals: connections, packets, bytes')
    .option('--rate', 'the same a second, as the kernel estimates it')
    .option('--connections', 'connections, one a line')
    .option('--limit <count>', 'of --connections: at most so many', readLimit, CONNECTIONS_SHOWN)
    .option('--socket <path>', 'control socket (or LVSD_CONTROL_SOCKET)')
    .option('--json', 'everything, as JSON')
    .addHelpText('after', HELP)
    .action(async (words: readonly string[], options: IpvsOptions) => {
      const name = words.length === 0 ? undefined : words.join(' ');
      process.exitCode = await (options.connections === true
        ? listConnections(name, options)
        : listTable(name, options));
    });
}

function readLimit(text: string): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new InvalidArgumentError('Expected a whole number above 0.');
}

async function listTable(name: string | undefined, options: IpvsOptions): Promise<number> {
  const response = await ask(
    controlSocketPath(options.socket),
    { command: 'ipvs' },
    LISTING_TIMEOUT_MS,
  );
  if (!response.ok) {
    if (options.json === true) printJson(response);
    else printError(response.message);
    return 1;
  }
  const listing = name === undefined ? response.result : only(response.result, name);
  if (name !== undefined && listing.services.length === 0) {
    printError(`IPVS has no service or server ${name}: \`lvsd ipvs\` lists those that there are`);
    return 1;
  }
  const view: IpvsView =
    options.stats === true ? 'stats' : options.rate === true ? 'rate' : 'table';
  if (options.json === true) printJson(listing);
  else printLine(renderIpvs(listing, view, { color: wantsColor(process.stdout) }));
  return 0;
}

/** A service by its name with all its servers; else those servers that are of this name. */
function only(listing: IpvsListing, name: string): IpvsListing {
  const isNamed = (text: string): boolean =>
    text === name || text.endsWith(` ${name}`) || text.replace(/:\d+$/, '') === name;
  const isService = (service: ListedService): boolean =>
    isNamed(service.name) || isNamed(service.name.slice(service.name.indexOf(' ') + 1));
  const services = listing.services.flatMap((service) => {
    if (isService(service)) return [service];
    const servers = service.servers.filter(({ endpoint }) => isNamed(endpoint));
    return servers.length === 0 ? [] : [{ ...service, servers }];
  });
  return { ...listing, services };
}

/** Streamed from the daemon's own network namespace: the file can be of any size. */
async function listConnections(name: string | undefined, options: IpvsOptions): Promise<number> {
  const response = await ask(controlSocketPath(options.socket), { command: 'status' });
  if (!response.ok) {
    if (options.json === true) printJson(response);
    else printError(response.message);
    return 1;
  }
  const path = `/proc/${response.result.pid}/net/ip_vs_conn`;
  const shown: Connection[] = [];
  let count = 0;
  try {
    for await (const line of createInterface({ input: createReadStream(path, 'latin1') })) {
      const connection = parseConnection(line);
      if (connection === undefined) continue;
      if (name !== undefined && !concerns(connection, name)) continue;
      count += 1;
      if (shown.length < options.limit) shown.push(connection);
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    printError(`Connections cannot be read (${why}): run the command as root, with ip_vs loaded`);
    return 1;
  }
  if (options.json === true) printJson({ connections: shown, more: count - shown.length });
  else printConnections(shown, count - shown.length);
  return 0;
}

function printConnections(shown: readonly Connection[], more: number): void {
  const header = ['Prot', 'Expires', 'State', 'Client', 'Service', 'Server'];
  const rows = shown.map(({ protocol, client, service, server, state, expiresS }) => [
    protocol,
    `${expiresS} s`,
    state,
    client,
    service,
    server,
  ]);
  for (const line of table([header, ...rows])) printLine(line);
  if (more > 0) printLine(`${more} more: name a service or a server, or raise --limit`);
}
