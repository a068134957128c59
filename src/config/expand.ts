/**
 * From one file to the lines that count for this host: includes are followed, `@id` lines are kept
 * or dropped, parameters are filled in, sequences are written out. Tokens keep the place they were
 * written at, and those of an expanded line know what it came to. Lines in which nothing is to be
 * expanded take a short way.
 */
import { type Decommented, decomment } from './comments.ts';
import type { Report } from './diagnostics.ts';
import { nearestWord } from './did-you-mean.ts';
import {
  ExpansionBudget,
  type LineContext,
  MAX_EXPANSION_DEPTH,
  MAX_EXPANSION_LENGTH,
  Parameters,
  readDefinition,
  type Surroundings,
} from './expand-parameters.ts';
import {
  readSequence,
  readSequenceHead,
  SEQUENCE_FORMS,
  type SequenceHead,
} from './expand-sequences.ts';
import { type IncludePort, Includer } from './include.ts';
import { readIncludeKeyword } from './include-paths.ts';
import { type BlockReading, findBlock } from './kept-blocks.ts';
import {
  type Columns,
  columnsOf,
  type MappedText,
  replacedText,
  sliceMapped,
} from './mapped-text.ts';
import {
  forEachLine,
  MAX_LINE_LENGTH,
  reportUnterminated,
  scanLine,
  scanTokens,
  type TakenLines,
} from './scanner.ts';
import { type Line, type Place, placeOf, type SourceFile, type Token } from './source.ts';

export interface ExpandOptions {
  /** `-i`, or the host name up to its first dot. */
  readonly configId: string;
  readonly include: IncludePort;
  readonly report: Report;
  /** Absent where built-in parameters have nothing to ask. */
  readonly surroundings?: Surroundings;
  /** Blocks that are known from the last time are not read again. */
  readonly blocks?: BlockReading | undefined;
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

const NO_SURROUNDINGS: Surroundings = {
  random: () => 0,
  environment: () => undefined,
  directoryOf: () => '.',
};

/** A line on its way through the expander. */
interface Origin extends LineContext {
  readonly source: SourceFile;
  readonly line: number;
  /** Of includes. */
  readonly depth: number;
}

/** A definition whose lines are still coming. */
interface OpenDefinition {
  /** Undefined when it is for other hosts. */
  readonly name: string | undefined;
  readonly lines: string[];
  readonly place: Place;
}

/** A line of a source, from `start` to `end`. */
interface LineRange {
  readonly source: SourceFile;
  readonly line: number;
  readonly start: number;
  readonly end: number;
}

/** A block whose lines are being read, and may be kept. */
interface OpenBlock {
  readonly text: string;
  readonly end: number;
  readonly line: number;
  /** Lines that were there before it, and how often something had been reported. */
  readonly linesBefore: number;
  readonly reportsBefore: number;
}

class Expander {
  readonly lines: Line[] = [];
  readonly #options: ExpandOptions;
  readonly #budget = new ExpansionBudget();
  readonly #parameters: Parameters;
  readonly #includer: Includer;
  readonly #foundIds = new Map<string, Place>();
  #definition: OpenDefinition | undefined;

  constructor(options: ExpandOptions) {
    this.#options = options;
    this.#parameters = new Parameters(options.surroundings ?? NO_SURROUNDINGS, this.#budget);
    this.#includer = new Includer(options.include, options.report);
  }

  get sources(): ReadonlyMap<string, string> {
    return this.#includer.sources;
  }

  /** Recursion is bounded by the includer. */
  addFile(source: SourceFile, depth: number): void {
    const { report } = this.#options;
    const { text } = source;
    this.#includer.enter(source);
    let dollar = text.indexOf('$');
    let include = text.indexOf('include');
    const readLine = (line: number, start: number, end: number): void => {
      if (dollar >= 0 && dollar < start) dollar = text.indexOf('$', start);
      if (include >= 0 && include < start) include = text.indexOf('include', start);
      const isSpecial = (dollar >= 0 && dollar < end) || (include >= 0 && include < end);
      if (this.#definition !== undefined) {
        this.#continueDefinition(this.#definition, decomment(text.slice(start, end)));
      } else if (isSpecial || mayExpand(text, start, end)) {
        this.#addExpanded({ source, line, start, end }, depth);
      } else {
        const tokens = scanLine(source, line, start, end, report);
        if (tokens.length > 0) this.lines.push(tokens);
      }
    };
    let open: OpenBlock | undefined;
    forEachLine(source, report, (line, start, end) => {
      if (open === undefined && this.#definition === undefined) {
        const begun = this.#beginBlock({ source, line, start, end });
        if (begun !== undefined && 'count' in begun) return begun;
        open = begun;
      }
      readLine(line, start, end);
      if (open !== undefined && end >= open.end) {
        this.#noteBlock(open, line);
        open = undefined;
      }
      return undefined;
    });
    if (this.#definition !== undefined) this.#finishDefinition(this.#definition);
    this.#includer.leave(source);
  }

  /** The lines of a block that is known, taken whole; or one that begins here and may become known. */
  #beginBlock({ source, line, start, end }: LineRange): TakenLines | OpenBlock | undefined {
    const { blocks, report } = this.#options;
    const block = blocks && findBlock(source.text, start);
    if (block === undefined || blocks === undefined) return undefined;
    const count = blocks.knownLines(block.text);
    if (count === undefined) {
      const reportsBefore = blocks.reports;
      return { ...block, line, linesBefore: this.lines.length, reportsBefore };
    }
    const tokens = scanLine(source, line, start, end, report);
    const [first] = tokens;
    if (first === undefined) return undefined;
    const last = line + count - 1;
    this.lines.push(tokens, scanLine(source, last, block.end - 1, block.end, report));
    blocks.take(block.text, first);
    return { end: block.end, count };
  }

  #noteBlock({ text, line, linesBefore, reportsBefore }: OpenBlock, last: number): void {
    const { blocks } = this.#options;
    if (blocks === undefined || blocks.reports !== reportsBefore) return;
    blocks.note(text, last - line + 1, this.lines.slice(linesBefore));
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

  #addExpanded({ source, line, start, end }: LineRange, depth: number): void {
    const { report, configId } = this.#options;
    const { content, isContinued } = decomment(source.text.slice(start, end));
    const placeAt = (columns: Columns): Place => ({ source, line, ...columns });
    const origin = { source, line, depth, file: source.file, configId, report, placeAt };
    const definition = this.#expandLine(content, origin, 0);
    if (definition === undefined || !isContinued) return;
    this.#definition = definition;
  }

  /**
   * Says what the line came to. When it is a definition, that is returned: more lines of it may
   * follow. The recursion is bounded by `level`.
   */
  #expandLine(whole: MappedText, origin: Origin, level: number): OpenDefinition | undefined {
    const { report } = origin;
    if (this.#budget.isSpent || whole.text === '') return undefined;
    const place = origin.placeAt(columnsOf(whole, 0, whole.text.length));
    if (level > MAX_EXPANSION_DEPTH) {
      const reason = `${MAX_EXPANSION_DEPTH} levels of parameters and sequences`;
      report('expansionTooLarge', place, { limit: reason });
      return undefined;
    }
    const kept = this.#applyConfigId(whole, origin);
    const definition = readDefinition(kept?.text ?? whole.text.replace(ID, ''));
    if (definition !== undefined) return this.#define(definition, kept !== undefined, place);
    if (kept === undefined) return undefined;
    const { text } = kept;
    const head = readSequenceHead(text);
    if (head === 'unclosed') this.#refuseSequence('SEQ', 'its parenthesis is not closed', place);
    else if (head !== undefined) this.#expandSequence(kept, head, origin, level);
    else if (text.includes('$')) this.#expandParameters(kept, origin, level);
    else this.#addLine(kept, origin);
    return undefined;
  }

  /** The line without its `@id`; undefined when it is for other hosts. */
  #applyConfigId(whole: MappedText, origin: Origin): MappedText | undefined {
    const match = ID.exec(whole.text);
    if (match === null) return whole;
    const [prefix, negation, id = ''] = match;
    const isNegated = negation === '^';
    if (!isNegated && id !== '' && !this.#foundIds.has(id)) {
      this.#foundIds.set(id, origin.placeAt(columnsOf(whole, 0, id.length + 1)));
    }
    if ((id === this.#options.configId) === isNegated) return undefined;
    return sliceMapped(whole, prefix.length);
  }

  #define(
    { name, value }: { readonly name: string; readonly value: string },
    isForUs: boolean,
    place: Place,
  ): OpenDefinition {
    // keepalived 2.2.7 drops only the first line of a definition for others, and stumbles over the
    // rest (observed); here all its lines are dropped.
    const definition = { name: isForUs ? name : undefined, lines: [] as string[], place };
    addValueLine(definition.lines, value);
    if (isForUs) this.#parameters.define(name, definition.lines);
    return definition;
  }

  #continueDefinition(definition: OpenDefinition, { content, isContinued }: Decommented): void {
    addValueLine(definition.lines, content.text);
    if (!isContinued) this.#definition = undefined;
  }

  #finishDefinition({ name, place }: OpenDefinition): void {
    this.#definition = undefined;
    if (name !== undefined) this.#options.report('unfinishedDefinition', place, { name });
  }

  #expandSequence(line: MappedText, head: SequenceHead, origin: Origin, level: number): void {
    const { word, argumentsStart, argumentsEnd, textStart } = head;
    const place = origin.placeAt(columnsOf(line, 0, argumentsEnd + 1));
    const words = sliceMapped(line, argumentsStart, argumentsEnd);
    const outcome = readSequence(word, this.#parameters.expand(words, origin).line.text);
    if (!outcome.ok) {
      this.#refuseSequence(word, outcome.reason, place);
      return;
    }
    const { names, count, valuesAt } = outcome.sequence;
    const repeated = sliceMapped(line, textStart);
    for (let index = 0; index < count; index += 1) {
      if (!this.#spend(repeated.text.length, place)) return;
      const values = valuesAt(index);
      for (const [position, name] of names.entries()) {
        this.#parameters.define(name, [values[position] ?? '']);
      }
      this.#expandLine(repeated, origin, level + 1);
    }
  }

  #refuseSequence(word: SequenceHead['word'], reason: string, place: Place): void {
    this.#options.report('invalidSequence', place, { reason, form: SEQUENCE_FORMS[word] });
  }

  #expandParameters(line: MappedText, origin: Origin, level: number): void {
    const expanded = this.#parameters.expand(line, origin);
    const place = origin.placeAt(columnsOf(line, 0, line.text.length));
    if (!this.#spend(expanded.line.text.length, place)) return;
    const mayGoOn = expanded.isSequence || expanded.line.text.startsWith('@');
    if (mayGoOn) this.#expandLine(trimMapped(expanded.line), origin, level + 1);
    else this.#addLine(expanded.line, origin);
    for (const text of expanded.rest) {
      if (!this.#spend(text.length, place)) return;
      this.#expandLine(replacedText(text, expanded.columns), origin, level + 1);
    }
  }

  /** A line in which everything is filled in. */
  #addLine(line: MappedText, origin: Origin): void {
    const { source, line: number, report } = origin;
    const { text } = line;
    if (text.length > MAX_LINE_LENGTH) {
      const place = origin.placeAt(columnsOf(line, 0, text.length));
      report('lineTooLong', place, { length: text.length, limit: MAX_LINE_LENGTH });
      return;
    }
    const kind = readIncludeKeyword(text);
    if (kind !== undefined) {
      const argument = trimMapped(sliceMapped(line, kind.keyword.length));
      const files = this.#includer.open(kind, argument, origin);
      for (const included of files) this.addFile(included, origin.depth + 1);
      return;
    }
    const range = { start: 0, end: text.length, hasComments: false };
    const isVerbatim = line.parts.every(({ endColumn }) => endColumn === 0);
    const tokens = scanTokens({ file: source.file, text }, number, range).map((token): Token => {
      const [start, end] = [token.column - 1, token.endColumn - 1];
      const place = { source, line: number, ...columnsOf(line, start, end) };
      const { kind: tokenKind, text: content } = token;
      const expansion = isVerbatim ? {} : { expansion: { text, start, end } };
      return { kind: tokenKind, text: content, ...place, ...expansion };
    });
    const last = tokens.at(-1);
    if (last?.kind === 'opaque') reportUnterminated(last, report);
    this.#addTokens(tokens, origin);
  }

  /**
   * An include may stand behind a brace as well. keepalived takes the rest of the line for its name,
   * also a `}` (observed), which nobody means: here a brace ends the name.
   */
  #addTokens(tokens: readonly Token[], origin: Origin): void {
    const at = tokens.findIndex(
      ({ kind, text }, index) =>
        kind === 'word' && isBrace(tokens[index - 1]) && readIncludeKeyword(text) !== undefined,
    );
    if (at < 0) {
      if (tokens.length > 0) this.lines.push(tokens);
      return;
    }
    this.lines.push(tokens.slice(0, at));
    const rest = tokens.slice(at + 1);
    const brace = rest.findIndex(isBrace);
    const names = brace < 0 ? rest : rest.slice(0, brace);
    const keyword = tokens[at];
    const kind = readIncludeKeyword(keyword?.text ?? '');
    if (kind !== undefined && keyword !== undefined) {
      const place = names.length === 0 ? keyword : placeOf(names);
      const text = names.map((name) => name.text).join(' ');
      const files = this.#includer.open(kind, replacedText(text, place), origin);
      for (const included of files) this.addFile(included, origin.depth + 1);
    }
    this.#addTokens(rest.slice(names.length), origin);
  }

  #spend(length: number, place: Place): boolean {
    if (this.#budget.spend(length)) return true;
    this.#options.report('expansionTooLarge', place, {
      limit: `${MAX_EXPANSION_LENGTH} characters`,
    });
    return false;
  }
}

/** `@id ` and `@^id `; an empty id is nobody's (observed). */
const ID = /^@(\^?)([^ \t]*)[ \t]*/;

/** Whether a line without `$` and `include` may be more than a line of words. */
function mayExpand(text: string, start: number, end: number): boolean {
  let index = start;
  while (index < end && (text[index] === ' ' || text[index] === '\t')) index += 1;
  const char = text[index];
  return char === '@' || char === '~';
}

function isBrace(token: Token | undefined): boolean {
  return token?.kind === 'open' || token?.kind === 'close';
}

/** Empty lines do not count. */
function addValueLine(lines: string[], text: string): void {
  const line = text.replace(/\\$/, '').trim();
  if (line !== '') lines.push(line);
}

function trimMapped(mapped: MappedText): MappedText {
  const { text } = mapped;
  const start = text.length - text.trimStart().length;
  return sliceMapped(mapped, start, text.trimEnd().length);
}
