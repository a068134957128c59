import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  Due,
  firstCheckDelayMs,
  SLOT_MS,
  SlotQueue,
  slotMsFor,
} from '../../src/health/schedule.ts';

class Item {
  readonly due = new Due();
  readonly name: number;

  constructor(name: number) {
    this.name = name;
  }
}

function items(count: number): Item[] {
  return Array.from({ length: count }, (_, name) => new Item(name));
}

function drain(queue: SlotQueue<Item>): number[] {
  const names: number[] = [];
  for (;;) {
    const item = queue.takeDue(Number.POSITIVE_INFINITY);
    if (item === undefined) return names;
    names.push(item.name);
  }
}

describe('the queue of checks', () => {
  it('gives nothing before the slot in which it is due', () => {
    const queue = new SlotQueue<Item>(SLOT_MS);
    const item = new Item(0);
    queue.put(item, 10.1);
    expect(queue.nextDueMs()).toBe(20);
    expect(queue.takeDue(19.9)).toBeUndefined();
    expect(queue.takeDue(20)).toBe(item);
    expect(queue.size).toBe(0);
    expect(queue.nextDueMs()).toBeUndefined();
  });

  it('serves what is due in the same slot in the order it came', () => {
    const queue = new SlotQueue<Item>(SLOT_MS);
    for (const item of items(20)) queue.put(item, 10 - item.name / 4);
    expect(drain(queue)).toEqual(Array.from({ length: 20 }, (_, name) => name));
  });

  it('moves an item that is put again, and does not wait for where it was', () => {
    const queue = new SlotQueue<Item>(SLOT_MS);
    const [a, b] = [new Item(0), new Item(1)];
    queue.put(a, 10);
    queue.put(b, 20);
    queue.put(a, 30);
    expect(queue.nextDueMs()).toBe(20);
    expect(drain(queue)).toEqual([1, 0]);
  });

  it('agrees with a sorted list whatever is put, moved, removed and taken', () => {
    const command = fc.record({
      name: fc.integer({ min: 0, max: 30 }),
      dueMs: fc.option(fc.integer({ min: 0, max: 500 }), { nil: undefined }),
      nowMs: fc.option(fc.integer({ min: 0, max: 500 }), { nil: undefined, freq: 3 }),
    });
    fc.assert(
      fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
        const queue = new SlotQueue<Item>(SLOT_MS);
        const all = items(31);
        let model: { name: number; slot: number }[] = [];
        const earliest = () => model.toSorted((a, b) => a.slot - b.slot)[0];
        for (const { name, dueMs, nowMs } of commands) {
          const item = all[name] ?? new Item(name);
          const isIn = model.some((entry) => entry.name === name);
          if (nowMs !== undefined) {
            const first = earliest();
            const isDue = first !== undefined && first.slot * SLOT_MS <= nowMs;
            expect(queue.takeDue(nowMs)?.name).toBe(isDue ? first.name : undefined);
            if (isDue) model = model.filter((entry) => entry !== first);
          } else if (dueMs === undefined) {
            expect(queue.remove(item)).toBe(isIn);
            model = model.filter((entry) => entry.name !== name);
          } else {
            queue.put(item, dueMs);
            const others = model.filter((entry) => entry.name !== name);
            model = [...others, { name, slot: Math.ceil(dueMs / SLOT_MS) }];
          }
          expect(queue.size).toBe(model.length);
          const first = earliest();
          expect(queue.nextDueMs()).toBe(first === undefined ? undefined : first.slot * SLOT_MS);
        }
        // Array.prototype.sort is stable: the same slot keeps the order of arrival.
        model.sort((a, b) => a.slot - b.slot);
        expect(drain(queue)).toEqual(model.map((entry) => entry.name));
      }),
    );
  });
});

it('spreads first checks over the warm-up', () => {
  expect(firstCheckDelayMs(60_000, () => 0)).toBe(0);
  expect(firstCheckDelayMs(60_000, () => 0.25)).toBe(15_000);
  expect(firstCheckDelayMs(0, () => 0.99)).toBe(0);
});

describe('the slots of a checker', () => {
  it('are longer where there are few checks', () => {
    for (const [checksPerS, slotMs] of [
      [1, 50],
      [1600, 50],
      [1601, 40],
      [2000, 40],
      [2001, 20],
      [4000, 20],
      [4001, SLOT_MS],
      [5000, SLOT_MS],
    ] as const) {
      expect(slotMsFor(1000, checksPerS / 1000), `${checksPerS} a second`).toBe(slotMs);
    }
  });

  it('are no longer than a twentieth of its pace, and fit into it', () => {
    for (const [paceMs, slotMs] of [
      [60_000, 50],
      [999, SLOT_MS],
      [980, 20],
      [800, 40],
      [500, 20],
      [300, SLOT_MS],
      [1, SLOT_MS],
    ] as const) {
      expect(slotMsFor(paceMs, 0.001), `${paceMs} ms`).toBe(slotMs);
    }
  });
});
