/** Blocks of the VRRP side with any values in them: no throw, and every mistake has a place. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NEXT_HOP_OPTIONS, ROUTE_OPTIONS, RULE_OPTIONS } from '../../src/config/route-options.ts';
import { keywordsOf } from '../../src/config/schema.ts';
import { compile } from './compile-fixture.ts';

const RUNS = Number(process.env.LVSD_FUZZ_RUNS ?? 300);
const VALUES = ['0', '1', '255', '-254', '0.5', 'on', 'off', 'A', 'eth0', '10.0.0.1', '10.0.0.0/8'];
const MORE = [
  'fe80::1',
  'default',
  'weight',
  'reverse',
  '""',
  '"/bin/a \'b c\'"',
  '"',
  'all',
  '</a',
];
const OPTIONS = [...ROUTE_OPTIONS, ...NEXT_HOP_OPTIONS, ...RULE_OPTIONS].map(([name]) => name);

const value = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...VALUES, ...MORE) },
  { weight: 2, arbitrary: fc.constantFrom(...OPTIONS, 'nexthop', 'blackhole', 'not', 'dev') },
  { weight: 1, arbitrary: fc.string({ maxLength: 5 }).map((text) => text.replace(/[{}]/g, '')) },
);
const line = fc.array(value, { minLength: 1, maxLength: 6 }).map((words) => words.join(' '));

/** A block of `context`, with blocks in it down to `depth`. */
function block(context: string, depth: number): fc.Arbitrary<string> {
  const rows = keywordsOf(context);
  if (rows.length === 0 || depth === 0) {
    return fc.array(line, { maxLength: 4 }).map((lines) => lines.join('\n'));
  }
  const statement = fc.constantFrom(...rows).chain((row) => {
    const words = fc.array(value, { maxLength: 3 }).map((found) => [row.name, ...found].join(' '));
    const { opens } = row;
    if (opens === undefined) return words;
    return fc
      .tuple(words, block(opens, depth - 1))
      .map(([head, inner]) => `${head} {\n${inner}\n}`);
  });
  return fc.array(statement, { maxLength: 8 }).map((statements) => statements.join('\n'));
}

test('whatever stands in a block: no throw, spans inside the file, a config without errors', () => {
  let count = 0;
  fc.assert(
    fc.property(block('root', 3), (text) => {
      count += 1;
      const result = compile(text);
      const lines = text.split('\n');
      for (const { span } of result.diagnostics) {
        const length = lines[span.line - 1]?.length ?? -1;
        expect(span.endColumn).toBeLessThanOrEqual(length + 2);
      }
      const hasErrors = result.diagnostics.some(({ severity }) => severity === 'error');
      expect(result.config === undefined).toBe(hasErrors);
    }),
    { numRuns: RUNS },
  );
  expect(count, 'LVSD_FUZZ_RUNS is a number of runs').toBe(RUNS);
}, 3_600_000);
