/** What becomes of a file that the daemon shall run on. */
import type { Log } from '../base/log.ts';
import {
  type DiagnosticJson,
  diagnosticsToJson,
  renderDiagnostics,
} from '../config/diagnostics.ts';
import type { LoadResult } from '../config/load.ts';
import type { Config } from '../config/model.ts';
import type { ControlRefusal, ControlResults, FileReport } from './control-protocol.ts';
import type { TableOutcome } from './messages.ts';
import type { Problem } from './preflight.ts';

export type Judged =
  | { readonly ok: true; readonly config: Config; readonly report: FileReport }
  | {
      readonly ok: false;
      /** FILE_UNREADABLE, FILE_HAS_ERRORS, or that of the first problem of the machine. */
      readonly code: string;
      readonly message: string;
      readonly report: FileReport;
      /** What the machine has against it. */
      readonly problems: readonly Problem[];
    };

/** `preflight` is asked only about a file without errors. */
export function judgeFile(
  loaded: LoadResult,
  file: string,
  options: {
    readonly color: boolean;
    readonly preflight: (config: Config) => readonly Problem[];
  },
): Judged {
  const { diagnostics, sources, config, unreadable } = loaded;
  const { color } = options;
  const text = renderDiagnostics(diagnostics, sources, { color });
  const report = { diagnostics: diagnosticsToJson(diagnostics), text };
  const refused = (code: string, message: string, problems: readonly Problem[] = []): Judged => ({
    ok: false,
    code,
    message: `${message}; the running configuration stays`,
    report,
    problems,
  });
  if (unreadable !== undefined) {
    return refused('FILE_UNREADABLE', `The daemon refuses: ${unreadable.message}`);
  }
  if (config === undefined) {
    return refused('FILE_HAS_ERRORS', `${file} is refused: correct the errors above`);
  }
  const problems = options.preflight(config);
  const [first] = problems;
  if (first === undefined) return { ok: true, config, report };
  return refused(first.code, problems.map(({ message }) => message).join('; '), problems);
}

/** A reload leaves the same in the log, whoever asked for it. */
export function logJudgement(log: Log, judged: Judged, file: string): void {
  for (const diagnostic of judged.report.diagnostics) logDiagnostic(log, diagnostic);
  if (judged.ok) return;
  const { code, message: problem } = judged;
  for (const each of judged.problems) log.error({ code: each.code }, each.message);
  log.error({ file, code, problem }, 'reload refused, the running configuration stays');
}

function logDiagnostic(log: Log, diagnostic: DiagnosticJson): void {
  const { code, severity, message, help, compat, file, line, column } = diagnostic;
  const fields = { code, at: `${file}:${line}:${column}`, help: help ?? undefined, compat };
  if (severity === 'error') log.error(fields, message);
  else log.warn(fields, message);
}

/** An answer without the id of its question. */
export type FileAnswer<Command extends 'reload' | 'plan' | 'restart'> =
  | { readonly ok: true; readonly result: ControlResults[Command] }
  | (Omit<ControlRefusal, 'id'> & { readonly ok: false });

export const STOPPING: Omit<ControlRefusal, 'id'> = {
  ok: false,
  code: 'STOPPING',
  message: 'lvsd is stopping: nothing is reloaded any more, start it again with `lvsd run`',
};

export const NO_TABLE: FileAnswer<'plan'> = {
  ok: false,
  code: 'NO_ANSWER',
  message:
    'The health process does not answer, so the kernel operations are not known: ' +
    'ask again in a few seconds, `lvsd status` says how it is',
};

export const NO_LISTING: Omit<ControlRefusal, 'id'> = {
  ok: false,
  code: 'NO_ANSWER',
  message:
    'The daemon has no health process that answers (no virtual_server, or it is being restarted, see ' +
    "`lvsd status`): `ipvsadm -Ln` shows the kernel's table",
};

/** What the processes answered to a reload. Undefined: away, or silent for too long. */
export interface Answers {
  readonly vrrp: readonly string[] | undefined | 'not-needed';
  readonly health: TableOutcome | undefined | 'not-needed';
  readonly isBfdDone: boolean;
}

export interface Applied {
  readonly operations: number;
  readonly draining: number;
  readonly pending: readonly string[];
}

export const STOPPED: Applied = {
  operations: 0,
  draining: 0,
  pending: ['lvsd is stopping: what is left of the reload does not happen'],
};

export function summarize({ vrrp, health, isBfdDone }: Answers): Applied {
  const pending: string[] = [];
  const away = (name: string): string =>
    `the ${name} process has not answered: it applies this configuration when it is back, see \`lvsd status\``;
  if (vrrp === undefined) pending.push(away('vrrp'));
  else if (vrrp !== 'not-needed') {
    for (const name of vrrp) {
      pending.push(`${name} is being released: its addresses go when the other director has them`);
    }
  }
  if (!isBfdDone) pending.push(away('bfd'));
  if (health === undefined) pending.push(away('health'));
  else if (health !== 'not-needed' && !health.ok) {
    pending.push(`the IPVS table is not as wanted yet, it is retried: ${health.detail}`);
  }
  const done = health !== undefined && health !== 'not-needed' && health.ok;
  return done
    ? { operations: health.operations, draining: health.draining, pending }
    : { operations: 0, draining: 0, pending };
}
