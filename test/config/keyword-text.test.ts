/** What is said about keywords. `LVSD_UPDATE_GOLDEN=1` or `npm run docs` rewrites docs/keywords.md. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  describeKeyword,
  findRows,
  keywordsMarkdown,
  keywordsToJson,
  listKeywords,
} from '../../src/config/keyword-text.ts';
import { keywordTable } from '../../src/config/schema.ts';

const DOCUMENT = join(import.meta.dirname, '../../docs/keywords.md');

test('docs/keywords.md is what the keyword table says (npm run docs)', () => {
  const current = keywordsMarkdown();
  if (process.env.LVSD_UPDATE_GOLDEN === '1') writeFileSync(DOCUMENT, current);
  expect(readFileSync(DOCUMENT, 'utf8')).toBe(current);
});

test('every keyword is in the list, in the document and in the JSON', () => {
  const list = listKeywords();
  const rows = keywordsMarkdown()
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  expect(rows).toHaveLength(keywordTable.length);
  expect(keywordsToJson(keywordTable)).toHaveLength(keywordTable.length);
  for (const { name } of keywordTable) expect(list).toMatch(new RegExp(`^[ !-] ${name} `, 'm'));
});

test('a keyword of several blocks is described for each, the unit and the range are said', () => {
  const found = findRows('delay_before_retry');
  if (!found.ok) throw new Error('delay_before_retry is not known');
  const text = describeKeyword(found.rows);
  expect(text.match(/^delay_before_retry: /gm)?.length).toBe(found.rows.length);
  expect(keywordsToJson(found.rows)[0]).toMatchObject({
    context: 'virtual_server',
    syntax: 'delay_before_retry SECONDS',
    type: 'seconds',
    unit: 's',
    min: 0,
    support: 'works',
  });
});

test('an accepted keyword says why it has no effect', () => {
  const found = findRows('notification_email_from');
  expect(found.ok && describeKeyword(found.rows)).toContain('accepted, has no effect: ');
});

test('nothing in the document is empty or unfilled', () => {
  expect(keywordsMarkdown()).not.toMatch(/undefined|\[object|``/);
});
