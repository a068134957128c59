/**
 * `ipvsadm -Ln` as text and as a table to compare. ipvsadm is the independent reader: lvsd's own codec
 * has no part in this. P.
 */
import {
  nodeAddress,
  SERVER_NAMES,
  SERVICE_PORT,
  type ServerName,
  VIRTUAL_ADDRESS,
} from './lab.ts';

/** A line of the table, counters left out: `TCP 192.168.10.188:80 rr`, `  -> 192.168.10.101:80 Route 1`. */
export type TableLine = string;

const HEADER = [
  /^IP Virtual Server version /,
  /^Prot LocalAddress:Port /,
  /^ {2}-> RemoteAddress:Port /,
];

/**
 * The lines that matter of `ipvsadm -Ln`: services in the kernel's order, the servers of each sorted,
 * connection counters dropped. Throws for a line it does not know: an unread line would be an
 * uncompared one.
 */
export function parseIpvsadm(text: string): readonly TableLine[] {
  const services: { head: string; servers: string[] }[] = [];
  for (const line of text.split('\n')) {
    if (line.trim() === '' || HEADER.some((header) => header.test(line))) continue;
    const server = /^ {2}-> (\S+)\s+(\S+)\s+(\d+)\s+\d+\s+\d+\s*$/.exec(line);
    const service = /^(TCP|UDP|SCTP|FWM)\s+(.+?)\s*$/.exec(line);
    const current = services.at(-1);
    if (server !== null && current !== undefined) {
      current.servers.push(`  -> ${server[1]} ${server[2]} ${server[3]}`);
    } else if (service !== null) {
      services.push({ head: `${service[1]} ${service[2]?.replace(/\s+/g, ' ')}`, servers: [] });
    } else {
      throw new Error(`Unexpected line of ipvsadm -Ln: ${JSON.stringify(line)}`);
    }
  }
  return services.flatMap(({ head, servers }) => [head, ...servers.sort()]);
}

/**
 * Connections that `ipvsadm -Ln --stats --exact` has counted for a server of a service. Throws when it is not
 * there.
 */
export function connectionsOf(text: string, service: string, server: string): number {
  let current = '';
  for (const line of text.split('\n')) {
    const [, head] = /^(?:TCP|UDP|SCTP|FWM)\s+(\S+)/.exec(line) ?? [];
    if (head !== undefined) current = head;
    const [, name, connections] = /^ {2}-> (\S+)\s+(\d+)/.exec(line) ?? [];
    if (current === service && name === server) return Number(connections);
  }
  throw new Error(`No server ${server} of ${service} in: ${text}`);
}

/** Connections of a server that `ipvsadm -Ln` counts as active, in all services together. */
export function activeConnectionsOf(text: string, server: string): number {
  const counts = text.split('\n').flatMap((line) => {
    const [, name, active] = /^ {2}-> (\S+)\s+\S+\s+\d+\s+(\d+)\s+\d+\s*$/.exec(line) ?? [];
    return name === server ? [Number(active)] : [];
  });
  return counts.reduce((sum, count) => sum + count, 0);
}

/** The table a director of the lab must have while these real servers are up. */
export function wantedTable(up: readonly ServerName[] = SERVER_NAMES): readonly TableLine[] {
  const servers = up.map((server) => `  -> ${nodeAddress(server)}:${SERVICE_PORT} Route 1`);
  return [`TCP ${VIRTUAL_ADDRESS}:${SERVICE_PORT} rr`, ...servers.sort()];
}

export const EMPTY_TABLE: readonly TableLine[] = [];

export function isSameTable(a: readonly TableLine[], b: readonly TableLine[]): boolean {
  return a.length === b.length && a.every((line, index) => line === b[index]);
}

/** One line, for the detail of a step. */
export function formatTable(table: readonly TableLine[]): string {
  if (table.length === 0) return 'empty';
  return table.map((line) => line.trim()).join(' ');
}
