/**
 * What the kernel's table is, as far as it was read. IPVS tells nobody when it changes (its netlink
 * family has no multicast group), so it must be asked, and asking for all of it costs time that
 * grows with the table. Therefore there are three ways:
 *
 *   readAll    everything, at the start and after an error
 *   refresh    the services named, after a change to them
 *   sweep      the list of services, which is short, and the servers of as many services as a
 *              budget of time allows, going round
 *
 * A service that was read and is the same keeps its very object, so that a comparison of objects
 * tells what changed.
 */
import type { Clock } from '../base/clock.ts';
import { serviceName } from '../config/names.ts';
import type { ClientRefusal, IpvsPort } from './client.ts';
import type { Destination, DestinationStatus, Service, ServiceName, Table } from './types.ts';

export type ReadOutcome = { readonly ok: true } | ClientRefusal;

const DONE: ReadOutcome = { ok: true };
const NO_STATUS: readonly DestinationStatus[] = [];

export class TableView {
  readonly #client: IpvsPort;
  readonly #clock: Clock;
  readonly #services = new Map<ServiceName, Service>();
  readonly #status = new Map<ServiceName, readonly DestinationStatus[]>();
  /** Services whose servers were never read. */
  readonly #unread = new Set<ServiceName>();
  /** Where the next sweep goes on, and when this round began. */
  #cursor = 0;
  #roundBeganMs = 0;
  #roundMs = 0;
  #readAtMs = 0;

  constructor(client: IpvsPort, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** Of services that are not ours only what they are, without servers. */
  get table(): Table {
    return this.#services;
  }

  /** Of each destination of a service, in the order of the table. */
  statusOf(service: ServiceName): readonly DestinationStatus[] {
    return this.#status.get(service) ?? NO_STATUS;
  }

  /** Wall clock of the last read; 0 before the first. */
  get readAtMs(): number {
    return this.#readAtMs;
  }

  /** How long the last round of sweeps over all our servers took, ms: how old a count can be. */
  get roundMs(): number {
    return this.#roundMs;
  }

  readAll(): ReadOutcome {
    const read = this.#client.dump();
    if (!read.ok) return read;
    this.#readAtMs = this.#clock.realtimeMs();
    this.#forgetAllBut(read.table);
    for (const [name, service] of read.table) {
      this.#keepService(service);
      this.#keepServers(name, service.destinations, read.status.get(name) ?? NO_STATUS);
    }
    this.#unread.clear();
    return DONE;
  }

  /** Reads these services again; `withList` also which services there are, and their settings. */
  refresh(names: Iterable<ServiceName>, withList: boolean): ReadOutcome {
    if (withList) {
      const listed = this.#readList();
      if (!listed.ok) return listed;
    }
    for (const name of names) {
      const read = this.#readServers(name);
      if (!read.ok) return read;
    }
    return DONE;
  }

  /**
   * Reads the list, then the servers of `first`, then of as many of `owned` as `budgetMs` allows: at
   * least one service, at most all.
   */
  sweep(
    owned: ReadonlySet<ServiceName>,
    first: Iterable<ServiceName>,
    budgetMs: number,
  ): ReadOutcome {
    const beganMs = this.#clock.monotonicMs();
    const listed = this.#readList();
    if (!listed.ok) return listed;
    for (const name of [...first, ...this.#unread]) {
      if (!owned.has(name)) continue;
      const read = this.#readServers(name);
      if (!read.ok) return read;
    }
    const names = [...owned];
    for (let count = 0; count < names.length; count += 1) {
      if (this.#cursor >= names.length) this.#cursor = 0;
      if (this.#cursor === 0) this.#roundBeganMs = this.#clock.monotonicMs();
      const read = this.#readServers(names[this.#cursor] ?? '');
      if (!read.ok) return read;
      this.#cursor += 1;
      const nowMs = this.#clock.monotonicMs();
      if (this.#cursor === names.length) this.#roundMs = nowMs - this.#roundBeganMs;
      if (nowMs - beganMs >= budgetMs) break;
    }
    return DONE;
  }

  #readList(): ReadOutcome {
    const read = this.#client.services();
    if (!read.ok) return read;
    this.#readAtMs = this.#clock.realtimeMs();
    this.#forgetAllBut(read.table);
    for (const service of read.table.values()) this.#keepService(service);
    return DONE;
  }

  #readServers(name: ServiceName): ReadOutcome {
    const service = this.#services.get(name);
    if (service === undefined) return DONE;
    const read = this.#client.destinations(service);
    if (!read.ok) return read;
    this.#keepServers(name, read.destinations, read.status);
    return DONE;
  }

  #forgetAllBut(present: Table): void {
    for (const name of this.#services.keys()) {
      if (present.has(name)) continue;
      this.#services.delete(name);
      this.#status.delete(name);
      this.#unread.delete(name);
    }
  }

  #keepService(service: Service): void {
    const name = serviceName(service);
    const known = this.#services.get(name);
    if (known === undefined) this.#unread.add(name);
    else if (isSameService(known, service)) return;
    this.#services.set(name, { ...service, destinations: known?.destinations ?? [] });
  }

  #keepServers(
    name: ServiceName,
    destinations: readonly Destination[],
    status: readonly DestinationStatus[],
  ): void {
    this.#unread.delete(name);
    this.#status.set(name, status);
    const known = this.#services.get(name);
    if (known === undefined || isSameServers(known.destinations, destinations)) return;
    this.#services.set(name, { ...known, destinations });
  }
}

function isSameService(a: Service, b: Service): boolean {
  return (
    a.scheduler === b.scheduler &&
    a.flags === b.flags &&
    a.timeoutS === b.timeoutS &&
    a.netmask === b.netmask &&
    a.engine === b.engine
  );
}

/** The kernel lists servers in one order until one is added or removed. */
function isSameServers(a: readonly Destination[], b: readonly Destination[]): boolean {
  return a.length === b.length && a.every((each, index) => isSameServer(each, b[index]));
}

function isSameServer(a: Destination, b: Destination | undefined): boolean {
  return (
    b !== undefined &&
    a.address.text === b.address.text &&
    a.port === b.port &&
    a.weight === b.weight &&
    a.forwardingMethod === b.forwardingMethod &&
    a.upperThreshold === b.upperThreshold &&
    a.lowerThreshold === b.lowerThreshold &&
    a.tunnel.type === b.tunnel.type &&
    a.tunnel.port === b.tunnel.port &&
    a.tunnel.flags === b.tunnel.flags
  );
}
