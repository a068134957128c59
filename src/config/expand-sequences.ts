/**
 * Sequences: `~SEQ(var, [start,[step,]]end) text`, `~SEQx(…)` in hexadecimal, and
 * `~LST(var, value, …) text` or `~LST({a, b}, {1, 2}, …) text` stand for one line a value. The text
 * may be a sequence itself. What is said to be observed was observed with keepalived 2.2.7.
 */
export interface Sequence {
  readonly names: readonly string[];
  /** Number of lines it stands for. */
  readonly count: number;
  /** Values of the names in line `index`. */
  valuesAt(index: number): readonly string[];
}

export type SequenceOutcome =
  | { readonly ok: true; readonly sequence: Sequence }
  | { readonly ok: false; readonly reason: string };

export interface SequenceHead {
  readonly word: 'SEQ' | 'SEQx' | 'LST';
  /** Between the parentheses. */
  readonly argumentsStart: number;
  readonly argumentsEnd: number;
  /** Where the text begins that is repeated. */
  readonly textStart: number;
}

const HEAD = /^~(SEQx?|LST)[ \t]*\(/;

/** Undefined for a line that is no sequence; `~` with another word is a plain word (observed). */
export function readSequenceHead(line: string): SequenceHead | 'unclosed' | undefined {
  const match = HEAD.exec(line);
  if (match === null) return undefined;
  const argumentsStart = match[0].length;
  const argumentsEnd = line.indexOf(')', argumentsStart);
  if (argumentsEnd < 0) return 'unclosed';
  const blanks = /^[ \t]*/.exec(line.slice(argumentsEnd + 1))?.[0].length ?? 0;
  const word = match[1] === 'LST' ? 'LST' : match[1] === 'SEQx' ? 'SEQx' : 'SEQ';
  return { word, argumentsStart, argumentsEnd, textStart: argumentsEnd + 1 + blanks };
}

export const SEQUENCE_FORMS = {
  SEQ: '~SEQ(NAME, [START, [STEP,]] END)',
  SEQx: '~SEQx(NAME, [START, [STEP,]] END)',
  LST: '~LST(NAME, VALUE, …) or ~LST({NAME, …}, {VALUE, …}, …)',
} as const;

/** `words` is what stands between the parentheses, parameters filled in. */
export function readSequence(word: SequenceHead['word'], words: string): SequenceOutcome {
  return word === 'LST' ? readList(words) : readNumbers(words, word === 'SEQx');
}

const NAME = /^[A-Za-z_]\w*$/;

function readNumbers(words: string, isHexadecimal: boolean): SequenceOutcome {
  const [name = '', ...numbers] = words.split(',').map((word) => word.trim());
  if (!NAME.test(name)) return refuse(`'${name}' is no name`);
  if (numbers.length === 0 || numbers.length > 3) {
    return refuse(`one to three numbers are expected, found ${numbers.length}`);
  }
  const parsed = numbers.map(readNumber);
  const wrong = parsed.indexOf(undefined);
  if (wrong >= 0) return refuse(`'${numbers[wrong]}' is no whole number`);
  const { start, step, end } = boundsOf(parsed.map((number) => number ?? 0));
  if (step === 0 || (start < end && step < 0) || (start > end && step > 0)) {
    return refuse(`a step of ${step} never leads from ${start} to ${end}`);
  }
  if (isHexadecimal && (start < 0 || end < 0)) return refuse('no number may be negative');
  const count = Math.floor((end - start) / step) + 1;
  const base = isHexadecimal ? 16 : 10;
  const valuesAt = (index: number): readonly string[] => [(start + index * step).toString(base)];
  return { ok: true, sequence: { names: [name], count, valuesAt } };
}

/** Observed: `3` is 1 to 3, `0` is 1 to 0, `-2` is -1 to -2. */
function boundsOf(numbers: readonly number[]): { start: number; step: number; end: number } {
  const [one = 0, two = 0, three = 0] = numbers;
  if (numbers.length === 1) return { start: one < 0 ? -1 : 1, step: one < 1 ? -1 : 1, end: one };
  if (numbers.length === 2) return { start: one, step: one <= two ? 1 : -1, end: two };
  return { start: one, step: two, end: three };
}

/** As strtol does: decimal, `0x` hexadecimal, `0` octal (observed). */
function readNumber(word: string): number | undefined {
  const match = /^([+-]?)(?:0[xX]([\da-fA-F]+)|(0[0-7]*)|([1-9]\d*))$/.exec(word);
  if (match === null) return undefined;
  const [, sign, hexadecimal, octal, decimal] = match;
  const [digits = '', base] =
    hexadecimal !== undefined
      ? [hexadecimal, 16]
      : octal !== undefined
        ? [octal, 8]
        : [decimal, 10];
  const number = Number.parseInt(digits, base);
  if (!Number.isSafeInteger(number)) return undefined;
  return sign === '-' ? -number : number;
}

function readList(words: string): SequenceOutcome {
  const items = splitItems(words);
  if (items === undefined) return refuse('braces do not match');
  const [head = [''], ...values] = items;
  const wrongName = head.find((name) => !NAME.test(name));
  if (wrongName !== undefined) return refuse(`'${wrongName}' is no name`);
  if (values.length === 0) return refuse('there are no values');
  const spaced = values.flat().find((value) => /["\s]/.test(value));
  if (spaced !== undefined) return refuse(`no value may have blanks or quotes, found '${spaced}'`);
  const long = values.find((tuple) => tuple.length > head.length);
  if (long !== undefined) {
    return refuse(`there are more values than names in '{${long.join(',')}}'`);
  }
  const valuesAt = (index: number): readonly string[] => {
    const tuple = values[index] ?? [];
    return head.map((_, position) => tuple[position] ?? '');
  };
  return { ok: true, sequence: { names: head, count: values.length, valuesAt } };
}

/** `a, {b, c}` to [['a'], ['b', 'c']]. */
function splitItems(words: string): readonly (readonly string[])[] | undefined {
  const items: string[][] = [];
  let item = '';
  for (const [piece] of words.matchAll(/\{[^{}]*\}|[^,{}]+|[,{}]/g)) {
    if (piece === ',') {
      items.push(splitTuple(item.trim()));
      item = '';
    } else if (piece === '{' || piece === '}' || (piece.startsWith('{') && item.trim() !== '')) {
      return undefined;
    } else item += piece;
  }
  return [...items, splitTuple(item.trim())];
}

function splitTuple(item: string): string[] {
  const content = item.startsWith('{') ? item.slice(1, -1) : item;
  return item.startsWith('{') ? content.split(',').map((word) => word.trim()) : [item];
}

function refuse(reason: string): SequenceOutcome {
  return { ok: false, reason };
}
