/**
 * What the kernel refused, until it is tried again with a growing pause. Everything else is looked at and put
 * right meanwhile as if nothing had happened: one entry that cannot be must not be paid for by the others.
 * Pure.
 */
import { serviceName } from '../config/names.ts';
import { type Operation, operationKey } from './plan.ts';
import type { ServiceName } from './types.ts';

export class HeldOperations {
  /** Monotonic ms of the next attempt, by what is to be done. */
  #untilMs: ReadonlyMap<string, number> = new Map();
  /** Services that could not be made, and so none of their servers. */
  #services: ReadonlyMap<ServiceName, string> = new Map();

  get isEmpty(): boolean {
    return this.#untilMs.size === 0;
  }

  /** When the next of them is to be tried; undefined when there are none. */
  get nextMs(): number | undefined {
    return this.isEmpty ? undefined : Math.min(...this.#untilMs.values());
  }

  /** Those of a plan that may be done at `nowMs`, in its order. */
  free(plan: readonly Operation[], nowMs: number): readonly Operation[] {
    if (this.isEmpty) return plan;
    return plan.filter((operation) => !this.#isHeld(operation, nowMs));
  }

  /** All of them may be tried. */
  release(): void {
    this.#untilMs = new Map();
    this.#services = new Map();
  }

  /**
   * Holds these and no others, each until its time where it has one after `nowMs`, and the rest until
   * `untilMs`.
   */
  hold(operations: readonly Operation[], nowMs: number, untilMs: number): void {
    const makings = operations.filter(({ kind }) => kind === 'addService');
    const unmade = new Map(makings.map((each) => [serviceName(each.service), contentOf(each)]));
    const until = new Map<string, number>();
    for (const operation of operations) {
      if (operation.kind === 'addServer' && unmade.has(serviceName(operation.service))) continue;
      const content = contentOf(operation);
      const beforeMs = this.#untilMs.get(content);
      until.set(content, beforeMs !== undefined && beforeMs > nowMs ? beforeMs : untilMs);
    }
    this.#untilMs = until;
    this.#services = unmade;
  }

  #isHeld(operation: Operation, nowMs: number): boolean {
    const making =
      operation.kind === 'addServer' && this.#services.get(serviceName(operation.service));
    const content = typeof making === 'string' ? making : contentOf(operation);
    return (this.#untilMs.get(content) ?? Number.NEGATIVE_INFINITY) > nowMs;
  }
}

/** What is done to whom, and why: another wish, or another state of the kernel, is another operation. */
function contentOf(operation: Operation): string {
  const { destinations: _, ...settings } = operation.service;
  const what = 'destination' in operation ? operation.destination : settings;
  return `${operationKey(operation)} ${operation.reason} ${JSON.stringify(what)}`;
}
