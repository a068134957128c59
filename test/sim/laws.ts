/**
 * What must hold on the segment: after every event, and once it is healed and settled (HOUSE.md: one master, the
 * right one; the virtual addresses exactly on it). A broken law throws LawBroken.
 */
import { releaseBoundMs } from '../../src/vrrp/timing.ts';
import { FAULT_PROBE_INTERVAL_MS } from '../../src/vrrp/transition.ts';
import type { Network } from './network.ts';
import type { SimulatedRouter } from './simulated-router.ts';

/** An address that was taken away or refused is back within this: retries every 50 ms, three of them. */
const RESTORE_BOUND_MS = 260;
/** A refused removal is tried again within this (REMOVAL_RETRY_MS, and FAULT's own interval). */
const REMOVAL_BOUND_MS = FAULT_PROBE_INTERVAL_MS + 1;

export class LawBroken extends Error {
  override readonly name = 'LawBroken';
}

export interface Bounds {
  /** The longest advert interval anybody ever has in this run. */
  readonly intervalMaxMs: number;
  /** Delays that the configuration asks for: preempt_delay. */
  readonly delayMaxMs: number;
}

export class Laws {
  readonly #network: Network;
  readonly #bounds: Bounds;
  readonly #missingSinceMs = new Map<SimulatedRouter, number>();

  constructor(network: Network, bounds: Bounds) {
    this.#network = network;
    this.#bounds = bounds;
    network.onEvent = (router) => this.#afterEvent(router);
    network.onAdvert = (router, priority) => this.#beforeAdvert(router, priority);
  }

  /** Only a master speaks; one that has just ceased to be one may still say so. */
  #beforeAdvert(router: SimulatedRouter, priority: number): void {
    const { state, toldState } = router;
    if (router.instance === undefined) throw this.#broken(router, 'a closed router sends');
    const was = toldState === 'MASTER';
    const allowed = priority === 0 ? was || state === 'MASTER' : state === 'MASTER';
    if (!allowed) throw this.#broken(router, `${state} sends an advert with priority ${priority}`);
    if (router.isStopping && priority !== 0) {
      throw this.#broken(router, `claims priority ${priority} after it resigned`);
    }
  }

  #afterEvent(router: SimulatedRouter): void {
    this.#checkAddresses(router);
    this.#checkTimer(router);
  }

  #checkAddresses(router: SimulatedRouter): void {
    const { state, held, config, isStopping } = router;
    const { nowMs } = this.#network;
    const wanted = config.virtualAddresses;
    if (state === undefined) {
      if (held.size > 0 && !router.isOrphaned && !this.isExcused(router)) {
        throw this.#broken(router, `released, and holds ${[...held].join(' ')}`);
      }
      return;
    }
    if (state !== 'MASTER') {
      this.#missingSinceMs.delete(router);
      if (held.size > 0 && !this.isExcused(router)) {
        throw this.#broken(router, `${state} holds ${[...held].join(' ')}`);
      }
      return;
    }
    const isComplete =
      held.size === wanted.length && wanted.every(({ address }) => held.has(address.text));
    if (isComplete || isStopping || router.refusesAdditions || this.isExcused(router)) {
      this.#missingSinceMs.delete(router);
      return;
    }
    const sinceMs = this.#missingSinceMs.get(router) ?? nowMs;
    this.#missingSinceMs.set(router, sinceMs);
    // While the process stands still nobody can put anything back.
    const lateMs = Math.max(sinceMs, router.stalledUntilMs);
    if (nowMs - lateMs > RESTORE_BOUND_MS) {
      throw this.#broken(router, `MASTER without its addresses since ${sinceMs.toFixed(1)} ms`);
    }
  }

  /** The kernel would not let go of an address, or has only just begun to again. */
  isExcused({ refusedAtMs, refusesRemovals }: SimulatedRouter): boolean {
    return refusesRemovals || this.#network.nowMs - refusedAtMs < REMOVAL_BOUND_MS;
  }

  /** A router that waits for something has a timer, and for something near. */
  #checkTimer(router: SimulatedRouter): void {
    const { state, armedMs } = router;
    const { nowMs } = this.#network;
    if (state === undefined) return;
    if (state === 'INIT') {
      if (armedMs !== undefined) throw this.#broken(router, 'INIT with a timer');
      return;
    }
    if (armedMs === undefined) {
      if (state === 'FAULT') return;
      throw this.#broken(router, `${state} without a timer`);
    }
    const aheadMs = armedMs - nowMs;
    if (!(aheadMs <= this.#timerBound(router) + 1e-6)) {
      throw this.#broken(router, `${state} waits ${aheadMs} ms`);
    }
  }

  #timerBound({ state, isStopping, config }: SimulatedRouter): number {
    const { intervalMaxMs, delayMaxMs } = this.#bounds;
    const { advertIntervalMs, version } = config;
    if (state === 'MASTER') {
      return isStopping ? releaseBoundMs(version, advertIntervalMs) : advertIntervalMs;
    }
    if (state === 'FAULT') return FAULT_PROBE_INTERVAL_MS;
    const skewMaxMs = version === 2 ? 1000 : intervalMaxMs;
    return 3 * intervalMaxMs + skewMaxMs + delayMaxMs;
  }

  /** Exactly one master, one that nobody has a right to replace, and it alone has the addresses. */
  checkSettled(): void {
    const masters = this.#network.routers.filter(({ state }) => state === 'MASTER');
    const [master] = masters;
    if (master === undefined || masters.length > 1) {
      throw new LawBroken(`settled with masters [${masters.map(({ name }) => name).join(' ')}]`);
    }
    for (const router of this.#network.routers) {
      if (router.state === undefined) continue;
      if (router.state === 'FAULT') throw this.#broken(router, 'FAULT after everything is healed');
      const { preempt, priority } = router.config;
      if ((preempt || priority === 255) && priority > master.config.priority) {
        throw this.#broken(router, `priority ${priority}, but ${master.name} is master`);
      }
    }
    const held = [...master.held].sort().join(' ');
    const wanted = master.config.virtualAddresses.map(({ address }) => address.text);
    if (held !== wanted.sort().join(' ')) throw this.#broken(master, `master holds [${held}]`);
    const holders = this.#network.holders();
    if (holders.length !== 1) throw new LawBroken(`settled with holders [${holders.join(' ')}]`);
  }

  #broken(router: SimulatedRouter, what: string): LawBroken {
    return new LawBroken(`${router.name} at ${this.#network.nowMs.toFixed(3)} ms: ${what}`);
  }
}
