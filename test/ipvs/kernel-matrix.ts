/**
 * One service for each scheduler, family, protocol and forwarding method, before and after an
 * update, and the lines `ipvsadm -Ln` must show for them. Shared by the program in the lab and the
 * test.
 */
import type { Destination, Service, Table } from '../../src/ipvs/types.ts';
import { marked, server, service, table } from './tables.ts';

/** All that Linux 6.1 has as modules. */
const SCHEDULERS = 'rr wrr lc wlc lblc lblcr dh sh sed nq fo ovf mh'.split(' ');
/** A mark stands in for the protocol: it is that of every packet that has it. */
const PROTOCOLS = ['tcp', 'udp', 'sctp', 'mark'] as const;
const METHODS = ['masq', 'tunnel', 'droute'] as const;
const FAMILIES = [
  { name: 'IPv4', family: 'inet', virtual: '10.50.0.1', server: '10.0.0.' },
  { name: 'IPv6', family: 'inet6', virtual: '2001:db8:50::1', server: '2001:db8::' },
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
  /** What `ipvsadm -Ln --thresholds` shows after the update. */
  readonly thresholdsAfter: readonly string[];
}

/**
 * The update does everything to a row that there is: another scheduler; a server added, one deleted, one
 * raised with another method, one lowered, one drained, one with thresholds, and one left alone.
 */
export const MATRIX: readonly MatrixRow[] = FAMILIES.flatMap((family) =>
  PROTOCOLS.flatMap((protocol) =>
    METHODS.flatMap((method) =>
      SCHEDULERS.map((scheduler) => ({ family, protocol, method, scheduler })),
    ),
  ),
).map(({ family, protocol, method, scheduler }, index) => {
  const port = FIRST_PORT + index;
  const nextMethod = following(METHODS, method);
  const row = (number: number, weight: number, rest: Partial<Destination> = {}): Destination =>
    server(`${family.server}${number}`, protocol === 'mark' ? 0 : port, {
      forwardingMethod: method,
      weight,
      ...rest,
    });
  const servers = [row(1, 1), row(2, 7), row(4, 9), row(5, 3), row(6, 2), row(7, 4)];
  const updated = [
    row(1, 5, { forwardingMethod: nextMethod }),
    row(3, 0),
    row(4, 2),
    row(5, 0),
    row(6, 2, { upperThreshold: 100, lowerThreshold: 50 }),
    row(7, 4),
  ];
  const make = (name: string, destinations: readonly Destination[]): Service =>
    protocol === 'mark'
      ? marked(port, destinations, { family: family.family, scheduler: name })
      : service(family.virtual, port, destinations, { protocol, scheduler: name });
  const before = make(scheduler, servers);
  const after = make(following(SCHEDULERS, scheduler), updated);
  return {
    title: `${scheduler} ${protocol} ${family.name} ${method}`,
    before,
    after,
    linesBefore: linesOf(before),
    linesAfter: linesOf(after),
    thresholdsAfter: thresholdLinesOf(after),
  };
});

export const matrixBefore: Table = table(...MATRIX.map(({ before }) => before));
export const matrixAfter: Table = table(...MATRIX.map(({ after }) => after));

/** What is beyond the matrix, with the words that `ipvsadm -Sn` has for it. */
export interface OptionRow {
  readonly title: string;
  readonly service: Service;
  /** Lines of `ipvsadm -Sn`, in its order. */
  readonly saved: readonly string[];
}

const V6 = '2001:db8::1';
const tunnelled = (type: 'ipip' | 'gue' | 'gre', port: number, flags: number) =>
  server('10.0.0.1', 3000, { forwardingMethod: 'tunnel', tunnel: { type, port, flags } });
const options = (
  title: string,
  port: number,
  [rest, words]: readonly [Parameters<typeof service>[3], string],
): OptionRow => ({
  title,
  service: service('10.51.0.1', port, [], rest),
  saved: [`-A ${rest?.protocol === 'udp' ? '-u' : '-t'} 10.51.0.1:${port} ${words}`],
});
const oneTunnel = (port: number, destination: Destination, words: string): OptionRow => ({
  title: `a tunnel: ${words}`,
  service: service('10.51.0.1', port, [destination]),
  saved: [`-A -t 10.51.0.1:${port} -s rr`, `-a -t 10.51.0.1:${port} -r ${words}`],
});

export const OPTIONS: readonly OptionRow[] = [
  options('persistence', 2000, [{ flags: 1, timeoutS: 300 }, '-s rr -p 300']),
  options('persistence of networks', 2001, [
    { flags: 1, timeoutS: 360, netmask: 0xffffff00 },
    '-s rr -p 360 -M 255.255.255.0',
  ]),
  options('a persistence engine', 2002, [
    { protocol: 'udp', flags: 1, timeoutS: 60, engine: 'sip' },
    '-s rr -p 60 --pe sip',
  ]),
  options('one packet', 2003, [{ protocol: 'udp', flags: 4 }, '-s rr -o']),
  options('sh flags', 2004, [{ scheduler: 'sh', flags: 0x18 }, '-s sh -b sh-fallback,sh-port']),
  options('mh flags', 2005, [{ scheduler: 'mh', flags: 0x10 }, '-s mh -b mh-port']),
  options('plain flags', 2006, [{ flags: 0x38 }, '-s rr -b flag-1,flag-2,flag-3']),
  {
    title: 'persistence of IPv6 networks',
    service: service('2001:db8:51::1', 2000, [], { flags: 1, timeoutS: 300, netmask: 64 }),
    saved: ['-A -t [2001:db8:51::1]:2000 -s rr -p 300 -M 64'],
  },
  oneTunnel(3000, tunnelled('ipip', 0, 0), '10.0.0.1:3000 -i -w 1 --tun-type ipip'),
  oneTunnel(
    3001,
    tunnelled('gue', 6080, 0),
    '10.0.0.1:3000 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum',
  ),
  oneTunnel(
    3002,
    tunnelled('gue', 6080, 2),
    '10.0.0.1:3000 -i -w 1 --tun-type gue --tun-port 6080 --tun-remcsum',
  ),
  oneTunnel(3003, tunnelled('gre', 0, 1), '10.0.0.1:3000 -i -w 1 --tun-type gre --tun-csum'),
  oneTunnel(
    3005,
    server(V6, 3000, { forwardingMethod: 'tunnel' }),
    '[2001:db8::1]:3000 -i -w 1 --tun-type ipip',
  ),
  {
    title: 'an IPv4 server behind an IPv6 service',
    service: service('2001:db8:51::1', 3000, [tunnelled('ipip', 0, 0)]),
    saved: [
      '-A -t [2001:db8:51::1]:3000 -s rr',
      '-a -t [2001:db8:51::1]:3000 -r 10.0.0.1:3000 -i -w 1 --tun-type ipip',
    ],
  },
  {
    title: 'a mark',
    service: marked(7, [server('10.0.0.1', 0)], { flags: 1, timeoutS: 300 }),
    saved: ['-A -f 7 -s rr -p 300', '-a -f 7 -r 10.0.0.1:0 -g -w 1'],
  },
  {
    title: 'the same mark in IPv6',
    service: marked(7, [server(V6, 0)], { family: 'inet6', scheduler: 'wlc' }),
    saved: ['-A -f 7 -6 -s wlc', '-a -f 7 -6 -r [2001:db8::1]:0 -g -w 1'],
  },
];

export const optionTable: Table = table(...OPTIONS.map(({ service: each }) => each));

/** The same services with nothing of it: what is set must also be taken back. */
export const plainTable: Table = table(
  ...OPTIONS.map(({ service: each }): Service => {
    const settings = { scheduler: 'wlc', flags: 0, timeoutS: 0, engine: '' };
    const family = each.kind === 'address' ? each.address.family : each.family;
    const netmask = family === 'inet' ? 0xffffffff : 128;
    const destinations = each.destinations.map(({ address: { text }, port }) =>
      server(text, port, { forwardingMethod: 'tunnel' }),
    );
    return { ...each, ...settings, netmask, destinations };
  }),
);

/** `ipvsadm -Sn`: each service line with its server lines. */
export function parseSaved(text: string): readonly (readonly string[])[] {
  const services: string[][] = [];
  for (const line of text.split('\n').map((each) => each.trim())) {
    if (line.startsWith('-A')) services.push([line]);
    else if (line !== '') services.at(-1)?.push(line);
  }
  return services;
}

function following<Item>(list: readonly Item[], item: Item): Item {
  return list[(list.indexOf(item) + 1) % list.length] ?? item;
}

/** Written from ipvsadm's manual, not through lvsd's own names. */
function linesOf(each: Service): string[] {
  const servers = each.destinations.map((one) => {
    return `-> ${endpoint(one)} ${METHOD_WORDS[one.forwardingMethod]} ${one.weight} 0 0`;
  });
  return [headOf(each), ...servers.sort()];
}

function thresholdLinesOf(each: Service): string[] {
  const servers = each.destinations.map((one) => {
    return `-> ${endpoint(one)} ${one.upperThreshold} ${one.lowerThreshold} 0 0`;
  });
  return [headOf(each), ...servers.sort()];
}

function headOf(each: Service): string {
  if (each.kind === 'address') {
    return `${each.protocol.toUpperCase()} ${endpoint(each)} ${each.scheduler}`;
  }
  return `FWM ${each.fwmark}${each.family === 'inet6' ? ' IPv6' : ''} ${each.scheduler}`;
}

function endpoint({ address: { text }, port }: Pick<Destination, 'address' | 'port'>): string {
  return `${text.includes(':') ? `[${text}]` : text}:${port}`;
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
