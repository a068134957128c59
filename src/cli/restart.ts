/** `lvsd restart`: the daemon begins anew, another version of it too, and lets go of nothing meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { ask, controlSocketPath } from '../daemon/control-client.ts';
import type { DaemonStatus } from '../observe/status.ts';
import { printError, printJson, printLine } from './output.ts';
import { FILE_TIMEOUT_MS } from './reload.ts';

/** The vrrp process serves alone for 30 s at most; one that hands over then needs a little longer. */
const RESTART_TIMEOUT_MS = 60_000;
const LOOK_MS = 100;

const HELP = `
For a new version of lvsd, or of Node.js: the new program takes the place of the old one in the same process.
The virtual IPs stay and are adverted throughout, the IPVS table stays; nothing is restarted when the new program
or the file has a fault. The command line is that of \`lvsd run\`, so a file that \`lvsd reload FILE\` named is
forgotten.

Exit status: 0 the new program runs, 1 refused, no daemon, or it did not come back`;

export function addRestartCommand(program: Command): void {
  program
    .command('restart')
    .description(
      'begin anew in place, for a new version: no virtual IP moves, no connection is lost',
    )
    .option('--socket <path>', 'control socket (or LVSD_CONTROL_SOCKET)')
    .option('--json', 'the outcome, as JSON')
    .addHelpText('after', HELP)
    .action(async (options: { socket?: string; json?: boolean }) => {
      process.exitCode = await restart(controlSocketPath(options.socket), options.json === true);
    });
}

async function restart(path: string, json: boolean): Promise<number> {
  const beganMs = performance.now();
  const before = await ask(path, { command: 'status' });
  const response = before.ok ? await ask(path, { command: 'restart' }, FILE_TIMEOUT_MS) : before;
  if (!response.ok) return refuse(response, json);
  while (performance.now() - beganMs < RESTART_TIMEOUT_MS) {
    const now = await ask(path, { command: 'status' });
    if (
      now.ok &&
      before.ok &&
      now.result.startedAt !== before.result.startedAt &&
      isUp(now.result)
    ) {
      const { pid, version, startedAt } = now.result;
      const tookMs = Math.round(performance.now() - beganMs);
      if (json) printJson({ ok: true, pid, version, startedAt, tookMs });
      else printLine(`lvsd ${version} runs, process ${pid} as before, after ${tookMs} ms`);
      return 0;
    }
    await sleep(LOOK_MS);
  }
  const message = `lvsd has not come back within ${RESTART_TIMEOUT_MS / 1000} s: its log says why`;
  return refuse({ ok: false, code: 'NOT_BACK', message }, json);
}

/** Its processes have begun. */
function isUp({ processes, vrrp }: DaemonStatus): boolean {
  const { state } = processes.vrrp;
  return state === 'not-needed' || (state === 'running' && vrrp.length > 0);
}

function refuse(
  refusal: { readonly ok: false; readonly code: string; readonly message: string },
  json: boolean,
): number {
  if (json) printJson(refusal);
  else printError(refusal.message);
  return 1;
}
