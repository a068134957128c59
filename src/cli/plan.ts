/**
 * `lvsd plan`: what a reload would do, asked of the running daemon; or what differs between two files.
 * Exit status 0 both good, 1 errors or no daemon, 2 not readable.
 */
import type { Command } from 'commander';
import { diffConfig } from '../config/diff.ts';
import { defaultConfigId, type LoadResult, loadConfig } from '../config/load.ts';
import { ask, controlSocketPath } from '../daemon/control-client.ts';
import { printChanges, printPlan, printReport } from './changes-text.ts';
import { LIFTABLE, printDiagnostics } from './check.ts';
import { printError, printJson } from './output.ts';
import { FILE_TIMEOUT_MS, fileQuestion } from './reload.ts';

interface PlanOptions {
  readonly socket?: string;
  readonly configId?: string;
  readonly compat?: boolean;
  readonly json?: boolean;
}

export function addPlanCommand(program: Command): void {
  program
    .command('plan')
    .argument('[file]', 'configuration (default: the one that the daemon reads)')
    .argument('[new]', 'with it, no daemon is asked: what would change from the first file to it')
    .description('what a reload would do: the changes and the kernel operations; changes nothing')
    .option('--socket <path>', 'control socket (or LVSD_CONTROL_SOCKET)')
    .option(
      '-i, --config-id <name>',
      'of two files: what @name lines are compared with (default: the host name)',
    )
    .option(
      '--compat',
      'of two files: read both as keepalived would: errors become warnings that say what it does',
    )
    .option('--json', 'what would be done, as JSON; of two files, the changes as one array')
    .addHelpText(
      'after',
      '\nExit status: 0 it would be taken over, 1 it would be refused or no daemon runs, 2 cannot be read',
    )
    .action(async (file: string | undefined, other: string | undefined, options: PlanOptions) => {
      process.exitCode =
        file !== undefined && other !== undefined
          ? plan([file, other], options)
          : await planWithDaemon(file, options);
    });
}

async function planWithDaemon(file: string | undefined, options: PlanOptions): Promise<number> {
  if (options.configId !== undefined || options.compat === true) {
    printError('--config-id and --compat are of two files: the daemon has its own, from its start');
    return 1;
  }
  const response = await ask(
    controlSocketPath(options.socket),
    { command: 'plan', ...fileQuestion(file) },
    FILE_TIMEOUT_MS,
  );
  if (options.json === true) printJson(response.ok ? { ok: true, ...response.result } : response);
  else printReport(response.ok ? response.result.report : response.report);
  if (response.ok) {
    if (options.json !== true) printPlan(response.result);
    return 0;
  }
  const { code, message } = response;
  const hint = code === 'NOT_REACHABLE' ? '; two files are compared by `lvsd plan OLD NEW`' : '';
  if (options.json !== true) printError(`${message}${hint}`);
  return code === 'FILE_UNREADABLE' ? 2 : 1;
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
  else printChanges(changes);
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
