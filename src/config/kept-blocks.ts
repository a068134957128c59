/**
 * Blocks of a file that mean what they meant when it was last read: a reload of 37,000 servers in which one
 * line changed reads one block again, not all. A virtual_server block depends on nothing but its own text
 * when it stands at the top of a file, begins and ends at the first column, and has no parameter, sequence,
 * include or `@id` in it; when no file of the disk was asked about for it; and when the few other blocks that
 * it may name are the same (`context`). Then its service and its diagnostics are those of the last time,
 * moved to where the block stands now. Whatever is not so is read as ever, and where anything at all is
 * wrong the whole file is: see compile.ts.
 */
import type { Diagnosed, Report } from './diagnostics.ts';
import type { FileFacts } from './file-facts.ts';
import type { VirtualServerConfig } from './model.ts';
import type { Span } from './model-span.ts';
import type { SourceFile, Token } from './source.ts';

/** A block as it was read. */
interface KeptBlock {
  /** As it was compiled; `placed` is the same where the block stood last, line `line` of `file`. */
  readonly original: VirtualServerConfig;
  readonly placed: VirtualServerConfig;
  readonly file: string;
  readonly line: number;
  readonly lineCount: number;
  /** What was said about it, its lines counted from the first of the block. */
  readonly diagnosed: readonly Diagnosed[];
}

/** Where a block stands in a text. */
export interface BlockRange {
  readonly text: string;
  /** Offset of the line end behind it. */
  readonly end: number;
}

const KEYWORD = 'virtual_server';
/** A parameter, an include, an `@id` or a sequence, or what is no UTF-8. */
const SPECIAL = /[$\uFFFD]|include|^[ \t]*[@~]/m;
/** The text of a source is not kept along with what was said about it. */
const NO_SOURCE: SourceFile = { file: '', text: '' };

/** The block that begins at `start`, a beginning of a line, when it may be one that can be kept. */
export function findBlock(text: string, start: number): BlockRange | undefined {
  if (!text.startsWith(KEYWORD, start)) return undefined;
  const next = text[start + KEYWORD.length];
  if (next !== ' ' && next !== '\t') return undefined;
  const close = text.indexOf('\n}', start);
  if (close < 0) return undefined;
  const end = close + 2;
  if (end < text.length && text[end] !== '\n') return undefined;
  return { text: text.slice(start, end), end };
}

/** What was kept of the last file that was taken. One for each file that is read again and again. */
export class KeptBlocks {
  #blocks: ReadonlyMap<string, KeptBlock> = new Map();
  #context = '';
  /** Of services that were moved: the one that was compiled. */
  readonly #originals = new WeakMap<VirtualServerConfig, VirtualServerConfig>();

  get isEmpty(): boolean {
    return this.#blocks.size === 0;
  }

  /** A new reading of the file; `isAnew`: nothing that is known counts. */
  read(isAnew: boolean): BlockReading {
    return new BlockReading(isAnew ? new Map() : this.#blocks, isAnew ? undefined : this.#context);
  }

  /** What was read is in force from now on. */
  keep(reading: BlockReading): void {
    this.#blocks = reading.blocks;
    this.#context = reading.context;
    for (const { original, placed } of reading.blocks.values()) {
      if (placed !== original) this.#originals.set(placed, original);
    }
  }

  /**
   * True where two services are one block that did not change, wherever it stands; false says nothing.
   * Both must be of files that were kept.
   */
  isSame(a: VirtualServerConfig, b: VirtualServerConfig): boolean {
    return (this.#originals.get(a) ?? a) === (this.#originals.get(b) ?? b);
  }
}

interface Mark {
  readonly text: string;
  readonly lineCount: number;
  /** Absent: it is read now, and may be kept. */
  readonly kept?: KeptBlock;
}

/** One reading of a file: which of its blocks are known, and what there is to keep of the others. */
export class BlockReading {
  readonly #before: ReadonlyMap<string, KeptBlock>;
  readonly #contextBefore: string | undefined;
  readonly #marks = new Map<Token, Mark>();
  readonly #blocks = new Map<string, KeptBlock>();
  #context = '';
  #reports = 0;
  #questions = 0;
  #awaited = 0;

  constructor(before: ReadonlyMap<string, KeptBlock>, contextBefore: string | undefined) {
    this.#before = before;
    this.#contextBefore = contextBefore;
  }

  get blocks(): ReadonlyMap<string, KeptBlock> {
    return this.#blocks;
  }

  get context(): string {
    return this.#context;
  }

  /** How often anything was reported. */
  get reports(): number {
    return this.#reports;
  }

  /** False when a known block was met where it is none, or next to what it was not met with. */
  get isWhole(): boolean {
    const isSameContext =
      this.#contextBefore === undefined || this.#contextBefore === this.#context;
    return this.#awaited === 0 && isSameContext;
  }

  counting(report: Report): Report {
    return (...words) => {
      this.#reports += 1;
      report(...words);
    };
  }

  watching(facts: FileFacts): FileFacts {
    const ask = <T>(answer: T): T => {
      this.#questions += 1;
      return answer;
    };
    const { keyText } = facts;
    return {
      file: (path) => ask(facts.file(path)),
      hasInterface: (name) => ask(facts.hasInterface(name)),
      ...(keyText === undefined ? {} : { keyText: (path) => ask(keyText(path)) }),
      hasAccount: (kind, name) => ask(facts.hasAccount(kind, name)),
      hasNumber: (database, name) => ask(facts.hasNumber(database, name)),
    };
  }

  /** Lines of a block that is known. */
  knownLines(text: string): number | undefined {
    return this.#before.get(text)?.lineCount;
  }

  /** A known block begins with this token: its inside is not read. */
  take(text: string, first: Token): void {
    const kept = this.#before.get(text);
    if (kept === undefined) throw new Error('Only a block that is known can be taken');
    this.#awaited += 1;
    this.#marks.set(first, { text, lineCount: kept.lineCount, kept });
  }

  /** A block that was read whole, from these lines, and nothing had to be said about them. */
  note(text: string, lineCount: number, lines: readonly (readonly Token[])[]): void {
    const first = lines[0]?.[0];
    const last = lines.at(-1)?.at(-1);
    if (first === undefined || last === undefined || SPECIAL.test(text)) return;
    // It is also one with nothing between its first and its last line, as which it will be taken.
    const isKeepable = isOneBlock(lines.flat()) && isOneBlock([...(lines[0] ?? []), last]);
    if (isKeepable) this.#marks.set(first, { text, lineCount });
  }

  /** What the blocks may name, as one text: of another context nothing is known. */
  setContext(context: unknown): void {
    this.#context = meaning(context);
  }

  /** The service of the block that begins with `first`: the known one, or what `compile` makes of it. */
  service(
    first: Token,
    report: Report,
    compile: (report: Report) => VirtualServerConfig | undefined,
  ): VirtualServerConfig | undefined {
    const mark = this.#marks.get(first);
    if (mark?.kept !== undefined) return this.#reuse(mark, mark.kept, first, report);
    if (mark === undefined) return compile(report);
    const [questions, reports] = [this.#questions, this.#reports];
    const diagnosed: Diagnosed[] = [];
    const service = compile((name, place, values, help) => {
      const said = typeof help === 'function' ? help() : help;
      const where = { ...place, source: NO_SOURCE };
      diagnosed.push(movedDiagnosis({ name, place: where, values, help: said }, -first.line));
      report(name, place, values, said);
    });
    const isItsOwn = questions === this.#questions && this.#reports - reports === diagnosed.length;
    if (service !== undefined && isItsOwn) {
      const { lineCount } = mark;
      const { line } = first;
      const { file } = first.source;
      const block = { original: service, placed: service, file, line, lineCount, diagnosed };
      this.#blocks.set(mark.text, block);
    }
    return service;
  }

  #reuse(mark: Mark, kept: KeptBlock, first: Token, report: Report): VirtualServerConfig {
    this.#awaited -= 1;
    const { source, line } = first;
    for (const each of kept.diagnosed) {
      const { name, place, values, help } = movedDiagnosis(each, line);
      report(name, { ...place, source }, values as never, help);
    }
    const by = line - kept.line;
    const isMoved = by !== 0 || source.file !== kept.file;
    const placed = isMoved ? movedTo(kept.placed, source.file, by) : kept.placed;
    this.#blocks.set(mark.text, { ...kept, placed, file: source.file, line });
    return placed;
  }
}

/** `keyword … { … }` and nothing else. */
function isOneBlock(tokens: readonly Token[]): boolean {
  let depth = 0;
  for (const [index, { kind }] of tokens.entries()) {
    if (kind === 'opaque') return false;
    if (kind === 'open') depth += 1;
    else if (kind === 'close') depth -= 1;
    if (kind === 'close' && depth <= 0) return depth === 0 && index === tokens.length - 1;
  }
  return false;
}

function movedDiagnosis({ name, place, values, help }: Diagnosed, by: number): Diagnosed {
  const { line } = values;
  return {
    name,
    place: { ...place, line: place.line + by },
    values: typeof line === 'number' ? { ...values, line: line + by } : values,
    help,
  };
}

/** The same with every span `by` lines further down, in `file`; what has no span is not copied. */
function movedTo<T>(value: T, file: string, by: number): T {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const members = value.map((member: unknown) => movedTo(member, file, by));
    return members.some((member, index) => member !== value[index]) ? (members as T) : value;
  }
  let isMoved = false;
  const copy: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) {
    const moved = key === 'span' ? movedSpan(member as Span, file, by) : movedTo(member, file, by);
    isMoved ||= moved !== member;
    copy[key] = moved;
  }
  return isMoved ? (copy as T) : value;
}

function movedSpan(span: Span, file: string, by: number): Span {
  return { ...span, file, line: span.line + by, endLine: span.endLine + by };
}

function meaning(value: unknown): string {
  return JSON.stringify(value, (key, member: unknown) => {
    if (key === 'span') return undefined;
    return member instanceof Map || member instanceof Set ? [...member] : member;
  });
}
