/** When checks start: the spread of the first ones, and the queue of those to come. */

/**
 * Delay of a checker's first check, ms: a random moment within `warmupMs`, so that a start with thousands
 * of servers is no burst, and stays none, since intervals are counted from here.
 */
export function firstCheckDelayMs(warmupMs: number, random: () => number): number {
  return warmupMs * random();
}

interface Slot<Item> {
  readonly item: Item;
  readonly dueMs: number;
  /** Order of arrival: what is due at the same moment leaves first come, first served. */
  readonly sequence: number;
  /** Where it is in the heap. */
  place: number;
}

/**
 * Items by due time: a binary heap whose slots know their place, so that adding, taking the earliest and
 * withdrawing any one are all O(log n). Each item is in it once.
 */
export class DueQueue<Item> {
  readonly #heap: Slot<Item>[] = [];
  readonly #slots = new Map<Item, Slot<Item>>();
  #sequence = 0;

  get size(): number {
    return this.#heap.length;
  }

  /** Adds `item`, or moves it to another due time. */
  put(item: Item, dueMs: number): void {
    this.remove(item);
    this.#sequence += 1;
    const slot = { item, dueMs, sequence: this.#sequence, place: this.#heap.length };
    this.#slots.set(item, slot);
    this.#heap.push(slot);
    this.#rise(this.#heap.length - 1, slot);
  }

  /** The earliest due time, or undefined when the queue is empty. */
  nextDueMs(): number | undefined {
    return this.#heap[0]?.dueMs;
  }

  /** Takes out the earliest item that is due at `nowMs`. */
  takeDue(nowMs: number): Item | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.dueMs > nowMs) return undefined;
    this.remove(first.item);
    return first.item;
  }

  /** Takes `item` out; false when it is not in the queue. */
  remove(item: Item): boolean {
    const slot = this.#slots.get(item);
    if (slot === undefined) return false;
    this.#slots.delete(item);
    const { place } = slot;
    const last = this.#heap.pop();
    // When `item` was last itself, its place is gone with it.
    if (last !== undefined && place < this.#heap.length) this.#sink(this.#rise(place, last), last);
    return true;
  }

  /** Moves `slot` from the free `place` up to where it belongs; returns where that is. */
  #rise(place: number, slot: Slot<Item>): number {
    let current = place;
    while (current > 0) {
      const parentPlace = (current - 1) >> 1;
      const parent = this.#heap[parentPlace];
      if (parent === undefined || !isBefore(slot, parent)) break;
      this.#set(current, parent);
      current = parentPlace;
    }
    this.#set(current, slot);
    return current;
  }

  /** Moves `slot` from `place` down to where it belongs. */
  #sink(place: number, slot: Slot<Item>): void {
    let current = place;
    for (;;) {
      const childPlace = this.#earlierChild(current);
      const child = this.#heap[childPlace];
      if (child === undefined || !isBefore(child, slot)) break;
      this.#set(current, child);
      current = childPlace;
    }
    this.#set(current, slot);
  }

  #earlierChild(place: number): number {
    const leftPlace = 2 * place + 1;
    const left = this.#heap[leftPlace];
    const right = this.#heap[leftPlace + 1];
    return left !== undefined && right !== undefined && isBefore(right, left)
      ? leftPlace + 1
      : leftPlace;
  }

  #set(place: number, slot: Slot<Item>): void {
    this.#heap[place] = slot;
    slot.place = place;
  }
}

function isBefore<Item>(a: Slot<Item>, b: Slot<Item>): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.sequence < b.sequence);
}
