import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DueQueue, firstCheckDelayMs } from '../../src/health/schedule.ts';

function drain<Item>(queue: DueQueue<Item>): Item[] {
  const items: Item[] = [];
  for (;;) {
    const item = queue.takeDue(Number.POSITIVE_INFINITY);
    if (item === undefined) return items;
    items.push(item);
  }
}

describe('the due queue', () => {
  it('gives nothing before it is due', () => {
    const queue = new DueQueue<string>();
    queue.put('a', 10);
    expect(queue.takeDue(9.9)).toBeUndefined();
    expect(queue.takeDue(10)).toBe('a');
    expect(queue.size).toBe(0);
  });

  it('serves what is due at the same moment in the order it came', () => {
    const queue = new DueQueue<number>();
    for (let item = 0; item < 20; item += 1) queue.put(item, 5);
    expect(drain(queue)).toEqual(Array.from({ length: 20 }, (_, item) => item));
  });

  it('moves an item that is put again', () => {
    const queue = new DueQueue<string>();
    queue.put('a', 1);
    queue.put('b', 2);
    queue.put('a', 3);
    expect(queue.nextDueMs()).toBe(2);
    expect(drain(queue)).toEqual(['b', 'a']);
  });

  it('agrees with a sorted list whatever is put, moved and removed', () => {
    const command = fc.record({
      item: fc.integer({ min: 0, max: 30 }),
      dueMs: fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
        const queue = new DueQueue<number>();
        const model: { item: number; dueMs: number }[] = [];
        for (const { item, dueMs } of commands) {
          const at = model.findIndex((entry) => entry.item === item);
          if (at >= 0) model.splice(at, 1);
          if (dueMs === undefined) {
            expect(queue.remove(item)).toBe(at >= 0);
          } else {
            queue.put(item, dueMs);
            model.push({ item, dueMs });
          }
          expect(queue.size).toBe(model.length);
        }
        // Array.prototype.sort is stable: the same moment keeps the order of arrival.
        model.sort((a, b) => a.dueMs - b.dueMs);
        expect(drain(queue)).toEqual(model.map((entry) => entry.item));
      }),
    );
  });
});

it('spreads first checks over the warm-up', () => {
  expect(firstCheckDelayMs(60_000, () => 0)).toBe(0);
  expect(firstCheckDelayMs(60_000, () => 0.25)).toBe(15_000);
  expect(firstCheckDelayMs(0, () => 0.99)).toBe(0);
});
