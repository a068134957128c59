import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { collectDiagnostics } from '../../src/config/diagnostics.ts';
import { type Block, parseConfig, type Statement } from '../../src/config/parser.ts';
import { printStatements } from '../../src/config/printer.ts';
import { contextOpenedBy, isKnown } from '../../src/config/schema.ts';
import type { Token } from '../../src/config/source.ts';
import { scan } from './compile-fixture.ts';

type Tree = readonly (readonly [words: readonly string[], block: Tree | undefined])[];

function parse(text: string): readonly Statement[] {
  const { report } = collectDiagnostics();
  return parseConfig(scan(text).lines, { contextOpenedBy, isKnown }, report).statements;
}

/** What a tree means: kinds and texts, no places. */
function treeOf(statements: readonly Statement[]): Tree {
  return statements.map(({ words, block }) => [
    words.map(({ kind, text }) => `${kind} ${text}`),
    block === undefined ? undefined : treeOf(block.statements),
  ]);
}

const ROOT = join(import.meta.dirname, '../..');
const GOOD = ['conf/**/*.conf', 'test/golden/*.conf', 'test/golden/included/*'];
const SAMPLES = '/usr/share/doc/keepalived/samples/*';
const files = [...GOOD.flatMap((each) => globSync(join(ROOT, each))), ...globSync(SAMPLES)].sort();

test.each(files.map((file) => [basename(file), file]))(
  '%s is printed as it is read',
  (_name, file) => {
    const tree = parse(readFileSync(file, 'latin1'));
    const printed = printStatements(tree);
    expect(treeOf(parse(printed))).toEqual(treeOf(tree));
    expect(printStatements(parse(printed))).toBe(printed);
  },
);

const source = { file: 'lvs.conf', text: '' };
const place = { source, line: 1, column: 1, endColumn: 1 };
/** Backslashes in front of a comment sign are left out: such words cannot be written. */
const word = fc
  .string({ unit: fc.constantFrom('a', 'b', '1', '#', '!', '$', '.', '\\', "'", '~', '@', 'é') })
  .filter((text) => text !== '' && !/\\[#!\\]/.test(text))
  .map((text): Token => ({ kind: 'word', text, ...place }));
const quoted = fc
  .string({ unit: fc.constantFrom('a', ' ', '#', '!', '{', '}', '\\', '$', '\t') })
  .map((text): Token => ({ kind: 'string', text, ...place }));
const words = fc.array(fc.oneof(word, quoted), { minLength: 1, maxLength: 4 });

const { block } = fc.letrec<{ block: Block; statement: Statement }>((tie) => ({
  block: fc.array(tie('statement'), { maxLength: 4 }).map((statements) => ({ statements })),
  statement: fc.oneof(
    { maxDepth: 6, withCrossShrink: true },
    words.map((each) => ({ words: each })),
    fc.record({ words, block: tie('block') }),
  ),
}));

test('whatever the tree: printed and read again, it means the same', () => {
  fc.assert(
    fc.property(block, ({ statements }) => {
      expect(treeOf(parse(printStatements(statements)))).toEqual(treeOf(statements));
    }),
    { numRuns: 300 },
  );
});
