/** Reloads that come at once are done one after the other. */

/** Tasks one after the other, in the order they came. */
export class TaskQueue {
  #tail: Promise<unknown> = Promise.resolve();

  /** `task` must not reject. */
  run<T>(task: () => Promise<T>): Promise<T> {
    const done = this.#tail.then(task);
    this.#tail = done;
    return done;
  }
}
