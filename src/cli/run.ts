/** `lvsd run`: the daemon, in the foreground. */
import { type Command, Option } from 'commander';
import { systemClock } from '../base/clock.ts';
import type { LogLevel } from '../base/log.ts';
import { openLog } from '../base/log-pino.ts';
import { KeptBlocks } from '../config/kept-blocks.ts';
import { defaultConfigId, loadConfig } from '../config/load.ts';
import { letGoOf, takeSuccession } from '../daemon/succession.ts';
import { Supervisor } from '../daemon/supervisor.ts';
import { LIFTABLE, printDiagnostics } from './check.ts';
import { DEFAULT_CONFIG_FILE } from './defaults.ts';
import { printError } from './output.ts';

interface RunOptions {
  readonly file: string;
  readonly configId?: string;
  readonly socket?: string;
  readonly adopt?: boolean;
  readonly dontReleaseIpvs?: boolean;
  readonly compat?: boolean;
  readonly logLevel: LogLevel;
}

export function addRunCommand(program: Command, version: string): void {
  program
    .command('run')
    .description('the daemon, in the foreground; SIGHUP reloads, SIGTERM stops in order')
    .option('-f, --file <path>', 'configuration', DEFAULT_CONFIG_FILE)
    .option('-i, --config-id <name>', 'what @name lines are compared with (default: the host name)')
    .option('--socket <path>', 'control socket, instead of the one in the configuration')
    .option('-I, --dont-release-ipvs', 'leave IPVS services at a stop, as lvs_stop_policy keep')
    .option('--adopt', 'take over IPVS services of the configuration that somebody else created')
    .option(
      '--compat',
      'start wherever keepalived would: errors become warnings that say what it does',
    )
    .addOption(
      new Option('--log-level <level>', 'least severe lines to log')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    .addHelpText(
      'after',
      '\nLogs are JSON lines on stderr. Exit status: 0 stopped in order, 1 refused to start, 2 file cannot be read',
    )
    .action((options: RunOptions) => run(options, version));
}

async function run(options: RunOptions, version: string): Promise<void> {
  const succession = takeSuccession(process.env);
  const configId = options.configId ?? defaultConfigId();
  const compat = options.compat === true;
  const blocks = new KeptBlocks();
  const loaded = loadConfig(options.file, { configId, compat, blocks });
  if (loaded.config === undefined) letGoOf(succession);
  if (loaded.unreadable !== undefined) {
    printError(loaded.unreadable.message);
    process.exitCode = 2;
    return;
  }
  printDiagnostics(loaded);
  if (loaded.config === undefined) {
    const hint = loaded.isLiftable ? `; ${LIFTABLE}` : '';
    printError(`${options.file} is refused: correct the errors above${hint}`);
    process.exitCode = 1;
    return;
  }
  const socketPath = options.socket ?? process.env.LVSD_CONTROL_SOCKET;
  const supervisor = new Supervisor(
    loaded.config,
    {
      configFile: options.file,
      configId,
      compat,
      ...(socketPath === undefined ? {} : { socketPath }),
      adopt: options.adopt ?? false,
      keepsServices: options.dontReleaseIpvs === true,
      ...(succession === undefined ? {} : { succession }),
      version,
      blocks,
      clock: systemClock,
      log: openLog(options.logLevel),
    },
    (exitStatus) => process.exit(exitStatus),
  );
  process.on('SIGHUP', () => void supervisor.reload());
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => supervisor.stop(signal, 0));
  }
  const refusal = await supervisor.start();
  if (refusal === undefined) return;
  for (const problem of refusal.problems) printError(problem.message);
  process.exit(1);
}
