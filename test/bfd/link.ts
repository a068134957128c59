/** Two sessions of ours over a link that loses, delays and duplicates, in a time of their own; by a seed. */
import { type ControlPacket, decodePacket, encodePacket } from '../../src/bfd/packet.ts';
import {
  deadlineOf,
  openSession,
  type Session,
  type SessionConfig,
  type SessionEvent,
  step,
} from '../../src/bfd/session.ts';
import type { Dice } from '../sim/random.ts';

export interface LinkQuality {
  /** 0 to 1. */
  readonly loss: number;
  readonly duplicates: number;
  readonly delayMaxMs: number;
}

export type Side = 0 | 1;

/** A change of state: when, whose, to what. */
export interface Change {
  readonly atMs: number;
  readonly side: Side;
  readonly to: string;
}

interface Flight {
  readonly atMs: number;
  readonly to: Side;
  readonly bytes: Uint8Array;
}

export class Link {
  nowMs = 0;
  quality: LinkQuality;
  readonly changes: Change[] = [];
  readonly #random: Dice;
  readonly #sessions: [Session, Session];
  #flights: Flight[] = [];
  #steps = 0;
  #cutTo: Side | undefined;

  constructor(
    random: Dice,
    configs: readonly [SessionConfig, SessionConfig],
    quality: LinkQuality,
  ) {
    this.#random = random;
    this.quality = quality;
    const open = (config: SessionConfig, discriminator: number): Session =>
      openSession(config, discriminator, { nowMs: 0, chance: random.next() });
    this.#sessions = [open(configs[0], 1), open(configs[1], 2)];
  }

  session(side: Side): Session {
    return this.#sessions[side];
  }

  configure(side: Side, config: SessionConfig): void {
    this.#do(side, { kind: 'configured', config });
  }

  /** From now on nothing arrives at `side`. */
  cutTowards(side: Side): void {
    this.#cutTo = side;
  }

  /** Runs for `forMs`; throws when time does not pass any more. */
  run(forMs: number): void {
    const untilMs = this.nowMs + forMs;
    for (;;) {
      const next = this.#next();
      if (next === undefined || next.atMs > untilMs) break;
      this.#steps = next.atMs > this.nowMs ? 0 : this.#steps + 1;
      if (this.#steps > 1_000) throw new Error(`Time stands still at ${this.nowMs} ms`);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.run();
    }
    this.nowMs = untilMs;
  }

  #next(): { readonly atMs: number; readonly run: () => void } | undefined {
    const [flight] = [...this.#flights].sort((a, b) => a.atMs - b.atMs);
    const timers = ([0, 1] as const).flatMap((side) => {
      const atMs = deadlineOf(this.#sessions[side]);
      return atMs === undefined ? [] : [{ atMs, run: () => this.#do(side, { kind: 'timer' }) }];
    });
    const arrivals = flight === undefined ? [] : [this.#arrival(flight)];
    // What arrives when a timer fires is read first.
    return [...arrivals, ...timers].sort((a, b) => a.atMs - b.atMs)[0];
  }

  #arrival(flight: Flight): { readonly atMs: number; readonly run: () => void } {
    return {
      atMs: flight.atMs,
      run: () => {
        this.#flights = this.#flights.filter((each) => each !== flight);
        const decoded = decodePacket(flight.bytes);
        if (!decoded.ok) throw new Error(`We sent what we refuse: ${decoded.code}`);
        const { packet } = decoded;
        const wanted = this.#sessions[flight.to].discriminator;
        if (packet.yourDiscriminator !== 0 && packet.yourDiscriminator !== wanted) {
          throw new Error(`A discriminator of nobody: ${packet.yourDiscriminator}`);
        }
        this.#do(flight.to, { kind: 'packet', packet, receivedMs: this.nowMs });
      },
    };
  }

  #do(side: Side, event: SessionEvent): void {
    const at = { nowMs: this.nowMs, chance: this.#random.next() };
    const { session, actions } = step(this.#sessions[side], event, at);
    this.#sessions[side] = session;
    for (const action of actions) {
      if (action.kind === 'send') this.#send(side === 0 ? 1 : 0, action.packet);
      else this.changes.push({ atMs: this.nowMs, side, to: action.to });
    }
  }

  #send(to: Side, packet: ControlPacket): void {
    const { loss, duplicates, delayMaxMs } = this.quality;
    const copies = this.#random.next() < duplicates ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      if (this.#random.next() < loss || to === this.#cutTo) continue;
      const atMs = this.nowMs + this.#random.next() * delayMaxMs;
      this.#flights.push({ atMs, to, bytes: encodePacket(packet) });
    }
  }
}
