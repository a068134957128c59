import { expect, test } from 'vitest';
import { collectDiagnostics } from '../../src/config/diagnostics.ts';
import { expandConfig, MAX_INCLUDE_DEPTH } from '../../src/config/expand.ts';
import { codesOf, compile, type Files, includesFrom } from './compile-fixture.ts';

function expand(text: string, files: Files = {}, configId = 'd1'): readonly string[] {
  const { report } = collectDiagnostics();
  const include = includesFrom(files);
  const { lines } = expandConfig('lvs.conf', text, { configId, include, report });
  return lines.map((line) => line.map((token) => token.text).join(' '));
}

test.each([
  ['@id keeps the line for that id', '@d1 priority 150', ['priority 150']],
  ['@id drops the line for others', '@d2 priority 100', []],
  ['@^id drops the line for that id', '@^d1 priority 150', []],
  ['@^id keeps the line for others', '@^d2 priority 150', ['priority 150']],
  ['@ counts at the start of a line only', 'a @d2 b', ['a @d2 b']],
  ['an id is the whole word', '@d1x a', []],
])('%s', (_rule, text, expected) => {
  expect(expand(text)).toEqual(expected);
});

test('an include stands for the lines of its file', () => {
  expect(expand('a\ninclude b.conf\nd', { 'b.conf': 'b\nc' })).toEqual(['a', 'b', 'c', 'd']);
});

test('an include may match several files, or none', () => {
  expect(expand('include *', { x: 'a', y: 'b' })).toEqual(['a', 'b']);
  expect(expand('include *\nc', {})).toEqual(['c']);
});

test('an include line may itself be conditional', () => {
  expect(expand('@d2 include missing\na')).toEqual(['a']);
});

test('diagnostics in an included file carry the chain of includes', () => {
  const files = { 'b.conf': '\ninclude c.conf', 'c.conf': 'unknown_word' };
  const [diagnostic] = compile('include b.conf', files).diagnostics;
  expect(diagnostic?.span).toMatchObject({ file: 'c.conf', line: 1, column: 1 });
  expect(diagnostic?.includeChain).toMatchObject([
    { file: 'b.conf', line: 2, column: 9 },
    { file: 'lvs.conf', line: 1, column: 9 },
  ]);
});

test('a file that includes itself through another is told where, once', () => {
  expect(codesOf(compile('include b', { b: 'include lvs.conf' }))).toContain('LVS1002 1:9');
});

test('includes are followed to a bound', () => {
  const files: Record<string, string> = {};
  for (let depth = 0; depth <= MAX_INCLUDE_DEPTH + 1; depth += 1) {
    files[`f${depth}`] = `include f${depth + 1}`;
  }
  expect(codesOf(compile('include f0', files))).toContain('LVS1003 1:9');
});

test('a definition and what is written with it are one diagnostic', () => {
  const text =
    '$PRIO=150\nvrrp_instance A {\n interface eth0\n virtual_router_id 1\n' +
    ' priority $PRIO\n virtual_ipaddress { 10.0.0.1 }\n}\n';
  expect(codesOf(compile(text))).toEqual(['LVS1022 1:1']);
});

test('a definition over several lines is skipped as a whole', () => {
  const text = '$BLOCK= \\\n vrrp_instance A { \\\n }\n$BLOCK\n';
  expect(codesOf(compile(text))).toEqual(['LVS1022 1:1']);
});

test('a sequence is one diagnostic, and so is each built-in parameter', () => {
  expect(codesOf(compile('~SEQ(i, 1, 3) virtual_server 10.0.0.$i 80 {\n}\n'))).toEqual([
    'LVS1022 1:1',
  ]);
  const text = 'global_defs {\n router_id $_INSTANCE\n}\n';
  expect(codesOf(compile(text))).toEqual(['LVS1022 2:12']);
});

test('a $ that names no parameter is a plain word', () => {
  const { config } = compile('global_defs {\n router_id pa$word\n}\n');
  expect(config?.globalDefs.routerId).toBe('pa$word');
});

test('an id that no line is for suggests the near one', () => {
  const { diagnostics } = compile('@director1 a\n@director2 b', {}, 'directr1');
  expect(diagnostics[0]).toMatchObject({ code: 'LVS1007', help: 'did you mean -i director1?' });
});
