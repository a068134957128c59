/** `lvsd handover`: a planned change of the master, without loss. */
import type { Command } from 'commander';
import { ask, controlSocketPath } from '../daemon/control-client.ts';
import { printError, printJson, printLine } from './output.ts';

/** The daemon bounds it by the advert interval, which is at most 255 s. */
const HANDOVER_TIMEOUT_MS = 600_000;

export function addHandoverCommand(program: Command): void {
  program
    .command('handover <name>')
    .description('give a virtual IP to the other director: it is served until the other one has it')
    .option('--socket <path>', 'control socket (or LVSD_CONTROL_SOCKET)')
    .option('--json', 'the outcome, as JSON')
    .addHelpText(
      'after',
      '\nThe name is that of a vrrp_instance or vrrp_sync_group, or one of its addresses. Exit status: 0 another director has it, 1 refused or nobody took it',
    )
    .action(async (name: string, options: { socket?: string; json?: boolean }) => {
      const path = controlSocketPath(options.socket);
      const response = await ask(path, { command: 'handover', name }, HANDOVER_TIMEOUT_MS);
      if (options.json) printJson(response.ok ? { ok: true, ...response.result } : response);
      if (!response.ok) {
        if (!options.json) printError(response.message);
        process.exitCode = 1;
      } else if (!options.json) {
        const { instance, successor, tookMs } = response.result;
        printLine(`${instance} is with ${successor} now, after ${Math.round(tookMs)} ms`);
      }
    });
}
