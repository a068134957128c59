import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadOwnership, saveOwnership } from '../../src/ipvs/ownership.ts';

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lvsd-ownership-'));
  path = join(directory, 'state', 'ipvs-owned.json');
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('without a file nothing is ours', () => {
  expect(loadOwnership(path)).toEqual({ ok: true, names: new Set() });
});

test('what is saved is loaded, and only the file itself is left', () => {
  const names = new Set(['tcp 10.0.0.2:80', 'tcp 10.0.0.1:80']);
  expect(saveOwnership(path, names)).toEqual({ ok: true });
  expect(saveOwnership(path, names)).toEqual({ ok: true });
  expect(loadOwnership(path)).toEqual({ ok: true, names });
  expect(readdirSync(join(directory, 'state'))).toEqual(['ipvs-owned.json']);
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({
    version: 1,
    services: ['tcp 10.0.0.1:80', 'tcp 10.0.0.2:80'],
  });
});

test.each([
  ['an empty file', '', 'OWNERSHIP_CORRUPT', 'it is not JSON'],
  ['a cut file', '{"version": 1, "serv', 'OWNERSHIP_CORRUPT', 'it is not JSON'],
  ['no object', '[]', 'OWNERSHIP_CORRUPT', 'it has no version'],
  ['null', 'null', 'OWNERSHIP_CORRUPT', 'it is not an object'],
  ['no list', '{"version": 1}', 'OWNERSHIP_CORRUPT', 'it has no list of services'],
  ['a wrong name', '{"version": 1, "services": [7]}', 'OWNERSHIP_CORRUPT', 'is not a string'],
  ['a later version', '{"version": 2}', 'OWNERSHIP_VERSION_UNKNOWN', 'has version 2'],
])('%s is refused with the reason', (_title, content, code, why) => {
  path = join(directory, 'ipvs-owned.json');
  writeFileSync(path, content);
  const loaded = loadOwnership(path);
  expect(loaded).toMatchObject({ ok: false, code });
  expect(loaded.ok ? '' : loaded.detail).toContain(why);
});

test('a file that cannot be read or written is said, not thrown', () => {
  writeFileSync(join(directory, 'state'), 'a file where a directory should be');
  expect(loadOwnership(path)).toMatchObject({ ok: false, code: 'OWNERSHIP_UNREADABLE' });
  expect(saveOwnership(path, [])).toMatchObject({ ok: false, code: 'OWNERSHIP_UNWRITABLE' });
});
