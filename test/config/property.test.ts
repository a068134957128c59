import fc from 'fast-check';
import { expect, test } from 'vitest';
import { renderDiagnostics } from '../../src/config/diagnostics.ts';
import { keywordTable } from '../../src/config/schema.ts';
import { compile } from './compile-fixture.ts';

/** Words of the language and everything that has a meaning to the scanner, in any order. */
const piece = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...keywordTable.map(({ name }) => name)) },
  { weight: 6, arbitrary: fc.constantFrom('{', '}', '\n', '\n', ' ', '\t', '\r\n') },
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      '10.0.0.1',
      '10.0.0.1/24',
      '2001:db8::1',
      '80',
      '0',
      '0.01',
      '-1',
      'DR',
      'TCP',
      'MASTER',
      'eth0',
      'include a',
      '@director1',
      '@^x',
      '$A=1',
      '$A',
      '~SEQ(i, 3)',
      '"',
      '"a b"',
      '#',
      '!',
      '\\',
      '\uFEFF',
    ),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
);

const configuration = fc.array(piece, { maxLength: 120 }).map((pieces) => pieces.join(' '));

test('whatever the text: no throw, spans inside the files, a config exactly without errors', () => {
  fc.assert(
    fc.property(configuration, configuration, (text, included) => {
      const result = compile(text, { a: included });
      for (const { span } of result.diagnostics) {
        const lines = (result.sources.get(span.file) ?? '').split('\n');
        const line = lines[span.line - 1];
        expect(line).toBeDefined();
        expect(span.column).toBeGreaterThanOrEqual(1);
        expect(span.endColumn).toBeGreaterThanOrEqual(span.column);
        expect(span.endColumn).toBeLessThanOrEqual((line ?? '').length + 2);
      }
      const hasErrors = result.diagnostics.some(({ severity }) => severity === 'error');
      expect(result.config === undefined).toBe(hasErrors);
      renderDiagnostics(result.diagnostics, result.sources, { color: true });
    }),
    { numRuns: 400 },
  );
});

test('an unmatched brace is one of the diagnostics, wherever it stands', () => {
  const whole =
    'virtual_server 10.0.0.1 80 {\n  real_server 10.0.0.2 80 {\n    HTTP_GET {\n' +
    '      url {\n        path /\n      }\n    }\n  }\n}\nglobal_defs {\n}\n';
  const braces = [...whole.matchAll(/[{}]/g)].map(({ index }) => index);
  for (const index of braces) {
    const text = whole.slice(0, index) + whole.slice(index + 1);
    const shape = compile(text).diagnostics.filter(({ code }) => /^LVS101[0-2]$/.test(code));
    expect(shape, text).toHaveLength(1);
  }
});
