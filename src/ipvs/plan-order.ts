/**
 * In which order a table that somebody cleared is put back. The kernel keeps a server that was deleted
 * for a minute or two in a list (dest_trash of net/netfilter/ipvs/ip_vs_ctl.c, the latest first) and goes
 * through it for every server that is added, to take its connections over. In any other order than that
 * of the list this is quadratic: 37,298 servers took 10.5 s in the order of a plan and 1.2 s in that of
 * the list. Clearing deletes in the order in which the kernel lists, so they are put back from the end.
 *
 * Nothing but the order among additions changes: a prefix still only adds up to there. Servers are put in
 * order when it is the turn of their service, not all before the first of them. Pure.
 */
import { serviceName } from '../config/names.ts';
import { destinationName, type Operation, type ServerOperation } from './plan.ts';
import type { Destination, ServiceName, Table } from './types.ts';

/** What is added to one service, and where that stood. */
interface Group<T> {
  readonly position: number;
  readonly listed: readonly Destination[];
  readonly operations: T[];
}

/**
 * `plan`: as planTable orders it. `before`: the services as they were listed; `positionOf`: which of them
 * came first.
 */
export function inOrderOfTrash(
  plan: readonly Operation[],
  before: Table,
  positionOf: (service: ServiceName) => number | undefined,
): Iterable<Operation> {
  const services: Group<Operation>[] = [];
  const servers: Group<ServerOperation>[] = [];
  let count = 0;
  for (const operation of plan) {
    if (operation.kind !== 'addService' && operation.kind !== 'addServer') break;
    count += 1;
    const isServer = operation.kind === 'addServer';
    // All of one service stand together.
    const isSame = isServer && plan[count - 2]?.service === operation.service;
    const last = isSame ? servers.at(-1) : undefined;
    if (isServer && last !== undefined) {
      last.operations.push(operation);
      continue;
    }
    const name = serviceName(operation.service);
    const place = {
      position: positionOf(name) ?? -1,
      listed: before.get(name)?.destinations ?? [],
    };
    if (isServer) servers.push({ ...place, operations: [operation] });
    else services.push({ ...place, operations: [operation] });
  }
  const isKnown = ({ position, listed }: Group<Operation>): boolean =>
    position >= 0 || listed.length > 0;
  if (count < 2 || !(services.some(isKnown) || servers.some(isKnown))) return plan;
  const fromTheEnd = (a: Group<Operation>, b: Group<Operation>): number => b.position - a.position;
  return inTurn([
    ...services.sort(fromTheEnd).map(
      ({ operations }) =>
        () =>
          operations,
    ),
    ...servers.sort(fromTheEnd).map((group) => () => reversed(group)),
    () => plan.slice(count),
  ]);
}

function* inTurn(parts: readonly (() => readonly Operation[])[]): Generator<Operation> {
  for (const part of parts) yield* part();
}

/** From the last that was listed to the first; those that were not come after them. */
function reversed({ listed, operations }: Group<ServerOperation>): readonly Operation[] {
  if (listed.length === 0 || operations.length < 2) return operations;
  const indexes = new Map(listed.map((each, index) => [destinationName(each), index]));
  const indexed = operations.map((operation) => ({
    operation,
    index: indexes.get(destinationName(operation.destination)) ?? -1,
  }));
  indexed.sort((a, b) => b.index - a.index);
  return indexed.map(({ operation }) => operation);
}
