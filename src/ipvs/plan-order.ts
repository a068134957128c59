/**
 * In which order a table that somebody cleared is put back. The kernel keeps a server that was deleted
 * for a minute or two in a list (dest_trash of net/netfilter/ipvs/ip_vs_ctl.c, the latest first) and goes
 * through it for every server that is added, to take its connections over. In any other order than that
 * of the list this is quadratic: 37,298 servers took 10.5 s in the order of a plan and 1.2 s in that of
 * the list. Clearing deletes in the order in which the kernel lists, so they are put back from the end.
 *
 * Nothing but the order among additions changes: a prefix still only adds up to there. Pure.
 */
import { serviceName } from '../config/names.ts';
import { destinationName, type Operation } from './plan.ts';
import type { ServiceName, Table } from './types.ts';

/** `before`: the services as they were listed; `positionOf`: which of them came first. */
export function inOrderOfTrash(
  plan: readonly Operation[],
  before: Table,
  positionOf: (service: ServiceName) => number | undefined,
): readonly Operation[] {
  const additions = plan.filter(isAddition);
  if (additions.length < 2) return plan;
  const indexes = new Map<ServiceName, ReadonlyMap<string, number>>();
  const keyed = additions.map((operation) => {
    const service = serviceName(operation.service);
    let index = indexes.get(service);
    if (index === undefined) {
      const listed = before.get(service)?.destinations ?? [];
      index = new Map(listed.map((each, at) => [destinationName(each), at]));
      indexes.set(service, index);
    }
    const isServer = 'destination' in operation;
    return {
      operation,
      rank: isServer ? 1 : 0,
      position: positionOf(service) ?? -1,
      service,
      index: isServer ? (index.get(destinationName(operation.destination)) ?? -1) : 0,
    };
  });
  keyed.sort(
    (a, b) =>
      a.rank - b.rank ||
      b.position - a.position ||
      compare(a.service, b.service) ||
      b.index - a.index,
  );
  return [...keyed.map(({ operation }) => operation), ...plan.filter((one) => !isAddition(one))];
}

/** They stand at the beginning of a plan. */
function isAddition({ kind }: Operation): boolean {
  return kind === 'addService' || kind === 'addServer';
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
