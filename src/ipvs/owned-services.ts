/** Which services are ours, in memory and in the ownership file, which is never behind. */
import type { Log } from '../base/log.ts';
import {
  loadOwnership,
  type OwnershipRefusal,
  type SavedOwnership,
  saveOwnership,
} from './ownership.ts';
import type { ServiceName, Table } from './types.ts';

export class OwnedServices {
  readonly #path: string;
  #names: ReadonlySet<ServiceName> = new Set();
  /** What the file says. */
  #saved: ReadonlySet<ServiceName> = new Set();

  constructor(path: string) {
    this.#path = path;
  }

  get names(): ReadonlySet<ServiceName> {
    return this.#names;
  }

  /** Reads the file; with `adopt` one that cannot be read is only a warning. */
  load(adopt: boolean, log: Log): OwnershipRefusal | undefined {
    const loaded = loadOwnership(this.#path);
    if (!loaded.ok) {
      if (!adopt) return loaded;
      log.warn({ code: loaded.code }, loaded.detail);
      return undefined;
    }
    this.#saved = loaded.names;
    this.#names = loaded.names;
    return undefined;
  }

  /** Ours from now on; not yet in the file. */
  add(names: Iterable<ServiceName>): void {
    this.#names = new Set([...this.#names, ...names]);
  }

  remove(names: ReadonlySet<ServiceName>): void {
    if (names.size === 0) return;
    this.#names = new Set([...this.#names].filter((name) => !names.has(name)));
  }

  /** What is not in the kernel is nobody's. */
  keepThoseOf(table: Table): void {
    this.#names = new Set([...this.#names].filter((name) => table.has(name)));
  }

  save(): SavedOwnership {
    if (isSameSet(this.#names, this.#saved)) return { ok: true };
    const saved = saveOwnership(this.#path, this.#names);
    if (saved.ok) this.#saved = this.#names;
    return saved;
  }
}

function isSameSet(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((each) => b.has(each));
}
