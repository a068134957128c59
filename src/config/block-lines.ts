/** Which lines of a source are a block that is known, and which are one that may become known. */
import type { Report } from './diagnostics.ts';
import { type BlockReading, findBlock } from './kept-blocks.ts';
import { scanLine, type TakenLines } from './scanner.ts';
import type { Line, SourceFile } from './source.ts';

/** A block whose lines are being read, and may be kept. */
interface OpenBlock {
  readonly text: string;
  readonly end: number;
  readonly line: number;
  /** Lines that were there before it, and how often something had been reported. */
  readonly linesBefore: number;
  readonly reportsBefore: number;
}

export class BlockLines {
  readonly #source: SourceFile;
  readonly #blocks: BlockReading;
  readonly #report: Report;
  #open: OpenBlock | undefined;

  constructor(source: SourceFile, blocks: BlockReading, report: Report) {
    this.#source = source;
    this.#blocks = blocks;
    this.#report = report;
  }

  /** At a line from `start` to `end`: a known block that begins there is taken, and added to `lines`. */
  begin(
    { line, start, end }: { readonly line: number; readonly start: number; readonly end: number },
    lines: Line[],
  ): TakenLines | undefined {
    const source = this.#source;
    const block = this.#open === undefined ? findBlock(source.text, start) : undefined;
    if (block === undefined) return undefined;
    const count = this.#blocks.knownLines(block.text);
    if (count === undefined) {
      const reportsBefore = this.#blocks.reports;
      this.#open = { ...block, line, linesBefore: lines.length, reportsBefore };
      return undefined;
    }
    const tokens = scanLine(source, line, start, end, this.#report);
    const [first] = tokens;
    if (first === undefined) return undefined;
    const last = line + count - 1;
    lines.push(tokens, scanLine(source, last, block.end - 1, block.end, this.#report));
    this.#blocks.take(block.text, first);
    return { end: block.end, count };
  }

  /** The line that ends at `end` was read: with the last one of a block that can become known. */
  read(line: number, end: number, lines: readonly Line[]): void {
    const open = this.#open;
    if (open === undefined || end < open.end) return;
    this.#open = undefined;
    if (this.#blocks.reports !== open.reportsBefore) return;
    this.#blocks.note(open.text, line - open.line + 1, lines.slice(open.linesBefore));
  }
}
