/** Questions to a child that are answered by a message with the same id, or not at all. */
import type { CancelTimer, SetTimer } from './timers.ts';

/** A child answers from memory; a child that needs longer is busy restarting or stuck. */
const ANSWER_TIMEOUT_MS = 2_000;

export class Snapshots<T> {
  readonly #setTimer: SetTimer;
  readonly #waiting = new Map<
    number,
    { readonly resolve: (answer: T | undefined) => void; readonly cancel: CancelTimer }
  >();
  readonly #timeoutMs: number;
  #lastId = 0;

  constructor(setTimer: SetTimer, timeoutMs = ANSWER_TIMEOUT_MS) {
    this.#setTimer = setTimer;
    this.#timeoutMs = timeoutMs;
  }

  /** Resolves with the answer, or with undefined after the time, by default 2 s, or when the child dies. */
  ask(send: (id: number) => void): Promise<T | undefined> {
    this.#lastId += 1;
    const id = this.#lastId;
    return new Promise((resolve) => {
      const cancel = this.#setTimer(this.#timeoutMs, () => this.answer(id, undefined));
      this.#waiting.set(id, { resolve, cancel });
      send(id);
    });
  }

  answer(id: number, answer: T | undefined): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    waiting.cancel();
    waiting.resolve(answer);
  }

  /** The child is gone: everybody gets undefined now. */
  abandon(): void {
    for (const id of [...this.#waiting.keys()]) this.answer(id, undefined);
  }
}
