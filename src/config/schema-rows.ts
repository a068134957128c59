/** What a row of the keyword table is, and short ways to write many. */

/** Times are read in seconds and kept in ms; bounds are in ms. */
export type ValueType =
  | { readonly kind: 'flag' }
  | { readonly kind: 'boolean' }
  | {
      readonly kind: 'integer';
      readonly min: number;
      readonly max: number;
      /** What is counted, where it is not plain: `bytes`, `ms`, `µs`. */
      readonly unit?: string;
    }
  | { readonly kind: 'seconds'; readonly minMs: number; readonly maxMs: number }
  /** With a fraction, down to the microsecond. */
  | { readonly kind: 'milliseconds'; readonly minMs: number; readonly maxMs: number }
  | {
      readonly kind: 'choice';
      readonly values: readonly string[];
      /** `protocol tcp` is fine, `lb_kind dr` is not. */
      readonly isAnyCase?: boolean;
      /** Harmless old values and what keepalived reads them as. */
      readonly historic?: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'text'; readonly expected: string }
  | { readonly kind: 'address' }
  /** Several words, read by the block's own compile step (or by none yet). */
  | { readonly kind: 'words'; readonly syntax: string; readonly min: number };

export type Support =
  | { readonly level: 'works' }
  /** Read and warned about: leaving it out changes no traffic. */
  | { readonly level: 'accepted'; readonly reason: string }
  /**
   * Read into the model, and refused by line unless it is set to its default: ignoring it would
   * change what the file says.
   */
  | { readonly level: 'planned' };

export interface KeywordRow {
  readonly name: string;
  /** Block it stands in: `root` or the context that a block keyword opens. */
  readonly context: string;
  /** Context that its block opens; absent for a keyword without a block. */
  readonly opens?: string;
  /** Values on the keyword's own line. */
  readonly value: ValueType;
  /** As written in a file, or words that say where it comes from. */
  readonly defaultText?: string;
  /** The value that changes nothing, where `defaultText` is in words. */
  readonly neutralText?: string;
  readonly doc: string;
  readonly support: Support;
  /** Another spelling of this keyword of the same context; `isDeprecated` adds a warning. */
  readonly aliasOf?: string;
  readonly isDeprecated?: boolean;
  /** An example line for the message, when the block cannot do without. */
  readonly requiredExample?: string;
  readonly isRepeatable?: boolean;
}

export const FLAG: ValueType = { kind: 'flag' };
export const BOOLEAN: ValueType = { kind: 'boolean' };
export const ADDRESS: ValueType = { kind: 'address' };
export const NOTHING: ValueType = FLAG;

/** 2^31-1, keepalived's and the kernel's largest weight, counter and repeat. */
export const MAX_INT = 2 ** 31 - 1;
/** 31 days, the longest time that anything is configured to wait here. */
const MAX_WAIT_MS = 31 * 24 * 3600 * 1000;
const DEFAULT_MIN_MS = 10;

export function integer(min: number, max: number, unit?: string): ValueType {
  return { kind: 'integer', min, max, ...(unit === undefined ? {} : { unit }) };
}

export function choice(...values: readonly string[]): ValueType {
  return { kind: 'choice', values };
}

/** Seconds with a fraction; by default 10 ms to 31 days. */
export function seconds(minMs = DEFAULT_MIN_MS, maxMs = MAX_WAIT_MS): ValueType {
  return { kind: 'seconds', minMs, maxMs };
}

export function milliseconds(minMs: number, maxMs: number): ValueType {
  return { kind: 'milliseconds', minMs, maxMs };
}

export function text(expected: string): ValueType {
  return { kind: 'text', expected };
}

export function words(syntax: string, min = 1): ValueType {
  return { kind: 'words', syntax, min };
}

/** A row without what a whole list of rows has in common. */
export type WorkingRow = Omit<KeywordRow, 'context' | 'support'>;

export function works(context: string, rows: readonly WorkingRow[]): readonly KeywordRow[] {
  return rows.map((row) => ({ ...row, context, support: { level: 'works' } }));
}

/**
 * [name or names, syntax, default or '', doc]. `{}` as the end of the syntax: the keyword has a
 * block.
 */
export type ShortRow = readonly [
  names: string | readonly string[],
  syntax: string,
  defaultText: string,
  doc: string,
];

export function accepted(
  context: string,
  reason: string,
  rows: readonly ShortRow[],
): readonly KeywordRow[] {
  return rows.flatMap((row) => expandRow(context, row, { level: 'accepted', reason }));
}

export function planned(context: string, rows: readonly ShortRow[]): readonly KeywordRow[] {
  return rows.flatMap((row) => expandRow(context, row, { level: 'planned' }));
}

function expandRow(context: string, row: ShortRow, support: Support): KeywordRow[] {
  const [names, syntax, defaultText, doc] = row;
  return (typeof names === 'string' ? [names] : names).map((name) => ({
    name,
    context,
    ...(syntax.endsWith('{}') ? { opens: name } : {}),
    value: words(syntax.replace(/ ?\{\}$/, ''), 0),
    ...(defaultText === '' ? {} : { defaultText }),
    doc,
    support,
    isRepeatable: true,
  }));
}

/** Rows with typed values that are read and validated, and have no effect. */
export function acceptedRows(
  context: string,
  reason: string,
  rows: readonly WorkingRow[],
): readonly KeywordRow[] {
  return rows.map((row) => ({ ...row, context, support: { level: 'accepted', reason } }));
}

/** Rows with typed values that the model has and the daemon does not do yet. */
export function plannedRows(context: string, rows: readonly WorkingRow[]): readonly KeywordRow[] {
  return rows.map((row) => ({ ...row, context, support: { level: 'planned' } }));
}

/** One row for each name, alike but for it. */
export function each(names: readonly string[], row: Omit<WorkingRow, 'name'>): WorkingRow[] {
  return names.map((name) => ({ ...row, name }));
}

/** An old spelling of `target`, which must be among `rows`. */
export function oldSpelling(name: string, target: string, rows: readonly WorkingRow[]): WorkingRow {
  const row = rows.find((candidate) => candidate.name === target);
  if (row === undefined) throw new Error(`No row ${target} for its old spelling ${name}`);
  const { requiredExample: _, ...rest } = row;
  return { ...rest, name, aliasOf: target, isDeprecated: true };
}
