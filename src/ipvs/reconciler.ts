/**
 * Keeps the kernel's IPVS table what it is wanted to be: plan, write ownership, apply, read what was
 * touched again. Single flight by construction (every step is synchronous); a burst of wishes in
 * one turn of the event loop is one plan; errors are retried with a growing pause; the table is
 * looked at all the time and what somebody changed by hand is put back. Services that are not ours
 * are never touched. Servers that leave are drained (drain.ts).
 */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { serverName, serviceName } from '../config/names.ts';
import type { IpvsPort, OperationOutcome } from './client.ts';
import type { Drain } from './drain.ts';
import { Goals, type GoalsOptions, type OpenServices } from './goals.ts';
import { loadOwnership, saveOwnership } from './ownership.ts';
import {
  describeOperation,
  destinationName,
  foreignServices,
  type Operation,
  planTable,
} from './plan.ts';
import { type ReconcilerSnapshot, snapshotServices } from './snapshot.ts';
import { type ReadOutcome, TableView } from './table-view.ts';
import type { Service, ServiceName, Table } from './types.ts';

/** The table is looked at this often, so that a change by hand does not last. */
export const SWEEP_INTERVAL_MS = 500;
/** Time for servers in one look; a large table is read in rounds of several looks. */
export const SWEEP_BUDGET_MS = 20;
/** A look that took longer makes the next one wait so many times as long. */
export const SWEEP_SHARE = 20;
/** However large the table, it is looked at so often. */
export const SWEEP_INTERVAL_MAX_MS = 5_000;
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

export interface ReconcilerOptions extends GoalsOptions {
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

/** `drains`: the servers that the operations leave at weight 0, to go later. */
export interface Preview {
  readonly operations: readonly Operation[];
  readonly drains: readonly Drain[];
}

/** The plan was made from a table that is not so any more. */
const STALE: ReadonlySet<string> = new Set(['EEXIST', 'ENOENT', 'ESRCH', 'ENOBUFS']);

/** One plan and what came of it. */
interface Attempt {
  readonly open: OpenServices;
  readonly outcomes: readonly OperationOutcome[];
}

export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #timer: ReconcilerTimer;
  readonly #view: TableView;
  #desired: Table | undefined;
  #hasWish = false;
  readonly #goals: Goals;
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
    this.#goals = new Goals(options);
    this.#view = new TableView(options.client, options.clock);
    this.#timer = options.newTimer(() => this.#onTimer());
  }

  /**
   * Adopts what is in the kernel and is ours, and makes the table `desired` for the first time.
   * Refuses, with nothing touched, when the table or the ownership file cannot be read, or when a
   * wanted service is somebody else's and `adopt` is not set.
   */
  start(desired: Table): StartOutcome {
    const refusal = this.#loadOwned();
    if (refusal !== undefined) return refusal;
    const read = this.#view.readAll();
    if (!read.ok) return read;
    const { table } = this.#view;
    const foreign = foreignServices(desired, table, this.#owned);
    if (foreign.length > 0) {
      if (this.#options.adopt !== true) return foreignRefusal(foreign);
      for (const service of foreign) this.#options.log.warn({ service }, 'foreign service adopted');
      this.#owned = new Set([...this.#owned, ...foreign]);
    }
    this.#desired = desired;
    const adopted = [...desired.keys()].filter((name) => table.has(name)).sort();
    return { ok: true, adopted, first: this.#reconcile(desired) };
  }

  /** From now on the table shall be this. Done when the event loop next turns, once for a burst. */
  setDesired(desired: Table): void {
    if (this.#desired === undefined) throw new Error('setDesired before start or after the stop');
    this.#desired = desired;
    this.#hasWish = true;
    this.#timer.arm(this.#options.clock.monotonicMs());
  }

  /** Does at once what was set to be wanted, instead of when the event loop next turns. */
  applyWish(): ReconcileOutcome {
    const desired = this.#desired;
    if (desired === undefined || this.#consecutiveErrors > 0) return this.reconcileNow();
    return this.#reconcile(desired);
  }

  /** What would be done if the table should be `desired` and servers left it by `policy`. */
  preview(desired: Table, policy: GoalsOptions): Preview {
    const nowMs = this.#options.clock.monotonicMs();
    const now = { owned: this.#owned, nowMs };
    const { goals, drains } = this.#goals.preview(desired, this.#view, now, policy);
    const names = new Set([...desired.keys(), ...this.#owned]);
    return { operations: planTable(goals, this.#actual(names), this.#owned), drains };
  }

  /** Reads all, plans, applies and verifies at once. Never throws for what the kernel answers. */
  reconcileNow(): ReconcileOutcome {
    const desired = this.#desired;
    if (desired === undefined) return { ok: true, applied: [] };
    const read = this.#view.readAll();
    return read.ok ? this.#reconcile(desired) : this.#fail(read);
  }

  /**
   * Orderly stop: removes every service that is ours and nothing else; wishes are over after it.
   */
  removeOwned(): ReconcileOutcome {
    this.#timer.disarm();
    this.#desired = undefined;
    const read = this.#view.readAll();
    if (!read.ok) return this.#fail(read);
    const open = { names: [...this.#owned], goals: NO_SERVICES, before: this.#view.table };
    return this.#verify(NO_SERVICES, { open, outcomes: this.#carryOut(open) });
  }

  snapshot(): ReconcilerSnapshot {
    return {
      services: snapshotServices(this.#view, this.#owned),
      draining: this.#goals.drains,
      foreignServices: this.#foreign,
      lastReadAtMs: this.#view.readAtMs,
      roundMs: this.#view.roundMs,
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

  /**
   * A wish is planned from what is known, without a read: what is stale shows in the answers. A look
   * at the table comes first where it is due, and a whole read where something went wrong.
   */
  #onTimer(): void {
    const desired = this.#desired;
    if (desired === undefined) return;
    if (this.#consecutiveErrors > 0) {
      this.reconcileNow();
      return;
    }
    if (this.#hasWish) {
      this.#reconcile(desired);
      return;
    }
    const read = this.#view.sweep(this.#owned, this.#goals.drainingServices, SWEEP_BUDGET_MS);
    if (read.ok) this.#reconcile(desired);
    else this.#fail(read);
  }

  #reconcile(desired: Table): ReconcileOutcome {
    const beganMs = this.#options.clock.monotonicMs();
    this.#hasWish = false;
    const first = this.#attempt(desired);
    const isStale = first.outcomes.some((outcome) => !outcome.ok && STALE.has(outcome.code));
    if (!isStale) return this.#verify(desired, first, beganMs);
    const read = this.#view.readAll();
    if (!read.ok) return this.#fail(read);
    const second = this.#attempt(desired);
    const done = first.outcomes.filter(({ ok }) => ok);
    return this.#verify(desired, { ...second, outcomes: [...done, ...second.outcomes] }, beganMs);
  }

  #attempt(desired: Table): Attempt {
    const { table } = this.#view;
    this.#noteForeign(foreignServices(desired, table, this.#owned));
    const nowMs = this.#options.clock.monotonicMs();
    const open = this.#goals.open(desired, this.#view, { owned: this.#owned, nowMs });
    return { open, outcomes: this.#carryOut(open) };
  }

  /** Plans and performs; says of each change whether it puts back what somebody else changed. */
  #carryOut({ names, goals, before }: OpenServices): readonly OperationOutcome[] {
    const actual = this.#actual(names);
    const plan = planTable(goals, actual, this.#owned);
    if (plan.length === 0) return [];
    const drift = new Set(planTable(before, actual, this.#owned).map(operationKey));
    return this.#perform(plan, drift);
  }

  #actual(names: Iterable<ServiceName>): Table {
    const table = new Map<ServiceName, Service>();
    for (const name of names) {
      const service = this.#view.table.get(name);
      if (service !== undefined) table.set(name, service);
    }
    return table;
  }

  /**
   * Ownership first, then services, then the rest. A service that could not be made ours, or that
   * the kernel refused, takes its servers out of the plan: they might land in somebody else's
   * service.
   */
  #perform(plan: readonly Operation[], drift: ReadonlySet<string>): OperationOutcome[] {
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

  /** Reads what was touched again: done is what the kernel shows, not what it acknowledged. */
  #verify(
    desired: Table,
    { open, outcomes }: Attempt,
    beganMs = this.#options.clock.monotonicMs(),
  ): ReconcileOutcome {
    const applied = outcomes.filter(({ ok }) => ok).map(({ operation }) => operation);
    if (applied.length > 0) {
      const atMs = this.#options.clock.realtimeMs();
      this.#lastApplied = { atMs, operations: applied.length };
    }
    const read = this.#readTouched(outcomes);
    if (!read.ok) return this.#fail(read);
    const actual = this.#actual(open.names);
    this.#dropAbsent();
    const [missing] = planTable(open.goals, actual, this.#owned);
    if (missing === undefined) return this.#settle(desired, applied, beganMs);
    this.#goals.postpone(open.names, actual);
    this.#saveOwned();
    const refused = outcomes.find((outcome) => !outcome.ok);
    if (refused !== undefined && !refused.ok) return this.#fail(refused);
    const text = describeOperation(missing);
    const detail = `The kernel acknowledged "${text}" and still shows: ${missing.reason}`;
    return this.#fail({ code: 'NOT_APPLIED', detail });
  }

  #dropAbsent(): void {
    const { table } = this.#view;
    this.#owned = new Set([...this.#owned].filter((name) => table.has(name)));
  }

  #readTouched(outcomes: readonly OperationOutcome[]): ReadOutcome {
    const touched = new Set<ServiceName>();
    let isListChanged = false;
    for (const { operation } of outcomes) {
      if ('destination' in operation) touched.add(serviceName(operation.service));
      else isListChanged = true;
    }
    return this.#view.refresh(touched, isListChanged);
  }

  /** Everything is as it shall be now: remembers it, and looks again in time. */
  #settle(desired: Table, applied: readonly Operation[], beganMs: number): ReconcileOutcome {
    this.#goals.settle(desired, this.#view.table, this.#owned);
    const saved = this.#saveOwned();
    if (!saved.ok) return this.#fail(saved);
    const { clock, log } = this.#options;
    if (this.#consecutiveErrors > 0) {
      log.info({ failures: this.#consecutiveErrors }, 'table is as wanted again');
    }
    this.#consecutiveErrors = 0;
    if (this.#desired !== undefined) {
      const nowMs = clock.monotonicMs();
      const pauseMs = Math.max(SWEEP_INTERVAL_MS, (nowMs - beganMs) * SWEEP_SHARE);
      this.#timer.arm(this.#hasWish ? nowMs : nowMs + Math.min(pauseMs, SWEEP_INTERVAL_MAX_MS));
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
    const drain = this.#goals.drainOf(serviceName(operation.service), operation.destination);
    if (drain !== undefined) return `${drain.cause}, draining ${drain.connections} connections`;
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
