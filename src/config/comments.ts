/**
 * Lines that are going to be expanded lose their comment and the escapes of comment signs first, as
 * in keepalived: what a parameter brings along is never a comment.
 */
import { type MappedText, MappedTextBuilder, verbatimText } from './mapped-text.ts';

export interface Decommented {
  /** Without blanks around it; a backslash at its end is still there. */
  readonly content: MappedText;
  /** The line ends in a backslash, be it that of a comment (observed). */
  readonly isContinued: boolean;
}

const SPECIAL = /["\\#!]/g;

/** `line` is one line of a file, or of a parameter, without its end. */
export function decomment(line: string): Decommented {
  const trimmed = line.trimEnd();
  const whole = verbatimText(line, 1);
  const builder = new MappedTextBuilder();
  let copied = line.length - line.trimStart().length;
  let end = trimmed.length;
  let isQuoted = false;
  SPECIAL.lastIndex = copied;
  for (let match = SPECIAL.exec(line); match !== null; match = SPECIAL.exec(line)) {
    const { index } = match;
    const char = line[index];
    if (char === '"') {
      isQuoted = !isQuoted;
    } else if (char === '\\') {
      const next = line[index + 1];
      SPECIAL.lastIndex = index + 2;
      if (isQuoted || (next !== '#' && next !== '!')) continue;
      builder.addSlice(whole, copied, index);
      copied = index + 1;
    } else if (!isQuoted) {
      end = line.slice(0, index).trimEnd().length;
      break;
    }
  }
  builder.addSlice(whole, copied, end);
  const column = Math.min(copied, line.length) + 1;
  const content = builder.build({ column, endColumn: column });
  return { content, isContinued: trimmed.endsWith('\\') };
}
