/**
 * Some routers on a bad segment: adverts are lost, late, or cut off; routers stall, crash, lose their link,
 * and are stopped. Everything comes from one seed, so a seed replays exactly. No sockets, no clock.
 */
import { initialState, step } from '../../src/vrrp/fsm.ts';
import type { Event, RouterConfig, State, TimerName } from '../../src/vrrp/machine.ts';

export interface NetworkOptions {
  readonly seed: number;
  readonly configs: readonly RouterConfig[];
  readonly delayMaxMs: number;
}

interface Router {
  readonly config: RouterConfig;
  state: State;
  /** The kernel's view: outlives a crashed process, not a crashed machine. */
  hasAddresses: boolean;
  isRunning: boolean;
  stalledUntilMs: number;
  readonly socket: Event[];
}

interface Delivery {
  readonly atMs: number;
  readonly to: Router;
  readonly event: Event;
}

/** mulberry32: small, seedable, good enough to shake a protocol. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export class Network {
  readonly random: () => number;
  readonly #routers: readonly Router[];
  readonly #delayMaxMs: number;
  readonly #cut = new Set<string>();
  #inFlight: Delivery[] = [];
  #loss = 0;
  #nowMs = 0;
  /** Called after every event: where the laws are checked. */
  onEvent: (nowMs: number) => void = () => {};

  constructor({ seed, configs, delayMaxMs }: NetworkOptions) {
    this.random = seededRandom(seed);
    this.#delayMaxMs = delayMaxMs;
    this.#routers = configs.map((config) => ({
      config,
      state: initialState(config),
      hasAddresses: false,
      isRunning: false,
      stalledUntilMs: 0,
      socket: [],
    }));
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  masters(): readonly number[] {
    return this.#indexes(({ isRunning, state }) => isRunning && state.name === 'MASTER');
  }

  holders(): readonly number[] {
    return this.#indexes(({ hasAddresses }) => hasAddresses);
  }

  isIdle(index: number): boolean {
    return !this.#at(index).isRunning;
  }

  start(index: number, resumeAsMaster = false): void {
    const router = this.#at(index);
    if (router.isRunning) return;
    router.isRunning = true;
    router.state = initialState(router.config);
    this.#feed(router, { kind: 'started', isLinkUp: true, resumeAsMaster });
  }

  /** An orderly stop: runs until the machine says released. */
  stop(index: number): void {
    const router = this.#at(index);
    if (router.isRunning) this.#feed(router, { kind: 'stopped' });
  }

  /** The machine loses power: no goodbye, and nothing left in its kernel. */
  crash(index: number): void {
    const router = this.#at(index);
    router.isRunning = false;
    router.hasAddresses = false;
    router.socket.length = 0;
  }

  link(index: number, isUp: boolean): void {
    const router = this.#at(index);
    if (router.isRunning) this.#feed(router, { kind: 'linkChanged', isUp });
  }

  /** Neither timers nor datagrams are looked at for a while; then the socket first, as the driver does. */
  stall(index: number, ms: number): void {
    this.#at(index).stalledUntilMs = this.#nowMs + ms;
  }

  /** From one to the other only: partitions need not be symmetric. */
  cut(from: number, to: number): void {
    this.#cut.add(`${from}>${to}`);
  }

  setLoss(loss: number): void {
    this.#loss = loss;
  }

  heal(): void {
    this.#cut.clear();
    this.#loss = 0;
    for (const router of this.#routers) router.stalledUntilMs = this.#nowMs;
    for (const index of this.#routers.keys()) {
      this.link(index, true);
      this.start(index);
    }
  }

  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      const nextMs = this.#nextMs();
      if (nextMs > untilMs) break;
      this.#nowMs = Math.max(this.#nowMs, nextMs);
      this.#deliver();
      for (const router of this.#routers) this.#wake(router);
    }
    this.#nowMs = untilMs;
  }

  #nextMs(): number {
    const arrivals = this.#inFlight.map(({ atMs }) => atMs);
    const wakes = this.#routers.flatMap((router) => {
      if (!router.isRunning) return [];
      const deadlines = Object.values(router.state.timers);
      const waiting = router.socket.length > 0 ? [router.stalledUntilMs] : [];
      return [...deadlines, ...waiting].map((ms) => Math.max(ms, router.stalledUntilMs));
    });
    return Math.min(...arrivals, ...wakes);
  }

  #deliver(): void {
    const due = this.#inFlight.filter(({ atMs }) => atMs <= this.#nowMs);
    this.#inFlight = this.#inFlight.filter(({ atMs }) => atMs > this.#nowMs);
    for (const { to, event } of due) if (to.isRunning) to.socket.push(event);
  }

  #wake(router: Router): void {
    if (this.#nowMs < router.stalledUntilMs) return;
    for (let next = router.socket.shift(); next !== undefined; next = router.socket.shift()) {
      if (router.isRunning && router.state.isLinkUp) this.#feed(router, next);
    }
    for (;;) {
      const armed = Object.entries(router.state.timers) as [TimerName, number][];
      const [due] = armed.sort(([, a], [, b]) => a - b);
      if (!router.isRunning || due === undefined || due[1] > this.#nowMs) return;
      this.#feed(router, { kind: 'timerFired', timer: due[0], deadlineMs: due[1] });
    }
  }

  #feed(router: Router, event: Event): void {
    const { state, actions } = step(router.config, router.state, event, this.#nowMs);
    router.state = state;
    for (const action of actions) {
      if (action.kind === 'sendAdvert') this.#send(router, action.priority);
      if (action.kind === 'addAddresses') router.hasAddresses = true;
      if (action.kind === 'removeAddresses') router.hasAddresses = false;
      if (action.kind === 'released') router.isRunning = false;
    }
    this.onEvent(this.#nowMs);
  }

  #send(from: Router, priority: number): void {
    const { primaryAddress: source, advertIntervalMs } = from.config;
    for (const [index, to] of this.#routers.entries()) {
      const isCut = this.#cut.has(`${this.#routers.indexOf(from)}>${index}`);
      const isLost = this.random() < this.#loss;
      const delayMs = this.random() * this.#delayMaxMs;
      if (to === from || isCut || isLost || !from.state.isLinkUp) continue;
      const event: Event = { kind: 'advertReceived', source, priority, advertIntervalMs };
      this.#inFlight.push({ atMs: this.#nowMs + delayMs, to, event });
    }
  }

  #indexes(predicate: (router: Router) => boolean): readonly number[] {
    return [...this.#routers.keys()].filter((index) => predicate(this.#at(index)));
  }

  #at(index: number): Router {
    const router = this.#routers[index];
    if (router === undefined) throw new Error(`No router ${index}`);
    return router;
  }
}
