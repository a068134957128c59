/** `lvsd status`: one screen of everything. */
import type { Command } from 'commander';
import { ask, controlSocketPath } from '../daemon/control-client.ts';
import { renderStatus } from '../observe/status-text.ts';
import { printError, printJson, printLine, wantsColor } from './output.ts';

export function addStatusCommand(program: Command): void {
  program
    .command('status')
    .description('what the running daemon holds, checks and forwards, and why')
    .option('--socket <path>', 'control socket (or LVSD_CONTROL_SOCKET)')
    .option('--json', 'everything, as JSON')
    .action(async (options: { socket?: string; json?: boolean }) => {
      const response = await ask(controlSocketPath(options.socket), { command: 'status' });
      if (!response.ok) {
        printError(response.message);
        process.exitCode = 1;
      } else if (options.json) {
        printJson(response.result);
      } else {
        const color = wantsColor(process.stdout);
        printLine(renderStatus(response.result, { color, nowMs: Date.now() }));
      }
    });
}
