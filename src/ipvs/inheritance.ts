/**
 * What the table that a predecessor left says of the servers, for the time until their first check. A
 * restart would otherwise cut what was up, where `alpha` makes servers wait for a check, and send
 * clients to what was out, where it does not. Weights are never inherited: those are the file's.
 */
import type { Config, RealServerConfig, VirtualServerConfig } from '../config/model.ts';
import { serverName, serviceName } from '../config/names.ts';
import { endpointsOf, groupsByName } from '../config/service-endpoints.ts';
import type { Destination, Service, ServiceName, Table } from './types.ts';

/**
 * Up or down by serverName, of the servers of services that are in `table` and `owned`. Nothing is said
 * of a server at weight 0 that no failure policy put there: it was being drained, or by hand.
 */
export function inheritedVerdicts(
  config: Config,
  table: Table,
  owned: ReadonlySet<ServiceName>,
): ReadonlyMap<string, boolean> {
  const verdicts = new Map<string, boolean>();
  const groups = groupsByName(config.virtualServerGroups);
  for (const each of config.virtualServers) {
    const found = endpointsOf(each, groups)
      .map(serviceName)
      .find((name) => owned.has(name) && table.has(name));
    const service = found === undefined ? undefined : table.get(found);
    if (service === undefined) continue;
    for (const server of each.realServers) {
      const isUp = wasUp(each, server, destinationOf(service, server));
      if (isUp !== undefined) verdicts.set(serverName(each, server), isUp);
    }
  }
  return verdicts;
}

function wasUp(
  service: VirtualServerConfig,
  server: RealServerConfig,
  found: Destination | undefined,
): boolean | undefined {
  if (found === undefined) return false;
  if (found.weight > 0) return true;
  const isInhibited = server.inhibitOnFailure ?? service.inhibitOnFailure ?? false;
  return isInhibited && server.weight > 0 ? false : undefined;
}

function destinationOf(service: Service, server: RealServerConfig): Destination | undefined {
  const port = server.port !== 0 || service.kind === 'fwmark' ? server.port : service.port;
  return service.destinations.find(
    (each) => each.address.text === server.address.text && each.port === port,
  );
}
