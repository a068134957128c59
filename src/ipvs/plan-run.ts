/**
 * A plan on its way into the kernel, slice by slice: every prefix of a plan leaves each service its
 * servers (plan.ts), so that the others of this process can have their turn in between. Pure: the
 * reconciler performs the slices and says what came of them.
 */
import { serviceName } from '../config/names.ts';
import type { OperationOutcome } from './client.ts';
import type { OpenServices } from './goals.ts';
import { type Operation, operationKey, type Planner } from './plan.ts';
import type { Service, ServiceName, Table } from './types.ts';

/** The plan was made from a table that is not so any more. */
const STALE: ReadonlySet<string> = new Set(['EEXIST', 'ENOENT', 'ESRCH', 'ENOBUFS']);

export interface PlanRunInput {
  /** What the plan is made for. */
  readonly desired: Table;
  readonly open: OpenServices;
  /** What makes the plan; and what is made of it once it is there. */
  readonly planner: Planner;
  readonly arrange: (plan: readonly Operation[]) => Iterable<Operation>;
  /** Of one service: what puts back what somebody else changed, by operationKey. */
  readonly driftOf: (service: ServiceName) => ReadonlySet<string>;
  /** Of a second plan: what was done by the first, which was stale. */
  readonly earlier?: readonly OperationOutcome[] | undefined;
}

export class PlanRun {
  readonly desired: Table;
  readonly open: OpenServices;
  readonly isSecond: boolean;
  /** Until the plan is made. */
  #planner: Planner | undefined;
  readonly #arrange: PlanRunInput['arrange'];
  #creations: readonly ServiceName[] = [];
  /** The rest of the plan, and its first. */
  #rest: Iterator<Operation> | undefined;
  #next: Operation | undefined;
  /** What is still to be done, after all was tried. */
  verification: Planner | undefined;
  readonly #driftOf: PlanRunInput['driftOf'];
  /** Of the services that were asked about. */
  readonly #drift = new Map<ServiceName, ReadonlySet<string>>();
  /** The last service that was asked about: nearly always the next one is the same. */
  #named: { readonly service: Service; readonly name: ServiceName } | undefined;
  readonly #outcomes: OperationOutcome[];
  readonly #touched = new Set<ServiceName>();
  /** What has to be read again, when all is done: servers, and which services there are. */
  readonly #unread = new Set<ServiceName>();
  #isListUnread = false;
  /** Services that the kernel refused, or that could not be made ours. */
  readonly #refused = new Set<ServiceName>();
  #isBegun = false;
  #repairs = 0;

  constructor({ desired, open, planner, arrange, driftOf, earlier }: PlanRunInput) {
    this.desired = desired;
    this.open = open;
    this.isSecond = earlier !== undefined;
    this.#planner = planner;
    this.#arrange = arrange;
    this.#driftOf = driftOf;
    this.#outcomes = [...(earlier ?? [])];
  }

  get isPlanned(): boolean {
    return this.#planner === undefined;
  }

  /** Plans on for about so many servers. */
  plan(servers: number): void {
    const planner = this.#planner;
    if (planner === undefined) return;
    for (let count = 0; !planner.isDone && count < servers; count += 1) count += planner.planNext();
    if (!planner.isDone) return;
    this.#planner = undefined;
    const plan = planner.operations;
    const makings = plan.filter(({ kind }) => kind === 'addService');
    this.#creations = makings.map(({ service }) => serviceName(service));
    this.#rest = this.#arrange(plan)[Symbol.iterator]();
    this.#step();
  }

  get isBegun(): boolean {
    return this.#isBegun;
  }

  /** Of a run that is planned. */
  get isDone(): boolean {
    return this.#next === undefined;
  }

  /** Services that it makes. */
  get creations(): readonly ServiceName[] {
    return this.#creations;
  }

  /** In order; of operations that are not done any more none. */
  get outcomes(): readonly OperationOutcome[] {
    return this.#outcomes;
  }

  get applied(): readonly Operation[] {
    return this.#outcomes.filter(({ ok }) => ok).map(({ operation }) => operation);
  }

  /** Services that something was done to, or tried. */
  get touched(): ReadonlySet<ServiceName> {
    return this.#touched;
  }

  /** Done operations that put back what somebody else changed. */
  get repairs(): number {
    return this.#repairs;
  }

  /** Whether the table was not what the plan was made from. */
  get isStale(): boolean {
    return this.#outcomes.some((outcome) => !outcome.ok && STALE.has(outcome.code));
  }

  /** Whether it did this, as far as the kernel said. */
  hasDone(operation: Operation): boolean {
    const key = operationKey(operation);
    return this.#outcomes.some((outcome) => outcome.ok && operationKey(outcome.operation) === key);
  }

  isDrift(operation: Operation): boolean {
    const name = this.#nameOf(operation);
    const drift = this.#drift.get(name) ?? this.#driftOf(name);
    this.#drift.set(name, drift);
    return drift.size > 0 && drift.has(operationKey(operation));
  }

  #nameOf({ service }: Operation): ServiceName {
    if (this.#named?.service !== service) this.#named = { service, name: serviceName(service) };
    return this.#named.name;
  }

  /**
   * The next operations: services to make, or other things. Servers of a service that was refused
   * are left out: they might land in somebody else's service.
   */
  next(count: number): readonly Operation[] {
    this.#isBegun = true;
    const isCreation = this.#next?.kind === 'addService';
    const slice: Operation[] = [];
    while (this.#next !== undefined && slice.length < count) {
      const operation = this.#next;
      if ((operation.kind === 'addService') !== isCreation) break;
      this.#step();
      const isRefused = this.#refused.size > 0 && this.#refused.has(this.#nameOf(operation));
      if (!isRefused) slice.push(operation);
    }
    return slice;
  }

  #step(): void {
    const step = this.#rest?.next();
    this.#next = step?.done === false ? step.value : undefined;
  }

  /** Services that were touched and not read since, until they are taken. */
  takeUnread(): ServiceName | undefined {
    const [name] = this.#unread;
    if (name !== undefined) this.#unread.delete(name);
    return name;
  }

  /** Whether services came or went, or were not as was thought, since this was asked. */
  takeListUnread(): boolean {
    const isUnread = this.#isListUnread;
    this.#isListUnread = false;
    return isUnread;
  }

  /** What came of a slice. Returns the services that were not made. */
  record(outcomes: readonly OperationOutcome[]): ReadonlySet<ServiceName> {
    const refused = new Set<ServiceName>();
    for (const outcome of outcomes) {
      const { operation } = outcome;
      const name = this.#nameOf(operation);
      this.#outcomes.push(outcome);
      this.#touched.add(name);
      if ('destination' in operation) this.#unread.add(name);
      if (!('destination' in operation) || !outcome.ok) this.#isListUnread = true;
      if (outcome.ok && this.isDrift(operation)) this.#repairs += 1;
      if (!outcome.ok && operation.kind === 'addService') refused.add(name);
    }
    for (const name of refused) this.#refused.add(name);
    return refused;
  }
}
