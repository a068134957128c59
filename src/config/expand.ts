/**
 * From one file to the lines that count for this host: includes are followed, `@id` lines are kept
 * or dropped. Tokens keep the place they were written at. Parameters (`$NAME=…`) and sequences
 * (`~SEQ`, `~LST`) are reported; what depends on them becomes opaque, so that nothing more is said
 * about it.
 */
import type { Report } from './diagnostics.ts';
import { nearestWord } from './did-you-mean.ts';
import { scanSource } from './scanner.ts';
import { type Line, type Place, placeOf, type SourceFile, type Token } from './source.ts';

export const MAX_INCLUDE_DEPTH = 16;
/** Characters of all files together. */
export const MAX_CONFIG_LENGTH = 64 * 1024 * 1024;
/** Files together, counting a file as often as it is included. */
export const MAX_INCLUDED_FILES = 10_000;

export type ReadOutcome =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly reason: string };

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

export interface ExpandOptions {
  /** `-i`, or the host name up to its first dot. */
  readonly configId: string;
  readonly include: IncludePort;
  readonly report: Report;
}

export interface Expanded {
  readonly lines: readonly Line[];
  /** File -> text, of all that was read. */
  readonly sources: ReadonlyMap<string, string>;
}

/** Expands `file` whose text is `text`. */
export function expandConfig(file: string, text: string, options: ExpandOptions): Expanded {
  const expander = new Expander(options);
  expander.addFile({ file, text }, 0);
  expander.checkConfigId();
  return { lines: expander.lines, sources: expander.sources };
}

/** keepalived's other includes say what must match; `include` takes whatever is there. */
const CHECKED_INCLUDES = new Set(['includer', 'includem', 'includew', 'includeb', 'includea']);
const DEFINITION = /^\$[A-Za-z_]\w*=/;
const PARAMETER = /\$(?:\{([A-Za-z_]\w*)[^}]*\}|([A-Za-z_]\w*))/g;
const SEQUENCE = /^~(SEQx?|LST)\b/;
const BUILT_IN_PARAMETERS = ['_PWD', '_INSTANCE', '_RANDOM', '_ENV', '_HASH', '_BANG'];

class Expander {
  readonly lines: Line[] = [];
  readonly sources = new Map<string, string>();
  readonly #options: ExpandOptions;
  readonly #parameters = new Set(BUILT_IN_PARAMETERS);
  readonly #reportedParameters = new Set<string>();
  readonly #openFiles = new Set<string>();
  readonly #foundIds = new Map<string, Token>();
  #length = 0;
  #files = 0;

  constructor(options: ExpandOptions) {
    this.#options = options;
  }

  /** Recursion is bounded by MAX_INCLUDE_DEPTH. */
  addFile(source: SourceFile, depth: number): void {
    this.sources.set(source.file, source.text);
    this.#length += source.text.length;
    this.#files += 1;
    this.#openFiles.add(source.file);
    let isDefining = false;
    for (const line of scanSource(source, this.#options.report)) {
      if (isDefining) {
        isDefining = isContinued(line);
        continue;
      }
      const kept = this.#applyConfigId(line);
      const first = kept[0];
      if (first === undefined) continue;
      if (first.kind === 'word' && DEFINITION.test(first.text)) {
        this.#refuseDefinition(kept, first);
        isDefining = isContinued(kept);
      } else if (first.kind === 'word' && first.text === 'include') {
        this.#include(kept, depth);
      } else if (first.kind === 'word' && CHECKED_INCLUDES.has(first.text)) {
        this.#notSupported(first, `'${first.text}'`, "'include' is");
      } else {
        this.lines.push(this.#hideParameters(kept, first));
      }
    }
    this.#openFiles.delete(source.file);
  }

  /** When a file speaks to named hosts and this is none of them, the id is probably wrong. */
  checkConfigId(): void {
    const { configId, report } = this.#options;
    const first = this.#foundIds.values().next().value;
    if (first === undefined || this.#foundIds.has(configId)) return;
    const ids = [...this.#foundIds.keys()];
    const nearest = nearestWord(configId, ids);
    const help = nearest === undefined ? undefined : `did you mean -i ${nearest}?`;
    report(
      'configIdUnmatched',
      first,
      { configId, ids: ids.map((id) => `@${id}`).join(', ') },
      help,
    );
  }

  /** The line without its `@id`; empty when it is for other hosts. */
  #applyConfigId(line: Line): Line {
    const first = line[0];
    if (first?.kind !== 'word' || !first.text.startsWith('@')) return line;
    const isNegated = first.text.startsWith('@^');
    const id = first.text.slice(isNegated ? 2 : 1);
    if (!isNegated && !this.#foundIds.has(id)) this.#foundIds.set(id, first);
    return (id === this.#options.configId) === isNegated ? [] : line.slice(1);
  }

  #refuseDefinition(line: Line, first: Token): void {
    const name = first.text.slice(1, first.text.indexOf('='));
    this.#parameters.add(name);
    this.#notSupported(placeOf(line), `The parameter $${name}`, 'write its value where it is used');
  }

  #include(line: Line, depth: number): void {
    const { report } = this.#options;
    const [word, argument, ...rest] = line;
    if (word === undefined) return;
    if (argument === undefined) {
      report('missingValue', word, { keyword: 'include', expected: 'a file name or a pattern' });
      return;
    }
    if (rest.length > 0) {
      const words = rest.map((token) => token.text).join(' ');
      const statement = `include ${argument.text}`;
      report('trailingWords', placeOf(rest), { words, statement });
    }
    if (depth >= MAX_INCLUDE_DEPTH) {
      report('includeTooDeep', argument, { limit: MAX_INCLUDE_DEPTH });
      return;
    }
    const from = argument.source.file;
    for (const file of this.#options.include.glob(argument.text, from)) {
      if (!this.#includeFile(file, argument, depth)) return;
    }
  }

  /** False when no more may be read. */
  #includeFile(file: string, argument: Token, depth: number): boolean {
    const { report } = this.#options;
    if (this.#openFiles.has(file)) {
      report('includeCycle', argument, { file });
      return true;
    }
    const outcome = this.#options.include.read(file);
    if (!outcome.ok) {
      report('unreadableInclude', argument, { file, reason: outcome.reason });
      return true;
    }
    if (this.#files >= MAX_INCLUDED_FILES) {
      report('configTooLarge', argument, { limit: `${MAX_INCLUDED_FILES} files` });
      return false;
    }
    if (this.#length + outcome.text.length > MAX_CONFIG_LENGTH) {
      report('configTooLarge', argument, { limit: `${MAX_CONFIG_LENGTH} characters` });
      return false;
    }
    this.addFile({ file, text: outcome.text, includedFrom: argument }, depth + 1);
    return true;
  }

  /**
   * What stands on a sequence or a parameter has no meaning yet; an undefined `$word` is a plain
   * word.
   */
  #hideParameters(line: Line, first: Token): Line {
    const sequence = first.kind === 'word' ? SEQUENCE.exec(first.text)?.[0] : undefined;
    if (sequence !== undefined) {
      this.#notSupported(first, `'${sequence}'`, 'write the lines out');
      return line.map(hideWord);
    }
    if (!line.some((token) => token.text.includes('$'))) return line;
    return line.map((token) => this.#hideParameter(token));
  }

  #hideParameter(token: Token): Token {
    for (const match of token.text.matchAll(PARAMETER)) {
      const name = match[1] ?? match[2] ?? '';
      if (!this.#parameters.has(name)) continue;
      if (!this.#reportedParameters.has(name)) {
        this.#reportedParameters.add(name);
        if (name.startsWith('_')) {
          this.#notSupported(token, `The parameter $${name}`, 'write its value here');
        }
      }
      return { ...token, kind: 'opaque' };
    }
    return token;
  }

  #notSupported(place: Place, what: string, instead: string): void {
    this.#options.report('notSupportedYet', place, { what }, instead);
  }
}

function isContinued(line: Line): boolean {
  return line.at(-1)?.text.endsWith('\\') === true;
}

function hideWord(token: Token): Token {
  return token.kind === 'word' ? { ...token, kind: 'opaque' } : token;
}
