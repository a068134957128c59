/**
 * The deadlines of one instance on one timer, and when they are believed: after a stall the timer runs before
 * the datagrams that arrived meanwhile, so these are heard first. They may move the deadline; only one that is
 * still due is told.
 */
import type { Clock } from '../base/clock.ts';
import type { TimerName } from './machine.ts';
import type { AdvertTransport, DeadlineTimerPort, InstancePorts } from './ports.ts';

/** Timers believed in one expiry; more than that at one moment is a defect of the machine. */
const TIMERS_PER_EXPIRY_MAX = 16;

export interface Due {
  readonly timer: TimerName;
  readonly deadlineMs: number;
}

export interface NearDeadline {
  /** Once. */
  prepare(due: Due): void;
  /** Again and again, until it comes or is put off. */
  wait(): void;
}

export class Expiry {
  readonly #clock: Clock;
  readonly #transport: AdvertTransport;
  readonly #timer: DeadlineTimerPort;
  readonly #onDue: (due: Due) => void;
  readonly #near: NearDeadline;
  readonly #deadlines = new Map<TimerName, number>();
  #armedMs: number | undefined;
  #isSettling = false;
  #isClosed = false;

  /**
   * `onDue` hears each deadline once, in their order; it may set others. `near` hears shortly before of one
   * that must be punctual, which may still be put off.
   */
  constructor(ports: InstancePorts, onDue: (due: Due) => void, near: NearDeadline) {
    this.#clock = ports.clock;
    this.#transport = ports.transport;
    this.#onDue = onDue;
    this.#near = near;
    this.#timer = ports.newTimer(() => this.#expire(), {
      onApproach: () => this.#approach(),
      onWait: () => {
        this.#transport.drain();
        this.#near.wait();
      },
    });
  }

  /** Counts from the next `arm` on. */
  set(timer: TimerName, deadlineMs: number): void {
    this.#deadlines.set(timer, deadlineMs);
  }

  clear(timer: TimerName): void {
    this.#deadlines.delete(timer);
  }

  /** Puts the timer to the earliest deadline. */
  arm(): void {
    // While settling the timer has expired already and need not again.
    if (this.#isClosed || this.#isSettling) return;
    const earliest = this.#earliest();
    if (earliest?.deadlineMs === this.#armedMs) return;
    this.#armedMs = earliest?.deadlineMs;
    if (earliest === undefined) this.#timer.disarm();
    else this.#timer.arm(earliest.deadlineMs, earliest.timer === 'masterDown');
  }

  close(): void {
    this.#isClosed = true;
    this.#timer.close();
  }

  #expire(): void {
    if (this.#isClosed) return;
    this.#armedMs = undefined;
    const transport = this.#transport;
    transport.drain();
    if (transport.settle === undefined) {
      this.#believe();
    } else if (!this.#isSettling) {
      this.#isSettling = true;
      transport.settle(() => {
        this.#isSettling = false;
        this.#believe();
      });
    }
  }

  #believe(): void {
    if (this.#isClosed) return;
    for (let fired = 0; ; fired += 1) {
      const due = this.#earliest();
      if (due === undefined || due.deadlineMs > this.#clock.monotonicMs()) break;
      if (fired === TIMERS_PER_EXPIRY_MAX) throw new Error(`The timer ${due.timer} fires for ever`);
      this.#deadlines.delete(due.timer);
      this.#onDue(due);
    }
    this.arm();
  }

  /** A takeover is near: what has arrived may put it off, and then nobody waits for it awake. */
  #approach(): void {
    if (this.#isClosed) return;
    const approachedMs = this.#armedMs;
    this.#transport.drain();
    const near = this.#earliest();
    if (near !== undefined && near.deadlineMs === approachedMs) this.#near.prepare(near);
  }

  #earliest(): Due | undefined {
    let earliest: Due | undefined;
    for (const [timer, deadlineMs] of this.#deadlines) {
      if (earliest === undefined || deadlineMs < earliest.deadlineMs) {
        earliest = { timer, deadlineMs };
      }
    }
    return earliest;
  }
}
