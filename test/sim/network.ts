/**
 * The segment between simulated routers: adverts are lost, late, doubled, damaged or cut off. All chance
 * comes from one seed and all time from `advance`, so a seed replays exactly.
 */
import { isSameAddress } from '../../src/base/address.ts';
import type { RouterConfig } from '../../src/vrrp/machine.ts';
import { type AdvertDatagram, advertDatagrams, type OwnAdvert } from '../../src/vrrp/own-advert.ts';
import { isMulticast } from '../../src/vrrp/packet.ts';
import type { ReceivedAdvert } from '../../src/vrrp/ports.ts';
import { Dice } from './random.ts';
import { SimulatedRouter, type Surroundings } from './simulated-router.ts';

export interface NetworkOptions {
  readonly seed: number;
  readonly configs: readonly RouterConfig[];
  readonly delayMaxMs: number;
}

/** What goes wrong between the routers. */
export type WireFault =
  | { readonly kind: 'loss' | 'duplicate' | 'corrupt'; readonly rate: number }
  /** One direction only: partitions need not be symmetric. */
  | { readonly kind: 'cut'; readonly from: number; readonly to: number }
  | { readonly kind: 'uncut' };

interface Appointment {
  readonly atMs: number;
  readonly run: () => void;
}

export class Network {
  readonly dice: Dice;
  readonly routers: readonly SimulatedRouter[];
  lossRate = 0;
  duplicateRate = 0;
  corruptRate = 0;
  /** Called after every event: where the laws are checked. */
  onEvent: (router: SimulatedRouter) => void = () => {};
  onAdvert: (router: SimulatedRouter, priority: number) => void = () => {};
  /** A readable transcript, when somebody wants one. */
  transcript: string[] | undefined;
  readonly #delayMaxMs: number;
  readonly #cut = new Set<number>();
  #agenda: Appointment[] = [];
  #agendaMs = Number.POSITIVE_INFINITY;
  #nowMs = 0;

  constructor({ seed, configs, delayMaxMs }: NetworkOptions) {
    this.dice = new Dice(seed);
    this.#delayMaxMs = delayMaxMs;
    const surroundings: Surroundings = {
      nowMs: () => this.#nowMs,
      transmit: (from, advert, sequence) => this.#transmit(from, advert, sequence),
      note: (router, what) => this.note(router, what),
      onAdvert: (router, priority) => this.onAdvert(router, priority),
      later: (ms, run) => this.later(ms, run),
    };
    this.routers = configs.map((config, index) => new SimulatedRouter(index, config, surroundings));
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  at(index: number): SimulatedRouter {
    const router = this.routers[index];
    if (router === undefined) throw new Error(`No router ${index}`);
    return router;
  }

  masters(): readonly number[] {
    return this.routers.filter(({ state }) => state === 'MASTER').map(({ index }) => index);
  }

  holders(): readonly number[] {
    return this.routers.filter(({ held }) => held.size > 0).map(({ index }) => index);
  }

  /** Does something to a router's process: as soon as it is not stalled, and only if it still lives. */
  touch(index: number, what: string, run: (router: SimulatedRouter) => void): void {
    const router = this.at(index);
    const { instance } = router;
    if (instance === undefined) return;
    const attempt = (): void => {
      if (router.instance !== instance) return;
      if (router.isStalled(this.#nowMs)) {
        this.later(router.stalledUntilMs - this.#nowMs, attempt);
        return;
      }
      this.note(router, what);
      run(router);
      this.onEvent(router);
    };
    attempt();
  }

  boot(index: number, resumeAsMaster = false): void {
    const router = this.at(index);
    if (router.instance !== undefined) return;
    this.note(router, resumeAsMaster ? 'starts, resumes' : 'starts');
    router.boot(resumeAsMaster);
    this.onEvent(router);
  }

  crash(index: number): void {
    const router = this.at(index);
    router.stalledUntilMs = this.#nowMs;
    this.note(router, 'loses power');
    router.crash();
  }

  setLink(index: number, isUp: boolean): void {
    const router = this.at(index);
    if (router.isLinkUp === isUp) return;
    router.isLinkUp = isUp;
    if (!isUp) router.socket.length = 0;
    // A process that stood still in between reads what is true when it looks.
    this.touch(index, isUp ? 'link up' : 'link down', ({ instance, isLinkUp }) => {
      instance?.linkChanged(isLinkUp);
    });
  }

  /** Neither timers nor datagrams are looked at for a while. */
  stall(index: number, ms: number): void {
    const router = this.at(index);
    this.note(router, `stalls for ${ms.toFixed(1)} ms`);
    router.stalledUntilMs = Math.max(router.stalledUntilMs, this.#nowMs + ms);
  }

  disturb(fault: WireFault): void {
    switch (fault.kind) {
      case 'loss':
        this.lossRate = fault.rate;
        return;
      case 'duplicate':
        this.duplicateRate = fault.rate;
        return;
      case 'corrupt':
        this.corruptRate = fault.rate;
        return;
      case 'cut':
        this.#cut.add(fault.from * 256 + fault.to);
        return;
      case 'uncut':
        this.#cut.clear();
    }
  }

  /** The wire is whole again. */
  repair(): void {
    this.#cut.clear();
    this.lossRate = 0;
    this.duplicateRate = 0;
    this.corruptRate = 0;
  }

  later(ms: number, run: () => void): void {
    const atMs = this.#nowMs + ms;
    this.#agenda.push({ atMs, run });
    if (atMs < this.#agendaMs) this.#agendaMs = atMs;
  }

  /** A datagram that no router of ours sent. */
  inject(to: number, datagram: ReceivedAdvert): void {
    const router = this.at(to);
    this.note(router, `is sent ${datagram.payload.length} foreign bytes`);
    router.arrive(datagram);
  }

  /** A line in the transcript; a router that says the same again and again is folded into one. */
  note(router: SimulatedRouter, what: string): void {
    if (this.transcript === undefined) return;
    const line = `${router.name}  ${what}`;
    const at = this.#nowMs.toFixed(3).padStart(12);
    const last = this.transcript.at(-1) ?? '';
    const again = /^(\s*[\d.]+) {2}(.*?)(?: … [\d.]+ \((\d+) times\))?$/.exec(last);
    if (what.startsWith('sends') && again?.[2] === line) {
      const times = Number(again[3] ?? 1) + 1;
      const folded = `${again[1]}  ${line} … ${this.#nowMs.toFixed(3)} (${times} times)`;
      this.transcript[this.transcript.length - 1] = folded;
    } else {
      this.transcript.push(`${at}  ${line}`);
    }
  }

  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      const nextMs = this.#nextMs();
      if (nextMs > untilMs) break;
      if (nextMs > this.#nowMs) this.#nowMs = nextMs;
      this.#keepAppointments();
      for (const router of this.routers) this.#wake(router);
    }
    this.#nowMs = untilMs;
  }

  #nextMs(): number {
    let nextMs = this.#agendaMs;
    for (const { instance, armedMs, socket, stalledUntilMs } of this.routers) {
      if (instance === undefined) continue;
      const dueMs = socket.length > 0 ? this.#nowMs : (armedMs ?? Number.POSITIVE_INFINITY);
      const atMs = Math.max(dueMs, stalledUntilMs);
      if (atMs < nextMs) nextMs = atMs;
    }
    return nextMs;
  }

  #keepAppointments(): void {
    if (this.#agendaMs > this.#nowMs) return;
    const due = this.#agenda
      .filter(({ atMs }) => atMs <= this.#nowMs)
      .sort((left, right) => left.atMs - right.atMs);
    this.#agenda = this.#agenda.filter(({ atMs }) => atMs > this.#nowMs);
    this.#agendaMs = Number.POSITIVE_INFINITY;
    for (const { atMs } of this.#agenda) if (atMs < this.#agendaMs) this.#agendaMs = atMs;
    for (const { run } of due) run();
  }

  #wake(router: SimulatedRouter): void {
    const { instance, armedMs, socket } = router;
    if (instance === undefined || router.isStalled(this.#nowMs)) return;
    const isTimerDue = armedMs !== undefined && armedMs <= this.#nowMs;
    if (!isTimerDue && socket.length === 0) return;
    // After a stall the timer may well come first (libuv): the instance must drain by itself.
    router.wake(!isTimerDue || this.dice.chance(0.5));
    this.onEvent(router);
  }

  /** To every router on the same segment: that has the interface of the same name. */
  #transmit(from: SimulatedRouter, advert: OwnAdvert, sequence: bigint | undefined): boolean {
    if (!from.isLinkUp) return false;
    this.note(from, `sends prio ${advert.priority}`);
    for (const datagram of advertDatagrams(advert, sequence)) {
      const toGroup = isMulticast(datagram.destination);
      for (const to of this.routers) {
        const { primaryAddress } = to.config;
        if (to.config.interface !== from.config.interface) continue;
        if (to === from || this.#cut.has(from.index * 256 + to.index)) continue;
        if (!toGroup && !isSameAddress(datagram.destination, primaryAddress)) continue;
        if (this.lossRate > 0 && this.dice.chance(this.lossRate)) continue;
        this.#carry(from, to, datagram);
        if (this.duplicateRate > 0 && this.dice.chance(this.duplicateRate)) {
          this.#carry(from, to, datagram);
        }
      }
    }
    return true;
  }

  #carry(from: SimulatedRouter, to: SimulatedRouter, datagram: AdvertDatagram): void {
    const { payload, destination } = datagram;
    const isDamaged = this.corruptRate > 0 && this.dice.chance(this.corruptRate);
    const received: ReceivedAdvert = {
      payload: isDamaged ? this.#damaged(payload) : payload,
      source: from.config.primaryAddress,
      destination,
      ttl: 255,
    };
    const instance = to.instance;
    this.later(this.dice.next() * this.#delayMaxMs, () => {
      if (to.instance === instance) to.arrive(received);
    });
  }

  /** One bit off, or cut short: what a checksum and a length check must see. */
  #damaged(payload: Uint8Array): Uint8Array {
    if (this.dice.chance(0.3)) return payload.slice(0, this.dice.index(payload.length));
    const damaged = payload.slice();
    const bit = this.dice.index(payload.length * 8);
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    return damaged;
  }
}
