/** The IPVS table as it is shown: plain data, for the control socket, status and metrics. */
import { serverName } from '../config/names.ts';
import type { Drain } from './drain.ts';
import { destinationName } from './plan.ts';
import type { Destination, DestinationStatus, ServiceName, Table } from './types.ts';

export interface ServerSnapshot extends DestinationStatus {
  /** `tcp 10.50.0.1:80/10.0.0.1:80`: the name the rest of lvsd has for it. */
  readonly name: string;
  /** `10.0.0.1:80`. */
  readonly endpoint: string;
  readonly forwardingMethod: Destination['forwardingMethod'];
  readonly weight: number;
}

export interface ServiceSnapshot {
  readonly name: ServiceName;
  readonly scheduler: string;
  readonly servers: readonly ServerSnapshot[];
}

export interface ReconcilerSnapshot {
  /** Our services, as the kernel last showed them. */
  readonly services: readonly ServiceSnapshot[];
  /** Servers on their way out. */
  readonly draining: readonly Drain[];
  /** Wanted services that are somebody else's and therefore left alone. */
  readonly foreignServices: readonly ServiceName[];
  /** Wall clock, ms; 0 before the first read. */
  readonly lastReadAtMs: number;
  /** How old a count can be beyond that, ms: servers of a large table are read in rounds. */
  readonly roundMs: number;
  readonly lastApplied?: { readonly atMs: number; readonly operations: number };
  /** Entries put back after somebody else changed them. */
  readonly driftRepairs: number;
  /** Reconciliations that did not end with the table as wanted. */
  readonly errors: number;
  /** 0: the table is as wanted. */
  readonly consecutiveErrors: number;
  readonly lastError?: { readonly code: string; readonly detail: string; readonly atMs: number };
}

/** Our services of a table that was read, by name; nothing before the first read. */
export function snapshotServices(
  view: {
    readonly table: Table;
    statusOf(service: ServiceName): readonly DestinationStatus[];
  },
  owned: ReadonlySet<ServiceName>,
): ServiceSnapshot[] {
  const services: ServiceSnapshot[] = [];
  for (const [name, service] of view.table) {
    if (!owned.has(name)) continue;
    const status = view.statusOf(name);
    const servers = service.destinations.map(
      (destination, index): ServerSnapshot => ({
        name: serverName(service, destination),
        endpoint: destinationName(destination),
        forwardingMethod: destination.forwardingMethod,
        weight: destination.weight,
        activeConnections: 0,
        inactiveConnections: 0,
        persistentConnections: 0,
        ...status[index],
      }),
    );
    services.push({ name, scheduler: service.scheduler, servers });
  }
  return services;
}
