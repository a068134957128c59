/** `lvsd plan`: what a new file would change. Exit status 0 both good, 1 errors, 2 not readable. */
import type { Command } from 'commander';
import { describeChange, diffConfig } from '../config/diff.ts';
import { defaultConfigId, type LoadResult, loadConfig } from '../config/load.ts';
import { LIFTABLE, printDiagnostics } from './check.ts';
import { printError, printJson, printLine } from './output.ts';

interface PlanOptions {
  readonly configId?: string;
  readonly compat?: boolean;
  readonly json?: boolean;
}

export function addPlanCommand(program: Command): void {
  program
    .command('plan')
    .argument('<old>', 'configuration as it is')
    .argument('<new>', 'configuration as it would be')
    .description('what would change from one configuration to another')
    .option('-i, --config-id <name>', 'what @name lines are compared with (default: the host name)')
    .option(
      '--compat',
      'read both as keepalived would: errors become warnings that say what it does',
    )
    .option('--json', 'the changes as one JSON array on stdout')
    .addHelpText(
      'after',
      '\nExit status: 0 both files are good, 1 one has errors, 2 cannot be read',
    )
    .action((oldFile: string, newFile: string, options: PlanOptions) => {
      process.exitCode = plan([oldFile, newFile], options);
    });
}

function plan([oldFile, newFile]: readonly [string, string], options: PlanOptions): number {
  const configId = options.configId ?? defaultConfigId();
  const load = (file: string): LoadResult =>
    loadConfig(file, { configId, compat: options.compat === true });
  const [before, after] = [load(oldFile), load(newFile)];
  const unreadable = before.unreadable ?? after.unreadable;
  if (unreadable !== undefined) {
    printError(unreadable.message);
    return 2;
  }
  printErrorsOf(before);
  printDiagnostics(after);
  if (before.config === undefined || after.config === undefined) {
    const refused = after.config === undefined ? newFile : oldFile;
    printError(`${refused} has errors: there is nothing to compare until they are corrected`);
    if (!isFirm(before) && !isFirm(after)) printError(LIFTABLE);
    return 1;
  }
  const changes = diffConfig(before.config, after.config);
  if (options.json === true) printJson(changes);
  else if (changes.length === 0) printLine('nothing changes');
  else for (const change of changes) printLine(describeChange(change));
  return 0;
}

/** Warnings of the old file are known: they were there before. */
function printErrorsOf(loaded: LoadResult): void {
  const diagnostics = loaded.diagnostics.filter(({ severity }) => severity === 'error');
  printDiagnostics({ ...loaded, diagnostics });
}

function isFirm({ config, isLiftable }: LoadResult): boolean {
  return config === undefined && !isLiftable;
}
