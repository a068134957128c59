import { expect, test } from 'vitest';
import { MAX_LINE_LENGTH } from '../../src/config/scanner.ts';
import { scan } from './compile-fixture.ts';

function texts(text: string): readonly (readonly string[])[] {
  return scan(text).lines.map((line) => line.map((token) => token.text));
}

const CASES: readonly (readonly [rule: string, text: string, expected: string[][]])[] = [
  ['words are separated by blanks and tabs', 'a \t b', [['a', 'b']]],
  ['a line end ends a line, empty lines are nothing', 'a\n\n \nb', [['a'], ['b']]],
  ['a carriage return is a blank', 'a b\r\nc\r\n', [['a', 'b'], ['c']]],
  ['# starts a comment, also in a word', 'a b#c d\n# e', [['a', 'b']]],
  ['! starts a comment, also in a word', '! x\na b!c', [['a', 'b']]],
  ['\\# and \\! start no comment', 'a\\#b \\!c', [['a#b', '!c']]],
  ['other backslashes stay', 'a\\b \\', [['a\\b', '\\']]],
  ['quotes group words and hide comment signs', 'a "b # c" d', [['a', 'b # c', 'd']]],
  ['a quote ends a word', 'a"b c"d', [['a', 'b c', 'd']]],
  ['braces stand alone wherever they are', 'a{b}c {', [['a', '{', 'b', '}', 'c', '{']]],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the parameters of the language
  ['${NAME} is one word', 'a ${B}c ${_RANDOM 1 5}{', [['a', '${B}c', '${_RANDOM 1 5}', '{']]],
  ['a byte order mark is nothing', '\uFEFFa', [['a']]],
];

test.each(CASES)('%s', (_rule, text, expected) => {
  expect(texts(text)).toEqual(expected);
});

test('tokens know their place, quotes included', () => {
  const { lines } = scan('a\n\tbc "d e"{');
  expect(
    lines[1]?.map(({ kind, line, column, endColumn }) => [kind, line, column, endColumn]),
  ).toEqual([
    ['word', 2, 2, 4],
    ['string', 2, 5, 10],
    ['open', 2, 10, 11],
  ]);
});

test('a byte order mark does not move columns of later lines', () => {
  const { lines } = scan('\uFEFFa\nb');
  expect(lines.map(([token]) => token?.column)).toEqual([1, 1]);
});

test('a quote without an end is reported once and swallows its line only', () => {
  const { lines, codes } = scan('a "b {\nc');
  expect(codes).toEqual(['LVS1006']);
  expect(lines.map((line) => line.map(({ kind }) => kind))).toEqual([['word', 'opaque'], ['word']]);
});

test('a line that is too long is reported and skipped', () => {
  const { lines, codes } = scan(`${'x'.repeat(MAX_LINE_LENGTH + 1)}\nb`);
  expect(codes).toEqual(['LVS1005']);
  expect(lines).toHaveLength(1);
});
