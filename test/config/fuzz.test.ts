// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the parameters of the language
/**
 * Mutations of real files: nothing throws, nothing takes long, places lie in the files.
 * `LVSD_FUZZ_RUNS=100000 vitest run test/config/fuzz.test.ts` for longer; a failure prints its
 * seed.
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { renderDiagnostics } from '../../src/config/diagnostics.ts';
import { compile, threadMs } from './compile-fixture.ts';

const RUNS = Number(process.env.LVSD_FUZZ_RUNS ?? 300);
/** Of one text; under load a slow machine is still far below. */
const MAX_MS = 1000;
const ROOT = join(import.meta.dirname, '../..');
const PATTERNS = ['conf/**/*.conf', 'test/golden/**/*.conf'].map((each) => join(ROOT, each));
const SAMPLES = '/usr/share/doc/keepalived/samples/*';
const seeds = [...PATTERNS, SAMPLES].flatMap((each) => globSync(each)).sort();
const texts = seeds.map((file) => readFileSync(file, 'utf8'));

const SNIPPETS = [
  ...['{', '}', '"', '#', '!', '\\', '\n', '\r', '\t', ' ', '\0', '\uFEFF', '\uFFFD', '\u{1F600}'],
  ...['$A', '${A}', '\n$A=b\n', '\n$A= x \\\n y$A \\\n', '${_RANDOM 1 2}', '${_PWD}', '$A=$A'],
  ...[
    '\n~SEQ(i,3) ',
    '\n~LST(a,b,c) ',
    '\n~LST({a,b},{1,2}) $a',
    '~SEQx(',
    '\n@director1 ',
    '\n@^x ',
  ],
  ...[
    '\ninclude a\n',
    '\nincludea *\n',
    '\ninclude lvs.conf\n',
    '\ninclude {a,b}*\n',
    '\ninclude\n',
  ],
  ...['-1', '99999999999', '0x', '1e9', '::', '10.0.0.1/33', 'x'.repeat(2000)],
];

/** What is done to a text: at which part of its length, over how many characters, with what. */
const mutation = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  length: fc.oneof(fc.constant(0), fc.nat(3), fc.nat(200)),
  kind: fc.constantFrom('insert', 'delete', 'repeat', 'move'),
  text: fc.oneof(fc.constantFrom(...SNIPPETS), fc.string({ unit: 'binary', maxLength: 4 })),
});

type Mutation = typeof mutation extends fc.Arbitrary<infer Each> ? Each : never;

function mutate(text: string, { at, length, kind, text: snippet }: Mutation): string {
  const start = Math.floor(at * text.length);
  const [head, part, tail] = [
    text.slice(0, start),
    text.slice(start, start + length),
    text.slice(start + length),
  ];
  switch (kind) {
    case 'delete':
      return head + tail;
    case 'repeat':
      return head + part + part + tail;
    case 'move':
      return part + head + tail;
    default:
      return head + snippet + tail;
  }
}

const mutated = fc
  .tuple(fc.constantFrom(...texts), fc.array(mutation, { minLength: 1, maxLength: 8 }))
  .map(([text, mutations]) => mutations.reduce(mutate, text));

test('whatever becomes of a real file: no throw, no hang, places inside the files', () => {
  expect(texts.length).toBeGreaterThan(5);
  let count = 0;
  fc.assert(
    fc.property(mutated, mutated, (text, included) => {
      count += 1;
      const started = threadMs();
      const result = compile(text, { a: included, b: text });
      expect(threadMs() - started).toBeLessThan(MAX_MS);
      const lines = new Map(
        [...result.sources].map(([file, content]) => [file, content.split('\n')]),
      );
      for (const { span, includeChain } of result.diagnostics) {
        for (const { file, line, column, endLine, endColumn } of [span, ...includeChain]) {
          const written = lines.get(file)?.[line - 1];
          expect(written).toBeDefined();
          expect(endLine).toBe(line);
          expect(column).toBeGreaterThanOrEqual(1);
          expect(endColumn).toBeGreaterThanOrEqual(column);
          expect(endColumn).toBeLessThanOrEqual((written ?? '').length + 2);
        }
      }
      const hasErrors = result.diagnostics.some(({ severity }) => severity === 'error');
      expect(result.config === undefined).toBe(hasErrors);
      renderDiagnostics(result.diagnostics, result.sources, { color: false });
    }),
    { numRuns: RUNS },
  );
  expect(count, 'LVSD_FUZZ_RUNS is a number of runs').toBe(RUNS);
}, 3_600_000);
