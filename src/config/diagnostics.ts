/**
 * What is wrong with a configuration, collected and shown: for people with a caret, for programs
 * as JSON.
 */
import {
  compatOf,
  type DiagnosticArguments,
  type DiagnosticName,
  type DiagnosticRow,
  type DiagnosticValues,
  diagnosticTable,
  fillTemplate,
  type Severity,
} from './diagnostic-table.ts';
import type { SourceSpan } from './model.ts';
import { type Place, spanOf } from './source.ts';

export interface Diagnostic {
  /** `LVS1020`: stable. */
  readonly code: string;
  readonly severity: Severity;
  readonly message: string;
  readonly help?: string;
  /** Of an error that `--compat` made a warning: what keepalived does. */
  readonly compat?: string;
  readonly span: SourceSpan;
  /** What the line came to, when parameters or sequences were filled in. */
  readonly expandedTo?: string;
  /** The include lines that led here, innermost first; empty in the file that was asked for. */
  readonly includeChain: readonly SourceSpan[];
}

/**
 * Adds a diagnostic. `help` replaces the help of the table; as a function it runs only when it is
 * kept.
 */
export type Report = <Name extends DiagnosticName>(
  name: Name,
  place: Place,
  values: DiagnosticArguments<Name>,
  help?: string | (() => string | undefined),
) => void;

/** What a Report was told. */
export interface Diagnosed {
  readonly name: DiagnosticName;
  readonly place: Place;
  readonly values: DiagnosticValues;
  readonly help: string | undefined;
}

/** At most so many of each severity are kept; the rest is counted. */
export const MAX_DIAGNOSTICS = 500;

export interface DiagnosticCollector {
  readonly report: Report;
  hasErrors(): boolean;
  /** There are errors, and `--compat` would make every one of them a warning. */
  isLiftable(): boolean;
  /** Ordered by file (as in `files`, those that were read in their order), line and column. */
  finish(files: Iterable<string>): readonly Diagnostic[];
}

export interface CollectOptions {
  /** Errors on which keepalived would start become warnings that say what it does. */
  readonly compat?: boolean;
}

export function collectDiagnostics(options: CollectOptions = {}): DiagnosticCollector {
  const kept: Diagnostic[] = [];
  const seen = new Set<string>();
  const counts: Record<Severity, number> = { error: 0, warning: 0 };
  let firmErrors = 0;
  const lastPlaces = new Map<Severity, Place>();
  const report: Report = (name, place, values, help) => {
    const row: DiagnosticRow = diagnosticTable[name];
    // A file that is included at many places has its mistake once.
    const { file } = place.source;
    const key = `${file}:${place.line}:${place.column} ${fillTemplate(row.message, values)}`;
    if (seen.has(key)) return;
    const compat = compatOf(row, values);
    const isLifted = options.compat === true && compat !== undefined;
    const severity = isLifted ? 'warning' : row.severity;
    if (severity === 'error' && compat === undefined) firmErrors += 1;
    counts[severity] += 1;
    lastPlaces.set(severity, place);
    if (counts[severity] > MAX_DIAGNOSTICS) return;
    seen.add(key);
    const chosen = typeof help === 'function' ? help() : help;
    const diagnostic = makeDiagnostic(row, place, values, chosen);
    kept.push(isLifted ? { ...diagnostic, severity, compat } : diagnostic);
  };
  return {
    report,
    hasErrors: () => counts.error > 0,
    isLiftable: () => counts.error > 0 && firmErrors === 0,
    finish(files) {
      const left: Diagnostic[] = [];
      for (const [severity, place] of lastPlaces) {
        const count = counts[severity] - MAX_DIAGNOSTICS;
        if (count <= 0) continue;
        const row = { ...diagnosticTable.tooManyDiagnostics, severity };
        left.push(makeDiagnostic(row, place, { count }));
      }
      return [...inReadingOrder(kept, files), ...left];
    },
  };
}

function makeDiagnostic(
  row: DiagnosticRow,
  place: Place,
  values: DiagnosticValues,
  help = row.help,
): Diagnostic {
  const includeChain: SourceSpan[] = [];
  for (let from = place.source.includedFrom; from !== undefined; from = from.source.includedFrom) {
    includeChain.push(spanOf(from));
  }
  return {
    code: row.code,
    severity: row.severity,
    message: fillTemplate(row.message, values),
    ...(help === undefined ? {} : { help: fillTemplate(help, values) }),
    span: spanOf(place),
    ...(place.expansion === undefined ? {} : { expandedTo: place.expansion.text }),
    includeChain,
  };
}

function inReadingOrder(diagnostics: readonly Diagnostic[], names: Iterable<string>): Diagnostic[] {
  const files = new Map<string, number>();
  for (const name of names) files.set(name, files.size);
  const fileOrder = (span: SourceSpan): number => files.get(span.file) ?? 0;
  return diagnostics.toSorted(
    ({ span: a }, { span: b }) =>
      fileOrder(a) - fileOrder(b) || a.line - b.line || a.column - b.column,
  );
}

export interface RenderOptions {
  /** ANSI colours. */
  readonly color: boolean;
}

/**
 * One block a diagnostic: `file:line:column: error LVS1020: message`, the source line with a caret
 * under it, the help and the includes that led there. Ends with a line end when there is anything
 * to say.
 */
export function renderDiagnostics(
  diagnostics: readonly Diagnostic[],
  sources: ReadonlyMap<string, string>,
  options: RenderOptions,
): string {
  const lines = new Map<string, readonly string[]>();
  const lineOf = (span: SourceSpan): string | undefined => {
    let split = lines.get(span.file);
    if (split === undefined) {
      split = (sources.get(span.file) ?? '').split('\n');
      lines.set(span.file, split);
    }
    return split[span.line - 1];
  };
  const paint = painter(options.color);
  return diagnostics
    .map((diagnostic) => `${renderOne(diagnostic, lineOf(diagnostic.span), paint)}\n`)
    .join('\n');
}

function renderOne(diagnostic: Diagnostic, line: string | undefined, paint: Paint): string {
  const { span, severity } = diagnostic;
  const where = `${span.file}:${span.line}:${span.column}:`;
  const label = paint(severity === 'error' ? 'red' : 'yellow', `${severity} ${diagnostic.code}:`);
  const number = String(span.line);
  const gutter = ' '.repeat(number.length);
  const out = [`${paint('bold', visible(where))} ${label} ${visible(diagnostic.message)}`];
  if (line !== undefined) {
    const { text, marker } = excerpt(maskSecrets(line), span);
    const caret = paint(severity === 'error' ? 'red' : 'yellow', marker);
    out.push(` ${number} | ${visible(text)}`.trimEnd(), ` ${gutter} | ${caret}`);
  }
  if (diagnostic.expandedTo !== undefined) {
    const expanded = visible(maskSecrets(diagnostic.expandedTo).slice(0, MAX_EXCERPT));
    out.push(` ${gutter} = expanded to: ${expanded}`);
  }
  if (diagnostic.help !== undefined) out.push(` ${gutter} = help: ${visible(diagnostic.help)}`);
  if (diagnostic.compat !== undefined) out.push(` ${gutter} = compat: ${diagnostic.compat}`);
  for (const from of diagnostic.includeChain) {
    out.push(` ${gutter} = included from ${visible(from.file)}:${from.line}:${from.column}`);
  }
  return out.join('\n');
}

/** Longer source lines are cut around the caret. */
const MAX_EXCERPT = 120;
const EXCERPT_LEAD = 40;

function excerpt(line: string, span: SourceSpan): { text: string; marker: string } {
  const clean = line.replace(/\r$/, '');
  const column = Math.min(span.column - 1, clean.length);
  const from = column > MAX_EXCERPT - EXCERPT_LEAD ? column - EXCERPT_LEAD : 0;
  const text = clean.slice(from, from + MAX_EXCERPT);
  const until = Math.max(column - from, Math.min(span.endColumn - 1 - from, text.length));
  const lead = text.slice(0, column - from).replace(GLYPH, blanksFor);
  const length = text.slice(column - from, until).replace(GLYPH, blanksFor).length;
  return { text, marker: `${lead}^${'~'.repeat(Math.max(0, length - 1))}` };
}

/** What a terminal shows as one character; of a tab and of marks the width is not ours to say. */
const GLYPH = /[^\t]/gu;
const WIDE =
  /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\p{Emoji_Presentation}\u3000-\u303E\uFF01-\uFF60\uFFE0-\uFFE6]/u;
const WITHOUT_WIDTH = /[\p{Mn}\p{Me}\u200B-\u200D\u2060\uFEFF]/u;

/** As many blanks as a terminal has columns for `glyph`. */
function blanksFor(glyph: string): string {
  if (glyph < '\u0300') return ' ';
  if (WITHOUT_WIDTH.test(glyph)) return '';
  return WIDE.test(glyph) ? '  ' : ' ';
}

/** What follows a word for a password or a key, also a misspelled one, on the same line. */
const SECRET = /\b(auth_pa\w*|pass(?:word|wd|phrase)?|key)(\s+)([^{}]+)/gi;
/** The password of `scheme://user:password@host`. */
const URL_PASSWORD = /(:\/\/[^\s/@:]*:)([^\s@]+)(?=@)/g;
/** A header that lets a check in. */
const CREDENTIAL = /\b((?:proxy-)?authorization|cookie|x-api-key|x-auth-token)(\s*:\s*)([^"{}]+)/gi;

/**
 * The line with its secrets as asterisks, every other character in its column. Diagnostics are pasted
 * into tickets and kept in logs.
 */
export function maskSecrets(line: string): string {
  return line
    .replace(SECRET, hideLast)
    .replace(CREDENTIAL, hideLast)
    .replace(
      URL_PASSWORD,
      (_all, head: string, secret: string) => head + '*'.repeat(secret.length),
    );
}

function hideLast(_all: string, word: string, gap: string, secret: string): string {
  return word + gap + secret.replace(/\S/g, '*');
}

/**
 * Control characters of a file must not reach the terminal; one stands for one, so carets stay
 * true.
 */
function visible(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/g, '\uFFFD');
}

type Paint = (style: keyof typeof STYLES, text: string) => string;

const STYLES = { bold: 1, red: 31, yellow: 33 } as const;

function painter(isColored: boolean): Paint {
  return (style, text) => (isColored ? `\u001b[${STYLES[style]}m${text}\u001b[0m` : text);
}

export interface DiagnosticJson {
  readonly code: string;
  readonly severity: Severity;
  readonly message: string;
  /** Null when the message says it all. */
  readonly help: string | null;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
  /** Of an error that `--compat` made a warning: what keepalived does. */
  readonly compat?: string;
  /** The line, where a parameter or sequence made another of it. */
  readonly expandedTo?: string;
  /** The include lines that led to the file, the nearest first. */
  readonly includedFrom?: readonly SourceSpan[];
}

/** The flat form that `--json` prints. */
export function diagnosticsToJson(diagnostics: readonly Diagnostic[]): readonly DiagnosticJson[] {
  return diagnostics.map(
    ({ code, severity, message, help, compat, span, expandedTo, includeChain }) => ({
      code,
      severity,
      message,
      help: help ?? null,
      file: span.file,
      line: span.line,
      column: span.column,
      endLine: span.endLine,
      endColumn: span.endColumn,
      ...(compat === undefined ? {} : { compat }),
      ...(expandedTo === undefined ? {} : { expandedTo: maskSecrets(expandedTo) }),
      ...(includeChain.length === 0 ? {} : { includedFrom: includeChain }),
    }),
  );
}
