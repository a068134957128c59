/** `lvsd check`: is the file good? Exit status 0 yes (or warnings only), 1 errors, 2 not readable. */
import type { Command } from 'commander';
import { diagnosticsToJson, renderDiagnostics } from '../config/diagnostics.ts';
import { dumpConfig } from '../config/dump.ts';
import { defaultConfigId, type LoadResult, loadConfig } from '../config/load.ts';
import { DEFAULT_CONFIG_FILE } from './defaults.ts';
import { printError, printJson, printLine, wantsColor } from './output.ts';

export function addCheckCommand(program: Command): void {
  program
    .command('check')
    .argument('[file]', 'configuration to read', DEFAULT_CONFIG_FILE)
    .description('validate a configuration: every mistake with file:line:column, caret and help')
    .option('-i, --config-id <name>', 'what @name lines are compared with (default: the host name)')
    .option('--strict', 'warnings count as errors')
    .option(
      '--compat',
      'start wherever keepalived would: errors become warnings that say what it does',
    )
    .option('--json', 'diagnostics as one JSON array on stdout')
    .option('--dump', 'what the file means, defaults filled in, as JSON on stdout; secrets as ***')
    .option('--spans', 'with --dump: where in the file everything stands')
    .addHelpText('after', '\nExit status: 0 clean or warnings only, 1 errors, 2 cannot be read')
    .action((file: string, options: CheckOptions) => {
      const configId = options.configId ?? defaultConfigId();
      const loaded = loadConfig(file, { configId, compat: options.compat === true });
      process.exitCode = report(loaded, file, options);
    });
}

interface CheckOptions {
  readonly configId?: string;
  readonly strict?: boolean;
  readonly compat?: boolean;
  readonly json?: boolean;
  readonly dump?: boolean;
  readonly spans?: boolean;
}

function report(loaded: LoadResult, file: string, options: CheckOptions): number {
  const json = options.json === true && options.dump !== true;
  if (json) printJson(diagnosticsToJson(loaded.diagnostics));
  if (loaded.unreadable !== undefined) {
    printError(loaded.unreadable.message);
    return 2;
  }
  const errors = loaded.diagnostics.filter(({ severity }) => severity === 'error').length;
  const warnings = loaded.diagnostics.length - errors;
  if (!json) printDiagnostics(loaded);
  if (options.dump === true) printDump(loaded, options);
  else if (!json) {
    printLine(summary(file, errors, warnings, loaded));
    if (loaded.isLiftable) printLine(LIFTABLE);
  }
  return errors > 0 || (options.strict === true && warnings > 0) ? 1 : 0;
}

function printDump({ config }: LoadResult, { spans }: CheckOptions): void {
  if (config === undefined) printError('there is nothing to dump: correct the errors first');
  else printJson(dumpConfig(config, { spans: spans === true }));
}

/** The last line of a refusal that {@link LoadResult.isLiftable}. */
export const LIFTABLE =
  'keepalived would start on this file: --compat does too, and says at each line what keepalived does';

/** Every diagnostic as a person reads it, on stderr. */
export function printDiagnostics(loaded: LoadResult): void {
  if (loaded.diagnostics.length === 0) return;
  const color = wantsColor(process.stderr);
  process.stderr.write(renderDiagnostics(loaded.diagnostics, loaded.sources, { color }));
}

function summary(file: string, errors: number, warnings: number, loaded: LoadResult): string {
  const count = (n: number, word: string): string => `${n} ${word}${n === 1 ? '' : 's'}`;
  const found = `${count(errors, 'error')}, ${count(warnings, 'warning')}`;
  if (loaded.config === undefined) return `${file}: ${found}`;
  const { vrrpInstances, virtualServers } = loaded.config;
  const servers = virtualServers.reduce((sum, { realServers }) => sum + realServers.length, 0);
  return `${file}: ${found}; ${count(vrrpInstances.length, 'instance')}, ${count(virtualServers.length, 'virtual server')}, ${count(servers, 'real server')}`;
}
