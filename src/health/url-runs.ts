/**
 * A check of several urls: one probe after the other, each with the check's whole `connect_timeout`, as
 * keepalived gives it; `total_timeout` bounds them all. keepalived asks one url per delay_loop; asking all at
 * every check sees a failure and a recovery sooner.
 */
import type { ProbeResult, Run, Settle } from './probe.ts';

/** Asks in order; the first url that is not answered as wanted decides. */
export class UrlRuns<Url> implements Run {
  readonly #urls: readonly Url[];
  readonly #startOne: (url: Url, onAnswer: Settle) => Run;
  readonly #onResult: Settle;
  #asked = 0;
  #durationMs = 0;
  #current: Run | undefined;
  #isWithdrawn = false;

  constructor(
    urls: readonly Url[],
    startOne: (url: Url, onAnswer: Settle) => Run,
    onResult: Settle,
  ) {
    this.#urls = urls;
    this.#startOne = startOne;
    this.#onResult = onResult;
    this.#askNext({ kind: 'pass', durationMs: 0, detail: 'no url' });
  }

  withdraw(): void {
    this.#isWithdrawn = true;
    this.#current?.withdraw();
  }

  #askNext(last: ProbeResult): void {
    this.#durationMs += last.durationMs;
    const durationMs = this.#durationMs;
    const url = this.#urls[this.#asked];
    if (last.kind !== 'pass' || this.#isWithdrawn) this.#onResult({ ...last, durationMs });
    else if (url === undefined) {
      const detail = `${this.#asked} urls, last: ${last.detail}`;
      this.#onResult({ ...last, durationMs, detail });
    } else {
      this.#asked += 1;
      this.#current = this.#startOne(url, (result) => this.#askNext(result));
    }
  }
}
