/**
 * Text that is no longer what the file says, and still knows where each part of it was written.
 * Parts stand in the order of the text; a verbatim part maps character by character, a replaced
 * part as a whole to the place of the reference it came from.
 */
interface Part {
  /** Where it begins in the text. */
  readonly offset: number;
  readonly column: number;
  /** 0 for a verbatim part. */
  readonly endColumn: number;
}

export interface MappedText {
  readonly text: string;
  readonly parts: readonly Part[];
}

export interface Columns {
  readonly column: number;
  readonly endColumn: number;
}

/** Text as it stands in the file from `column` on. */
export function verbatimText(text: string, column: number): MappedText {
  return { text, parts: [{ offset: 0, column, endColumn: 0 }] };
}

/** Text that came from somewhere else, by a reference at `columns`. */
export function replacedText(text: string, { column, endColumn }: Columns): MappedText {
  return { text, parts: [{ offset: 0, column, endColumn }] };
}

/** Where the characters from `start` to `end` (exclusive) were written. */
export function columnsOf({ parts }: MappedText, start: number, end: number): Columns {
  const first = partOf(parts, indexAt(parts, start));
  const column = first.endColumn === 0 ? first.column + start - first.offset : first.column;
  if (end <= start) return { column, endColumn: Math.max(column, first.endColumn) };
  const last = partOf(parts, indexAt(parts, end - 1));
  const endColumn = last.endColumn === 0 ? last.column + end - last.offset : last.endColumn;
  // A reference that is replaced by several lines ends before what stands behind it.
  return { column, endColumn: Math.max(column, endColumn) };
}

/** Index of the part that `offset` belongs to. */
function indexAt(parts: readonly Part[], offset: number): number {
  let low = 0;
  let high = parts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((parts[middle]?.offset ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

function partOf(parts: readonly Part[], index: number): Part {
  const part = parts[index];
  if (part === undefined) throw new Error('Mapped text has at least one part');
  return part;
}

/** From `start` to `end`. */
export function sliceMapped(mapped: MappedText, start: number, end?: number): MappedText {
  const builder = new MappedTextBuilder();
  builder.addSlice(mapped, start, end ?? mapped.text.length);
  return builder.build(columnsOf(mapped, start, start));
}

export class MappedTextBuilder {
  readonly #parts: Part[] = [];
  readonly #texts: string[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** True when nothing but blanks has been added. */
  get isBlank(): boolean {
    return this.#texts.every((text) => text.trim() === '');
  }

  addSlice(mapped: MappedText, start: number, end: number): void {
    if (end <= start) return;
    for (let index = indexAt(mapped.parts, start); index < mapped.parts.length; index += 1) {
      const part = mapped.parts[index];
      if (part === undefined || part.offset >= end) break;
      const skipped = Math.max(0, start - part.offset);
      const column = part.endColumn === 0 ? part.column + skipped : part.column;
      const offset = this.#length + part.offset + skipped - start;
      this.#parts.push({ offset, column, endColumn: part.endColumn });
    }
    this.#texts.push(mapped.text.slice(start, end));
    this.#length += end - start;
  }

  addReplaced(text: string, { column, endColumn }: Columns): void {
    if (text === '') return;
    this.#parts.push({ offset: this.#length, column, endColumn });
    this.#texts.push(text);
    this.#length += text.length;
  }

  /** `columns` are those of an empty text. */
  build(columns: Columns): MappedText {
    if (this.#parts.length === 0) this.#parts.push({ offset: 0, ...columns });
    return { text: this.#texts.join(''), parts: this.#parts };
  }
}
