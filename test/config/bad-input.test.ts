// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the parameters of the language
/** What is no configuration at all gets a diagnostic, soon. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LoadResult, loadConfig } from '../../src/config/load.ts';
import { threadMs } from './compile-fixture.ts';

const GOOD = 'global_defs {\n  router_id a\n}\n';
const LVSD = join(import.meta.dirname, '../../bin/lvsd');
let directory = '';

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'lvsd-bad-'));
});
afterAll(() => {
  rmSync(directory, { recursive: true });
});

function path(name: string): string {
  return join(directory, name);
}

function load(content: string | Uint8Array): LoadResult {
  writeFileSync(path('lvs.conf'), content);
  const started = threadMs();
  const result = loadConfig(path('lvs.conf'), { configId: 'x' });
  // Of processor time, for what takes a tenth of a second: not how fast, but that there is an end.
  expect(threadMs() - started).toBeLessThan(10_000);
  return result;
}

function codes({ unreadable, diagnostics }: LoadResult): readonly string[] {
  const found = new Set(diagnostics.map(({ code }) => code));
  return unreadable === undefined ? [...found].sort() : [unreadable.code];
}

const utf16 = (text: string): Buffer => Buffer.from(text, 'utf16le');

test.each<readonly [string, string | Uint8Array, readonly string[]]>([
  ['an empty file', '', ['LVS1008']],
  ['a NUL', 'global_defs {\0}', ['NOT_TEXT']],
  ['a program', Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 200, 255]), ['NOT_TEXT']],
  ['UTF-16 with its mark', utf16(`\uFEFF${GOOD}`), ['NOT_TEXT']],
  ['UTF-16 without', utf16(GOOD), ['NOT_TEXT']],
  ['UTF-16, big end first', utf16(GOOD).swap16(), ['NOT_TEXT']],
  [
    'Latin-1',
    Buffer.from('global_defs {\n  router_id "caf\xe9"\n}\n', 'latin1'),
    ['LVS1008', 'LVS1302'],
  ],
  ['a UTF-8 mark', `\uFEFF${GOOD}`, ['LVS1008']],
  ['carriage returns alone', GOOD.replaceAll('\n', '\r'), ['LVS1301']],
  ['carriage returns and line feeds', GOOD.replaceAll('\n', '\r\n'), ['LVS1008']],
  ['a line of 1 MB', 'x'.repeat(1024 * 1024), ['LVS1005']],
  ['a line of 1 MB with parameters', '$A '.repeat(350_000), ['LVS1005']],
  ['a quoted line of 1 MB', `router_id "${'x'.repeat(1024 * 1024)}`, ['LVS1005']],
  ['10,000 braces', '{'.repeat(10_000), ['LVS1010', 'LVS1013', 'LVS1014', 'LVS1300']],
  ['10,000 blocks', 'a {\n'.repeat(10_000), ['LVS1010', 'LVS1014', 'LVS1020']],
  ['10,000 ends', '}\n'.repeat(10_000), ['LVS1009', 'LVS1012']],
  ['10,000 quotes', '"\n'.repeat(10_000), ['LVS1006', 'LVS1009']],
  ['65,000 dollars', '$'.repeat(65_000), ['LVS1020', 'LVS1300']],
  ['65,000 open parameters', '${A '.repeat(16_000), []],
  ['a list that does not close', `~LST(${'{'.repeat(60_000)}) x`, ['LVS1300', 'LVS1308']],
  ['a list of blanks', `~LST(a,${' '.repeat(60_000)}{) x`, ['LVS1300', 'LVS1308']],
  ['10,000 definitions in a chain', chain(10_000), []],
])('%s', (what, content, expected) => {
  const result = load(content);
  if (expected.length === 0) expect(codes(result), what).not.toEqual([]);
  else expect(codes(result)).toEqual(expected);
});

function chain(length: number): string {
  const lines = Array.from({ length }, (_, index) => `$P${index}=\${P${index + 1}}\n`);
  return `${lines.join('')}$P0\n`;
}

test('includes that go round, by whatever name, end', () => {
  mkdirSync(path('loop'));
  symlinkSync('.', path('loop/again'));
  writeFileSync(path('loop/a.conf'), 'include again/a.conf\ninclude ../lvs.conf\n');
  expect(codes(load('include loop/a.conf\ninclude lvs.conf\n'))).toEqual([
    'LVS1001',
    'LVS1002',
    'LVS1003',
  ]);
});

test('a wide tree of includes is read to a bound', () => {
  mkdirSync(path('wide'));
  for (let depth = 0; depth < 8; depth += 1) {
    writeFileSync(path(`wide/${depth}.conf`), `include ${depth + 1}.conf\n`.repeat(30));
  }
  writeFileSync(path('wide/8.conf'), '# end\n');
  expect(codes(load('include wide/0.conf\n'))).toEqual(['LVS1004']);
});

/** As keepalived 2.2.7: see include-paths.ts. */
test.each([
  ['include', 'absent', ['LVS1001']],
  ['include', 'none*', []],
  ['include', '{none*,good}.conf', []],
  ['include', '"good.conf"', []],
  ['include', '[g]ood.conf', []],
  ['include', '{good,absent}.conf', ['LVS1001']],
  ['include', 'executable.conf', ['LVS1304']],
  ['include', 'folder', ['LVS1304']],
  ['include', 'pipe', ['LVS1304']],
  ['include', '/dev/zero', ['LVS1304']],
  ['include', 'p[i]*', ['LVS1304']],
  ['include', 'binary', ['LVS1001']],
  ['includer', 'executable.conf', ['LVS1305']],
  ['includer', 'none*', []],
  ['includem', 'folder', ['LVS1305']],
  ['includem', 'none*', []],
  ['includew', 'none*', ['LVS1303']],
  ['includew', '{none*,good}.conf', []],
  ['includeb', 'none*', []],
  ['includeb', '{good,absent}.conf', ['LVS1001']],
  ['includea', 'none*', ['LVS1303']],
  ['includea', 'g*.conf', []],
])('%s %s', (keyword, pattern, expected) => {
  writeFileSync(path('good.conf'), 'global_defs {\n}\n');
  writeFileSync(path('executable.conf'), 'global_defs {\n}\n');
  chmodSync(path('executable.conf'), 0o755);
  mkdirSync(path('folder'), { recursive: true });
  spawnSync('mkfifo', [path('pipe')]);
  writeFileSync(path('binary'), 'a\0b');
  const found = codes(load(`${keyword} ${pattern}\n${GOOD}`));
  expect(found.filter((code) => code !== 'LVS1008')).toEqual(expected);
});

test('an executable among the files of a pattern is skipped, hidden files are not meant', () => {
  writeFileSync(path('.hidden.conf'), 'unknown_word\n');
  const { sources } = load('include *.conf\n');
  expect([...sources.keys()].map((file) => file.slice(directory.length + 1))).toEqual([
    'lvs.conf',
    'good.conf',
  ]);
});

test('a FIFO is not waited for; a pipe that was opened for us is read', () => {
  spawnSync('mkfifo', [path('fifo')]);
  expect(loadConfig(path('fifo'), { configId: 'x' }).unreadable).toMatchObject({
    code: 'READ_FAILED',
    message: expect.stringContaining('a FIFO'),
  });
  writeFileSync(path('lvs.conf'), GOOD);
  const piped = 'cat "$1" | "$2" check /dev/stdin';
  const { output, status } = spawnSync('sh', ['-c', piped, 'sh', path('lvs.conf'), LVSD]);
  expect(output.join('')).toContain('/dev/stdin: 0 errors');
  expect(status).toBe(0);
});
