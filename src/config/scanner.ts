/**
 * Text to lines of tokens, by keepalived's rules: `#` and `!` start a comment anywhere outside
 * quotes (`\#` and `\!` do not), `"` groups words, braces stand alone wherever they are written, a
 * line end ends a statement. Quotes and comments end with their line, so every line can be scanned
 * by itself.
 */
import type { Report } from './diagnostics.ts';
import type { Line, SourceFile, Token, TokenKind } from './source.ts';

/** keepalived reads 1023; generated files get some room. */
export const MAX_LINE_LENGTH = 8192;

/** Scans a whole file; lines without tokens are left out. */
export function scanSource(source: SourceFile, report: Report): Line[] {
  const lines: Line[] = [];
  const { text } = source;
  let number = 1;
  let start = text.startsWith('\uFEFF') ? 1 : 0;
  while (start < text.length) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline;
    const tokens = scanLine(source, number, text.slice(start, end), report);
    if (tokens.length > 0) lines.push(tokens);
    start = end + 1;
    number += 1;
  }
  return lines;
}

function scanLine(source: SourceFile, line: number, text: string, report: Report): Token[] {
  if (text.length > MAX_LINE_LENGTH) {
    const place = { source, line, column: 1, endColumn: 2 };
    report('lineTooLong', place, { length: text.length, limit: MAX_LINE_LENGTH });
    return [];
  }
  const tokens: Token[] = [];
  let index = 0;
  while (index < text.length) {
    const char = text[index];
    if (isBlank(char)) {
      index += 1;
      continue;
    }
    if (char === '#' || char === '!') break;
    const { kind, content, end } = readToken(text, index);
    const token = { kind, text: content, source, line, column: index + 1, endColumn: end + 1 };
    tokens.push(token);
    if (kind === 'opaque') report('unterminatedQuote', { ...token, endColumn: index + 2 }, {});
    index = end;
  }
  return tokens;
}

interface Scanned {
  readonly kind: TokenKind;
  readonly content: string;
  /** Offset behind it. */
  readonly end: number;
}

/** The token that begins at `start`; opaque for a quote without an end. */
function readToken(text: string, start: number): Scanned {
  const char = text[start];
  if (char === '{') return { kind: 'open', content: '{', end: start + 1 };
  if (char === '}') return { kind: 'close', content: '}', end: start + 1 };
  if (char !== '"') {
    const end = wordEnd(text, start);
    return { kind: 'word', content: unescapeComment(text.slice(start, end)), end };
  }
  const closing = text.indexOf('"', start + 1);
  if (closing < 0) return { kind: 'opaque', content: text.slice(start), end: text.length };
  return { kind: 'string', content: text.slice(start + 1, closing), end: closing + 1 };
}

function isBlank(char: string | undefined): boolean {
  return char === ' ' || char === '\t' || char === '\r' || char === '\v' || char === '\f';
}

/**
 * Where the word that begins at `start` ends. `${NAME}` is part of a word, other braces are not.
 */
function wordEnd(text: string, start: number): number {
  let index = start;
  while (index < text.length) {
    const char = text[index];
    if (char === '\\' && (text[index + 1] === '#' || text[index + 1] === '!')) index += 2;
    else if (char === '$' && text[index + 1] === '{') index = parameterEnd(text, index);
    else if (isBlank(char) || isWordBoundary(char)) break;
    else index += 1;
  }
  return index;
}

function isWordBoundary(char: string | undefined): boolean {
  return char === '"' || char === '{' || char === '}' || char === '#' || char === '!';
}

const PARAMETER_PATTERN = /\$\{[A-Za-z_][\w ]*\}/y;

function parameterEnd(text: string, start: number): number {
  PARAMETER_PATTERN.lastIndex = start;
  return PARAMETER_PATTERN.test(text) ? PARAMETER_PATTERN.lastIndex : start + 1;
}

function unescapeComment(text: string): string {
  return text.includes('\\') ? text.replace(/\\([#!])/g, '$1') : text;
}
