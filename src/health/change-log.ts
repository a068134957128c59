/**
 * One log line for each server that changes, and when a rack dies one for each service: the first change of
 * a service is said at once, those that follow within a while together.
 */
import type { Log } from '../base/log.ts';
import type { Timer, Timers } from './timers.ts';

/** Changes of one service within this after the first, ms, are told in one line. */
export const GATHER_MS = 5000;

/** Names in a line about many. */
const SHOWN_SERVERS = 3;

export interface LoggedChange {
  readonly service: string;
  readonly server: string;
  /** `UP` and `DOWN`, or weights. */
  readonly what: 'state' | 'weight';
  readonly from: string | number;
  readonly to: string | number;
  readonly reason: string;
  readonly detail: string;
}

interface Gathering {
  readonly timer: Timer;
  readonly changes: LoggedChange[];
}

export class ChangeLog {
  readonly #log: Log;
  readonly #timers: Timers;
  readonly #gathering = new Map<string, Gathering>();

  constructor(log: Log, timers: Timers) {
    this.#log = log;
    this.#timers = timers;
  }

  add(change: LoggedChange): void {
    const gathering = this.#gathering.get(change.service);
    if (gathering !== undefined) {
      gathering.changes.push(change);
      return;
    }
    this.#say(change);
    const timer = this.#timers.start(GATHER_MS, () => this.#end(change.service));
    this.#gathering.set(change.service, { timer, changes: [] });
  }

  /** Says what is still to be said. */
  close(): void {
    for (const [service, { timer }] of [...this.#gathering]) {
      timer.cancel();
      this.#end(service);
    }
  }

  #end(service: string): void {
    const changes = this.#gathering.get(service)?.changes ?? [];
    this.#gathering.delete(service);
    const [first, ...more] = changes;
    if (first === undefined) return;
    if (more.length === 0) this.#say(first);
    else this.#summarize(service, changes);
  }

  #say({ server, what, from, to, reason, detail }: LoggedChange): void {
    this.#log.info({ server, from, to, reason, detail }, `server ${what} change`);
  }

  #summarize(service: string, changes: readonly LoggedChange[]): void {
    const states = changes.filter(({ what }) => what === 'state');
    const names = [...new Set(changes.map(({ server }) => server))];
    const rest = names.length - SHOWN_SERVERS;
    const shown = names.slice(0, SHOWN_SERVERS).join(', ');
    this.#log.info(
      {
        service,
        up: states.filter(({ to }) => to === 'UP').length,
        down: states.filter(({ to }) => to === 'DOWN').length,
        weights: changes.length - states.length,
        servers: rest > 0 ? `${shown} and ${rest} more` : shown,
        reasons: countReasons(changes),
      },
      'server changes',
    );
  }
}

/** `CONNECT_TIMEOUT 14, RESET 2`: the commonest first. */
function countReasons(changes: readonly LoggedChange[]): string {
  const counts = new Map<string, number>();
  for (const { reason } of changes) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  return sorted.map(([reason, count]) => `${reason} ${count}`).join(', ');
}
