/** The kernel's IPVS table with our health beside it: what `lvsd ipvs --json` prints. */
import { serviceName } from '../config/names.ts';
import type { ServerStatistics, TableStatistics, Traffic } from '../ipvs/codec-traffic.ts';
import { destinationName } from '../ipvs/plan.ts';
import type { DestinationStatus, Service } from '../ipvs/types.ts';
import type { HealthSnapshot } from './status.ts';

export interface ListedServer extends DestinationStatus {
  /** `10.0.0.1:80`. */
  readonly endpoint: string;
  readonly forwardingMethod: ServerStatistics['destination']['forwardingMethod'];
  readonly weight: number;
  /**
   * `unknown`: of a service of somebody else, or a server that the configuration does not have.
   * `sorry`: it stands in while the quorum is lost.
   */
  readonly health: 'up' | 'down' | 'suspended' | 'draining' | 'sorry' | 'unknown';
  readonly traffic?: Traffic;
}

export interface ListedService {
  /** `tcp 10.0.0.1:80`. */
  readonly name: string;
  readonly scheduler: string;
  /** IP_VS_SVC_F_*. */
  readonly flags: number;
  /** 0: not persistent. */
  readonly persistenceTimeoutS: number;
  readonly netmask: number;
  readonly engine: string;
  /** False: somebody else made it, and lvsd leaves it alone. */
  readonly isOurs: boolean;
  readonly traffic?: Traffic;
  readonly servers: readonly ListedServer[];
}

export interface IpvsListing {
  readonly version: string;
  readonly size: number;
  readonly services: readonly ListedService[];
}

/** 10.0.0.9 before 10.0.0.10, the same on every machine. */
const BY_NUMBER = new Intl.Collator('en', { numeric: true });

export function listIpvs(table: TableStatistics, health: HealthSnapshot): IpvsListing {
  const ours = new Set(health.ipvs.services.map(({ name }) => name));
  const healthOf = healthIn(health);
  return {
    version: table.version,
    size: table.size,
    services: table.services
      .map(({ service, servers, traffic }): ListedService => {
        const name = serviceName(service);
        return {
          name,
          ...settingsOf(service),
          isOurs: ours.has(name),
          ...(traffic === undefined ? {} : { traffic }),
          servers: servers
            .map((server): ListedServer => {
              const { destination, status } = server;
              const endpoint = destinationName(destination);
              const { forwardingMethod, weight } = destination;
              const state = ours.has(name) ? healthOf(name, endpoint) : 'unknown';
              const counted = server.traffic === undefined ? {} : { traffic: server.traffic };
              return { endpoint, forwardingMethod, weight, health: state, ...status, ...counted };
            })
            .toSorted((a, b) => BY_NUMBER.compare(a.endpoint, b.endpoint)),
        };
      })
      .toSorted((a, b) => BY_NUMBER.compare(a.name, b.name)),
  };
}

function settingsOf(
  service: Service,
): Pick<ListedService, 'scheduler' | 'flags' | 'persistenceTimeoutS' | 'netmask' | 'engine'> {
  const { scheduler, flags, timeoutS, netmask, engine } = service;
  return { scheduler, flags, persistenceTimeoutS: timeoutS, netmask, engine };
}

function healthIn({
  servers,
  pools = [],
  ipvs,
}: HealthSnapshot): (service: string, endpoint: string) => ListedServer['health'] {
  const byName = new Map(servers.map((server) => [server.name, server]));
  const poolOf = new Map(pools.flatMap((pool) => pool.services.map((name) => [name, pool])));
  const draining = new Set(ipvs.draining.map(({ service, server }) => `${service}/${server}`));
  return (service, endpoint) => {
    if (draining.has(`${service}/${endpoint}`)) return 'draining';
    const pool = poolOf.get(service);
    const owner = pool?.name ?? service;
    // A server without a port has that of the service.
    const anyPort = endpoint.replace(/:\d+$/, ':0');
    const found = byName.get(`${owner}/${endpoint}`) ?? byName.get(`${owner}/${anyPort}`);
    if (found !== undefined) return found.isSuspended === true ? 'suspended' : upOrDown(found.isUp);
    return pool?.relief === 'sorry' ? 'sorry' : 'unknown';
  };
}

function upOrDown(isUp: boolean): 'up' | 'down' {
  return isUp ? 'up' : 'down';
}
