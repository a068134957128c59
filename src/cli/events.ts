/** `lvsd events`: what happened, in order. */
import { setTimeout } from 'node:timers/promises';
import type { Command } from 'commander';
import { ask, controlSocketPath } from '../daemon/control-client.ts';
import type { DaemonEvent } from '../observe/events.ts';
import { renderEvent } from '../observe/events-text.ts';
import { printError, printLine } from './output.ts';

const POLL_MS = 500;

interface EventsOptions {
  readonly socket?: string;
  readonly json?: boolean;
  readonly follow?: boolean;
}

export function addEventsCommand(program: Command): void {
  program
    .command('events')
    .description('what happened since the daemon started: states, trackers, scripts, reloads')
    .option('--follow', 'goes on with what happens, until interrupted')
    .option('--socket <path>', 'control socket (or LVSD_CONTROL_SOCKET)')
    .option('--json', 'one JSON object a line')
    .action(showEvents);
}

async function showEvents(options: EventsOptions): Promise<void> {
  const path = controlSocketPath(options.socket);
  let since = 0;
  while (true) {
    const response = await ask(path, { command: 'events', since });
    if (!response.ok) {
      printError(response.message);
      process.exitCode = 1;
      return;
    }
    const { events, lastSeq, missed } = response.result;
    if (missed > 0 && since > 0)
      printError(`${missed} events were forgotten before they were read`);
    for (const event of events) print(event, options);
    const isEnd = events.length === 0;
    since = lastSeq;
    if (isEnd && options.follow !== true) return;
    if (isEnd) await setTimeout(POLL_MS);
  }
}

function print(event: DaemonEvent, { json }: EventsOptions): void {
  printLine(json === true ? JSON.stringify(event) : renderEvent(event));
}
