import { expect, test } from 'vitest';
import { collectDiagnostics } from '../../src/config/diagnostics.ts';
import { MAX_NESTING, parseConfig, type Statement } from '../../src/config/parser.ts';
import { contextOpenedBy, isKnown } from '../../src/config/schema.ts';
import { scan } from './compile-fixture.ts';

type Tree = readonly (string | readonly [string, Tree])[];

function treeOf(statements: readonly Statement[]): Tree {
  return statements.map(({ words, block }) => {
    const text = words.map((word) => word.text).join(' ');
    return block === undefined ? text : [text, treeOf(block.statements)];
  });
}

function parse(text: string): { tree: Tree; found: readonly string[]; isReliable: boolean } {
  const collector = collectDiagnostics();
  const grammar = { contextOpenedBy, isKnown };
  const { statements, isReliable } = parseConfig(scan(text).lines, grammar, collector.report);
  const found = collector
    .finish(['lvs.conf'])
    .map(({ code, span }) => `${code} ${span.line}:${span.column}`);
  return { tree: treeOf(statements), found, isReliable };
}

test.each([
  ['on the same line', 'a b {\n c\n}', [['a b', ['c']]]],
  ['on the next line', 'a b\n\n# x\n{\n c\n}', [['a b', ['c']]]],
  ['glued', 'a b{c}', [['a b', ['c']]]],
  [
    'empty',
    'a {}\nb {\n}',
    [
      ['a', []],
      ['b', []],
    ],
  ],
  ['nested on one line', 'a { b { c d } } e', [['a', [['b', ['c d']]]], 'e']],
  ['followed by a statement on its line', 'a { b } c', [['a', ['b']], 'c']],
])('a block may be %s', (_where, text, expected) => {
  expect(parse(text)).toEqual({ tree: expected, found: [], isReliable: true });
});

test('a brace without a keyword is one diagnostic, and its block is kept apart', () => {
  expect(parse('{ a\n { b } }\nc')).toEqual({
    tree: [['{', [['a', ['b']]]], 'c'],
    found: ['LVS1013 1:1'],
    isReliable: true,
  });
});

test.each([
  ['at the end of the file', 'vrrp_instance A {\n state MASTER\n', 'LVS1010 1:1'],
  [
    'before the next block of the file',
    'vrrp_instance A {\n state MASTER\nvrrp_instance B {\n}\n',
    'LVS1010 1:1',
  ],
  [
    'of an inner block, known by indentation',
    'virtual_server 10.0.0.1 80 {\n  real_server 10.0.0.2 80 {\n    weight 1\n}\n',
    'LVS1010 2:3',
  ],
  [
    'of an inner block, known by a keyword of the outer one',
    'virtual_server 10.0.0.1 80 {\nreal_server 10.0.0.2 80 {\nTCP_CHECK {\n}\nalpha\n' +
      'real_server 10.0.0.3 80 {\n}\n}\n',
    'LVS1010 2:1',
  ],
])('a missing } %s is one diagnostic at its opener', (_where, text, expected) => {
  const { found, isReliable } = parse(text);
  expect(found).toEqual([expected]);
  expect(isReliable).toBe(true);
});

test('what follows a missing } is understood as it was meant', () => {
  const text =
    'virtual_server 10.0.0.1 80 {\n  real_server 10.0.0.2 80 {\n    weight 1\n' +
    '  real_server 10.0.0.3 80 {\n  }\n}\nglobal_defs {\n}\n';
  expect(parse(text).tree).toEqual([
    [
      'virtual_server 10.0.0.1 80',
      [
        ['real_server 10.0.0.2 80', ['weight 1']],
        ['real_server 10.0.0.3 80', []],
      ],
    ],
    ['global_defs', []],
  ]);
});

test('a missing { is one diagnostic at the line that needs it', () => {
  expect(parse('vrrp_instance A\n  state MASTER\n}\nglobal_defs {\n}\n')).toEqual({
    tree: [
      ['vrrp_instance A', ['state MASTER']],
      ['global_defs', []],
    ],
    found: ['LVS1011 1:1'],
    isReliable: true,
  });
});

test('a } too many inside a block, indented deeper than it, is left out', () => {
  const text = 'vrrp_instance A {\n  authentication {\n  }\n  }\n  priority 5\n}\n';
  expect(parse(text)).toEqual({
    tree: [['vrrp_instance A', [['authentication', []], 'priority 5']]],
    found: ['LVS1012 4:3'],
    isReliable: true,
  });
});

test('a } too many that moves statements out of their block makes the tree a guess', () => {
  expect(parse('vrrp_instance A {\n}\npriority 5\n}\n').isReliable).toBe(false);
});

test('nesting beyond the bound is one diagnostic and does not recurse', () => {
  const depth = MAX_NESTING + 50;
  const { found, tree } = parse(`${'a {\n'.repeat(depth)}${'}\n'.repeat(depth)}b`);
  expect(found).toEqual([`LVS1014 ${MAX_NESTING + 1}:3`]);
  expect(tree.at(-1)).toBe('b');
});
