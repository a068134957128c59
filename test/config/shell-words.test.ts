import fc from 'fast-check';
import { expect, test } from 'vitest';
import { expandConfig } from '../../src/config/expand.ts';
import { readShellWords, statementText } from '../../src/config/shell-words.ts';
import { includesFrom, scan } from './compile-fixture.ts';

test.each([
  ['words are separated by blanks', ' a \t b ', ['a', 'b']],
  ['both quotes group', `'a b' "c d"`, ['a b', 'c d']],
  ['one quote hides the other', `'a "b' "c 'd"`, ['a "b', "c 'd"]],
  ['quotes may stand within a word', `a"b c"d'e'`, ['ab cde']],
  ['an empty pair is a word', `a "" b`, ['a', '', 'b']],
  ['letters', '\\a\\b\\E\\f\\n\\r\\t\\v', ['\u0007\b\u001b\f\n\r\t\v']],
  ['octal', '\\101\\60\\0601', ['A0' + '01']],
  ['hexadecimal, all its digits', '\\x41g\\x141', ['AgA']],
  ['control', '\\cA\\c[', ['\u0001\u001b']],
  ['others stand for themselves', '\\"\\\\\\ \\q', ['"\\ q']],
  ['escapes count within quotes', `"a\\"b" 'c\\'d'`, ['a"b', "c'd"]],
  ['nothing is no word', '  ', []],
])('%s', (_rule, text, expected) => {
  const outcome = readShellWords(text);
  expect(outcome.ok && outcome.words.map((word) => word.text)).toEqual(expected);
});

test('what does not end says where it begins', () => {
  expect(readShellWords(`a 'b`)).toEqual({ ok: false, reason: "its ' is not closed", offset: 2 });
  expect(readShellWords('a\\')).toEqual({ ok: false, reason: 'a backslash ends it', offset: 1 });
});

test.each([
  'script "/bin/a b" user',
  "notify '/bin/a  b' root",
  'script "/bin/sh -c \\"a b\\" c"',
  'a"b"c',
])('the text of a statement is as it was written: %s', (text) => {
  expect(statementText(scan(`  ${text} # x`).lines[0] ?? [])).toBe(text);
});

test('the text of an expanded statement is what it came to', () => {
  const options = { configId: 'a', include: includesFrom({}), report: () => undefined };
  const { lines } = expandConfig('f', '$P=a "b c"\nscript $P d', options);
  expect(statementText(lines[0]?.slice(1) ?? [])).toBe('a "b c" d');
});

test('whatever the text: words lie in it, in order', () => {
  const piece = fc.constantFrom('a', ' ', '\t', '"', "'", '\\', 'x4', 'c', '7', 'é', '\n');
  fc.assert(
    fc.property(
      fc.array(piece).map((pieces) => pieces.join('')),
      (text) => {
        const outcome = readShellWords(text);
        if (!outcome.ok) {
          expect(outcome.offset).toBeLessThan(text.length);
          return;
        }
        let end = 0;
        for (const word of outcome.words) {
          expect(word.start).toBeGreaterThanOrEqual(end);
          expect(word.end).toBeGreaterThan(word.start);
          end = word.end;
        }
        expect(end).toBeLessThanOrEqual(text.length);
      },
    ),
  );
});
