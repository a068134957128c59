/**
 * A tree of statements to text that means the same: one statement a line, blocks indented by two.
 * Comments, includes and parameters are gone, what they came to is there.
 */
import type { Block, Statement } from './parser.ts';
import type { Token } from './source.ts';

export function printStatements(statements: readonly Statement[]): string {
  const lines: string[] = [];
  printInto(lines, statements, '');
  return lines.map((line) => `${line}\n`).join('');
}

/** Recursion is bounded by the parser's MAX_NESTING. */
function printInto(lines: string[], statements: readonly Statement[], indent: string): void {
  for (const { words, block } of statements) {
    const text = words.map(printWord).join(' ');
    if (block === undefined) lines.push(indent + text);
    else printBlock(lines, `${indent}${isBare(words) ? '' : `${text} `}`, block, indent);
  }
}

function printBlock(lines: string[], head: string, block: Block, indent: string): void {
  lines.push(`${head}{`);
  printInto(lines, block.statements, `${indent}  `);
  lines.push(`${indent}}`);
}

/** A block that has no keyword: the parser put the brace in its place. */
function isBare(words: readonly Token[]): boolean {
  return words.length === 1 && words[0]?.kind === 'opaque' && words[0].text === '{';
}

function printWord({ kind, text }: Token): string {
  if (kind === 'string') return `"${text}"`;
  if (kind === 'opaque') return text;
  return text.replace(/[#!]/g, '\\$&');
}
