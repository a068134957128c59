/**
 * What the IPVS table shall be, from the configuration and the judgement on each virtual_server.
 * Pure: the same question always has the same answer.
 */
import type { Family } from '../base/address.ts';
import type { Config, VirtualServerConfig } from '../config/model.ts';
import { serviceName } from '../config/names.ts';
import {
  endpointsOf,
  familyOfEndpoint,
  groupsByName,
  type ServerGroups,
} from '../config/service-endpoints.ts';
import * as abi from './abi.ts';
import type { PoolMember } from './pool.ts';
import type { Destination, Service, ServiceKey, ServiceName, Table } from './types.ts';

/** Words of ipvsadm -b and keepalived (linux/ip_vs.h IP_VS_SVC_F_SCHED_*). */
const SCHEDULER_FLAGS: ReadonlyMap<string, number> = new Map([
  ['flag-1', abi.IP_VS_SVC_F_SCHED1],
  ['flag-2', abi.IP_VS_SVC_F_SCHED2],
  ['flag-3', abi.IP_VS_SVC_F_SCHED3],
  ['sh-fallback', abi.IP_VS_SVC_F_SCHED1],
  ['sh-port', abi.IP_VS_SVC_F_SCHED2],
  ['mh-fallback', abi.IP_VS_SVC_F_SCHED1],
  ['mh-port', abi.IP_VS_SVC_F_SCHED2],
]);
const IPV4_BITS = 32;
const IPV6_BITS = 128;

/**
 * The IPVS services that one virtual_server is, with these servers. A service stays even with no
 * server, so that clients are refused at once and the operator sees it.
 */
export function desiredServices(
  virtualServer: VirtualServerConfig,
  groups: ServerGroups,
  members: readonly PoolMember[],
): readonly Service[] {
  const { scheduler, persistence } = virtualServer;
  const flags = flagsOf(virtualServer);
  return endpointsOf(virtualServer, groups).map((endpoint) => {
    const family = familyOfEndpoint(endpoint);
    return {
      ...endpoint,
      scheduler,
      flags,
      timeoutS: Math.round((persistence?.timeoutMs ?? 0) / 1000),
      netmask: netmaskOf(family, persistence?.prefixLength),
      engine: persistence?.engine ?? '',
      destinations: members
        .filter((member) => isReachable(member, family))
        .map((member) => destinationOf(member, endpoint)),
    };
  });
}

/** Names of every service that `config` makes: what must not be somebody else's. */
export function wantedNames(config: Config): readonly ServiceName[] {
  const groups = groupsByName(config.virtualServerGroups);
  return config.virtualServers.flatMap((each) => endpointsOf(each, groups).map(serviceName));
}

/** Services by name; of two with one name the first counts, as in keepalived. */
export function tableOf(services: Iterable<Service>): Table {
  const table = new Map<ServiceName, Service>();
  for (const service of services) {
    const name = serviceName(service);
    if (!table.has(name)) table.set(name, service);
  }
  return table;
}

/** IPVS_SVC_ATTR_NETMASK: a mask for IPv4, a length for IPv6; of a host without a prefix length. */
export function netmaskOf(family: Family, prefixLength?: number): number {
  if (family === 'inet6') return prefixLength ?? IPV6_BITS;
  return (0xffffffff << (IPV4_BITS - (prefixLength ?? IPV4_BITS))) >>> 0;
}

function flagsOf({ persistence, onePacket, schedulerFlags = [] }: VirtualServerConfig): number {
  let flags = 0;
  if (persistence !== undefined) flags |= abi.IP_VS_SVC_F_PERSISTENT;
  if (onePacket === true) flags |= abi.IP_VS_SVC_F_ONEPACKET;
  for (const name of schedulerFlags) flags |= SCHEDULER_FLAGS.get(name) ?? 0;
  return flags;
}

/** Only a tunnel wraps one family in the other (net/netfilter/ipvs/ip_vs_ctl.c). */
function isReachable(member: PoolMember, family: Family): boolean {
  return member.address.family === family || member.forwardingMethod === 'tunnel';
}

function destinationOf(
  { reason: _, ...destination }: PoolMember,
  service: ServiceKey,
): Destination {
  // Port 0 is that of the service, and by mark of whatever the client asked for.
  if (destination.port !== 0 || service.kind === 'fwmark') return destination;
  return { ...destination, port: service.port };
}
