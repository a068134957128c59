/**
 * One service for each scheduler, family, protocol and forwarding method, before and after an
 * update, and the lines `ipvsadm -Ln` must show for them. Shared by the program in the lab and the
 * test.
 */
import type { Destination, Service, Table } from '../../src/ipvs/types.ts';
import { server, service, table } from './tables.ts';

/** All that Linux 6.1 has as modules. */
const SCHEDULERS = 'rr wrr lc wlc lblc lblcr dh sh sed nq fo ovf mh'.split(' ');
const PROTOCOLS = ['tcp', 'udp', 'sctp'] as const;
const METHODS = ['masq', 'tunnel', 'droute'] as const;
const FAMILIES = [
  { name: 'IPv4', virtual: '10.50.0.1', servers: ['10.0.0.1', '10.0.0.2', '10.0.0.3'] },
  {
    name: 'IPv6',
    virtual: '2001:db8:50::1',
    servers: ['2001:db8::1', '2001:db8::2', '2001:db8::3'],
  },
] as const;
const FIRST_PORT = 1000;

const METHOD_WORDS = {
  masq: 'Masq',
  tunnel: 'Tunnel',
  droute: 'Route',
  local: 'Local',
  bypass: 'Bypass',
} as const;

export interface MatrixRow {
  readonly title: string;
  readonly before: Service;
  readonly after: Service;
  /** What `ipvsadm -Ln` shows, with single spaces. */
  readonly linesBefore: readonly string[];
  readonly linesAfter: readonly string[];
}

export const MATRIX: readonly MatrixRow[] = FAMILIES.flatMap((family) =>
  PROTOCOLS.flatMap((protocol) =>
    METHODS.flatMap((method) =>
      SCHEDULERS.map((scheduler) => ({ family, protocol, method, scheduler })),
    ),
  ),
).map(({ family, protocol, method, scheduler }, index) => {
  const port = FIRST_PORT + index;
  const [one, two, three] = family.servers;
  const nextScheduler = following(SCHEDULERS, scheduler);
  const nextMethod = following(METHODS, method);
  const row = (text: string, forwardingMethod: typeof method, weight: number): Destination =>
    server(text, port, { forwardingMethod, weight });
  const servers = [row(one, method, 1), row(two, method, 7)];
  const updated = [row(one, nextMethod, 5), row(three, method, 0)];
  const before = service(family.virtual, port, servers, { protocol, scheduler });
  const after = service(family.virtual, port, updated, { protocol, scheduler: nextScheduler });
  return {
    title: `${scheduler} ${protocol} ${family.name} ${method}`,
    before,
    after,
    linesBefore: linesOf(before),
    linesAfter: linesOf(after),
  };
});

export const matrixBefore: Table = table(...MATRIX.map(({ before }) => before));
export const matrixAfter: Table = table(...MATRIX.map(({ after }) => after));

function following<Item>(list: readonly Item[], item: Item): Item {
  return list[(list.indexOf(item) + 1) % list.length] ?? item;
}

/** Written from ipvsadm's manual, not through lvsd's own names. */
function linesOf({ protocol, address, port, scheduler, destinations }: Service): string[] {
  const at = (text: string): string => (text.includes(':') ? `[${text}]` : text);
  const servers = destinations.map(({ address: { text }, weight, forwardingMethod }) => {
    return `-> ${at(text)}:${port} ${METHOD_WORDS[forwardingMethod]} ${weight} 0 0`;
  });
  return [`${protocol.toUpperCase()} ${at(address.text)}:${port} ${scheduler}`, ...servers.sort()];
}

/** `ipvsadm -Ln`, as one sorted list of lines for each service line. */
export function parseListing(listing: string): ReadonlyMap<string, readonly string[]> {
  const services = new Map<string, string[]>();
  let servers: string[] = [];
  for (const raw of listing.split('\n').slice(3)) {
    const line = raw.trim().replace(/\s+/g, ' ');
    if (line === '') continue;
    if (line.startsWith('->')) {
      servers.push(line);
      servers.sort();
    } else {
      servers = [];
      services.set(line, servers);
    }
  }
  return services;
}
