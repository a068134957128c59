/**
 * Text to lines of tokens, by keepalived's rules: `#` and `!` start a comment anywhere outside
 * quotes (`\#` and `\!` do not), `"` groups words, braces stand alone wherever they are written, a
 * line end ends a statement. Quotes and comments end with their line, so every line can be scanned
 * by itself.
 */
import type { Report } from './diagnostics.ts';
import type { Line, Place, SourceFile, Token, TokenKind } from './source.ts';

/** Longer lines are not read: no statement needs that, and a bound must be somewhere. */
export const MAX_LINE_LENGTH = 65_536;
/** A longer line is read in pieces by keepalived 2.2.7 (observed), and ignored by later ones. */
export const KEEPALIVED_LINE_LENGTH = 1023;

/** Scans a whole file; lines without tokens are left out. Nothing is expanded. */
export function scanSource(source: SourceFile, report: Report): Line[] {
  const lines: Line[] = [];
  forEachLine(source, report, (line, start, end) => {
    const tokens = scanLine(source, line, start, end, report);
    if (tokens.length > 0) lines.push(tokens);
    return undefined;
  });
  return lines;
}

/** Lines that a visitor takes at once: it goes on behind `end`, the end of the last of `count`. */
export interface TakenLines {
  readonly end: number;
  readonly count: number;
}

/** Calls back with number, start and end of every line that is short enough; reports the others. */
export function forEachLine(
  source: SourceFile,
  report: Report,
  visit: (line: number, start: number, end: number) => TakenLines | undefined,
): void {
  const { text } = source;
  const place = (line: number): Place => ({ source, line, column: 1, endColumn: 2 });
  if (!text.includes('\n') && /\r[^\r]/.test(text)) report('carriageReturns', place(1), {});
  const firstInvalid = text.indexOf('\uFFFD');
  let number = 1;
  let start = text.startsWith('\uFEFF') ? 1 : 0;
  while (start < text.length) {
    const newline = text.indexOf('\n', start);
    let end = newline < 0 ? text.length : newline;
    let count = 1;
    const length = end - start;
    if (length > MAX_LINE_LENGTH) {
      report('lineTooLong', place(number), { length, limit: MAX_LINE_LENGTH });
    } else {
      if (length > KEEPALIVED_LINE_LENGTH) {
        const limit = KEEPALIVED_LINE_LENGTH;
        report('longerThanKeepalived', place(number), { length, limit });
      }
      if (firstInvalid >= start && firstInvalid < end) {
        const column = firstInvalid - start + 1;
        report('notUtf8', { source, line: number, column, endColumn: column + 1 }, {});
      }
      const taken = visit(number, start, end);
      if (taken !== undefined) ({ end, count } = taken);
    }
    start = end + 1;
    number += count;
  }
}

/** The tokens of `source.text` from `start` to `end`, which is line number `line`. */
export function scanLine(
  source: SourceFile,
  line: number,
  start: number,
  end: number,
  report: Report,
): Token[] {
  const tokens = scanTokens(source, line, { start, end, hasComments: true });
  const last = tokens.at(-1);
  if (last?.kind === 'opaque') reportUnterminated(last, report);
  return tokens;
}

export function reportUnterminated(quote: Token, report: Report): void {
  report('unterminatedQuote', { ...quote, endColumn: quote.column + 1 }, {});
}

export interface ScanRange {
  readonly start: number;
  readonly end: number;
  /** False for text whose comments and escapes are gone already. */
  readonly hasComments: boolean;
}

const HASH = 0x23;
const BANG = 0x21;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const DOLLAR = 0x24;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** A last token of kind opaque is a quote without its end: the caller reports it. */
export function scanTokens(source: SourceFile, line: number, range: ScanRange): Token[] {
  const { text } = source;
  const { start, end, hasComments } = range;
  const tokens: Token[] = [];
  let index = start;
  while (index < end) {
    const char = text.charCodeAt(index);
    if (isBlank(char)) {
      index += 1;
      continue;
    }
    if (hasComments && (char === HASH || char === BANG)) break;
    let kind: TokenKind = 'word';
    let content: string;
    let next: number;
    if (char === OPEN || char === CLOSE) {
      kind = char === OPEN ? 'open' : 'close';
      content = char === OPEN ? '{' : '}';
      next = index + 1;
    } else if (char === QUOTE) {
      const closing = text.indexOf('"', index + 1);
      const isClosed = closing >= 0 && closing < end;
      kind = isClosed ? 'string' : 'opaque';
      content = isClosed ? text.slice(index + 1, closing) : text.slice(index, end);
      next = isClosed ? closing + 1 : end;
    } else {
      next = wordEnd(text, index, range);
      content = text.slice(index, next);
      if (hasComments) content = unescapeComment(content);
    }
    const column = index - start + 1;
    tokens.push({ kind, text: content, source, line, column, endColumn: next - start + 1 });
    index = next;
  }
  // A copy has no spare room, which arrays that grow have: a third of all memory was that.
  return tokens.slice();
}

/** Space, and all from tab to carriage return. */
function isBlank(char: number): boolean {
  return char === 0x20 || (char >= 0x09 && char <= 0x0d);
}

/**
 * Where the word that begins at `start` ends. `${NAME}` is part of a word, other braces are not. A
 * backslash takes the next character with it: of `\\#` the `#` starts a comment (observed).
 */
function wordEnd(text: string, start: number, { end, hasComments }: ScanRange): number {
  let index = start;
  while (index < end) {
    const char = text.charCodeAt(index);
    if (isBlank(char) || char === QUOTE || char === OPEN || char === CLOSE) break;
    if (hasComments && (char === HASH || char === BANG)) break;
    if (char === BACKSLASH && hasComments && isEscapable(text.charCodeAt(index + 1))) index += 2;
    else if (char === DOLLAR && text.charCodeAt(index + 1) === OPEN) {
      index = parameterEnd(text, index, end);
    } else index += 1;
  }
  return Math.min(index, end);
}

function isEscapable(char: number): boolean {
  return char === HASH || char === BANG || char === BACKSLASH;
}

const PARAMETER_PATTERN = /\$\{[A-Za-z_][\w ]*\}/y;

function parameterEnd(text: string, start: number, end: number): number {
  PARAMETER_PATTERN.lastIndex = start;
  const isFound = PARAMETER_PATTERN.test(text) && PARAMETER_PATTERN.lastIndex <= end;
  return isFound ? PARAMETER_PATTERN.lastIndex : start + 1;
}

function unescapeComment(text: string): string {
  return text.includes('\\') ? text.replace(/\\([#!\\])/g, unescapeOne) : text;
}

function unescapeOne(pair: string, char: string): string {
  return char === '\\' ? pair : char;
}
