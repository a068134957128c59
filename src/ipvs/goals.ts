/**
 * What each of our services shall be right now: as wanted, plus servers that are being drained. And
 * which services are known to be right already, so that of thousands only those with news are
 * planned.
 */

import { type Drain, type Drained, type DrainPolicy, drainService } from './drain.ts';
import { destinationName } from './plan.ts';
import type { Destination, DestinationStatus, Service, ServiceName, Table } from './types.ts';

/** What was last read of the kernel. */
export interface Found {
  readonly table: Table;
  statusOf(service: ServiceName): readonly DestinationStatus[];
}

export interface GoalsOptions {
  /** How long servers of this service are drained; not at all when absent. */
  readonly drainPolicyOf?: ((service: ServiceName) => DrainPolicy | undefined) | undefined;
  /** Whether a server that leaves does so because its checks failed. */
  readonly hasFailed?: ((service: ServiceName, destination: Destination) => boolean) | undefined;
}

/** Services that are not known to be right. */
export interface OpenServices {
  readonly names: readonly ServiceName[];
  /** What they shall be. */
  readonly goals: Table;
  /** What they were when they were last right: a difference from it is somebody else's doing. */
  readonly before: Table;
}

export interface SettledTables {
  readonly desired: Table;
  readonly actual: Table;
  readonly owned: ReadonlySet<ServiceName>;
}

/** As long as the wanted and the actual service are these very objects, nothing is to be done. */
interface Settled {
  readonly wanted: Service | undefined;
  readonly actual: Service | undefined;
  readonly before: Service | undefined;
}

/** One of our services, as it is wanted and as it is. */
interface Moment {
  readonly wanted: Service | undefined;
  readonly actual: Service;
  readonly found: Found;
  readonly nowMs: number;
}

const NO_DRAIN: DrainPolicy = { timeoutMs: 0, freesTemplates: false };
const NO_DRAINS: ReadonlyMap<string, Drain> = new Map();

export class Goals {
  readonly #options: GoalsOptions;
  readonly #settled = new Map<ServiceName, Settled>();
  readonly #drains = new Map<ServiceName, ReadonlyMap<string, Drain>>();

  constructor(options: GoalsOptions) {
    this.#options = options;
  }

  get drainingServices(): Iterable<ServiceName> {
    return this.#drains.keys();
  }

  get drains(): readonly Drain[] {
    return [...this.#drains.values()].flatMap((drains) => [...drains.values()]);
  }

  drainOf(service: ServiceName, destination: Destination): Drain | undefined {
    return this.#drains.get(service)?.get(destinationName(destination));
  }

  /** What is to be planned now. */
  open(
    desired: Table,
    found: Found,
    { owned, nowMs }: { readonly owned: ReadonlySet<ServiceName>; readonly nowMs: number },
  ): OpenServices {
    const names: ServiceName[] = [];
    const goals = new Map<ServiceName, Service>();
    const before = new Map<ServiceName, Service>();
    for (const name of new Set([...desired.keys(), ...owned])) {
      const wanted = desired.get(name);
      const actual = found.table.get(name);
      const settled = this.#settled.get(name);
      const isRight =
        settled !== undefined && settled.wanted === wanted && settled.actual === actual;
      if (isRight && !this.#drains.has(name)) continue;
      names.push(name);
      const isOurs = actual !== undefined && owned.has(name);
      const goal = isOurs ? this.#drained(name, { wanted, actual, found, nowMs }) : wanted;
      if (!isOurs) this.#drains.delete(name);
      if (goal !== undefined) goals.set(name, goal);
      const was = settled === undefined ? actual : settled.before;
      if (was !== undefined) before.set(name, was);
    }
    return { names, goals, before };
  }

  /** What each service would be if `desired` were wanted and servers left by `policy`. */
  preview(
    desired: Table,
    found: Found,
    { owned, nowMs }: { readonly owned: ReadonlySet<ServiceName>; readonly nowMs: number },
    policy: GoalsOptions,
  ): { readonly goals: Table; readonly drains: readonly Drain[] } {
    const goals = new Map<ServiceName, Service>();
    const drains: Drain[] = [];
    for (const name of new Set([...desired.keys(), ...owned])) {
      const wanted = desired.get(name);
      const actual = found.table.get(name);
      const isOurs = actual !== undefined && owned.has(name);
      const drained = isOurs
        ? this.#drain(name, { wanted, actual, found, nowMs }, policy)
        : undefined;
      const goal = drained === undefined ? wanted : drained.goal;
      if (goal !== undefined) goals.set(name, goal);
      if (drained !== undefined) drains.push(...drained.drains.values());
    }
    return { goals, drains };
  }

  /** These are as they shall be; of the others it is not known. */
  settle(names: Iterable<ServiceName>, { desired, actual, owned }: SettledTables): void {
    for (const name of this.#settled.keys()) if (!owned.has(name)) this.#settled.delete(name);
    for (const name of names) {
      if (!owned.has(name)) continue;
      const [wanted, service] = [desired.get(name), actual.get(name)];
      const settled = this.#settled.get(name);
      if (settled?.wanted === wanted && settled?.actual === service) continue;
      this.#settled.set(name, { wanted, actual: service, before: service });
    }
  }

  /** It could not be done: they stay open, and are as we left them. */
  postpone(names: Iterable<ServiceName>, actual: Table): void {
    for (const name of names) {
      const before = actual.get(name);
      if (before === undefined) this.#settled.delete(name);
      else this.#settled.set(name, { wanted: undefined, actual: undefined, before });
    }
  }

  #drained(name: ServiceName, now: Moment): Service | undefined {
    const { goal, drains } = this.#drain(name, now, this.#options);
    if (drains.size === 0) this.#drains.delete(name);
    else this.#drains.set(name, drains);
    return goal;
  }

  #drain(name: ServiceName, now: Moment, { drainPolicyOf, hasFailed }: GoalsOptions): Drained {
    const { wanted, actual, found, nowMs } = now;
    return drainService({
      wanted,
      actual,
      status: found.statusOf(name),
      policy: drainPolicyOf?.(name) ?? NO_DRAIN,
      drains: this.#drains.get(name) ?? NO_DRAINS,
      hasFailed: (destination) => hasFailed?.(name, destination) ?? false,
      nowMs,
    });
  }
}

/** Those of the table that are named. */
export function servicesNamed(table: Table, names: Iterable<ServiceName>): Table {
  const found = new Map<ServiceName, Service>();
  for (const name of names) {
    const service = table.get(name);
    if (service !== undefined) found.set(name, service);
  }
  return found;
}
