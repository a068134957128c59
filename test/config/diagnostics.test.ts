import { expect, test } from 'vitest';
import { diagnosticsToJson, renderDiagnostics } from '../../src/config/diagnostics.ts';
import { compile } from './compile-fixture.ts';

/** The source line and the line with the caret. */
function excerptOf(text: string): readonly (string | undefined)[] {
  const { diagnostics, sources } = compile(text);
  const [, line, marker] = renderDiagnostics(diagnostics, sources, { color: false }).split('\n');
  return [line, marker];
}

test.each([
  ['a tab', 'global_defs {\n\tfoo\n}', ' 2 | \tfoo', '   | \t^~~'],
  ['a carriage return', 'global_defs {\r\n  foo\r\n}\r\n', ' 2 |   foo', '   |   ^~~'],
  ['accents', 'global_defs {\nrouter_id é x\n}', ' 2 | router_id é x', '   |             ^'],
  [
    'wide letters before it',
    'global_defs {\nrouter_id 日本😀 x\n}',
    ' 2 | router_id 日本😀 x',
    '   |                  ^',
  ],
  ['wide letters in it', 'global_defs {\n日本 x\n}', ' 2 | 日本 x', '   | ^~~~'],
  [
    'an accent of its own',
    'global_defs {\nrouter_id e\u0301 x\n}',
    ' 2 | router_id e\u0301 x',
    '   |             ^',
  ],
])('the caret stands under its word: %s', (_name, text, line, marker) => {
  expect(excerptOf(text)).toEqual([line, marker]);
});

test('for programs there are always the same nine values, in one order', () => {
  const { diagnostics } = compile('global_defs {\n  routr_id a\n}\nstate_dirr b\ninterface eth0\n');
  const json = diagnosticsToJson(diagnostics);
  expect(json.length).toBeGreaterThan(2);
  for (const each of json) {
    expect(Object.keys(each)).toEqual([
      ...['code', 'severity', 'message', 'help'],
      ...['file', 'line', 'column', 'endLine', 'endColumn'],
    ]);
  }
  expect(json[0]).toMatchObject({ help: "did you mean 'router_id'?", line: 2, column: 3 });
});

test('a message that says it all has no help, as null', () => {
  const { diagnostics } = compile('global_defs {\n  vrrp_version 9\n}\n');
  expect(diagnosticsToJson(diagnostics)[0]).toMatchObject({ code: 'LVS1028', help: null });
});
