import { expect, test } from 'vitest';
import { editDistance, nearestWord } from '../../src/config/did-you-mean.ts';
import { ROOT_CONTEXT } from '../../src/config/parser.ts';
import { findKeyword, keywordTable } from '../../src/config/schema.ts';

test('every context of the table is opened by a block or is the file', () => {
  const opened = new Set(keywordTable.flatMap((row) => row.opens ?? []));
  const unreachable = keywordTable.filter(
    ({ context }) => context !== ROOT_CONTEXT && !opened.has(context),
  );
  expect(unreachable).toEqual([]);
});

test('every alias leads to a keyword of the same context', () => {
  for (const row of keywordTable) {
    if (row.aliasOf === undefined) continue;
    expect(findKeyword(row.aliasOf, row.context)?.support).toEqual(row.support);
  }
});

test('every row is documented and every reason says something', () => {
  for (const { name, doc, support } of keywordTable) {
    expect(name).toMatch(/^[A-Za-z][\w-]*$/);
    expect(doc).not.toMatch(/^$|\.$/);
    if (support.level === 'accepted') expect(support.reason.length).toBeGreaterThan(10);
  }
});

test.each([
  ['priorty', 'priority'],
  ['dr', 'DR'],
  ['prioirty', 'priority'],
  ['zzz', undefined],
])('%s suggests %s', (word, expected) => {
  expect(nearestWord(word, ['preempt', 'priority', 'DR', 'NAT'])).toBe(expected);
});

test.each([
  ['', 'abc', 3],
  ['abc', 'abc', 0],
  ['abc', 'acb', 1],
  ['kitten', 'sitting', 3],
])('the distance from %s to %s is %i', (a, b, distance) => {
  expect(editDistance(a, b)).toBe(distance);
  expect(editDistance(b, a)).toBe(distance);
});
