/**
 * Nothing is cut that can be drained: a server that leaves the wanted table first goes to weight 0,
 * and is deleted when its connections are gone or `drain_timeout` is over. Pure: the connections are
 * those of the last dump, time comes as an argument.
 *
 *   server in  wanted  actual  and                              | shall be in the table
 *              ------  ------  -------------------------------- | ------------------------------
 *              yes     any                                      | as wanted; a drain is forgotten
 *              no      no                                       | absent
 *              no      yes     no drain_timeout                 | absent
 *              no      yes     failed, and draining would hold  | absent
 *                              its clients (below)              |
 *              no      yes     was not at weight 0 before       | weight 0: the drain begins
 *              no      yes     connections, before the deadline | weight 0
 *              no      yes     no connection, or past it        | absent
 *
 * A server that has failed is not drained where weight 0 would go on sending clients to it: a
 * persistence template leads new connections there unless `expire_quiescent_template` is set, and a
 * UDP flow never ends by itself. There deletion is what helps: with `expire_nodest_conn` the next
 * packet is scheduled anew.
 *
 * TCP and SCTP wait for active connections. UDP has none (the kernel counts its flows as inactive),
 * so those are waited for there; a template counts as a client that may come back, and ends with its
 * timeout or ours.
 */
import { serviceName } from '../config/names.ts';
import { destinationName } from './plan.ts';
import type { Destination, DestinationStatus, Service } from './types.ts';

export interface DrainPolicy {
  /** 0: no drain. */
  readonly timeoutMs: number;
  /** net.ipv4.vs.expire_quiescent_template: weight 0 frees persistent clients. */
  readonly freesTemplates: boolean;
}

export type DrainCause = 'removed' | 'failed';

export interface Drain {
  /** serviceName and destinationName. */
  readonly service: string;
  readonly server: string;
  readonly cause: DrainCause;
  /** Monotonic ms. */
  readonly sinceMs: number;
  readonly deadlineMs: number;
  /** Still open, when it was last looked. */
  readonly connections: number;
}

export interface DrainInput {
  readonly wanted: Service | undefined;
  readonly actual: Service;
  /** Of each destination of `actual`, in its order. */
  readonly status: readonly DestinationStatus[];
  readonly policy: DrainPolicy;
  /** The drains of this service until now, by destinationName. */
  readonly drains: ReadonlyMap<string, Drain>;
  readonly hasFailed: (destination: Destination) => boolean;
  readonly nowMs: number;
}

export interface Drained {
  /** What shall be now; `wanted` itself where nothing drains, undefined for a service to delete. */
  readonly goal: Service | undefined;
  readonly drains: ReadonlyMap<string, Drain>;
}

const NO_DRAINS: ReadonlyMap<string, Drain> = new Map();

/** What one of our services shall be while servers leave it. */
export function drainService(input: DrainInput): Drained {
  const { wanted, actual, policy } = input;
  if (policy.timeoutMs === 0) return { goal: wanted, drains: NO_DRAINS };
  const stays = new Set(wanted?.destinations.map(destinationName));
  const drains = new Map<string, Drain>();
  const leaving: Destination[] = [];
  for (const [index, destination] of actual.destinations.entries()) {
    const server = destinationName(destination);
    if (stays.has(server)) continue;
    const drain = nextDrain({ destination, server, status: input.status[index] }, input);
    if (drain === undefined) continue;
    drains.set(server, drain);
    leaving.push({ ...destination, weight: 0 });
  }
  if (leaving.length === 0) return { goal: wanted, drains: NO_DRAINS };
  // A service that is to go keeps its settings until its last server has.
  const base = wanted ?? { ...actual, destinations: [] };
  return { goal: { ...base, destinations: [...base.destinations, ...leaving] }, drains };
}

interface Leaving {
  readonly destination: Destination;
  readonly server: string;
  readonly status: DestinationStatus | undefined;
}

/** Undefined when the server may go. */
function nextDrain({ destination, server, status }: Leaving, input: DrainInput): Drain | undefined {
  const { actual, policy, nowMs } = input;
  const before = input.drains.get(server);
  const cause = before?.cause ?? (input.hasFailed(destination) ? 'failed' : 'removed');
  if (cause === 'failed' && holdsClients(actual, policy)) return undefined;
  const connections = openConnections(actual, policy, status);
  const sinceMs = before?.sinceMs ?? nowMs;
  const deadlineMs = before?.deadlineMs ?? nowMs + policy.timeoutMs;
  // Counts from before weight 0 say nothing about the connection that is coming in right now.
  const isQuiet = before !== undefined && destination.weight === 0 && connections === 0;
  if (isQuiet || nowMs >= deadlineMs) return undefined;
  return { service: serviceName(actual), server, cause, sinceMs, deadlineMs, connections };
}

/** True where weight 0 goes on sending clients to a server. */
function holdsClients(service: Service, policy: DrainPolicy): boolean {
  return isDatagram(service) || (service.timeoutS > 0 && !policy.freesTemplates);
}

function openConnections(
  service: Service,
  policy: DrainPolicy,
  status: DestinationStatus | undefined,
): number {
  if (status === undefined) return 0;
  const flows = isDatagram(service) ? status.inactiveConnections : 0;
  const templates = policy.freesTemplates ? 0 : status.persistentConnections;
  return status.activeConnections + flows + templates;
}

function isDatagram(service: Service): boolean {
  return service.kind === 'address' && service.protocol === 'udp';
}
