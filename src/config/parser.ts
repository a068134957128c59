/**
 * Lines of tokens to a tree of statements. Braces are counted first; only when they do not balance
 * is the tree built with a nose for the slip (keywords in the wrong place, indentation), so that
 * one missing brace is one diagnostic, at the block that lacks it, and the rest of the file is still
 * understood.
 */
import type { Report } from './diagnostics.ts';
import { type Line, type Place, placeOf, type Token } from './source.ts';

/** virtual_server > real_server > HTTP_GET > url is four. */
export const MAX_NESTING = 16;

export interface Statement {
  /** Never empty. */
  readonly words: readonly Token[];
  readonly block?: Block;
}

export interface Block {
  readonly statements: readonly Statement[];
}

/** What the parser needs to know of the language to find a missing brace. */
export interface BlockGrammar {
  /**
   * Context that `keyword` opens in `context`; undefined when it takes no block there or is
   * unknown.
   */
  contextOpenedBy(keyword: string, context: string): string | undefined;
  isKnown(keyword: string, context: string): boolean;
}

export const ROOT_CONTEXT = 'root';

export interface ParsedConfig {
  readonly statements: readonly Statement[];
  /** False when braces were so wrong that what stands where is a guess. */
  readonly isReliable: boolean;
}

export function parseConfig(
  lines: readonly Line[],
  grammar: BlockGrammar,
  report: Report,
): ParsedConfig {
  const builder = buildTree(lines, grammar);
  for (const problem of builder.problems) problem(report);
  const isAtHome = ({ words: [first] }: Statement): boolean =>
    first?.kind === 'opaque' || grammar.isKnown(first?.text ?? '', ROOT_CONTEXT);
  const isReliable = builder.strayCloses === 0 || builder.root.every(isAtHome);
  return { statements: builder.root, isReliable };
}

/** Takes the braces as they are written; only when they do not balance, looks for the slips. */
function buildTree(lines: readonly Line[], grammar: BlockGrammar): TreeBuilder {
  const asWritten = new TreeBuilder(grammar, NO_SLIPS);
  asWritten.addLines(lines);
  asWritten.finish();
  const { unclosed, strayCloses } = asWritten;
  if (unclosed === 0 && strayCloses === 0) return asWritten;
  const builder = new TreeBuilder(grammar, { unclosed, strayCloses });
  builder.addLines(lines);
  builder.finish();
  return builder;
}

interface OpenBlock {
  readonly context: string | undefined;
  readonly statements: MutableStatement[];
  /** Absent for the root. */
  readonly owner?: MutableStatement;
}

interface MutableStatement {
  readonly words: readonly Token[];
  block?: Block;
}

/** What the braces as written came to: how many slips of each kind there are to look for. */
interface Slips {
  readonly unclosed: number;
  readonly strayCloses: number;
}

const NO_SLIPS: Slips = { unclosed: 0, strayCloses: 0 };

class TreeBuilder {
  readonly root: MutableStatement[] = [];
  readonly problems: ((report: Report) => void)[] = [];
  strayCloses = 0;
  readonly #grammar: BlockGrammar;
  readonly #slips: Slips;
  readonly #stack: OpenBlock[];
  /** The last statement while a `{` may still follow it. */
  #pending: MutableStatement | undefined;
  /** Braces open below MAX_NESTING: counted, not built. */
  #tooDeep = 0;
  #missingCloses = 0;

  constructor(grammar: BlockGrammar, slips: Slips) {
    this.#grammar = grammar;
    this.#slips = slips;
    this.#stack = [{ context: ROOT_CONTEXT, statements: this.root }];
  }

  get unclosed(): number {
    return this.#stack.length - 1 + this.#tooDeep;
  }

  addLines(lines: readonly Line[]): void {
    for (const line of lines) this.#addLine(line);
  }

  #addLine(line: Line): void {
    let start = 0;
    for (let index = 0; index < line.length; index += 1) {
      const token = line[index];
      if (token === undefined || !isBrace(token)) continue;
      if (index > start) this.#addStatement(line.slice(start, index), line);
      start = index + 1;
      if (token.kind === 'open') this.#open(token);
      else this.#close(token, line);
    }
    if (start === 0) this.#addStatement(line, line);
    else if (start < line.length) this.#addStatement(line.slice(start), line);
  }

  /** Reports the block still open at the end of the file, the innermost. */
  finish(): void {
    this.#openImplicitly();
    if (this.unclosed > 0 && this.#stack.length > 1) this.#blameMissingClose(this.#innermost());
  }

  #addStatement(words: readonly Token[], line: Line): void {
    const first = words[0];
    if (first === undefined) return;
    this.#openImplicitly();
    if (first === line[0]) this.#closeUntilKnown(first);
    const statement: MutableStatement = { words };
    if (this.#tooDeep === 0) this.#innermost().statements.push(statement);
    this.#pending = statement;
  }

  #open(token: Token): void {
    let owner = this.#pending;
    this.#pending = undefined;
    if (this.#tooDeep > 0) {
      this.#tooDeep += 1;
      return;
    }
    if (this.#stack.length > MAX_NESTING) {
      this.problems.push((report) => report('nestingTooDeep', token, { limit: MAX_NESTING }));
      this.#tooDeep = 1;
      return;
    }
    if (owner === undefined) {
      this.problems.push((report) => report('unexpectedOpen', token, {}));
      owner = { words: [{ ...token, kind: 'opaque' }] };
      this.#innermost().statements.push(owner);
    }
    this.#push(owner);
  }

  #push(owner: MutableStatement): void {
    const statements: MutableStatement[] = [];
    owner.block = { statements };
    this.#stack.push({ context: this.#contextOf(owner), statements, owner });
  }

  #close(token: Token, line: Line): void {
    this.#openImplicitly();
    this.#pending = undefined;
    if (this.#tooDeep > 0) {
      this.#tooDeep -= 1;
      return;
    }
    if (token === line[0]) {
      if (this.#hasStrays && this.#isIndentedDeeper(token)) {
        this.problems.push((report) => report('strayClose', token, {}));
        return;
      }
      this.#closeDeeperIndented(token);
    }
    if (this.#stack.length > 1) {
      this.#stack.pop();
      return;
    }
    this.strayCloses += 1;
    this.problems.push((report) => report('strayClose', token, {}));
  }

  /** Recovery: the last statement needs a block and got none. */
  #openImplicitly(): void {
    const owner = this.#pending;
    if (!this.#hasStrays || owner === undefined || this.#tooDeep > 0) return;
    this.#pending = undefined;
    if (this.#contextOf(owner) === undefined) return;
    const block = firstText(owner);
    this.problems.push((report) => report('missingOpen', placeOf(owner.words), { block }));
    this.#push(owner);
  }

  /**
   * Recovery: a keyword that only an outer block knows means that the inner ones were not closed.
   */
  #closeUntilKnown(first: Token): void {
    if (!this.#mayLackClose || first.kind !== 'word') return;
    const isKnownIn = ({ context }: OpenBlock): boolean =>
      context !== undefined && this.#grammar.isKnown(first.text, context);
    const innermost = this.#innermost();
    if (innermost.context === undefined || isKnownIn(innermost)) return;
    const index = this.#stack.findLastIndex(isKnownIn);
    if (index < 0) return;
    this.#blameMissingClose(innermost);
    this.#stack.length = index + 1;
  }

  /**
   * Recovery: a `}` exactly below an outer block's first word closes that one; the inner was not
   * closed.
   */
  #closeDeeperIndented(token: Token): void {
    if (!this.#stack.some((block) => isAbove(block.owner, token))) return;
    while (this.#mayLackClose && this.#isIndentedLess(token)) {
      this.#blameMissingClose(this.#innermost());
      this.#stack.pop();
    }
  }

  get #hasStrays(): boolean {
    return this.#slips.strayCloses > 0;
  }

  get #mayLackClose(): boolean {
    return this.#tooDeep === 0 && this.#missingCloses < this.#slips.unclosed;
  }

  #isIndentedLess(token: Token): boolean {
    const owner = this.#innermost().owner?.words[0];
    return owner !== undefined && owner.source === token.source && owner.column > token.column;
  }

  #isIndentedDeeper(token: Token): boolean {
    const owner = this.#innermost().owner?.words[0];
    return owner !== undefined && owner.source === token.source && owner.column < token.column;
  }

  #blameMissingClose(open: OpenBlock): void {
    const { owner } = open;
    if (owner === undefined) return;
    this.#missingCloses += 1;
    const place: Place = placeOf(owner.words);
    const block = owner.words.map((word) => word.text).join(' ');
    this.problems.push((report) => report('missingClose', place, { block }));
  }

  #contextOf(statement: MutableStatement): string | undefined {
    const { context } = this.#innermost();
    if (context === undefined) return undefined;
    return this.#grammar.contextOpenedBy(firstText(statement), context);
  }

  #innermost(): OpenBlock {
    const block = this.#stack.at(-1);
    if (block === undefined) throw new Error('The root block is never closed');
    return block;
  }
}

function isBrace(token: Token): boolean {
  return token.kind === 'open' || token.kind === 'close';
}

function firstText(statement: MutableStatement): string {
  return statement.words[0]?.text ?? '';
}

function isAbove(owner: MutableStatement | undefined, token: Token): boolean {
  const first = owner?.words[0];
  return first !== undefined && first.source === token.source && first.column === token.column;
}
