/** What people and programs are told about a drill. P: text in, text out. */
import { formatMs, type Step } from './steps.ts';

/** One scenario's result; the element of `scenarios` in the JSON document. */
export interface ScenarioResult {
  readonly name: string;
  readonly ok: boolean;
  /** Fault to the new master's announcement; null where no takeover belongs to it or none was seen. */
  readonly takeoverMs: number | null;
  /** null when the scenario ended before the client was asked. */
  readonly outageMs: number | null;
  readonly requests: number;
  readonly failedRequests: number;
  readonly steps: readonly Step[];
}

/** What `--json` prints. */
export interface DrillDocument {
  readonly kernel: string;
  readonly scenarios: readonly ScenarioResult[];
  /** With `--against`: the same drill on the other program. */
  readonly against?: { readonly program: string; readonly scenarios: readonly ScenarioResult[] };
}

const GREEN = '\u001b[32m';
const RED = '\u001b[31m';
const RESET = '\u001b[0m';

/** `✓ master-kill: VIP on director2: announced by gratuitous ARP 3,412 ms after the master died`. */
export function formatStep(scenario: string, step: Step, color: boolean): string {
  return `${mark(step.ok, color)} ${scenario}: ${step.name}: ${step.detail}`;
}

/** One row a scenario, numbers right-aligned; both programs one below the other when there are two. */
export function formatSummary(
  programs: readonly { readonly name: string; readonly scenarios: readonly ScenarioResult[] }[],
  color: boolean,
): string {
  const head = ['scenario', 'director', 'takeover', 'outage', 'requests', 'failed'];
  const names = programs[0]?.scenarios.map(({ name }) => name) ?? [];
  const results = names.flatMap((name) =>
    programs.flatMap((program) =>
      program.scenarios
        .filter((result) => result.name === name)
        .map((result) => ({ ok: result.ok, cells: summaryCells(program.name, result) })),
    ),
  );
  const widths = head.map((title, column) =>
    Math.max(title.length, ...results.map(({ cells }) => cells[column]?.length ?? 0)),
  );
  const lines = [
    `  ${alignRow(head, widths)}`,
    ...results.map(({ ok, cells }) => `${mark(ok, color)} ${alignRow(cells, widths)}`),
  ];
  return `${lines.join('\n')}\n`;
}

function summaryCells(program: string, result: ScenarioResult): readonly string[] {
  return [
    result.name,
    program,
    result.takeoverMs === null ? '-' : formatMs(result.takeoverMs),
    result.outageMs === null ? '-' : formatMs(result.outageMs),
    String(result.requests),
    String(result.failedRequests),
  ];
}

const TEXT_COLUMNS = 2;

function alignRow(cells: readonly string[], widths: readonly number[]): string {
  const aligned = cells.map((cell, column) => {
    const width = widths[column] ?? 0;
    return column < TEXT_COLUMNS ? cell.padEnd(width) : cell.padStart(width);
  });
  return aligned.join('   ').trimEnd();
}

function mark(ok: boolean, color: boolean): string {
  const sign = ok ? '✓' : '✗';
  return color ? `${ok ? GREEN : RED}${sign}${RESET}` : sign;
}
