/** Include lines: which files they stand for, and what stands in the way of reading them. */
import type { Report } from './diagnostics.ts';
import { expandBraces, hasWildcard, type IncludeKind } from './include-paths.ts';
import { type Columns, columnsOf, type MappedText } from './mapped-text.ts';
import { ROOT_CONTEXT } from './parser.ts';
import type { Place, SourceFile, Token } from './source.ts';
import { withoutValue } from './without-value.ts';

export const MAX_INCLUDE_DEPTH = 16;
/** Characters of all files together. */
export const MAX_CONFIG_LENGTH = 64 * 1024 * 1024;
/** Files together, counting a file as often as it is included. */
export const MAX_INCLUDED_FILES = 10_000;
/** Linux takes no longer path. */
const MAX_PATTERN_LENGTH = 4096;

export type ReadOutcome =
  | { readonly ok: true; readonly text: string }
  | {
      readonly ok: false;
      readonly reason: string;
      /** It is there and is none of the files that an include reads: keepalived goes on. */
      readonly isSkipped?: boolean;
      /** There is none of that name. */
      readonly isAbsent?: boolean;
    };

/** How included files are found and read; the only way out of this pure part. */
export interface IncludePort {
  /**
   * Files that `pattern` names, as full paths in the order of glob(3); a pattern without wildcards
   * is returned as a path whether it exists or not. Relative patterns are relative to `fromFile`'s
   * directory.
   */
  glob(pattern: string, fromFile: string): readonly string[];
  read(file: string): ReadOutcome;
}

interface IncludeLine {
  readonly source: SourceFile;
  /** Of includes. */
  readonly depth: number;
  placeAt(columns: Columns): Place;
}

export class Includer {
  readonly sources = new Map<string, string>();
  readonly #port: IncludePort;
  readonly #report: Report;
  readonly #openFiles = new Set<string>();
  #length = 0;
  #files = 0;

  constructor(port: IncludePort, report: Report) {
    this.#port = port;
    this.#report = report;
  }

  enter({ file, text }: SourceFile): void {
    this.sources.set(file, text);
    this.#length += text.length;
    this.#files += 1;
    this.#openFiles.add(file);
  }

  leave({ file }: SourceFile): void {
    this.#openFiles.delete(file);
  }

  /** Files of one include line, each read only when the ones before it are through. */
  *open(kind: IncludeKind, argument: MappedText, line: IncludeLine): Generator<SourceFile> {
    const { keyword } = kind;
    const place = line.placeAt(columnsOf(argument, 0, argument.text.length));
    const pattern = this.#readPattern(keyword, argument, line);
    if (pattern === undefined) return;
    if (line.depth >= MAX_INCLUDE_DEPTH) {
      this.#report('includeTooDeep', place, { limit: MAX_INCLUDE_DEPTH });
      return;
    }
    const alternatives = pattern.length > MAX_PATTERN_LENGTH ? undefined : expandBraces(pattern);
    if (alternatives === undefined) {
      this.#report('includePattern', place, {});
      return;
    }
    const from = line.source.file;
    const files = alternatives.flatMap((alternative) => this.#port.glob(alternative, from));
    if (files.length === 0 && kind.mustMatchWildcard && hasWildcard(pattern)) {
      this.#report('includeUnmatched', place, { keyword, pattern });
    }
    const includedFrom: Token = { kind: 'word', text: pattern, ...place };
    for (const file of files) {
      if (this.#isFull(place)) return;
      const text = this.#read(file, kind, place);
      if (text !== undefined) yield { file, text, includedFrom };
    }
  }

  /** keepalived takes quotes and blanks as part of the name (observed); no one means that. */
  #readPattern(keyword: string, argument: MappedText, line: IncludeLine): string | undefined {
    const match = /^(?:"([^"]*)"|([^ \t"]+))[ \t]*/.exec(argument.text);
    const place = line.placeAt(columnsOf(argument, 0, argument.text.length));
    if (match === null) {
      const compat = withoutValue(keyword, ROOT_CONTEXT);
      const expected = 'a file name or a pattern';
      this.#report('missingValue', place, { keyword, expected, compat });
      return undefined;
    }
    const [{ length }, quoted, bare] = match;
    const pattern = quoted ?? bare ?? '';
    if (length < argument.text.length) {
      const words = argument.text.slice(length);
      const trailing = line.placeAt(columnsOf(argument, length, argument.text.length));
      this.#report('trailingWords', trailing, { words, statement: `${keyword} ${pattern}` });
    }
    return pattern;
  }

  #read(file: string, kind: IncludeKind, place: Place): string | undefined {
    const report = this.#report;
    if (this.#openFiles.has(file)) {
      report('includeCycle', place, { file });
      return undefined;
    }
    const outcome = this.#port.read(file);
    if (outcome.ok) {
      if (this.#length + outcome.text.length <= MAX_CONFIG_LENGTH) return outcome.text;
      report('configTooLarge', place, { limit: `${MAX_CONFIG_LENGTH} characters` });
      return undefined;
    }
    const { reason } = outcome;
    const { keyword, mustBeReadable, mustExist } = kind;
    if (outcome.isAbsent === true && mustExist) {
      report('includeUnmatched', place, { keyword, pattern: file });
    } else if (outcome.isSkipped !== true) report('unreadableInclude', place, { file, reason });
    else if (mustBeReadable) report('includeRefused', place, { keyword, file, reason });
    else report('includeSkipped', place, { file, reason });
    return undefined;
  }

  #isFull(place: Place): boolean {
    if (this.#files < MAX_INCLUDED_FILES) return false;
    this.#report('configTooLarge', place, { limit: `${MAX_INCLUDED_FILES} files` });
    return true;
  }
}
