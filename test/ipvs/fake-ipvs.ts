/** An IPVS table in memory that answers as the kernel does, and can be told to refuse. */
import { serviceName } from '../../src/config/names.ts';
import type {
  DumpOutcome,
  IpvsPort,
  ListOutcome,
  OperationOutcome,
  ServersOutcome,
} from '../../src/ipvs/client.ts';
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
