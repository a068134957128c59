/**
 * The order of an object's notify scripts: the next one starts when the one before has ended. All run,
 * also those that a later state has overtaken, as with keepalived; beyond a bound the oldest that waits is
 * left out, and counted. Pure.
 */

/** A flapping instance fills this in minutes; what waits longer tells nobody anything. */
export const QUEUE_MAX = 32;

export class NotifyQueue<Job> {
  readonly #waiting: Job[] = [];
  readonly #limit: number;
  #isRunning = false;
  #dropped = 0;

  constructor(limit = QUEUE_MAX) {
    this.#limit = limit;
  }

  /** Waiting, not the one that runs. */
  get length(): number {
    return this.#waiting.length;
  }

  get dropped(): number {
    return this.#dropped;
  }

  get isIdle(): boolean {
    return !this.#isRunning && this.#waiting.length === 0;
  }

  /** The job that was left out for it, if any. */
  push(job: Job): Job | undefined {
    this.#waiting.push(job);
    if (this.#waiting.length <= this.#limit) return undefined;
    this.#dropped += 1;
    return this.#waiting.shift();
  }

  /** The job to start now; undefined while one runs, or when none waits. */
  next(): Job | undefined {
    if (this.#isRunning) return undefined;
    const job = this.#waiting.shift();
    this.#isRunning = job !== undefined;
    return job;
  }

  /** The job that ran has ended. */
  ended(): void {
    this.#isRunning = false;
  }
}
