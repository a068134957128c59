/**
 * What the IPVS table shall be, from the configuration and the verdicts on the servers. Pure: the
 * same question always has the same answer, so the reconciler may ask it as often as it likes.
 */
import type { Family } from '../base/address.ts';
import type { RealServerConfig, VirtualServerConfig } from '../config/model.ts';
import { serverName, serviceName } from '../config/names.ts';
import type { Destination, Service, ServiceName, Table } from './types.ts';

/**
 * IPVS_SVC_ATTR_NETMASK of a service without persistence granularity: /32 as a mask, /128 as a
 * length.
 */
const HOST_NETMASK_INET = 0xffffffff;
const HOST_PREFIX_INET6 = 128;

/**
 * The wanted table. A server that is not up is absent, as keepalived does without
 * `inhibit_on_failure`; a service stays even with no server, so that clients are refused at once
 * and the operator sees it. Of two entries with one identity the first counts, as in keepalived.
 */
export function desiredTable(
  virtualServers: readonly VirtualServerConfig[],
  isUp: (serverName: string) => boolean,
): Table {
  const table = new Map<ServiceName, Service>();
  for (const virtualServer of virtualServers) {
    const name = serviceName(virtualServer);
    if (!table.has(name)) table.set(name, desiredService(virtualServer, isUp));
  }
  return table;
}

/** The netmask that `ipvsadm -A` gives a service of this family, and that a dump shows. */
export function hostNetmask(family: Family): number {
  return family === 'inet' ? HOST_NETMASK_INET : HOST_PREFIX_INET6;
}

function desiredService(
  virtualServer: VirtualServerConfig,
  isUp: (serverName: string) => boolean,
): Service {
  const { protocol, address, port, scheduler } = virtualServer;
  const destinations = new Map<string, Destination>();
  for (const realServer of virtualServer.realServers) {
    const name = serverName(virtualServer, realServer);
    if (destinations.has(name) || !isUp(name)) continue;
    destinations.set(name, desiredDestination(realServer));
  }
  return {
    protocol,
    address,
    port,
    scheduler,
    flags: 0,
    timeoutS: 0,
    netmask: hostNetmask(address.family),
    destinations: [...destinations.values()],
  };
}

function desiredDestination(realServer: RealServerConfig): Destination {
  const { address, port, weight, forwardingMethod } = realServer;
  return { address, port, weight, forwardingMethod, upperThreshold: 0, lowerThreshold: 0 };
}
