/** What one instance counts, and what it logs once: what repeats in a state is counted, not logged. */
import type { Log } from '../base/log.ts';
import type { VrrpState } from './machine.ts';

export class Journal {
  readonly counters = new Map<string, number>();
  readonly #log: Log;
  readonly #where: () => { readonly instance: string; readonly state: VrrpState };
  readonly #logged = new Set<string>();

  constructor(log: Log, where: () => { readonly instance: string; readonly state: VrrpState }) {
    this.#log = log;
    this.#where = where;
  }

  count(name: string): void {
    this.counters.set(name, (this.counters.get(name) ?? 0) + 1);
  }

  /** At most once per name and state. */
  logOnce(name: string, fields: Readonly<Record<string, string>>, message: string): void {
    if (this.#logged.has(name)) return;
    this.#logged.add(name);
    const { instance, state } = this.#where();
    this.#log.warn({ instance, code: name, state, ...fields }, message);
  }

  /** Another state: everything may be said once more. */
  beginState(): void {
    this.#logged.clear();
  }
}
