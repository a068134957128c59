/** The keyword tables of the VRRP side against the list that was written from the reference. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { keywordsOf, keywordTable } from '../../src/config/schema.ts';

const reference = readReference();

test.each([...reference])('%s knows every keyword of the reference', (context, names) => {
  const known = keywordsOf(context).map(({ name }) => name);
  expect([...names].filter((name) => !known.includes(name))).toEqual([]);
});

test.each([...reference].filter(([context]) => context !== 'root'))(
  '%s knows no keyword that the reference lacks',
  (context, names) => {
    const extra = keywordsOf(context).filter(({ name }) => !names.has(name));
    // Spellings that are read only to say that they do not belong there.
    expect(extra.map(({ name }) => name).filter((name) => !/^vrrp_garp_/.test(name))).toEqual([]);
  },
);

test('rows of the VRRP side are complete: a typed value, or the words it is made of', () => {
  const rows = keywordTable.filter(({ context }) => reference.has(context));
  for (const { name, context, value, doc } of rows) {
    expect(doc.length, `${context} ${name}`).toBeGreaterThan(5);
    if (value.kind === 'words') expect(value.syntax, `${context} ${name}`).not.toBe('VALUE');
    if (value.kind === 'integer') expect(value.max).toBeGreaterThan(value.min);
    if (value.kind === 'seconds') expect(value.maxMs).toBeGreaterThan(value.minMs);
  }
});

function readReference(): ReadonlyMap<string, ReadonlySet<string>> {
  const text = readFileSync(join(import.meta.dirname, 'reference-keywords.txt'), 'utf8');
  const found = new Map<string, Set<string>>();
  for (const line of text.split('\n')) {
    const [, context, names] = /^(\w+): (.*)$/.exec(line) ?? [];
    if (context === undefined || names === undefined) continue;
    const all = found.get(context) ?? new Set<string>();
    for (const name of names.split(' ')) all.add(name);
    found.set(context, all);
  }
  return found;
}
