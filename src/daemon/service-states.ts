/** Which services have their quorum, from the verdicts on their servers. Pure. */
import { formatEndpoint } from '../base/address.ts';
import type { VirtualServerConfig } from '../config/model.ts';
import { serverName, serviceName } from '../config/names.ts';
import { hasQuorum } from '../health/quorum.ts';
import type { ServiceState } from './messages.ts';

const DEFAULT_QUORUM = 1;

export interface JudgedServices {
  /** By serviceName: for the next judgement. */
  readonly quorums: ReadonlyMap<string, boolean>;
  /** By endpoint: what track_virtual_server names; of several protocols all must have their quorum. */
  readonly states: readonly ServiceState[];
}

export function judgeServices(
  services: readonly VirtualServerConfig[],
  isUp: (serverName: string) => boolean,
  before: ReadonlyMap<string, boolean>,
): JudgedServices {
  const quorums = new Map<string, boolean>();
  const states = new Map<string, ServiceState>();
  for (const service of services) {
    const { quorum = DEFAULT_QUORUM, hysteresis = 0, realServers } = service;
    const live = realServers.filter((server) => isUp(serverName(service, server)));
    const liveWeight = live.reduce((sum, { weight }) => sum + weight, 0);
    const key = serviceName(service);
    const has = hasQuorum({ quorum, hysteresis }, liveWeight, before.get(key));
    quorums.set(key, has);
    const name = formatEndpoint(service.address, service.port);
    const other = states.get(name);
    if (other?.hasQuorum === false) continue;
    const counts = `${live.length} of ${realServers.length} servers up`;
    const reason = `${counts}, weight ${liveWeight}, quorum ${quorum}`;
    states.set(name, { name, hasQuorum: has, reason });
  }
  return { quorums, states: [...states.values()] };
}
