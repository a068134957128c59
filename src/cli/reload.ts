/** `lvsd reload`: the running daemon takes a file over, or says why not. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { ask, controlSocketPath } from '../daemon/control-client.ts';
import { printReload, printReport } from './changes-text.ts';
import { printError, printJson, wantsColor } from './output.ts';

/** The daemon bounds its waiting; another reload may be before ours. */
export const FILE_TIMEOUT_MS = 120_000;

const HELP = `
The whole file is validated first; when anything is wrong, nothing is changed and everything wrong is told.
With FILE the daemon reads that file from now on, at SIGHUP too, until it is started again.

Exit status: 0 in force, 1 refused or no daemon, 2 the daemon cannot read the file, 3 in force but not
everywhere yet`;

export function addReloadCommand(program: Command): void {
  program
    .command('reload')
    .argument('[file]', 'configuration (default: the one that the daemon reads)')
    .description('validate, plan and apply the configuration in the running daemon')
    .option('--socket <path>', 'control socket (or LVSD_CONTROL_SOCKET)')
    .option('--json', 'the outcome, as JSON')
    .addHelpText('after', HELP)
    .action(async (file: string | undefined, options: { socket?: string; json?: boolean }) => {
      process.exitCode = await reload(file, options);
    });
}

async function reload(
  file: string | undefined,
  options: { readonly socket?: string; readonly json?: boolean },
): Promise<number> {
  const response = await ask(
    controlSocketPath(options.socket),
    { command: 'reload', ...fileQuestion(file) },
    FILE_TIMEOUT_MS,
  );
  if (options.json === true) printJson(response.ok ? { ok: true, ...response.result } : response);
  if (!response.ok) {
    if (options.json !== true) {
      printReport(response.report);
      printError(response.message);
    }
    return response.code === 'FILE_UNREADABLE' ? 2 : 1;
  }
  if (options.json !== true) {
    printReport(response.result.report);
    printReload(response.result);
  }
  return response.result.pending.length > 0 ? 3 : 0;
}

/** The daemon may stand in another directory. */
export function fileQuestion(file: string | undefined): { file?: string; color: boolean } {
  const color = wantsColor(process.stderr);
  return file === undefined ? { color } : { file: resolve(file), color };
}
