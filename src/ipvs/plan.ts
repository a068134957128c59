/**
 * From the wanted and the actual table to the operations between them. Pure, and in one total
 * order, so that two directors with the same file do the same things and a test can compare whole
 * lists.
 *
 * The specification; `owned` is the set of service names that lvsd made or adopted:
 *
 *   service in  desired  actual  owned | operations
 *               -------  ------  ----- | ----------------------------------------------------
 *               yes      no      any   | addService, then addServer for each destination
 *               yes      yes     yes   | editService when a field differs, and row by row below
 *               yes      yes     no    | none: it is somebody else's (`foreignServices` names it)
 *               no       yes     yes   | deleteService (its destinations go with it)
 *               no       yes     no    | none: it is somebody else's
 *               no       no      any   | none
 *
 *   destination in  desired  actual    | operation (of a service in the second row)
 *                   -------  ------    | ----------------------------------------------------
 *                   yes      no        | addServer
 *                   yes      yes       | weight higher: raiseWeight. weight lower: lowerWeight.
 *                                      | same weight, another field differs: editServer.
 *                                      | SET_DEST carries every field, so one message does it all.
 *                   no       yes       | deleteServer
 *
 * Order: make before break. addService, addServer, raiseWeight, edits, lowerWeight, deleteServer,
 * deleteService; inside a rank by service name, then by server. Up to the edits the number of live
 * servers (weight above 0) of a service only rises, after them it only falls: so every prefix
 * leaves each service at least min(before, after) of them.
 */
import { formatEndpoint } from '../base/address.ts';
import { serviceName } from '../config/names.ts';
import type { Destination, DestinationKey, Service, ServiceName, Table, Tunnel } from './types.ts';

interface OperationBase {
  /** The service it is done to; of its destinations nothing is meant. */
  readonly service: Service;
  /** Why, for people: `not in the kernel`, `weight 1 -> 3`. */
  readonly reason: string;
}

export interface ServiceOperation extends OperationBase {
  readonly kind: 'addService' | 'editService' | 'deleteService';
}

export interface ServerOperation extends OperationBase {
  readonly kind: 'addServer' | 'raiseWeight' | 'editServer' | 'lowerWeight' | 'deleteServer';
  /** As it shall be; for deleteServer, as it was. */
  readonly destination: Destination;
}

export type Operation = ServiceOperation | ServerOperation;

export type OperationKind = Operation['kind'];

/** Position of each kind in a plan. */
const RANK: Readonly<Record<OperationKind, number>> = {
  addService: 0,
  addServer: 1,
  raiseWeight: 2,
  editService: 3,
  editServer: 4,
  lowerWeight: 5,
  deleteServer: 6,
  deleteService: 7,
};

const NOTHING: readonly Operation[] = [];

const SERVICE_VERB: Readonly<Record<ServiceOperation['kind'], string>> = {
  addService: 'add',
  editService: 'change',
  deleteService: 'remove',
};

/**
 * The operations that turn `actual` into `desired`, each with its reason, in the order to do them.
 */
export function planTable(
  desired: Table,
  actual: Table,
  owned: ReadonlySet<ServiceName>,
): readonly Operation[] {
  const planner = new Planner(desired, actual, owned);
  while (!planner.isDone) planner.planNext();
  return planner.operations;
}

/** A plan that is made service by service, so that the rest of the process need not wait for all of it. */
export class Planner {
  readonly #desired: Table;
  readonly #actual: Table;
  readonly #owned: ReadonlySet<ServiceName>;
  readonly #names: readonly ServiceName[];
  /** By rank; in each by service and by server. */
  readonly #ranks: readonly Operation[][] = Object.values(RANK).map(() => []);
  #at = 0;

  constructor(desired: Table, actual: Table, owned: ReadonlySet<ServiceName>) {
    this.#desired = desired;
    this.#actual = actual;
    this.#owned = owned;
    // By code unit: the same on every machine, whatever its locale.
    this.#names = [...new Set([...desired.keys(), ...actual.keys()])].sort();
  }

  get isDone(): boolean {
    return this.#at >= this.#names.length;
  }

  /** One service. Returns how many servers were compared. */
  planNext(): number {
    const name = this.#names[this.#at];
    if (name === undefined) return 0;
    this.#at += 1;
    for (const operation of this.#plan(name)) this.#ranks[RANK[operation.kind]]?.push(operation);
    const [wanted, found] = [this.#desired.get(name), this.#actual.get(name)];
    return (wanted?.destinations.length ?? 0) + (found?.destinations.length ?? 0);
  }

  /** When it is done. */
  get operations(): readonly Operation[] {
    return this.#ranks.flat();
  }

  #plan(name: ServiceName): readonly Operation[] {
    const wanted = this.#desired.get(name);
    const found = this.#actual.get(name);
    if (wanted !== undefined && found === undefined) return creation(wanted);
    if (found === undefined || !this.#owned.has(name)) return NOTHING;
    if (wanted !== undefined) return changes(wanted, found);
    return [{ kind: 'deleteService', service: found, reason: 'not wanted' }];
  }
}

/** Names of wanted services that the kernel already has and that are not ours, sorted. */
export function foreignServices(
  desired: Table,
  actual: Table,
  owned: ReadonlySet<ServiceName>,
): ServiceName[] {
  return [...desired.keys()].filter((name) => actual.has(name) && !owned.has(name)).sort();
}

/**
 * What the table becomes when the operations are done: the kernel as a function. Throws where the
 * kernel would answer EEXIST, ESRCH or ENOENT, because a plan that meets those was made from
 * another table.
 */
export function applyPlan(actual: Table, operations: readonly Operation[]): Table {
  const table = new Map(actual);
  for (const operation of operations) {
    const name = serviceName(operation.service);
    const service = table.get(name);
    if (operation.kind === 'addService') {
      if (service !== undefined) throw new Error(`${name} is there already`);
      table.set(name, { ...operation.service, destinations: [] });
    } else if (service === undefined) {
      throw new Error(`${operation.kind} without ${name}`);
    } else if ('destination' in operation) {
      table.set(name, { ...service, destinations: withServer(service, operation) });
    } else if (operation.kind === 'editService') {
      table.set(name, { ...operation.service, destinations: service.destinations });
    } else {
      table.delete(name);
    }
  }
  return table;
}

/** What an operation does, for people: `add 10.0.0.1:80 to tcp 10.50.0.1:80`. */
export function describeOperation(operation: Operation): string {
  const service = serviceName(operation.service);
  if (!('destination' in operation)) return `${SERVICE_VERB[operation.kind]} service ${service}`;
  const server = destinationName(operation.destination);
  if (operation.kind === 'addServer') return `add ${server} to ${service}`;
  if (operation.kind === 'deleteServer') return `remove ${server} from ${service}`;
  return `change ${server} of ${service}`;
}

/** What is done to whom: two plans that have it in common do the same there. */
export function operationKey(operation: Operation): string {
  const server = 'destination' in operation ? destinationName(operation.destination) : '';
  return `${operation.kind} ${serviceName(operation.service)} ${server}`;
}

/** `10.0.0.1:80` of a destination, its key within a service. */
export function destinationName(destination: DestinationKey): string {
  return formatEndpoint(destination.address, destination.port);
}

function withServer(service: Service, operation: ServerOperation): Destination[] {
  const key = destinationName(operation.destination);
  const others = service.destinations.filter((each) => destinationName(each) !== key);
  const isThere = others.length < service.destinations.length;
  if (isThere === (operation.kind === 'addServer')) {
    throw new Error(`${operation.kind} ${key} of ${serviceName(service)} does not fit the table`);
  }
  return operation.kind === 'deleteServer' ? others : [...others, operation.destination];
}

function creation(service: Service): readonly Operation[] {
  const reason = 'not in the kernel';
  const operations: Operation[] = [{ kind: 'addService', service, reason }];
  for (const { item: destination } of byServer(service.destinations)) {
    operations.push({ kind: 'addServer', service, destination, reason });
  }
  return operations;
}

function changes(wanted: Service, found: Service): readonly Operation[] {
  const operations: Operation[] = [];
  const serviceChanges = describeServiceChanges(wanted, found);
  if (serviceChanges !== '') {
    operations.push({ kind: 'editService', service: wanted, reason: serviceChanges });
  }
  // Both in the order of names: gone through side by side.
  const present = byServer(found.destinations).filter(
    ({ name }, index, all) => name !== all[index + 1]?.name,
  );
  const reason = 'not wanted';
  const isStaying = new Uint8Array(present.length);
  let at = 0;
  for (const { name, item: destination } of byServer(wanted.destinations)) {
    while (at < present.length && compareText(present[at]?.name ?? '', name) < 0) at += 1;
    const before = present[at]?.name === name ? present[at] : undefined;
    if (before !== undefined) isStaying[at] = 1;
    const operation =
      before === undefined
        ? { kind: 'addServer' as const, destination, reason: 'not in the kernel' }
        : destinationChange(destination, before.item);
    if (operation !== undefined) operations.push({ ...operation, service: wanted });
  }
  for (const [index, { item: destination }] of present.entries()) {
    if (isStaying[index] === 1) continue;
    operations.push({ kind: 'deleteServer', service: wanted, destination, reason });
  }
  return operations;
}

interface Named {
  readonly name: string;
  readonly item: Destination;
}

/** With their names, in the order of these. */
function byServer(destinations: readonly Destination[]): readonly Named[] {
  const named = destinations.map((item) => ({ name: destinationName(item), item }));
  return named.sort((a, b) => compareText(a.name, b.name));
}

function describeServiceChanges(wanted: Service, found: Service): string {
  return described([
    ['scheduler', found.scheduler, wanted.scheduler],
    ['flags', found.flags, wanted.flags],
    ['persistence timeout', found.timeoutS, wanted.timeoutS],
    ['netmask', found.netmask, wanted.netmask],
    ['persistence engine', found.engine || 'none', wanted.engine || 'none'],
  ]);
}

function destinationChange(
  wanted: Destination,
  found: Destination,
): Pick<ServerOperation, 'kind' | 'destination' | 'reason'> | undefined {
  // Nearly always: nothing need be described then.
  if (hasSameSettings(wanted, found)) return undefined;
  const reason = described([
    ['weight', found.weight, wanted.weight],
    ['forwarding', found.forwardingMethod, wanted.forwardingMethod],
    ['upper threshold', found.upperThreshold, wanted.upperThreshold],
    ['lower threshold', found.lowerThreshold, wanted.lowerThreshold],
    ['tunnel', describeTunnel(found.tunnel), describeTunnel(wanted.tunnel)],
  ]);
  if (reason === '') return undefined;
  if (wanted.weight > found.weight) return { kind: 'raiseWeight', destination: wanted, reason };
  if (wanted.weight < found.weight) return { kind: 'lowerWeight', destination: wanted, reason };
  return { kind: 'editServer', destination: wanted, reason };
}

/** Whether two entries of one server are the same in all that a plan makes the same. */
export function hasSameSettings(a: Destination, b: Destination): boolean {
  return (
    a.weight === b.weight &&
    a.forwardingMethod === b.forwardingMethod &&
    a.upperThreshold === b.upperThreshold &&
    a.lowerThreshold === b.lowerThreshold &&
    a.tunnel.type === b.tunnel.type &&
    a.tunnel.port === b.tunnel.port &&
    a.tunnel.flags === b.tunnel.flags
  );
}

/** `gue port 6080 csum`. */
function describeTunnel({ type, port, flags }: Tunnel): string {
  const words: string[] = [type];
  if (port !== 0) words.push(`port ${port}`);
  if (flags !== 0) words.push(flags === 1 ? 'csum' : 'remcsum');
  return words.join(' ');
}

/** `scheduler rr -> wlc, flags 0 -> 4`; empty when nothing differs. */
function described(
  fields: readonly (readonly [name: string, from: string | number, to: string | number])[],
): string {
  return fields
    .filter(([, from, to]) => from !== to)
    .map(([name, from, to]) => `${name} ${from} -> ${to}`)
    .join(', ');
}

/** By code unit: the same on every machine, whatever its locale. */
function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
