/** `lvsd`: the map of commands. Each group is a file beside this one; none of them decides anything. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { LibcUnavailableError } from '../kernel/libc.ts';
import { addCheckCommand } from './check.ts';
import { addDrillCommand } from './drill.ts';
import { addEventsCommand } from './events.ts';
import { addHandoverCommand } from './handover.ts';
import { addIpvsCommand } from './ipvs.ts';
import { addKeywordsCommand } from './keywords.ts';
import { printError } from './output.ts';
import { addPlanCommand } from './plan.ts';
import { addRealserverCommand } from './realserver.ts';
import { addReloadCommand } from './reload.ts';
import { addRestartCommand } from './restart.ts';
import { addRunCommand } from './run.ts';
import { addStatusCommand } from './status.ts';

/** Commander's own exit status for a wrong command line is 1; ours says that nothing was even tried. */
const USAGE_EXIT_STATUS = 2;

function readVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(text) as { version: string };
  return version;
}

const program = new Command('lvsd')
  .description(
    'Keeps a virtual IP alive on a pair of Linux directors (VRRP), checks real servers, and keeps ' +
      "the kernel's IPVS table true. One file: lvs.conf, in keepalived's grammar.",
  )
  .version(readVersion(), '-v, --version')
  .showHelpAfterError('(lvsd --help lists the commands)')
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : USAGE_EXIT_STATUS));

addRunCommand(program, readVersion());
addCheckCommand(program);
addPlanCommand(program);
addReloadCommand(program);
addRestartCommand(program);
addKeywordsCommand(program);
addStatusCommand(program);
addIpvsCommand(program);
addEventsCommand(program);
addHandoverCommand(program);
addRealserverCommand(program);
addDrillCommand(program);

// `lvsd status | head -1`: the reader has what it wanted.
process.stdout.on('error', () => process.exit(0));

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof LibcUnavailableError)) throw error;
  printError(error.message);
  process.exit(1);
}
