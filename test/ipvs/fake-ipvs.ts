/** An IPVS table in memory that answers as the kernel does, and can be told to refuse. */
import { addressBytes } from '../../src/base/address.ts';
import { serviceName } from '../../src/config/names.ts';
import type {
  DumpOutcome,
  IpvsPort,
  ListOutcome,
  OperationOutcome,
  ServersOutcome,
} from '../../src/ipvs/client.ts';
import type { ListingPiece } from '../../src/ipvs/listing-file.ts';
import {
  applyPlan,
  describeOperation,
  destinationName,
  type Operation,
} from '../../src/ipvs/plan.ts';
import type {
  Destination,
  DestinationStatus,
  Service,
  ServiceKey,
  ServiceName,
  Table,
} from '../../src/ipvs/types.ts';

export class FakeIpvs implements IpvsPort {
  table: Table;
  /** Every operation that reached it, in order. */
  readonly operations: string[] = [];
  dumps = 0;
  /** Answers every dump while set. */
  dumpRefusal: { code: string; detail: string } | undefined;
  /** Operations whose description contains this are refused. */
  refuse: { text: string; code: string } | undefined;
  /** Acknowledged and yet not done. */
  isDeaf = false;
  beforeApply: () => void = () => {};
  afterOperation: () => void = () => {};
  /** At every read of the servers of a service. */
  onRead: () => void = () => {};

  /** Answers every piece of the text while set. */
  listingRefusal: { code: string; detail: string } | undefined;
  listingPiece = 1000;
  #listing = Buffer.alloc(0);
  /** At every piece of the text. */
  onListing: () => void = () => {};

  constructor(table: Table = new Map()) {
    this.table = table;
  }

  /** Services whose servers were read, in order. */
  readonly reads: ServiceName[] = [];
  /** Open connections by destinationName; none for the others. */
  readonly connections = new Map<string, Partial<DestinationStatus>>();

  dump(): DumpOutcome {
    this.dumps += 1;
    if (this.dumpRefusal !== undefined) return { ok: false, ...this.dumpRefusal };
    const status = new Map(
      [...this.table].map(([name, service]) => [name, service.destinations.map(this.#statusOf)]),
    );
    return { ok: true, table: this.table, status };
  }

  services(): ListOutcome {
    if (this.dumpRefusal !== undefined) return { ok: false, ...this.dumpRefusal };
    const bare = (service: Service): Service => ({ ...service, destinations: [] });
    return {
      ok: true,
      table: new Map([...this.table].map(([name, service]) => [name, bare(service)])),
    };
  }

  destinations(service: ServiceKey): ServersOutcome {
    if (this.dumpRefusal !== undefined) return { ok: false, ...this.dumpRefusal };
    this.reads.push(serviceName(service));
    this.onRead();
    const destinations = this.table.get(serviceName(service))?.destinations ?? [];
    return { ok: true, destinations, status: destinations.map(this.#statusOf) };
  }

  /** As the kernel prints it (listing.ts), in pieces that cut lines. */
  readListing(isFirst: boolean): ListingPiece {
    if (this.listingRefusal !== undefined) return { ok: false, ...this.listingRefusal };
    if (isFirst) this.#listing = Buffer.from(listingOf(this.table, this.connections));
    const bytes = this.#listing.subarray(0, this.listingPiece);
    this.#listing = this.#listing.subarray(this.listingPiece);
    this.onListing();
    return { ok: true, bytes };
  }

  #statusOf = (destination: Destination): DestinationStatus => ({
    activeConnections: 0,
    inactiveConnections: 0,
    persistentConnections: 0,
    ...this.connections.get(destinationName(destination)),
  });

  apply(operations: readonly Operation[]): OperationOutcome[] {
    this.beforeApply();
    return operations.map((operation) => this.#applyOne(operation));
  }

  /** The errno of an operation on what is not there. */
  #missing(operation: Operation): string | undefined {
    if (operation.kind === 'addService') return undefined;
    const service = this.table.get(serviceName(operation.service));
    if (service === undefined) return 'ESRCH';
    if (!('destination' in operation)) return undefined;
    const key = destinationName(operation.destination);
    const isThere = service.destinations.some((each) => destinationName(each) === key);
    if (operation.kind === 'addServer') return isThere ? 'EEXIST' : undefined;
    return isThere ? undefined : 'ENOENT';
  }

  #applyOne(operation: Operation): OperationOutcome {
    const text = describeOperation(operation);
    this.operations.push(text);
    if (this.refuse !== undefined && text.includes(this.refuse.text)) {
      return { ok: false, operation, code: this.refuse.code, detail: 'Refused by the test' };
    }
    if (operation.kind === 'addService' && this.table.has(serviceName(operation.service))) {
      return { ok: false, operation, code: 'EEXIST', detail: 'It is there already' };
    }
    const missing = this.isDeaf ? undefined : this.#missing(operation);
    if (missing !== undefined) return { ok: false, operation, code: missing, detail: 'Not there' };
    if (!this.isDeaf) this.table = applyPlan(this.table, [operation]);
    this.afterOperation();
    return { ok: true, operation };
  }
}

const LAB_KERNEL_HZ = 100;
const METHOD = {
  masq: 'Masq',
  local: 'Local',
  tunnel: 'Tunnel',
  droute: 'Route',
  bypass: 'Bypass',
} as const;

/** ip_vs_info_seq_show of net/netfilter/ipvs/ip_vs_ctl.c. */
export function listingOf(
  table: Table,
  connections: ReadonlyMap<string, Partial<DestinationStatus>> = new Map(),
): string {
  const lines = [
    'IP Virtual Server version 1.2.1 (size=4096)',
    'Prot LocalAddress:Port Scheduler Flags',
    '  -> RemoteAddress:Port Forward Weight ActiveConn InActConn',
  ];
  for (const service of table.values()) {
    lines.push(headOf(service));
    for (const server of service.destinations) {
      const { activeConnections = 0, inactiveConnections = 0 } =
        connections.get(destinationName(server)) ?? {};
      const [method, weight] = [METHOD[server.forwardingMethod].padEnd(7), pad(server.weight, 6)];
      const counts = `${pad(activeConnections, 10)} ${pad(inactiveConnections, 10)}`;
      lines.push(`  -> ${endpointText(server)}      ${method} ${weight} ${counts}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

/** The spaces are the kernel's; persistence is in jiffies. */
function headOf(service: Service): string {
  const { scheduler, flags, timeoutS, netmask } = service;
  const onePacket = (flags & 4) === 0 ? '' : 'ops ';
  const persistence =
    (flags & 1) === 0 ? '' : `persistent ${timeoutS * LAB_KERNEL_HZ} ${hex(netmask, 8)}`;
  if (service.kind === 'fwmark') {
    return `FWM  ${hex(service.fwmark, 8)} ${scheduler} ${onePacket}${persistence}`;
  }
  const head = `${service.protocol.toUpperCase()}  ${endpointText(service)} ${scheduler} `;
  return service.address.family === 'inet'
    ? `${head}${onePacket} ${persistence}`
    : head + persistence;
}

function endpointText({ address, port }: Pick<Destination, 'address' | 'port'>): string {
  const bytes = Buffer.from(addressBytes(address)).toString('hex');
  if (address.family === 'inet') return `${bytes.toUpperCase()}:${hex(port, 4)}`;
  return `[${bytes.match(/..../g)?.join(':')}]:${hex(port, 4)}`;
}

function hex(value: number, length: number): string {
  return value.toString(16).toUpperCase().padStart(length, '0');
}

function pad(value: number, length: number): string {
  return String(value).padEnd(length);
}
