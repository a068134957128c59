/** `lvsd check`: is the file good? Exit status 0 yes (or warnings only), 1 errors, 2 not readable. */
import type { Command } from 'commander';
import { diagnosticsToJson, renderDiagnostics } from '../config/diagnostics.ts';
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
    .option('--json', 'diagnostics as one JSON array on stdout')
    .addHelpText('after', '\nExit status: 0 clean or warnings only, 1 errors, 2 cannot be read')
    .action((file: string, options: { configId?: string; strict?: boolean; json?: boolean }) => {
      const loaded = loadConfig(file, { configId: options.configId ?? defaultConfigId() });
      process.exitCode = report(loaded, file, options);
    });
}

function report(
  loaded: LoadResult,
  file: string,
  options: { readonly strict?: boolean; readonly json?: boolean },
): number {
  if (options.json) printJson(diagnosticsToJson(loaded.diagnostics));
  if (loaded.unreadable !== undefined) {
    printError(loaded.unreadable.message);
    return 2;
  }
  if (!options.json) printDiagnostics(loaded);
  const errors = loaded.diagnostics.filter(({ severity }) => severity === 'error').length;
  const warnings = loaded.diagnostics.length - errors;
  if (!options.json) printLine(summary(file, errors, warnings, loaded));
  return errors > 0 || (options.strict && warnings > 0) ? 1 : 0;
}

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
