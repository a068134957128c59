/**
 * The keyword table for people and programs: what `lvsd keywords` prints and docs/keywords.md
 * holds.
 */
import { nearestWord } from './did-you-mean.ts';
import { ROOT_CONTEXT } from './parser.ts';
import { describeContext, keywordTable } from './schema.ts';
import type { KeywordRow, ValueType } from './schema-rows.ts';

/** One keyword in one block, as `lvsd keywords --json` prints it. */
export interface KeywordJson {
  readonly keyword: string;
  /** Block it stands in; `root` is the file outside all blocks. */
  readonly context: string;
  /** The line as it is written: `advert_int SECONDS`, `url { … }`. */
  readonly syntax: string;
  readonly type: ValueType['kind'];
  readonly unit?: 's' | 'ms';
  /** In the unit, or the number itself. */
  readonly min?: number;
  readonly max?: number;
  readonly values?: readonly string[];
  readonly default?: string;
  readonly doc: string;
  readonly support: 'works' | 'accepted' | 'planned';
  /** Of `accepted`: why it has no effect. */
  readonly reason?: string;
  readonly aliasOf?: string;
  readonly isDeprecated?: boolean;
  readonly isRequired?: boolean;
  readonly isRepeatable?: boolean;
}

const MS_PER_SECOND = 1000;

export function keywordsToJson(rows: readonly KeywordRow[]): readonly KeywordJson[] {
  return rows.map((row) => ({
    keyword: row.name,
    context: row.context,
    syntax: syntaxOf(row),
    type: row.value.kind,
    ...boundsOf(row.value),
    ...(row.defaultText === undefined ? {} : { default: row.defaultText }),
    doc: row.doc,
    support: row.support.level,
    ...('reason' in row.support && row.support.reason !== undefined
      ? { reason: row.support.reason }
      : {}),
    ...(row.aliasOf === undefined ? {} : { aliasOf: row.aliasOf }),
    ...(row.isDeprecated === true ? { isDeprecated: true } : {}),
    ...(row.requiredExample === undefined ? {} : { isRequired: true }),
    ...(row.isRepeatable === true ? { isRepeatable: true } : {}),
  }));
}

type Bounds = Pick<KeywordJson, 'unit' | 'min' | 'max' | 'values'>;

function boundsOf(type: ValueType): Bounds {
  if (type.kind === 'integer') return { min: type.min, max: type.max };
  if (type.kind === 'choice') return { values: type.values };
  if (type.kind === 'milliseconds') return { unit: 'ms', min: type.minMs, max: type.maxMs };
  if (type.kind !== 'seconds') return {};
  return { unit: 's', min: type.minMs / MS_PER_SECOND, max: type.maxMs / MS_PER_SECOND };
}

/** `weight INT`, `lb_algo rr|wrr|…`, `virtual_ipaddress { … }`. */
function syntaxOf({ name, value, opens }: KeywordRow): string {
  return [name, valueSyntax(value), opens === undefined ? '' : '{ … }']
    .filter((part) => part !== '')
    .join(' ');
}

function valueSyntax(type: ValueType): string {
  switch (type.kind) {
    case 'flag':
      return '';
    case 'boolean':
      return '[on|off]';
    case 'integer':
      return 'NUMBER';
    case 'seconds':
      return 'SECONDS';
    case 'milliseconds':
      return 'MILLISECONDS';
    case 'choice':
      return type.values.join('|');
    case 'address':
      return 'ADDRESS';
    case 'text':
      return placeholder(type.expected);
    case 'words':
      return type.syntax;
    default:
      return 'VALUE';
  }
}

/** 'an interface name' -> INTERFACE_NAME. */
function placeholder(expected: string): string {
  const [what = ''] = expected.replace(/^(?:an?|the) /, '').split(/ (?:that|of|or) /);
  return what.toUpperCase().replaceAll(' ', '_');
}

/** Type, range, unit and default in one line; empty when the syntax says it all. */
function valueText(row: KeywordRow): string {
  const { min, max, unit } = boundsOf(row.value);
  const bounds =
    min === undefined || max === undefined
      ? []
      : [`${numberText(min)} to ${numberText(max)}${unit === undefined ? '' : ` ${unit}`}`];
  const expected = row.value.kind === 'text' ? [row.value.expected] : [];
  const required = row.requiredExample === undefined ? [] : ['required'];
  const byDefault = row.defaultText === undefined ? [] : [`default: ${row.defaultText}`];
  return [...expected, ...bounds, ...required, ...byDefault].join('; ');
}

const MAX_INT_32 = 2 ** 31 - 1;

function numberText(value: number): string {
  return value === MAX_INT_32 ? '2^31-1' : String(value);
}

function supportText({ support, aliasOf, isDeprecated }: KeywordRow): string {
  const spelling =
    aliasOf === undefined
      ? ''
      : ` (${isDeprecated === true ? 'old' : 'other'} spelling of ${aliasOf})`;
  switch (support.level) {
    case 'works':
      return `works${spelling}`;
    case 'accepted':
      return `accepted, has no effect: ${support.reason}${spelling}`;
    case 'planned':
      return `not supported yet: an error, or a warning with --compat${spelling}`;
    default:
      return support satisfies never;
  }
}

export type KeywordLookup =
  | { readonly ok: true; readonly rows: readonly KeywordRow[] }
  | { readonly ok: false; readonly nearest?: string };

/** Every row of that name, or of the block of that name; the nearest name when there is none. */
export function findRows(word: string): KeywordLookup {
  const rows = keywordTable.filter(({ name }) => name === word);
  if (rows.length > 0) return { ok: true, rows };
  const nearest = nearestWord(word, new Set(keywordTable.map(({ name }) => name)));
  return { ok: false, ...(nearest === undefined ? {} : { nearest }) };
}

/** All about one keyword: a paragraph for each block that it stands in. */
export function describeKeyword(rows: readonly KeywordRow[]): string {
  return rows.map(describeRow).join('\n\n');
}

function describeRow(row: KeywordRow): string {
  const inside = row.opens === undefined ? [] : namesIn(row.opens);
  const lines = [
    ['in', describeContext(row.context)],
    ['write', syntaxOf(row)],
    ['value', valueText(row)],
    ['support', supportText(row)],
    ['inside', inside.join(' ')],
  ] as const;
  const width = Math.max(...lines.map(([label]) => label.length));
  const about = lines
    .filter(([, text]) => text !== '')
    .map(([label, text]) => `  ${label.padEnd(width)}  ${text}`);
  return [`${row.name}: ${row.doc}`, ...about].join('\n');
}

function namesIn(context: string): readonly string[] {
  return keywordTable.filter((row) => row.context === context).map(({ name }) => name);
}

interface BlockOfKeywords {
  readonly context: string;
  readonly rows: readonly KeywordRow[];
}

/** Blocks in the order in which a reader meets them: outside first, each below what opens it. */
function blocksInOrder(): readonly BlockOfKeywords[] {
  const contexts = new Set<string>();
  const visit = (context: string): void => {
    if (contexts.has(context)) return;
    contexts.add(context);
    for (const { context: own, opens } of keywordTable) {
      if (own === context && opens !== undefined) visit(opens);
    }
  };
  visit(ROOT_CONTEXT);
  return [...contexts]
    .map((context) => ({ context, rows: keywordTable.filter((row) => row.context === context) }))
    .filter(({ rows }) => rows.length > 0);
}

const SIGNS = { works: ' ', accepted: '-', planned: '!' } as const;

/** Every keyword, by block: one line each. */
export function listKeywords(): string {
  const blocks = blocksInOrder().map(({ context, rows }) => {
    const width = Math.max(...rows.map((row) => row.name.length));
    const lines = rows.map(
      (row) => `${SIGNS[row.support.level]} ${row.name.padEnd(width)}  ${row.doc}`,
    );
    return [`${describeContext(context)}:`, ...lines].join('\n');
  });
  const legend =
    '- accepted, has no effect   ! not supported yet   lvsd keywords WORD says all about one';
  return `${blocks.join('\n\n')}\n\n${legend}`;
}

const MARKDOWN_HEAD = `# Keywords

Generated from the keyword table (\`src/config/schema*.ts\`) by \`npm run docs\`; a test keeps it current.
\`lvsd keywords WORD\` prints the same about one word.

- **works**: the daemon does it.
- **accepted**: read, validated and warned about; leaving it out changes no traffic.
- **planned**: read and validated; an error that names the line, because its effect is missing, and a
  warning with \`--compat\`.
`;

/** docs/keywords.md. */
export function keywordsMarkdown(): string {
  const sections = blocksInOrder().map(({ context, rows }) => {
    const title = context === ROOT_CONTEXT ? 'Outside all blocks' : `\`${context}\``;
    const lines = rows.map((row) => {
      const { level } = row.support;
      const reason = 'reason' in row.support ? `: ${row.support.reason}` : '';
      const alias = row.aliasOf === undefined ? '' : ` (as \`${row.aliasOf}\`)`;
      const cells = [`\`${syntaxOf(row)}\``, row.doc + alias, valueText(row), `${level}${reason}`];
      return `| ${cells.map(cellText).join(' | ')} |`;
    });
    const head = '| write | meaning | value | support |\n|---|---|---|---|';
    return `\n## ${title}\n\n${head}\n${lines.join('\n')}\n`;
  });
  return `${MARKDOWN_HEAD}${sections.join('')}`;
}

function cellText(text: string): string {
  return text.replaceAll('|', '\\|');
}
