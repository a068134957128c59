/**
 * Keeps the kernel's IPVS table what it is wanted to be: plan, write ownership, apply, read what was
 * touched again. Single flight: one plan at a time is carried out, in slices between which the rest
 * of the process has its turn, and a new wish replaces it. A burst of wishes in one turn of the
 * event loop is one plan; errors are retried with a growing pause; the table is looked at all the
 * time and what somebody changed by hand is put back. Services that are not ours are never touched.
 * Servers that leave are drained (drain.ts).
 */
import { serverName, serviceName } from '../config/names.ts';
import type { OperationOutcome } from './client.ts';
import type { Drain } from './drain.ts';
import type { Failure } from './failures.ts';
import { Goals, type GoalsOptions, type OpenServices, servicesNamed } from './goals.ts';
import { HeldOperations } from './held-operations.ts';
import { LookPace } from './look-pace.ts';
import { logOutcomes } from './operation-log.ts';
import { OwnedServices } from './owned-services.ts';
import {
  describeOperation,
  foreignServices,
  type Operation,
  operationKey,
  Planner,
  planTable,
} from './plan.ts';
import { inOrderOfTrash } from './plan-order.ts';
import { PlanRun } from './plan-run.ts';
import {
  foreignRefusal,
  type ReconcileOutcome,
  type Refusal,
  type StartOutcome,
} from './reconcile-outcome.ts';
import { ReconcileReport } from './reconcile-report.ts';
import {
  type ReconcilerOptions,
  type ReconcilerTimer,
  ROUND_MS,
  SLICE_MS,
  SLICE_OPERATIONS,
  SLICE_SERVERS,
} from './reconciler-options.ts';
import type { ReconcilerSnapshot } from './snapshot.ts';
import { type ReadOutcome, TableView } from './table-view.ts';
import type { ServiceName, Table } from './types.ts';

const NO_SERVICES: Table = new Map();
const NOTHING_DONE: ReconcileOutcome = { ok: true, applied: [] };

/** `drains`: the servers that the operations leave at weight 0, to go later. */
export interface Preview {
  readonly operations: readonly Operation[];
  readonly drains: readonly Drain[];
}

export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #timer: ReconcilerTimer;
  readonly #view: TableView;
  #desired: Table | undefined;
  #hasWish = false;
  /** What was touched by plans that were dropped. */
  #interrupted: readonly ServiceName[] = [];
  /** What is known of the table may not be so: a wish waits for the look. */
  #mustLook = false;
  /** The plan that is being carried out. */
  #run: PlanRun | undefined;
  readonly #pace = new LookPace();
  readonly #goals: Goals;
  readonly #owned: OwnedServices;
  readonly #report: ReconcileReport;
  readonly #held = new HeldOperations();
  /** Of the view, when all of it was gone through and as it shall be. */
  #rightVersion: number | undefined;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#goals = new Goals(options);
    this.#owned = new OwnedServices(options.ownershipPath);
    this.#view = new TableView(options.client, options.clock);
    this.#report = new ReconcileReport(options);
    this.#timer = options.newTimer(() => this.#onTimer());
  }

  /**
   * Adopts what is in the kernel and is ours, and makes the table `desired` for the first time.
   * Refuses, with nothing touched, when the table or the ownership file cannot be read, or when a
   * wanted service is somebody else's and `adopt` is not set.
   */
  start(desired: Table): StartOutcome {
    const refusal = this.#owned.load(this.#options.adopt === true, this.#options.log);
    if (refusal !== undefined) return refusal;
    const read = this.#view.readAll();
    if (!read.ok) return read;
    const { table } = this.#view;
    const foreign = foreignServices(desired, table, this.#owned.names);
    if (foreign.length > 0) {
      if (this.#options.adopt !== true) return foreignRefusal(foreign);
      for (const service of foreign) this.#options.log.warn({ service }, 'foreign service adopted');
      this.#owned.add(foreign);
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
    if (desired === undefined || this.#mustLook || this.#run !== undefined) {
      return this.reconcileNow();
    }
    return this.#reconcile(desired);
  }

  /** What would be done if the table should be `desired` and servers left it by `policy`. */
  preview(desired: Table, policy: GoalsOptions): Preview {
    const nowMs = this.#options.clock.monotonicMs();
    const owned = this.#owned.names;
    const now = { owned, nowMs };
    const { goals, drains } = this.#goals.preview(desired, this.#view, now, policy);
    const names = new Set([...desired.keys(), ...owned]);
    const actual = servicesNamed(this.#view.table, names);
    return { operations: planTable(goals, actual, owned), drains };
  }

  /** Reads all, plans, applies and verifies at once. Never throws for what the kernel answers. */
  reconcileNow(): ReconcileOutcome {
    const desired = this.#desired;
    if (desired === undefined) return NOTHING_DONE;
    this.#dropRun();
    const read = this.#view.readAll();
    return read.ok ? this.#reconcile(desired) : this.#fail(read);
  }

  /**
   * Orderly stop: removes every service that is ours and nothing else; wishes are over after it.
   */
  removeOwned(): ReconcileOutcome {
    this.#timer.disarm();
    this.#desired = undefined;
    this.#held.release();
    const read = this.#view.readAll();
    if (!read.ok) return this.#fail(read);
    const open = { names: [...this.#owned.names], goals: NO_SERVICES, before: this.#view.table };
    this.#run = this.#newRun(NO_SERVICES, open);
    return this.#finish();
  }

  /** Servers on their way out. */
  get draining(): readonly Drain[] {
    return this.#goals.drains;
  }

  snapshot(): ReconcilerSnapshot {
    return this.#report.snapshot(this.#view, this.#owned.names, this.draining);
  }

  /** Ends the timer. The kernel's table stays as it is. */
  close(): void {
    this.#desired = undefined;
    this.#timer.close();
  }

  /**
   * A wish is planned from what is known, without a look: what is stale shows in the answers. After
   * an error the look comes first, at all servers.
   */
  #onTimer(): void {
    const desired = this.#desired;
    if (desired === undefined) return;
    if (this.#hasWish && !this.#mustLook) this.#beginWish(desired);
    else if (this.#run === undefined) this.#look(desired);
    if (this.#run === undefined) return;
    const outcome = this.#advance(this.#options.clock.monotonicMs() + SLICE_MS);
    if (outcome === undefined) this.#timer.arm(this.#options.clock.monotonicMs());
  }

  /** Instead of what was being carried out: then what that touched has to be read first. */
  #beginWish(desired: Table): void {
    if (this.#run !== undefined && this.#run.touched.size > 0) {
      this.#view.suspect(this.#run.touched);
      this.#dropRun();
      this.#mustLook = true;
      this.#look(desired);
      return;
    }
    this.#run = undefined;
    const read = this.#view.readUnread(this.#owned.names);
    if (read.ok) this.#begin(desired);
    else this.#fail(read);
  }

  #dropRun(): void {
    if (this.#run !== undefined) this.#interrupted = [...this.#interrupted, ...this.#run.touched];
    this.#run = undefined;
  }

  /** One slice; after the last a plan of what it found. */
  #look(desired: Table): void {
    const { clock, cpuMs } = this.#options;
    // After a large change all is read again, once: that says nothing about what looks cost.
    const isUsual = !this.#view.isReadingChanged;
    const beganCpuMs = cpuMs();
    const looked = this.#view.look({
      owned: this.#owned.names,
      first: this.#goals.drainingServices,
      sliceMs: SLICE_MS,
      roundMs: ROUND_MS,
    });
    if (!looked.ok) return void this.#fail(looked);
    const endedMs = clock.monotonicMs();
    const costMs = isUsual ? cpuMs() - beganCpuMs : 0;
    this.#pace.note({ endedMs, cpuMs: costMs, isDone: looked.isDone });
    if (!looked.isDone) {
      this.#timer.arm(endedMs);
      return;
    }
    this.#report.noteListing(this.#view.listingRefusal);
    if (this.#isAsItWas) this.#armNext();
    else this.#begin(desired);
  }

  /** Nothing was found that is not as it was when everything was right, and nothing else is wanted. */
  get #isAsItWas(): boolean {
    const isNothingDue = !this.#hasWish && this.#interrupted.length === 0 && this.#held.isEmpty;
    return isNothingDue && this.draining.length === 0 && this.#rightVersion === this.#view.version;
  }

  /** All of it at once. */
  #reconcile(desired: Table): ReconcileOutcome {
    this.#held.release();
    this.#pace.restart(this.#options.clock.monotonicMs());
    this.#begin(desired);
    return this.#finish();
  }

  #begin(desired: Table): void {
    // What was carried out of a plan that was dropped is as we left it: no drift.
    this.#postpone(this.#interrupted);
    this.#interrupted = [];
    this.#hasWish = false;
    this.#mustLook = false;
    this.#run = this.#newRun(desired, this.#open(desired));
  }

  #open(desired: Table): OpenServices {
    const owned = this.#owned.names;
    this.#report.noteForeign(foreignServices(desired, this.#view.table, owned));
    const nowMs = this.#options.clock.monotonicMs();
    return this.#goals.open(desired, this.#view, { owned, nowMs });
  }

  /** Of each change it is known whether it puts back what somebody else changed. */
  #newRun(desired: Table, open: OpenServices, earlier?: readonly OperationOutcome[]): PlanRun {
    const actual = servicesNamed(this.#view.table, open.names);
    const owned = this.#owned.names;
    const arrange = (plan: readonly Operation[]): Iterable<Operation> => {
      const free = this.#held.free(plan, this.#options.clock.monotonicMs());
      return inOrderOfTrash(free, open.before, (name) => this.#view.positionOf(name));
    };
    const driftOf = (name: ServiceName): ReadonlySet<string> => {
      const [before, found] = [open.before, actual].map((table) => servicesNamed(table, [name]));
      return new Set(
        planTable(before ?? NO_SERVICES, found ?? NO_SERVICES, owned).map(operationKey),
      );
    };
    const planner = new Planner(open.goals, actual, owned);
    return new PlanRun({ desired, open, planner, arrange, driftOf, earlier });
  }

  #finish(): ReconcileOutcome {
    return this.#advance(Number.POSITIVE_INFINITY) ?? NOTHING_DONE;
  }

  /** Carries the plan out until `untilMs`; undefined when there is more of it. */
  #advance(untilMs: number): ReconcileOutcome | undefined {
    while (this.#run !== undefined) {
      const run = this.#run;
      if (!run.isPlanned) run.plan(SLICE_SERVERS);
      else if (!run.isDone) this.#performSlice(run);
      else {
        const read = this.#readAgain(run);
        const outcome = read === undefined ? this.#verifySlice(run) : undefined;
        if (read?.ok === false) return this.#fail(read);
        if (outcome !== undefined) return outcome;
      }
      if (this.#options.clock.monotonicMs() >= untilMs) return undefined;
    }
    return NOTHING_DONE;
  }

  /** One piece of what was touched; undefined when all of it is read. */
  #readAgain(run: PlanRun): ReadOutcome | undefined {
    if (run.takeListUnread()) return this.#view.refresh([], true);
    const name = run.takeUnread();
    return name === undefined ? undefined : this.#view.refresh([name], false);
  }

  /** Ownership before services, services before their servers. */
  #performSlice(run: PlanRun): void {
    if (!run.isBegun) this.#owned.add(run.creations);
    const claim = this.#owned.save();
    const slice = run.next(SLICE_OPERATIONS);
    const isMaking = slice[0]?.kind === 'addService';
    const outcomes: readonly OperationOutcome[] =
      isMaking && !claim.ok
        ? slice.map((operation) => ({ ...claim, operation }))
        : this.#options.client.apply(slice);
    const before = run.outcomes.length;
    this.#owned.remove(run.record(outcomes));
    logOutcomes(this.#options.log, outcomes, {
      isDrift: (operation) => run.isDrift(operation),
      reasonOf: (operation) => this.#reason(operation),
      isNews: (what) => this.#report.isNews(what),
      before,
    });
  }

  /**
   * Done is what the kernel shows, not what it acknowledged. Undefined: there is more to compare, or a
   * second plan.
   */
  #verifySlice(run: PlanRun): ReconcileOutcome | undefined {
    const { open } = run;
    const actual = servicesNamed(this.#view.table, open.names);
    run.verification ??= new Planner(open.goals, actual, this.#owned.names);
    const { verification } = run;
    for (let count = 0; !verification.isDone && count < SLICE_SERVERS; count += 1) {
      count += verification.planNext();
    }
    return verification.isDone ? this.#verify(run, verification.operations) : undefined;
  }

  /** `left`: what is still to be done. */
  #verify(run: PlanRun, left: readonly Operation[]): ReconcileOutcome | undefined {
    const free = this.#held.free(left, this.#options.clock.monotonicMs());
    const [missing] = free;
    if (missing !== undefined && !run.isSecond && (run.isStale || !run.hasDone(missing))) {
      return this.#retry(run);
    }
    this.#run = undefined;
    const { outcomes, applied, repairs } = run;
    this.#report.noteRun({ changes: outcomes.length, applied: applied.length, repairs });
    this.#owned.keepThoseOf(this.#view.table);
    this.#settle(run, left);
    const saved = this.#owned.save();
    if (!saved.ok) return this.#fail(saved);
    if (missing !== undefined) return this.#refuse(run, left, missing);
    return left.length === 0 ? this.#succeed(run) : this.#wait(left);
  }

  /** The table was not what the plan was made from; what was touched has been read again. */
  #retry(run: PlanRun): ReconcileOutcome | undefined {
    this.#owned.keepThoseOf(this.#view.table);
    const read = this.#view.readUnread(this.#owned.names);
    if (!read.ok) return this.#fail(read);
    const done = run.outcomes.filter(({ ok }) => ok);
    this.#run = this.#newRun(run.desired, this.#open(run.desired), done);
    return undefined;
  }

  #postpone(names: readonly ServiceName[]): void {
    this.#goals.postpone(names, servicesNamed(this.#view.table, names));
  }

  /** Remembers which services are as they shall be; those that something is left to do to are not. */
  #settle({ desired, open }: PlanRun, left: readonly Operation[]): void {
    const wrong = new Set(left.map(({ service }) => serviceName(service)));
    const right = open.names.filter((name) => !wrong.has(name));
    this.#goals.settle(right, { desired, actual: this.#view.table, owned: this.#owned.names });
    this.#postpone([...wrong]);
  }

  /** Everything is as it shall be now, and is looked at again in time. */
  #succeed({ applied, outcomes }: PlanRun): ReconcileOutcome {
    this.#held.release();
    // After operations the view was refreshed, and may show more than was planned for.
    this.#rightVersion = outcomes.length === 0 ? this.#view.version : undefined;
    this.#report.noteRight();
    this.#armNext();
    return { ok: true, applied };
  }

  /** The kernel does not take it. Everything else goes on; this is tried again later. */
  #refuse(run: PlanRun, left: readonly Operation[], missing: Operation): Refusal {
    const refused = run.outcomes.find((outcome) => !outcome.ok);
    const text = describeOperation(missing);
    const unseen = `The kernel acknowledged "${text}" and still shows: ${missing.reason}`;
    const failure =
      refused === undefined || refused.ok ? { code: 'NOT_APPLIED', detail: unseen } : refused;
    const retryInMs = this.#count(failure);
    const nowMs = this.#options.clock.monotonicMs();
    this.#held.hold(left, nowMs, nowMs + retryInMs);
    this.#armNext();
    return { ok: false, code: failure.code, detail: failure.detail };
  }

  /** What is left was refused before, and is not to be tried yet. */
  #wait(left: readonly Operation[]): Refusal {
    const nowMs = this.#options.clock.monotonicMs();
    this.#held.hold(left, nowMs, nowMs);
    this.#armNext();
    const { code = 'NOT_APPLIED', detail = '' } = this.#report.lastFailure ?? {};
    return { ok: false, code, detail };
  }

  #armNext(): void {
    if (this.#desired === undefined) return;
    const nowMs = this.#options.clock.monotonicMs();
    const nextMs = Math.min(this.#pace.nextMs, this.#held.nextMs ?? Number.POSITIVE_INFINITY);
    this.#timer.arm(this.#hasWish ? nowMs : nextMs);
  }

  /** What can be known of nothing: all of it waits. */
  #fail(failure: Failure): Refusal {
    this.#dropRun();
    this.#view.suspect();
    this.#mustLook = true;
    this.#rightVersion = undefined;
    const retryInMs = this.#count(failure);
    const { clock } = this.#options;
    if (this.#desired !== undefined) this.#timer.arm(clock.monotonicMs() + retryInMs);
    return { ok: false, code: failure.code, detail: failure.detail };
  }

  /** The pause before it is tried again, ms. */
  #count(failure: Failure): number {
    return this.#report.noteFailure(failure, this.#desired !== undefined);
  }

  #reason(operation: Operation): string {
    if (!('destination' in operation)) return operation.reason;
    const name = serverName(operation.service, operation.destination);
    const drain = this.#goals.drainOf(serviceName(operation.service), operation.destination);
    if (drain !== undefined) return `${drain.cause}, draining ${drain.connections} connections`;
    return this.#options.reasonOf?.(name) ?? operation.reason;
  }
}
