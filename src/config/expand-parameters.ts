/**
 * Parameters: `$NAME=VALUE` says what `$NAME` and `${NAME}` stand for from here on. Values are
 * filled in where they are used, so a value may name parameters that are defined later. What
 * is said to be observed was observed with keepalived 2.2.7.
 */
import type { Report } from './diagnostics.ts';
import {
  type Columns,
  columnsOf,
  type MappedText,
  MappedTextBuilder,
  replacedText,
} from './mapped-text.ts';
import type { Place } from './source.ts';

/** What the built-in parameters ask of the world around. */
export interface Surroundings {
  /** From 0 to below 1. */
  random(): number;
  environment(name: string): string | undefined;
  /** Full path of the directory that `file` is in. */
  directoryOf(file: string): string;
}

/** A parameter in a parameter in a parameter. */
export const MAX_EXPANSION_DEPTH = 32;
/** Characters that parameters and sequences may come to, every step of them counted as some. */
export const MAX_EXPANSION_LENGTH = 8 * 1024 * 1024;
const STEP_COST = 32;

/** What an expansion may still cost: parameters in parameters grow without a bound of their own. */
export class ExpansionBudget {
  #left = MAX_EXPANSION_LENGTH;

  get isSpent(): boolean {
    return this.#left < 0;
  }

  /** False when there is nothing left. */
  spend(length: number): boolean {
    this.#left -= length + STEP_COST;
    return !this.isSpent;
  }
}

const DEFINITION = /^\$([A-Za-z_]\w*)=[ \t]*/;

export interface Definition {
  readonly name: string;
  readonly value: string;
}

/** `$NAME=VALUE`; no blank may stand before the `=` (observed). */
export function readDefinition(text: string): Definition | undefined {
  const match = DEFINITION.exec(text);
  if (match === null) return undefined;
  return { name: match[1] ?? '', value: text.slice(match[0].length) };
}

export interface ExpandedLine {
  readonly line: MappedText;
  /** Lines that follow it: a parameter of several lines came to its end. */
  readonly rest: readonly string[];
  /** Where that parameter was named. */
  readonly columns: Columns;
  /** A sequence came out: what follows it is not filled in yet. */
  readonly isSequence: boolean;
}

/** Where a line is, and where what is wrong with it is said. */
export interface LineContext {
  readonly file: string;
  readonly configId: string;
  readonly report: Report;
  placeAt(columns: Columns): Place;
}

interface Frame {
  readonly text: MappedText;
  index: number;
  /** The parameter that it is the value of. */
  readonly name?: string;
}

type Resolved =
  | { readonly kind: 'value'; readonly value: string }
  | { readonly kind: 'lines'; readonly lines: readonly string[] }
  | { readonly kind: 'left'; readonly reason: string; readonly help?: string };

interface Reference {
  readonly whole: string;
  readonly name: string;
  readonly words: readonly string[];
  readonly isBraced: boolean;
}

const REFERENCE = /\$(?:\{([A-Za-z_]\w*)((?: +\w+)*) *\}|([A-Za-z_]\w*))/y;
/** What may follow a name without braces (observed: not even a quote may). */
const NAME_END = /[ \t,)]/;

export class Parameters {
  readonly #values = new Map<string, readonly string[]>();
  readonly #surroundings: Surroundings;
  readonly #budget: ExpansionBudget;

  constructor(surroundings: Surroundings, budget: ExpansionBudget) {
    this.#surroundings = surroundings;
    this.#budget = budget;
  }

  /** One line, or several. A built-in parameter may be redefined (observed). */
  define(name: string, lines: readonly string[]): void {
    this.#values.set(name, lines);
  }

  /**
   * Fills in all parameters of a line. A name does not reach over the end of the value it stands
   * in.
   */
  expand(line: MappedText, context: LineContext): ExpandedLine {
    const columns = columnsOf(line, 0, line.text.length);
    const builder = new MappedTextBuilder();
    const frames: Frame[] = [{ text: line, index: 0 }];
    let rest: ExpandedLine['rest'] = [];
    let restColumns = columns;
    for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
      const { text } = frame.text;
      const dollar = text.indexOf('$', frame.index);
      const stop = dollar < 0 ? text.length : dollar;
      builder.addSlice(frame.text, frame.index, stop);
      frame.index = stop;
      if (dollar < 0) {
        frames.pop();
        continue;
      }
      const reference = readReference(text, dollar);
      const found = this.#resolve(reference, frames, context);
      const at = columnsOf(frame.text, dollar, dollar + reference.whole.length);
      frame.index += reference.whole.length;
      if (found.kind === 'left') {
        builder.addReplaced(reference.whole, at);
        if (found.reason !== '') reportLeft(reference, found, context.placeAt(at), context.report);
        continue;
      }
      const [value = '', ...others] = found.kind === 'lines' ? found.lines : [found.value];
      if (!this.#budget.spend(value.length)) break;
      if (found.kind === 'lines') {
        rest = [...others, ...rest];
        restColumns = at;
      }
      frames.push({ text: replacedText(value, at), index: 0, name: reference.name });
      if (value.trimStart().startsWith('~') && builder.isBlank) {
        for (const open of frames.toReversed()) {
          builder.addSlice(open.text, open.index, open.text.text.length);
        }
        return { line: builder.build(columns), rest, columns: restColumns, isSequence: true };
      }
    }
    return { line: builder.build(columns), rest, columns: restColumns, isSequence: false };
  }

  #resolve(reference: Reference, frames: readonly Frame[], context: LineContext): Resolved {
    const { name, words, isBraced } = reference;
    if (name === '') return { kind: 'left', reason: '' };
    const lines = this.#values.get(name);
    const frame = frames.at(-1);
    const next = frame?.text.text[frame.index + reference.whole.length];
    if (!isBraced && next !== undefined && !NAME_END.test(next)) {
      if (lines === undefined && !name.startsWith('_')) return undefinedParameter();
      const reason = "a name without braces ends at a blank, ',', ')' or the end of the line";
      return { kind: 'left', reason, help: `write '\${${name}}'` };
    }
    if (lines === undefined) return this.#resolveBuiltIn(name, words, context);
    if (words.length > 0) return { kind: 'left', reason: `'${name}' takes no words` };
    if (frames.some((open) => open.name === name)) {
      return { kind: 'left', reason: 'it stands in its own value' };
    }
    if (frames.length > MAX_EXPANSION_DEPTH) {
      const reason = `parameters are nested more than ${MAX_EXPANSION_DEPTH} deep`;
      return { kind: 'left', reason };
    }
    if (lines.length <= 1) return { kind: 'value', value: lines[0] ?? '' };
    const isLast = frames.every((open, depth) => {
      const length = depth === frames.length - 1 ? reference.whole.length : 0;
      return open.index + length >= open.text.text.length;
    });
    if (isLast) return { kind: 'lines', lines };
    return { kind: 'left', reason: 'a parameter of several lines must end its line' };
  }

  #resolveBuiltIn(name: string, words: readonly string[], context: LineContext): Resolved {
    switch (name) {
      case '_PWD':
        return { kind: 'value', value: this.#surroundings.directoryOf(context.file) };
      case '_INSTANCE':
        return { kind: 'value', value: context.configId };
      case '_HASH':
        return { kind: 'value', value: '#' };
      case '_BANG':
        return { kind: 'value', value: '!' };
      case '_RANDOM':
        return this.#pickNumber(words);
      case '_ENV': {
        const [variable = '', ...more] = words;
        if (variable === '' || more.length > 0) {
          return { kind: 'left', reason: 'it takes the name of one variable' };
        }
        const value = this.#surroundings.environment(variable);
        const reason = `the environment has no '${variable}'`;
        return value === undefined ? { kind: 'left', reason } : { kind: 'value', value };
      }
      default:
        return undefinedParameter();
    }
  }

  /** `[min [max]]`, by default 0 to 32767. */
  #pickNumber(words: readonly string[]): Resolved {
    const [min, max] = [Number(words[0] ?? 0), Number(words[1] ?? MAX_RANDOM)];
    if (words.length > 2 || !Number.isSafeInteger(min) || !Number.isSafeInteger(max) || max < min) {
      return { kind: 'left', reason: 'it takes a smallest and a largest whole number' };
    }
    const value = min + Math.floor(this.#surroundings.random() * (max - min + 1));
    return { kind: 'value', value: String(Math.min(value, max)) };
  }
}

const MAX_RANDOM = 32_767;

function undefinedParameter(): Resolved {
  return { kind: 'left', reason: 'no parameter of that name is defined' };
}

function readReference(text: string, dollar: number): Reference {
  REFERENCE.lastIndex = dollar;
  const match = REFERENCE.exec(text);
  if (match === null) return { whole: '$', name: '', words: [], isBraced: false };
  const words = (match[2] ?? '').split(' ').filter((word) => word !== '');
  const [whole, braced, , bare] = match;
  return { whole, name: braced ?? bare ?? '', words, isBraced: braced !== undefined };
}

function reportLeft(
  { whole }: Reference,
  { reason, help }: { readonly reason: string; readonly help?: string },
  place: Place,
  report: Report,
): void {
  report('parameterLeft', place, { found: whole, reason }, help);
}
