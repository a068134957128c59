/** Notices a child that says nothing any more. */
import type { Clock } from '../base/clock.ts';
import type { CancelTimer, SetTimer } from './timers.ts';

/** A timer of the loop may be so late with nothing wrong. */
const NOTICED_LATE_MS = 2;

export interface SilenceWatchPorts {
  readonly clock: Clock;
  readonly setTimer: SetTimer;
  /** Runs `then` after everything that has already arrived was handled (setImmediate). */
  readonly afterPending: (then: () => void) => void;
}

export class SilenceWatch {
  readonly #ports: SilenceWatchPorts;
  readonly #onSilence: (silentMs: number) => void;
  #heardMs = Number.NEGATIVE_INFINITY;
  #cancel: CancelTimer = () => {};

  /** `onSilence` is called once for each `start`. */
  constructor(ports: SilenceWatchPorts, onSilence: (silentMs: number) => void) {
    this.#ports = ports;
    this.#onSilence = onSilence;
  }

  /** It was born, or said something. */
  heard(): void {
    this.#heardMs = this.#ports.clock.monotonicMs();
  }

  /**
   * From now on a silence of `timeoutMs` is noticed; looks again after what has arrived. Where this program
   * stood still itself (a paused machine, a starved one), the child is given as long again as the timer was
   * late, at most `timeoutMs`: what stopped us has stopped the child too.
   */
  start(timeoutMs: number): void {
    this.end();
    const { clock, setTimer, afterPending } = this.#ports;
    const arm = (delayMs: number, isGrace: boolean): void => {
      const dueMs = clock.monotonicMs() + delayMs;
      this.#cancel = setTimer(delayMs, () => {
        const lateMs = clock.monotonicMs() - dueMs;
        const turn = { isOver: false };
        this.#cancel = () => {
          turn.isOver = true;
        };
        afterPending(() => {
          if (!turn.isOver) check(lateMs, isGrace);
        });
      });
    };
    const check = (lateMs: number, isGrace: boolean): void => {
      const silentMs = clock.monotonicMs() - this.#heardMs;
      if (silentMs < timeoutMs) arm(timeoutMs - silentMs, false);
      else if (lateMs >= NOTICED_LATE_MS && !isGrace) arm(Math.min(lateMs, timeoutMs), true);
      else this.#onSilence(Math.round(silentMs));
    };
    arm(timeoutMs, false);
  }

  end(): void {
    this.#cancel();
  }
}
