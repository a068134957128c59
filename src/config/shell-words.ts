/**
 * Scripts and regular expressions: keepalived reads these values again, in the manner of a shell.
 * `'` and `"` group, a backslash escapes inside and outside of both: \a \b \E \f \n \r \t \v, \nnn
 * (octal), \xHH (hexadecimal, as many digits as there are), \cC (control), and any other character
 * stands for itself.
 */
import { placeOf, type Token } from './source.ts';

export interface ShellWord {
  readonly text: string;
  /** Offsets in what was read. */
  readonly start: number;
  readonly end: number;
}

export type ShellWordsOutcome =
  | { readonly ok: true; readonly words: readonly ShellWord[] }
  | { readonly ok: false; readonly reason: string; readonly offset: number };

const PLAIN: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  E: '\u001b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** Splits `text` into words; quotes may stand within a word, and an empty pair is a word. */
export function readShellWords(text: string): ShellWordsOutcome {
  const words: ShellWord[] = [];
  let index = skipBlanks(text, 0);
  while (index < text.length) {
    const start = index;
    const parts: string[] = [];
    let quote = '';
    let quoteAt = index;
    while (index < text.length) {
      const char = text[index] ?? '';
      if (quote === '' && isBlank(char)) break;
      if (char === '\\') {
        const escaped = readEscape(text, index + 1);
        if (escaped === undefined)
          return { ok: false, reason: 'a backslash ends it', offset: index };
        parts.push(escaped.text);
        index = escaped.end;
        continue;
      }
      index += 1;
      if (char === quote) quote = '';
      else if (quote === '' && (char === '"' || char === "'")) {
        quote = char;
        quoteAt = index - 1;
      } else parts.push(char);
    }
    if (quote !== '') return { ok: false, reason: `its ${quote} is not closed`, offset: quoteAt };
    words.push({ text: parts.join(''), start, end: index });
    index = skipBlanks(text, index);
  }
  return { ok: true, words };
}

function isBlank(char: string): boolean {
  return char === ' ' || (char >= '\t' && char <= '\r');
}

function skipBlanks(text: string, start: number): number {
  let index = start;
  while (index < text.length && isBlank(text[index] ?? '')) index += 1;
  return index;
}

const NUMERIC = /x([\da-fA-F]+)|([0-7]{1,3})|c(.)/sy;

/** The escape whose backslash stands before `start`; undefined at the end of the text. */
function readEscape(text: string, start: number): { text: string; end: number } | undefined {
  const char = text[start];
  if (char === undefined) return undefined;
  NUMERIC.lastIndex = start;
  const match = NUMERIC.exec(text);
  if (match === null) return { text: PLAIN[char] ?? char, end: start + 1 };
  const [whole, hexadecimal, octal, control] = match;
  // keepalived keeps the low byte of a number, and the low five bits of a control character.
  const code =
    hexadecimal !== undefined
      ? Number.parseInt(hexadecimal.slice(-2), 16)
      : octal !== undefined
        ? Number.parseInt(octal, 8) & 0xff
        : (control ?? '').charCodeAt(0) & 0x1f;
  return { text: String.fromCharCode(code), end: start + whole.length };
}

/**
 * The text of `words`, tokens of one statement, as it was written: what {@link readShellWords}
 * reads. Quotes are there again, comments and their escapes are not.
 */
export function statementText(words: readonly Token[]): string {
  const first = words[0]?.expansion;
  const last = words.at(-1)?.expansion;
  if (first !== undefined && last !== undefined) return last.text.slice(first.start, last.end);
  return rewrite(words).text;
}

/**
 * The words that keepalived sees in a statement of which `words` are the tokens: a command in
 * single quotes is one. Each stands where its tokens do.
 */
export function rereadWords(words: readonly Token[]): RereadOutcome {
  if (words.length === 0) return { ok: true, words: [] };
  const outcome = readShellWords(statementText(words));
  if (!outcome.ok) return outcome;
  const starts = tokenStarts(words);
  return {
    ok: true,
    words: outcome.words.flatMap(({ text, start, end }) => {
      const parts = words.filter((_token, index) => {
        const next = starts[index + 1] ?? Number.POSITIVE_INFINITY;
        return (starts[index] ?? 0) < end && next > start;
      });
      const [first] = parts;
      return first === undefined ? [] : [{ ...first, ...placeOf(parts), kind: 'word', text }];
    }),
  };
}

export type RereadOutcome =
  | { readonly ok: true; readonly words: readonly Token[] }
  | { readonly ok: false; readonly reason: string; readonly offset: number };

/** Where each token begins in the {@link statementText}. */
function tokenStarts(words: readonly Token[]): readonly number[] {
  const from = words[0]?.expansion?.start;
  if (from === undefined) return rewrite(words).starts;
  return words.map(({ expansion }) => (expansion?.start ?? from) - from);
}

function rewrite(words: readonly Token[]): { text: string; starts: readonly number[] } {
  const starts: number[] = [];
  let text = '';
  let column = words[0]?.column ?? 1;
  for (const word of words) {
    text += ' '.repeat(Math.max(0, word.column - column));
    starts.push(text.length);
    text += word.kind === 'string' ? `"${word.text}"` : word.text;
    column = word.endColumn;
  }
  return { text, starts };
}
