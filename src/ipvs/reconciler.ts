/**
 * Keeps the kernel's IPVS table what it is wanted to be: read, plan, write ownership, apply, read
 * again. Single flight by construction (every step is synchronous); a burst of wishes in one turn
 * of the event loop is one plan; errors are retried with a growing pause; the table is re-read from
 * time to time and what somebody changed by hand is put back. Services that are not ours are never
 * touched.
 */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { serverName, serviceName } from '../config/names.ts';
import type { DumpOutcome, IpvsPort, OperationOutcome } from './client.ts';
import { loadOwnership, saveOwnership } from './ownership.ts';
import {
  describeOperation,
  destinationName,
  foreignServices,
  type Operation,
  planTable,
} from './plan.ts';
import { type ReconcilerSnapshot, snapshotServices } from './snapshot.ts';
import type { ServiceName, Table } from './types.ts';

/** The table is read again this often, so that a change by hand does not last. */
export const REREAD_INTERVAL_MS = 5_000;
/** Pause after the first failure; doubles with each further one up to the second. */
export const BACKOFF_FIRST_MS = 1_000;
export const BACKOFF_LAST_MS = 30_000;
/** Changes logged one by one in one reconciliation; the rest are a number. */
export const LOGGED_CHANGES_MAX = 200;

const NO_SERVICES: Table = new Map();

export interface ReconcilerTimer {
  /** Absolute, monotonic milliseconds; replaces an earlier deadline. */
  arm(deadlineMs: number): void;
  disarm(): void;
  close(): void;
}

export interface ReconcilerOptions {
  readonly client: IpvsPort;
  readonly log: Log;
  readonly clock: Clock;
  /** File with the names of our services; in a directory that does not outlive the boot. */
  readonly ownershipPath: string;
  newTimer(onExpire: () => void): ReconcilerTimer;
  /**
   * Why a server is in or out, by serverName: `passed HTTP_GET`. The plan's own reason otherwise.
   */
  readonly reasonOf?: (serverName: string) => string | undefined;
  /** Take over wanted services that somebody else made, instead of refusing to start. */
  readonly adopt?: boolean;
}

export interface Refusal {
  readonly ok: false;
  /** FOREIGN_SERVICE, or the code of the client or of the ownership file. */
  readonly code: string;
  readonly detail: string;
  /** With FOREIGN_SERVICE: the wanted services that are somebody else's. */
  readonly services?: readonly ServiceName[];
}

export interface Reconciled {
  readonly ok: true;
  /** Operations done, in order. Empty: the kernel was as wanted. */
  readonly applied: readonly Operation[];
}

export type ReconcileOutcome = Reconciled | Refusal;

/** `adopted`: wanted services that were in the kernel already and are ours. */
export type StartOutcome =
  | {
      readonly ok: true;
      readonly adopted: readonly ServiceName[];
      readonly first: ReconcileOutcome;
    }
  | Refusal;

type Read = Extract<DumpOutcome, { ok: true }>;

export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #timer: ReconcilerTimer;
  #desired: Table | undefined;
  /** The table as the last reconciliation left it; a difference from it later is drift. */
  #verified: Table | undefined;
  #lastRead: Read | undefined;
  #lastReadAtMs = 0;
  #owned: ReadonlySet<ServiceName> = new Set();
  /** What the ownership file says. */
  #saved: ReadonlySet<ServiceName> = new Set();
  #foreign: readonly ServiceName[] = [];
  #lastApplied: ReconcilerSnapshot['lastApplied'];
  #lastError: ReconcilerSnapshot['lastError'];
  #driftRepairs = 0;
  #errors = 0;
  #consecutiveErrors = 0;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#timer = options.newTimer(() => this.reconcileNow());
  }

  /**
   * Adopts what is in the kernel and is ours, and makes the table `desired` for the first time.
   * Refuses, with nothing touched, when the table or the ownership file cannot be read, or when a
   * wanted service is somebody else's and `adopt` is not set.
   */
  start(desired: Table): StartOutcome {
    const refusal = this.#loadOwned();
    if (refusal !== undefined) return refusal;
    const read = this.#read();
    if (!read.ok) return read;
    const foreign = foreignServices(desired, read.table, this.#owned);
    if (foreign.length > 0) {
      if (this.#options.adopt !== true) return foreignRefusal(foreign);
      for (const service of foreign) this.#options.log.warn({ service }, 'foreign service adopted');
      this.#owned = new Set([...this.#owned, ...foreign]);
    }
    this.#desired = desired;
    const adopted = [...desired.keys()].filter((name) => read.table.has(name)).sort();
    return { ok: true, adopted, first: this.#reconcile(desired, read) };
  }

  /** From now on the table shall be this. Done when the event loop next turns, once for a burst. */
  setDesired(desired: Table): void {
    if (this.#desired === undefined) throw new Error('setDesired before start or after the stop');
    this.#desired = desired;
    this.#timer.arm(this.#options.clock.monotonicMs());
  }

  /** Reads, plans, applies and verifies at once. Never throws for what the kernel answers. */
  reconcileNow(): ReconcileOutcome {
    if (this.#desired === undefined) return { ok: true, applied: [] };
    const read = this.#read();
    return read.ok ? this.#reconcile(this.#desired, read) : this.#fail(read);
  }

  /**
   * Orderly stop: removes every service that is ours and nothing else; wishes are over after it.
   */
  removeOwned(): ReconcileOutcome {
    this.#timer.disarm();
    this.#desired = undefined;
    this.#verified = undefined;
    const read = this.#read();
    if (!read.ok) return this.#fail(read);
    const outcomes = this.#perform(planTable(NO_SERVICES, read.table, this.#owned), read.table);
    return this.#verify(NO_SERVICES, outcomes);
  }

  snapshot(): ReconcilerSnapshot {
    return {
      services: snapshotServices(this.#lastRead, this.#owned),
      foreignServices: this.#foreign,
      lastReadAtMs: this.#lastReadAtMs,
      ...(this.#lastApplied && { lastApplied: this.#lastApplied }),
      driftRepairs: this.#driftRepairs,
      errors: this.#errors,
      consecutiveErrors: this.#consecutiveErrors,
      ...(this.#lastError && { lastError: this.#lastError }),
    };
  }

  /** Ends the timer. The kernel's table stays as it is. */
  close(): void {
    this.#desired = undefined;
    this.#timer.close();
  }

  #loadOwned(): Refusal | undefined {
    const { log, ownershipPath, adopt } = this.#options;
    const loaded = loadOwnership(ownershipPath);
    if (!loaded.ok) {
      if (adopt !== true) return loaded;
      log.warn({ code: loaded.code }, loaded.detail);
      return undefined;
    }
    this.#saved = loaded.names;
    this.#owned = loaded.names;
    return undefined;
  }

  #read(): DumpOutcome {
    const read = this.#options.client.dump();
    if (!read.ok) return read;
    this.#lastRead = read;
    this.#lastReadAtMs = this.#options.clock.realtimeMs();
    return read;
  }

  #reconcile(desired: Table, read: Read): ReconcileOutcome {
    this.#noteForeign(foreignServices(desired, read.table, this.#owned));
    const plan = planTable(desired, read.table, this.#owned);
    if (plan.length === 0) return this.#settle(desired, []);
    return this.#verify(desired, this.#perform(plan, read.table));
  }

  /**
   * Ownership first, then services, then the rest. A service that could not be made ours, or that
   * the kernel refused, takes its servers out of the plan: they might land in somebody else's
   * service.
   */
  #perform(plan: readonly Operation[], actual: Table): OperationOutcome[] {
    const drift = this.#driftKeys(actual);
    const creations = plan.filter(({ kind }) => kind === 'addService');
    const names = creations.map(({ service }) => serviceName(service));
    const claim = this.#claim(names);
    const outcomes: OperationOutcome[] = claim.ok
      ? [...this.#options.client.apply(creations)]
      : creations.map((operation) => ({ ...claim, operation }));
    const refused = new Set<ServiceName>();
    for (const outcome of outcomes) {
      if (!outcome.ok) refused.add(serviceName(outcome.operation.service));
    }
    this.#owned = new Set([...this.#owned].filter((name) => !refused.has(name)));
    const rest = plan.filter(
      ({ kind, service }) => kind !== 'addService' && !refused.has(serviceName(service)),
    );
    outcomes.push(...this.#options.client.apply(rest));
    this.#logOutcomes(outcomes, drift);
    return outcomes;
  }

  /** Puts names into the ownership file before the services exist. */
  #claim(names: readonly ServiceName[]): ReturnType<typeof saveOwnership> {
    this.#owned = new Set([...this.#owned, ...names]);
    return this.#saveOwned();
  }

  #saveOwned(): ReturnType<typeof saveOwnership> {
    if (isSameSet(this.#owned, this.#saved)) return { ok: true };
    const saved = saveOwnership(this.#options.ownershipPath, this.#owned);
    if (saved.ok) this.#saved = this.#owned;
    return saved;
  }

  /** Reads the table again: done is what the kernel shows, not what it acknowledged. */
  #verify(desired: Table, outcomes: readonly OperationOutcome[]): ReconcileOutcome {
    const applied = outcomes.filter(({ ok }) => ok).map(({ operation }) => operation);
    if (applied.length > 0) {
      const atMs = this.#options.clock.realtimeMs();
      this.#lastApplied = { atMs, operations: applied.length };
    }
    const read = this.#read();
    if (!read.ok) return this.#fail(read);
    this.#owned = new Set([...this.#owned].filter((name) => read.table.has(name)));
    const [missing] = planTable(desired, read.table, this.#owned);
    if (missing === undefined) return this.#settle(desired, applied);
    this.#verified = read.table;
    this.#saveOwned();
    const refused = outcomes.find((outcome) => !outcome.ok);
    if (refused !== undefined && !refused.ok) return this.#fail(refused);
    const text = describeOperation(missing);
    const detail = `The kernel acknowledged "${text}" and still shows: ${missing.reason}`;
    return this.#fail({ code: 'NOT_APPLIED', detail });
  }

  #settle(desired: Table, applied: readonly Operation[]): ReconcileOutcome {
    const table = this.#lastRead?.table ?? NO_SERVICES;
    this.#owned = new Set([...this.#owned].filter((name) => table.has(name)));
    const saved = this.#saveOwned();
    if (!saved.ok) return this.#fail(saved);
    if (this.#consecutiveErrors > 0) {
      this.#options.log.info({ failures: this.#consecutiveErrors }, 'table is as wanted again');
    }
    this.#consecutiveErrors = 0;
    if (this.#desired !== undefined) {
      this.#verified = desired;
      this.#timer.arm(this.#options.clock.monotonicMs() + REREAD_INTERVAL_MS);
    }
    return { ok: true, applied };
  }

  #fail(failure: { readonly code: string; readonly detail: string }): Refusal {
    const { code, detail } = failure;
    const { clock, log } = this.#options;
    this.#errors += 1;
    this.#consecutiveErrors += 1;
    this.#lastError = { code, detail, atMs: clock.realtimeMs() };
    const retryInMs = backoffMs(this.#consecutiveErrors);
    const fields = { code, detail, failures: this.#consecutiveErrors };
    if (this.#desired === undefined) log.error(fields, 'table is not as wanted');
    else {
      log.error({ ...fields, retryInMs }, 'table is not as wanted');
      this.#timer.arm(clock.monotonicMs() + retryInMs);
    }
    return { ok: false, code, detail };
  }

  #noteForeign(foreign: readonly ServiceName[]): void {
    const known = new Set(this.#foreign);
    this.#foreign = foreign;
    for (const service of foreign) {
      if (known.has(service)) continue;
      this.#options.log.warn(
        { service, code: 'FOREIGN_SERVICE' },
        foreignRefusal([service]).detail,
      );
    }
  }

  /** What somebody else changed since the table was last seen to be right. */
  #driftKeys(actual: Table): ReadonlySet<string> {
    if (this.#verified === undefined) return new Set();
    return new Set(planTable(this.#verified, actual, this.#owned).map(operationKey));
  }

  #logOutcomes(outcomes: readonly OperationOutcome[], drift: ReadonlySet<string>): void {
    const { log } = this.#options;
    for (const [index, outcome] of outcomes.entries()) {
      const { operation } = outcome;
      const isDrift = drift.has(operationKey(operation));
      if (isDrift && outcome.ok) this.#driftRepairs += 1;
      if (index >= LOGGED_CHANGES_MAX) continue;
      const service = serviceName(operation.service);
      const server =
        'destination' in operation ? destinationName(operation.destination) : undefined;
      const fields = { operation: operation.kind, service, server };
      const text = describeOperation(operation);
      const reason = isDrift
        ? `changed by somebody else, found: ${operation.reason}`
        : this.#reason(operation);
      if (!outcome.ok) {
        log.warn({ ...fields, code: outcome.code }, `cannot ${text}: ${outcome.detail}`);
      } else if (isDrift) log.warn({ ...fields, reason }, `${text}: ${reason}`);
      else log.info({ ...fields, reason }, `${text}: ${reason}`);
    }
    const unlogged = outcomes.length - LOGGED_CHANGES_MAX;
    if (unlogged > 0) log.info({ changes: unlogged }, 'further changes not logged one by one');
  }

  #reason(operation: Operation): string {
    if (!('destination' in operation)) return operation.reason;
    const name = serverName(operation.service, operation.destination);
    return this.#options.reasonOf?.(name) ?? operation.reason;
  }
}

/** Pause before retry number `failures`, ms: 1 s, 2 s, 4 s … 30 s. */
export function backoffMs(failures: number): number {
  return Math.min(BACKOFF_FIRST_MS * 2 ** (failures - 1), BACKOFF_LAST_MS);
}

function foreignRefusal(services: readonly ServiceName[]): Refusal {
  const detail =
    `IPVS already has ${services.join(', ')}, and lvsd did not make it: ` +
    'remove it with ipvsadm -D, or take it over with --adopt';
  return { ok: false, code: 'FOREIGN_SERVICE', detail, services };
}

function operationKey(operation: Operation): string {
  const server = 'destination' in operation ? destinationName(operation.destination) : '';
  return `${operation.kind} ${serviceName(operation.service)} ${server}`;
}

function isSameSet(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((each) => b.has(each));
}
