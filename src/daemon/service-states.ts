/** Which services have their quorum, in the words of track_virtual_server. Pure. */
import type { VirtualServerConfig } from '../config/model.ts';
import { serviceName, trackedName } from '../config/names.ts';
import type { PoolSnapshot } from '../ipvs/intent.ts';
import type { ServiceState } from './messages.ts';

/** One for each name; of several services with one name (an endpoint's protocols) all must have their quorum. */
export function serviceStates(
  services: readonly VirtualServerConfig[],
  pools: readonly PoolSnapshot[],
): readonly ServiceState[] {
  const judged = new Map(pools.map((pool) => [pool.name, pool]));
  const states = new Map<string, ServiceState>();
  for (const service of services) {
    const pool = judged.get(serviceName(service));
    const name = trackedName(service);
    if (pool === undefined || states.get(name)?.hasQuorum === false) continue;
    const { hasQuorum, liveWeight, quorum } = pool;
    const reason = `weight ${liveWeight} is up, quorum ${quorum}`;
    states.set(name, { name, hasQuorum, reason });
  }
  return [...states.values()];
}
