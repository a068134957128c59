/** What happened, in order: a bounded ring that the supervisor keeps and `lvsd events` reads. Pure. */

/** Which part of the daemon tells. */
export type EventKind = 'vrrp' | 'tracker' | 'notify' | 'service' | 'bfd' | 'process' | 'config';

export interface DaemonEvent {
  /** Counts from 1 since the daemon started; never again the same. */
  readonly seq: number;
  /** ISO 8601. */
  readonly at: string;
  readonly kind: EventKind;
  /** `INSTANCE`, `GROUP`, `script`, … */
  readonly object: string;
  readonly name: string;
  /** One sentence. */
  readonly text: string;
  readonly fields: Readonly<Record<string, string | number | boolean>>;
}

export type NewEvent = Omit<DaemonEvent, 'seq' | 'at'>;

export interface EventsPage {
  readonly events: readonly DaemonEvent[];
  /** To be asked for next time. */
  readonly lastSeq: number;
  /** Events after the asked one that the ring no longer has. */
  readonly missed: number;
}

/** Some hours of a busy night. */
export const EVENTS_KEPT = 2_000;
/** Bounds one answer. */
const PAGE_MAX = 1_000;

export class EventLog {
  readonly #capacity: number;
  #events: DaemonEvent[] = [];
  #lastSeq = 0;

  constructor(capacity = EVENTS_KEPT) {
    this.#capacity = capacity;
  }

  add(event: NewEvent, at: string): DaemonEvent {
    this.#lastSeq += 1;
    const numbered = { seq: this.#lastSeq, at, ...event };
    this.#events.push(numbered);
    if (this.#events.length > this.#capacity) this.#events.shift();
    return numbered;
  }

  /** The events after number `since`, the oldest first; a number from before a restart is one from 0. */
  since(since: number): EventsPage {
    const from = since > this.#lastSeq ? 0 : since;
    const newer = this.#events.filter(({ seq }) => seq > from);
    const missed = Math.max(0, this.#lastSeq - from - newer.length);
    const events = newer.slice(0, PAGE_MAX);
    return { events, lastSeq: events.at(-1)?.seq ?? this.#lastSeq, missed };
  }
}
