/** Requirements and tests belong together: neither stands alone. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { REQUIREMENTS } from './requirements.ts';

const folder = new URL('./', import.meta.url);
const testedIds = readdirSync(folder)
  .filter((file) => file.endsWith('.test.ts'))
  .flatMap((file) => {
    const text = readFileSync(new URL(file, folder), 'utf8');
    return [...text.matchAll(/\brequirement\(\s*'([^']+)'/g)].map((match) => match[1] ?? '');
  });

it('every requirement that is tested, or met in another way, has exactly one test', () => {
  const wanted = REQUIREMENTS.filter(({ status }) => ['tested', 'differs'].includes(status));
  expect([...testedIds].sort()).toEqual(wanted.map(({ id }) => id).sort());
});

it('what only a kernel shows is tested there, under the title that is named', () => {
  for (const { id, status, reason = '' } of REQUIREMENTS) {
    if (status !== 'tested in a kernel') continue;
    const [file = '', title = ''] = reason.split(': ');
    const text = readFileSync(new URL(`../../${file}`, folder), 'utf8');
    expect(text, id).toContain(`test('${title}'`);
  }
});

it('every requirement has an id of its own, and a reason where it is not simply met', () => {
  expect(new Set(REQUIREMENTS.map(({ id }) => id)).size).toBe(REQUIREMENTS.length);
  for (const { id, status, reason } of REQUIREMENTS) {
    expect(reason !== undefined, id).toBe(status !== 'tested');
  }
});

it('the verified technical errata are all here', () => {
  const errata = REQUIREMENTS.flatMap(({ id }) => /^erratum-(\d+)/.exec(id)?.[1] ?? []);
  expect([...new Set(errata)]).toEqual(['7947', '7949', '8298', '8299', '8300', '8301']);
});
