/**
 * THE keyword table: what may stand where, with which values, what it means when absent, and how
 * far lvsd goes with it. The rows live by subject in schema-*.ts; here are their types and how they
 * are looked up. A keyword that needs something new is a new row, and for `works` a line in
 * compile-*.ts.
 */
import { ROOT_CONTEXT } from './parser.ts';
import { checkerRows } from './schema-checkers.ts';
import { globalRows } from './schema-global.ts';
import { plannedGlobalRows } from './schema-global-planned.ts';
import { lvsRows } from './schema-lvs.ts';
import { rootRows } from './schema-root.ts';
import type { KeywordRow } from './schema-rows.ts';
import { trackingRows } from './schema-tracking.ts';
import { vrrpRows } from './schema-vrrp.ts';

export const keywordTable: readonly KeywordRow[] = [
  ...rootRows,
  ...globalRows,
  ...plannedGlobalRows,
  ...trackingRows,
  ...vrrpRows,
  ...lvsRows,
  ...checkerRows,
];

const rowsByContext = indexByContext(keywordTable);
const requiredByContext = indexByContext(
  keywordTable.filter((row) => row.requiredExample !== undefined),
);
const plannedContexts = indexPlannedContexts(keywordTable);
const contextsByName = indexContexts(keywordTable);

/** The row of `keyword` in `context`. */
export function findKeyword(keyword: string, context: string): KeywordRow | undefined {
  return rowsByContext.get(context)?.get(keyword);
}

/** Every row of `context`, aliases included, in the order of the table. */
export function keywordsOf(context: string): readonly KeywordRow[] {
  return [...(rowsByContext.get(context)?.values() ?? [])];
}

/** The rows that a block of `context` cannot do without. */
export function requiredKeywordsOf(context: string): Iterable<KeywordRow> {
  return requiredByContext.get(context)?.values() ?? [];
}

/** Contexts in which `keyword` is known, in the order of the table. */
export function contextsOf(keyword: string): readonly string[] {
  return contextsByName.get(keyword) ?? [];
}

/** True when every block that opens `context` is planned: what is in it is refused with it. */
export function isPlannedContext(context: string): boolean {
  return plannedContexts.has(context);
}

/** The parser's view: which keywords open blocks. */
export function contextOpenedBy(keyword: string, context: string): string | undefined {
  return findKeyword(keyword, context)?.opens;
}

/** Also part of the parser's view. */
export function isKnown(keyword: string, context: string): boolean {
  return findKeyword(keyword, context) !== undefined;
}

/** How a context is called in a message. */
export function describeContext(context: string): string {
  // `track_file` is a block of its own and a list in an instance.
  return context === ROOT_CONTEXT
    ? 'the file (outside all blocks)'
    : context.replace(/_block$/, '');
}

function indexByContext(
  rows: readonly KeywordRow[],
): ReadonlyMap<string, ReadonlyMap<string, KeywordRow>> {
  const index = new Map<string, Map<string, KeywordRow>>();
  for (const row of rows) {
    const context = index.get(row.context) ?? new Map<string, KeywordRow>();
    index.set(row.context, context);
    if (context.has(row.name)) throw new Error(`Two rows for ${row.name} in ${row.context}`);
    context.set(row.name, row);
  }
  return index;
}

function indexPlannedContexts(rows: readonly KeywordRow[]): ReadonlySet<string> {
  const openers = rows.flatMap(({ opens, support }) =>
    opens === undefined ? [] : [{ opens, isPlanned: support.level === 'planned' }],
  );
  const working = new Set(openers.flatMap(({ opens, isPlanned }) => (isPlanned ? [] : [opens])));
  return new Set(openers.map(({ opens }) => opens).filter((opens) => !working.has(opens)));
}

function indexContexts(rows: readonly KeywordRow[]): ReadonlyMap<string, readonly string[]> {
  const index = new Map<string, string[]>();
  for (const row of rows) index.set(row.name, [...(index.get(row.name) ?? []), row.context]);
  return index;
}
