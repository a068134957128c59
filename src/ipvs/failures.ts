/** What went wrong, how often, when to try again, and whether it was said already. Pure. */
import { backoffMs } from './reconcile-outcome.ts';

export interface Failure {
  readonly code: string;
  readonly detail: string;
}

export class Failures {
  #total = 0;
  #consecutive = 0;
  #last: (Failure & { readonly atMs: number }) | undefined;
  /** Said since the table was right the last time. */
  readonly #told = new Set<string>();

  get total(): number {
    return this.#total;
  }

  /** 0: the table is as wanted. */
  get consecutive(): number {
    return this.#consecutive;
  }

  get last(): (Failure & { readonly atMs: number }) | undefined {
    return this.#last;
  }

  /** One more; ms until the next attempt. `atMs`: wall clock. */
  add({ code, detail }: Failure, atMs: number): number {
    this.#total += 1;
    this.#consecutive += 1;
    this.#last = { code, detail, atMs };
    return backoffMs(this.#consecutive);
  }

  /** True the first time that this is to be said. */
  isNews(what: string): boolean {
    if (this.#told.has(what)) return false;
    this.#told.add(what);
    return true;
  }

  /** The table is right. Returns how many failures that took. */
  end(): number {
    const failures = this.#consecutive;
    this.#consecutive = 0;
    this.#told.clear();
    return failures;
  }
}
