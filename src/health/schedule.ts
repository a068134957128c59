/** When checks start: the spread of the first ones, and the queue of those to come. */
import type { VirtualServerConfig } from '../config/model.ts';
import { INTERVAL_MIN_MS } from './verdict.ts';

/**
 * Delay of a checker's first check, ms: a random moment within `warmupMs`, so that a start with thousands
 * of servers is no burst, and stays none, since intervals are counted from here.
 */
export function firstCheckDelayMs(warmupMs: number, random: () => number): number {
  return warmupMs * random();
}

/** Checks begin at multiples of this: several, and are answered, in one turn of the event loop. */
export const SLOT_MS = 10;

/** How many checks the file wants in a ms, each checker by itself. */
export function checksPerMs(services: readonly VirtualServerConfig[]): number {
  let sum = 0;
  for (const { realServers, backupPool = [] } of services) {
    for (const { checkers } of [...realServers, ...backupPool]) {
      for (const { delayLoopMs } of checkers) sum += 1 / Math.max(INTERVAL_MIN_MS, delayLoopMs);
    }
  }
  return sum;
}

/** A turn costs as much as some checks, for its code and data are cold by then: so many together are enough. */
const CHECKS_PER_SLOT = 80;

/** No check waits for others for longer than this part of its own pace. */
const PARTS_OF_PACE = 20;

/** Where there are few checks, these are tried first, ms. */
const LONGER_SLOTS_MS = [50, 40, 20];

/**
 * Checks of a checker with this pace, ms, begin at multiples of what this returns: ms, of which the pace is a
 * multiple where it is longer than SLOT_MS, so that no interval is longer than another.
 */
export function slotMsFor(paceMs: number, checksPerMs: number): number {
  const mostMs = Math.min(CHECKS_PER_SLOT / checksPerMs, paceMs / PARTS_OF_PACE);
  return LONGER_SLOTS_MS.find((ms) => ms <= mostMs && paceMs % ms === 0) ?? SLOT_MS;
}

/** Where an item is in a queue. An item has one of its own, so that none is made for each check. */
export class Due {
  /** In no queue where negative. */
  slot = -1;
  /** In the slot. */
  place = 0;
}

interface Slot<Item> {
  /** In the order in which they came; undefined where one was taken or removed. */
  readonly items: (Item | undefined)[];
  /** Before this everything was taken. */
  first: number;
  /** How many there are still. */
  count: number;
}

/**
 * Items by the slot in which they are due: what is due between two multiples of `slotMs` leaves at the later
 * one, first come, first served. Adding and withdrawing cost the same however many there are; a slot costs
 * O(log of the slots) once. Each item is in one queue at the most, and in it once.
 */
export class SlotQueue<Item extends { readonly due: Due }> {
  readonly #slotMs: number;
  readonly #slots = new Map<number, Slot<Item>>();
  /** Their numbers: a binary heap, the earliest first. */
  readonly #numbers: number[] = [];
  #size = 0;

  constructor(slotMs: number) {
    this.#slotMs = slotMs;
  }

  get size(): number {
    return this.#size;
  }

  /** Adds `item`, or moves it to another due time. */
  put(item: Item, dueMs: number): void {
    this.remove(item);
    const number = Math.ceil(dueMs / this.#slotMs);
    const slot = this.#slots.get(number) ?? this.#add(number);
    item.due.slot = number;
    item.due.place = slot.items.length;
    slot.items.push(item);
    slot.count += 1;
    this.#size += 1;
  }

  /** When the earliest slot is due, or undefined when the queue is empty. */
  nextDueMs(): number | undefined {
    const number = this.#earliest();
    return number === undefined ? undefined : number * this.#slotMs;
  }

  /** Takes out the earliest item that is due at `nowMs`. */
  takeDue(nowMs: number): Item | undefined {
    const number = this.#earliest();
    if (number === undefined || number * this.#slotMs > nowMs) return undefined;
    const slot = this.#slots.get(number);
    while (slot !== undefined) {
      const item = slot.items[slot.first];
      slot.first += 1;
      if (item === undefined) continue;
      this.remove(item);
      return item;
    }
    return undefined;
  }

  /** Takes `item` out; false when it is not in the queue. */
  remove({ due }: Item): boolean {
    const slot = this.#slots.get(due.slot);
    if (slot === undefined) return false;
    due.slot = -1;
    slot.items[due.place] = undefined;
    slot.count -= 1;
    this.#size -= 1;
    return true;
  }

  #add(number: number): Slot<Item> {
    const slot = { items: [], first: 0, count: 0 };
    this.#slots.set(number, slot);
    this.#rise(number);
    return slot;
  }

  /** The number of the earliest slot that has anything; those before it are done with. */
  #earliest(): number | undefined {
    for (;;) {
      const number = this.#numbers[0];
      if (number === undefined || this.#slots.get(number)?.count !== 0) return number;
      this.#slots.delete(number);
      const last = this.#numbers.pop();
      if (last !== undefined && this.#numbers.length > 0) this.#sink(last);
    }
  }

  /** From the end of the heap up to where it belongs. */
  #rise(number: number): void {
    let place = this.#numbers.length;
    while (place > 0) {
      const parentPlace = (place - 1) >> 1;
      const parent = this.#numbers[parentPlace];
      if (parent === undefined || parent <= number) break;
      this.#numbers[place] = parent;
      place = parentPlace;
    }
    this.#numbers[place] = number;
  }

  /** From the top of the heap, which is free, down to where it belongs. */
  #sink(number: number): void {
    let place = 0;
    for (;;) {
      let childPlace = 2 * place + 1;
      const right = this.#numbers[childPlace + 1];
      if (right !== undefined && right < (this.#numbers[childPlace] ?? right)) childPlace += 1;
      const child = this.#numbers[childPlace];
      if (child === undefined || child >= number) break;
      this.#numbers[place] = child;
      place = childPlace;
    }
    this.#numbers[place] = number;
  }
}
