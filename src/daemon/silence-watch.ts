/** Notices a child that says nothing any more. */
import type { Clock } from '../base/clock.ts';
import type { CancelTimer, SetTimer } from './timers.ts';

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

  /** From now on a silence of `timeoutMs` is noticed; looks again after what has arrived. */
  start(timeoutMs: number): void {
    this.end();
    const { clock, setTimer, afterPending } = this.#ports;
    const check = (): void => {
      const silentMs = clock.monotonicMs() - this.#heardMs;
      if (silentMs >= timeoutMs) this.#onSilence(Math.round(silentMs));
      else this.#cancel = setTimer(timeoutMs - silentMs, expired);
    };
    const expired = (): void => afterPending(check);
    this.#cancel = setTimer(timeoutMs, expired);
  }

  end(): void {
    this.#cancel();
  }
}
