/** Where text comes from: files as they were read, and places and tokens in them. */
import type { SourceSpan } from './model.ts';

/** One reading of one file: a file that is included twice is two sources with one text. */
export interface SourceFile {
  readonly file: string;
  readonly text: string;
  /** The word in the including file; absent for the file that was asked for. */
  readonly includedFrom?: Token;
}

/**
 * `opaque` stands for something that was reported already and whose meaning is not known: nothing
 * more is said about it.
 */
export type TokenKind = 'word' | 'string' | 'open' | 'close' | 'opaque';

/** Part of a line after its parameters and sequences were filled in. */
export interface Expansion {
  /** The whole line as it came out. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** A place in a source, within one line. Counts from 1; the end is exclusive. */
export interface Place {
  readonly source: SourceFile;
  readonly line: number;
  readonly column: number;
  readonly endColumn: number;
  /** Absent where the file says literally what is meant. */
  readonly expansion?: Expansion;
}

export interface Token extends Place {
  readonly kind: TokenKind;
  /** Without quotes and escapes. */
  readonly text: string;
}

/** The tokens of one line; never empty. */
export type Line = readonly Token[];

/** Model span of a place. */
export function spanOf(place: Place): SourceSpan {
  return {
    file: place.source.file,
    line: place.line,
    column: place.column,
    endLine: place.line,
    endColumn: place.endColumn,
  };
}

/** From the first token to the last of the same line; throws without any. */
export function placeOf(tokens: readonly Token[]): Place {
  const first = tokens[0];
  const last = tokens.at(-1);
  if (first === undefined || last === undefined) throw new Error('No tokens, no place');
  if (last.source !== first.source || last.line !== first.line) return first;
  return { ...first, endColumn: last.endColumn };
}
