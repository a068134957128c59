/**
 * What the kernel's table is, as far as it was read. IPVS tells nobody when it changes (its netlink
 * family has no multicast group), so it must be asked, and asking for all of it costs time that
 * grows with the table. Therefore there are three ways:
 *
 *   readAll    everything, at the start
 *   refresh    the services named, after a change to them
 *   look       the list of services; the table as text (listing.ts); the servers of those services
 *              that the text shows to have changed, that are new or that are suspected; and, for what
 *              a text does not show, the servers of as many others as a budget of time allows, going
 *              round. In slices of time, so that nobody else waits long.
 *
 * A service that was read and is the same keeps its very object, so that a comparison of objects
 * tells what changed.
 */
import type { Clock } from '../base/clock.ts';
import { serviceName } from '../config/names.ts';
import type { ClientRefusal, IpvsPort } from './client.ts';
import { Listing } from './listing.ts';
import { hasSameSettings } from './plan.ts';
import type { Destination, DestinationStatus, Service, ServiceName, Table } from './types.ts';

export type ReadOutcome = { readonly ok: true } | ClientRefusal;

/** Not done: look on, when the others had their turn. */
export type LookOutcome = { readonly ok: true; readonly isDone: boolean } | ClientRefusal;

/** Whose servers a look reads, and for how long. */
export interface LookOptions {
  readonly owned: ReadonlySet<ServiceName>;
  /** Services that are read at every look. */
  readonly first: Iterable<ServiceName>;
  /** Time for one slice, and for the servers that go round. */
  readonly sliceMs: number;
  readonly roundMs: number;
}

const DONE: ReadOutcome = { ok: true };
const NO_STATUS: readonly DestinationStatus[] = [];

export class TableView {
  readonly #client: IpvsPort;
  readonly #clock: Clock;
  readonly #services = new Map<ServiceName, Service>();
  readonly #status = new Map<ServiceName, readonly DestinationStatus[]>();
  readonly #listing = new Listing();
  #listingRefusal: ClientRefusal | undefined;
  /** Services whose servers were never read. */
  readonly #unread = new Set<ServiceName>();
  /** Services whose servers are not what was read of them, or may not be. */
  readonly #suspects = new Set<ServiceName>();
  /** The last list in the kernel's order; and where each of ours stood when it was last in one. */
  #listed: readonly ServiceName[] = [];
  #positions: ReadonlyMap<ServiceName, number | undefined> = new Map();
  /** How far the look that was begun has come. */
  #stage: 'begin' | 'listing' | 'servers' = 'begin';
  /** Where the round goes on, and when it began. */
  #cursor = 0;
  #roundBeganMs = 0;
  #roundMs = 0;
  #readAtMs = 0;
  #version = 0;

  constructor(client: IpvsPort, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** Of services that are not ours only what they are, without servers. */
  get table(): Table {
    return this.#services;
  }

  /** Grows with every change of the table; counts of connections are none. */
  get version(): number {
    return this.#version;
  }

  /** Of each destination of a service, in the order of the table. */
  statusOf(service: ServiceName): readonly DestinationStatus[] {
    return this.#status.get(service) ?? NO_STATUS;
  }

  /** Wall clock of the last read; 0 before the first. */
  get readAtMs(): number {
    return this.#readAtMs;
  }

  /** How long the last round over all our servers took, ms: how old a count can be. */
  get roundMs(): number {
    return this.#roundMs;
  }

  /** Where one of our services stood in the kernel's order when a look last saw it. */
  positionOf(service: ServiceName): number | undefined {
    return this.#positions.get(service);
  }

  /** Of a look that was begun only servers of changed services are left: what no other look costs. */
  get isReadingChanged(): boolean {
    return this.#stage === 'servers';
  }

  /** Why the table could not be read as text, when it could not. */
  get listingRefusal(): ClientRefusal | undefined {
    return this.#listingRefusal;
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
    this.#suspects.clear();
    return DONE;
  }

  /** The next look shall begin anew and read the servers of these again; of all, when none is said. */
  suspect(names: Iterable<ServiceName> = this.#services.keys()): void {
    this.#stage = 'begin';
    for (const name of names) this.#suspects.add(name);
  }

  /** Services that a list showed for the first time are without servers until this. */
  readUnread(owned: ReadonlySet<ServiceName>): ReadOutcome {
    return this.refresh(
      [...this.#unread].filter((name) => owned.has(name)),
      false,
    );
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

  /** One slice of a look. What was not read before it is not in the table before it is done. */
  look(options: LookOptions): LookOutcome {
    const endMs = this.#clock.monotonicMs() + options.sliceMs;
    if (this.#stage === 'begin') {
      const begun = this.#beginLook(options);
      if (!begun.ok) return begun;
    }
    const isTimeUp = (): boolean => this.#clock.monotonicMs() >= endMs;
    while (this.#stage === 'listing') {
      if (isTimeUp()) return { ok: true, isDone: false };
      this.#readPiece(false);
    }
    for (const name of this.#suspects) {
      this.#suspects.delete(name);
      if (!options.owned.has(name)) continue;
      const read = this.#readServers(name);
      if (!read.ok) return read;
      if (isTimeUp() && this.#suspects.size > 0) return { ok: true, isDone: false };
    }
    this.#stage = 'begin';
    const rounded = this.#goRound(options);
    return rounded.ok ? { ok: true, isDone: true } : rounded;
  }

  #beginLook({ owned, first }: LookOptions): ReadOutcome {
    const listed = this.#readList();
    if (!listed.ok) return listed;
    this.#notePositions(owned);
    for (const name of this.#unread) this.#suspects.add(name);
    for (const name of first) {
      if (!owned.has(name)) continue;
      const read = this.#readServers(name);
      if (!read.ok) return read;
    }
    this.#listing.begin();
    this.#stage = 'listing';
    this.#readPiece(true);
    return DONE;
  }

  /** Up to the end of the text. Without it the round remains, which is slower. */
  #readPiece(isFirst: boolean): void {
    const piece = this.#client.readListing(isFirst);
    this.#listingRefusal = piece.ok ? undefined : piece;
    if (piece.ok && piece.bytes.length > 0) {
      this.#listing.add(piece.bytes);
      return;
    }
    this.#stage = 'servers';
    if (!piece.ok) return;
    for (const name of this.#listing.finish()) this.#suspects.add(name);
  }

  /** The servers of at least one service, at most of all. */
  #goRound({ owned, roundMs }: LookOptions): ReadOutcome {
    const beganMs = this.#clock.monotonicMs();
    const names = [...owned];
    for (let count = 0; count < names.length; count += 1) {
      if (this.#cursor >= names.length) this.#cursor = 0;
      if (this.#cursor === 0) this.#roundBeganMs = this.#clock.monotonicMs();
      const read = this.#readServers(names[this.#cursor] ?? '');
      if (!read.ok) return read;
      this.#cursor += 1;
      const nowMs = this.#clock.monotonicMs();
      if (this.#cursor === names.length) this.#roundMs = nowMs - this.#roundBeganMs;
      if (nowMs - beganMs >= roundMs) break;
    }
    return DONE;
  }

  #readList(): ReadOutcome {
    const read = this.#client.services();
    if (!read.ok) return read;
    this.#readAtMs = this.#clock.realtimeMs();
    this.#forgetAllBut(read.table);
    this.#listed = [...read.table.keys()];
    for (const service of read.table.values()) this.#keepService(service);
    return DONE;
  }

  #notePositions(owned: ReadonlySet<ServiceName>): void {
    const listed = new Map(Array.from(this.#listed, (name, index) => [name, index]));
    const known = [...owned].map((name) => [name, listed.get(name) ?? this.#positions.get(name)]);
    this.#positions = new Map(known as [ServiceName, number | undefined][]);
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
      this.#version += 1;
      this.#status.delete(name);
      this.#unread.delete(name);
      this.#suspects.delete(name);
    }
  }

  #keepService(service: Service): void {
    const name = serviceName(service);
    const known = this.#services.get(name);
    if (known === undefined) this.#unread.add(name);
    else if (isSameService(known, service)) return;
    this.#services.set(name, { ...service, destinations: known?.destinations ?? [] });
    this.#version += 1;
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
    this.#version += 1;
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
    hasSameSettings(a, b)
  );
}
