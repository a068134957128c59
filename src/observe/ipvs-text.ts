/** `lvsd ipvs` as users of `ipvsadm -Ln` know it, with our health in a column of its own. */
import type { Traffic } from '../ipvs/codec-traffic.ts';
import type { TrafficCounters } from '../ipvs/types.ts';
import type { IpvsListing, ListedServer, ListedService } from './ipvs-listing.ts';
import { FORWARD, GREEN, paint, RED, table, YELLOW } from './screen.ts';

export type IpvsView = 'table' | 'stats' | 'rate';

const PERSISTENT = 0x1;
const ONE_PACKET = 0x4;
const SCHEDULER_FLAGS = [
  [0x8, 'flag-1'],
  [0x10, 'flag-2'],
  [0x20, 'flag-3'],
] as const;
const HOST_MASKS = [0xffffffff, 128];

const COLUMNS: Readonly<Record<IpvsView, readonly string[]>> = {
  table: ['Forward', 'Weight', 'ActiveConn', 'InActConn'],
  stats: ['Conns', 'InPkts', 'OutPkts', 'InBytes', 'OutBytes'],
  rate: ['CPS', 'InPPS', 'OutPPS', 'InBPS', 'OutBPS'],
};

const COLORS: Readonly<Record<ListedServer['health'], number>> = {
  up: GREEN,
  down: RED,
  suspended: YELLOW,
  draining: YELLOW,
  sorry: YELLOW,
  unknown: 0,
};

export function renderIpvs(
  { version, size, services }: IpvsListing,
  view: IpvsView,
  options: { readonly color: boolean },
): string {
  const header = ['Prot', 'LocalAddress:Port', ...(view === 'table' ? ['Scheduler Flags'] : [])];
  const rows: (readonly string[])[] = [['  -> RemoteAddress:Port', ...COLUMNS[view], 'Health']];
  const colors: number[] = [0];
  for (const service of services) {
    rows.push(serviceRow(service, view));
    colors.push(0);
    for (const server of service.servers) {
      rows.push([`  -> ${server.endpoint}`, ...cells(server, view), healthText(server)]);
      colors.push(COLORS[server.health]);
    }
  }
  // A service's line says what it says in its first cell: it makes no column wider.
  const lines = table(rows.map((row) => (row.length === 1 ? [''] : row)));
  return [
    `IP Virtual Server version ${version} (size=${size})`,
    header.join(' '),
    ...lines.map((line, index) => {
      const [only, ...more] = rows[index] ?? [];
      const text = more.length === 0 ? (only ?? '') : line;
      return paint(text.trimEnd(), colors[index] ?? 0, options);
    }),
  ].join('\n');
}

function serviceRow(service: ListedService, view: IpvsView): readonly string[] {
  const mark = service.isOurs ? '' : '  foreign: lvsd leaves it alone';
  const name = localName(service.name);
  if (view === 'table') return [`${name} ${service.scheduler}${flagsText(service)}${mark}`];
  return [name, ...counters(service.traffic, view), service.isOurs ? '' : 'foreign'];
}

/** `TCP  10.0.0.1:80`, `FWM  7`. */
function localName(name: string): string {
  const [kind = '', ...rest] = name.split(' ');
  const protocol = kind === 'fwmark' ? 'FWM' : kind.toUpperCase();
  return `${protocol.padEnd(4)} ${rest.join(' ')}`;
}

function flagsText({ flags, persistenceTimeoutS, netmask, engine }: ListedService): string {
  const words = SCHEDULER_FLAGS.flatMap(([bit, word]) => ((flags & bit) === 0 ? [] : [word]));
  const scheduler = words.length === 0 ? '' : ` (${words.join(',')})`;
  const mask = HOST_MASKS.includes(netmask) ? '' : ` mask ${maskText(netmask)}`;
  const persistent = (flags & PERSISTENT) === 0 ? '' : ` persistent ${persistenceTimeoutS}${mask}`;
  const by = engine === '' ? '' : ` pe ${engine}`;
  return `${scheduler}${persistent}${by}${(flags & ONE_PACKET) === 0 ? '' : ' ops'}`;
}

/** A number up to 128 is the length of an IPv6 prefix. */
function maskText(netmask: number): string {
  if (netmask <= 128) return String(netmask);
  return [24, 16, 8, 0].map((shift) => (netmask >>> shift) & 0xff).join('.');
}

function cells(server: ListedServer, view: IpvsView): readonly string[] {
  if (view !== 'table') return counters(server.traffic, view);
  const { forwardingMethod, weight, activeConnections, inactiveConnections } = server;
  return [
    FORWARD[forwardingMethod],
    String(weight),
    String(activeConnections),
    String(inactiveConnections),
  ];
}

function counters(traffic: Traffic | undefined, view: 'stats' | 'rate'): readonly string[] {
  const found: TrafficCounters | undefined = view === 'stats' ? traffic?.totals : traffic?.rates;
  if (found === undefined) return ['-', '-', '-', '-', '-'];
  const { connections, inPackets, outPackets, inBytes, outBytes } = found;
  return [connections, inPackets, outPackets, inBytes, outBytes].map(String);
}

function healthText({ health }: ListedServer): string {
  if (health === 'unknown') return '-';
  return health === 'down' ? 'DOWN' : health;
}
