/**
 * Blocks that keepalived leaves out whole because something is missing in them, taken out of the
 * tree before it is compiled: under `--compat` only.
 */
import { compatOf, diagnosticTable } from './diagnostic-table.ts';
import type { Report } from './diagnostics.ts';
import { ROOT_CONTEXT, type Statement } from './parser.ts';
import { readValue } from './read-value.ts';
import { contextOpenedBy, findKeyword, requiredKeywordsOf } from './schema.ts';
import type { KeywordRow } from './schema-rows.ts';
import { placeOf } from './source.ts';

/** `statements` of the file without those blocks; each is reported. */
export function leaveOutIncomplete(
  statements: readonly Statement[],
  report: Report,
): readonly Statement[] {
  return leaveOut(statements, ROOT_CONTEXT, report);
}

function leaveOut(
  statements: readonly Statement[],
  context: string,
  report: Report,
): readonly Statement[] {
  return statements.flatMap((statement) => {
    const opened = contextOpenedBy(statement.words[0]?.text ?? '', context);
    const inside = statement.block?.statements;
    if (opened === undefined || inside === undefined) return [statement];
    const row = findKeyword(statement.words[0]?.text ?? '', context);
    if (row !== undefined && lacksName(row, statement)) {
      readValue(row, statement.words, report);
      return [];
    }
    const missing = missingIn(inside, opened);
    if (missing?.requiredExample === undefined) {
      return [{ ...statement, block: { statements: leaveOut(inside, opened, report) } }];
    }
    const { name: keyword, requiredExample: example } = missing;
    report('missingKeyword', placeOf(statement.words), { context: opened, keyword, example });
    reportMissingValues(inside, opened, report);
    return [];
  });
}

/** keepalived leaves out a block that lacks its name, or ends: both are reported, by readValue. */
function lacksName({ value }: KeywordRow, { words }: Statement): boolean {
  const takesNone = value.kind === 'flag' || (value.kind === 'words' && value.min === 0);
  return words.length === 1 && !takesNone;
}

/** keepalived reads a block before it leaves it out, and ends at a keyword without its value. */
function reportMissingValues(
  statements: readonly Statement[],
  context: string,
  report: Report,
): void {
  for (const { words, block } of statements) {
    const row = findKeyword(words[0]?.text ?? '', context);
    if (row === undefined) continue;
    if (words.length === 1) {
      readValue(row, words, (name, ...rest) => {
        if (name === 'missingValue') report(name, ...rest);
      });
    }
    if (row.opens !== undefined) reportMissingValues(block?.statements ?? [], row.opens, report);
  }
}

/** The first keyword that is missing and whose absence keepalived answers by leaving out. */
function missingIn(statements: readonly Statement[], context: string): KeywordRow | undefined {
  const written = new Set(statements.map(({ words }) => words[0]?.text));
  return [...requiredKeywordsOf(context)].find(({ name: keyword }) => {
    if (written.has(keyword)) return false;
    return compatOf(diagnosticTable.missingKeyword, { context, keyword }) !== undefined;
  });
}
