/** How `lvsd plan` and `lvsd reload` say what changes. */
import { type Change, describeChange } from '../config/diff.ts';
import type { FileReport, PlanDone, ReloadDone } from '../daemon/control-protocol.ts';
import { printLine } from './output.ts';

export function printChanges(changes: readonly Change[]): void {
  if (changes.length === 0) printLine('nothing changes');
  else for (const change of changes) printLine(describeChange(change));
}

/** What is wrong with the file, as `lvsd check` prints it, on stderr. */
export function printReport(report: FileReport | undefined): void {
  if (report !== undefined) process.stderr.write(report.text);
}

export function printPlan({ changes, operations }: PlanDone): void {
  printChanges(changes);
  if (operations.length === 0) {
    printLine('IPVS: no operation, the table is as this file wants it');
    return;
  }
  printLine(`IPVS: ${count(operations.length, 'operation')}`);
  for (const { text, reason } of operations) printLine(`  ${text}: ${reason}`);
}

export function printReload(done: ReloadDone): void {
  const { file, changes, operations, draining, pending, tookMs } = done;
  printChanges(changes);
  const drained = draining === 0 ? '' : `, ${count(draining, 'server')} draining`;
  const ms = Math.round(tookMs);
  printLine(`${file} is in force: ${count(operations, 'IPVS operation')}${drained}, ${ms} ms`);
  for (const what of pending) printLine(`pending: ${what}`);
}

function count(n: number, word: string): string {
  return `${n} ${word}${n === 1 ? '' : 's'}`;
}
