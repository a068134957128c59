/** The present state of everything that is tracked, by kind and name. Pure. */
import type { TrackerKind, TrackerState } from '../vrrp/tracker-state.ts';

type Key = `${TrackerKind} ${string}`;

const keyOf = ({ kind, name }: Pick<TrackerState, 'kind' | 'name'>): Key => `${kind} ${name}`;

export class TrackerBoard {
  readonly #states = new Map<Key, TrackerState>();

  /** True when it says something new to who acts on it: a reason alone does not. */
  set(state: TrackerState): boolean {
    const before = this.#states.get(keyOf(state));
    this.#states.set(keyOf(state), state);
    return before?.isUp !== state.isUp || before.value !== state.value;
  }

  get(kind: TrackerKind, name: string): TrackerState | undefined {
    return this.#states.get(keyOf({ kind, name }));
  }

  /** Forgets what is not among `names`. */
  keepOnly(kind: TrackerKind, names: ReadonlySet<string>): void {
    for (const [key, state] of this.#states) {
      if (state.kind === kind && !names.has(state.name)) this.#states.delete(key);
    }
  }

  all(): readonly TrackerState[] {
    return [...this.#states.values()];
  }
}
