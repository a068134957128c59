/** Patterns for PCRE2 as JavaScript has them, or why not. */
import { describe, expect, test } from 'vitest';
import { translatePattern } from '../../src/config/pcre.ts';

describe('a pattern means here what it means to PCRE2', () => {
  test.each([
    ['(?i)abc', [], 'xABC', true],
    ['abc', ['caseless'], 'xABC', true],
    ['abc', [], 'xABC', false],
    ['\\Aabc\\z', ['multiline'], 'abc\nabc', false],
    ['\\Aabc\\Z', [], 'abc\n', true],
    ['[[:alpha:]]+[[:digit:]]', [], 'ab7', true],
    ['[^[:space:]]', [], ' \t', false],
    ['[]x]', [], ']', true],
    ['\\Qa.b\\E', [], 'axb', false],
    ['\\Qa.b\\E', [], 'a.b', true],
    ['(?P<c>a)(?P=c)', [], 'aa', true],
    ['a(?#no)b', [], 'ab', true],
    ['a.b', ['literal'], 'axb', false],
    ['a.b', ['dotall'], 'a\nb', true],
    ['\\\\K', [], '\\K', true],
  ])('%s %j on %j: %s', (pattern, options, text, expected) => {
    const outcome = translatePattern(pattern, options);
    if (!outcome.ok) throw new Error(outcome.reason);
    expect(new RegExp(outcome.source, outcome.flags).test(text)).toBe(expected);
  });
});

test.each([
  ['a++b', 'possessive'],
  ['(?>a)b', 'atomic'],
  ['a\\Kb', '\\K'],
  ['(a(?R)?b)', 'recursion'],
  ['(a)(?1)', 'recursion'],
  ['(?(1)a|b)', 'condition'],
  ['(*UTF)a', 'verb'],
  ['(?x) a b', 'flag x'],
  ['(a', 'group'],
])('%s is refused: %s', (pattern, reason) => {
  const outcome = translatePattern(pattern, []);
  expect(outcome).toMatchObject({ ok: false });
  expect(outcome.ok ? '' : outcome.reason).toContain(reason);
});

test('an option that JavaScript lacks is refused', () => {
  expect(translatePattern('a', ['extended'])).toMatchObject({ ok: false });
});
