/** What is told of the table: log lines, each once, and what status and metrics count. */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { ClientRefusal } from './client.ts';
import type { Drain } from './drain.ts';
import { type Failure, Failures } from './failures.ts';
import { logRest } from './operation-log.ts';
import { foreignRefusal } from './reconcile-outcome.ts';
import { type ReconcilerSnapshot, snapshotServices } from './snapshot.ts';
import type { TableView } from './table-view.ts';
import type { ServiceName } from './types.ts';

export class ReconcileReport {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #failures = new Failures();
  #foreign: readonly ServiceName[] = [];
  #isListingMissed = false;
  #lastApplied: ReconcilerSnapshot['lastApplied'];
  #driftRepairs = 0;

  constructor({ log, clock }: { readonly log: Log; readonly clock: Clock }) {
    this.#log = log;
    this.#clock = clock;
  }

  /** The failure that was last, if there was one. */
  get lastFailure(): Failure | undefined {
    return this.#failures.last;
  }

  /** True the first time that this is to be said since the table was right. */
  isNews(what: string): boolean {
    return this.#failures.isNews(what);
  }

  /** A plan was carried out; `changes` of it were sent, `applied` taken, `repairs` undid a change by hand. */
  noteRun(run: {
    readonly changes: number;
    readonly applied: number;
    readonly repairs: number;
  }): void {
    logRest(this.#log, run);
    this.#driftRepairs += run.repairs;
    if (run.applied > 0) {
      this.#lastApplied = { atMs: this.#clock.realtimeMs(), operations: run.applied };
    }
  }

  /**
   * One more failure. What stays wrong is said once. Returns the pause before it is tried again, ms;
   * `isTriedAgain`: that there is a next time.
   */
  noteFailure({ code, detail }: Failure, isTriedAgain: boolean): number {
    const retryInMs = this.#failures.add({ code, detail }, this.#clock.realtimeMs());
    const level = this.isNews(`${code} ${detail}`) ? 'error' : 'debug';
    const fields = { code, detail, failures: this.#failures.consecutive };
    const pause = isTriedAgain ? { retryInMs } : {};
    this.#log[level]({ ...fields, ...pause }, 'table is not as wanted');
    return retryInMs;
  }

  /** The table is as wanted. */
  noteRight(): void {
    const failures = this.#failures.end();
    if (failures > 0) this.#log.info({ failures }, 'table is as wanted again');
  }

  /** Wanted services that are somebody else's, all of them. */
  noteForeign(foreign: readonly ServiceName[]): void {
    const known = new Set(this.#foreign);
    this.#foreign = foreign;
    for (const service of foreign) {
      if (known.has(service)) continue;
      const { code, detail } = foreignRefusal([service]);
      this.#log.warn({ service, code }, detail);
    }
  }

  /** Without the text of the table a change by hand is found later: said once. */
  noteListing(refusal: ClientRefusal | undefined): void {
    if (refusal !== undefined && !this.#isListingMissed) {
      const { code, detail } = refusal;
      this.#log.warn({ code }, `${detail}: changes by hand are found more slowly`);
    }
    this.#isListingMissed = refusal !== undefined;
  }

  snapshot(
    view: TableView,
    owned: ReadonlySet<ServiceName>,
    draining: readonly Drain[],
  ): ReconcilerSnapshot {
    return {
      services: snapshotServices(view, owned),
      draining,
      foreignServices: this.#foreign,
      lastReadAtMs: view.readAtMs,
      roundMs: view.roundMs,
      ...(this.#lastApplied && { lastApplied: this.#lastApplied }),
      driftRepairs: this.#driftRepairs,
      errors: this.#failures.total,
      consecutiveErrors: this.#failures.consecutive,
      ...(this.#failures.last && { lastError: this.#failures.last }),
    };
  }
}
