/**
 * The configuration of the directors as a scenario wants it: conf/lvs.conf with lines put in or left out. P.
 *
 * Edits are made to the text, as an operator makes them, so that what is drilled is the file that people
 * run. One that finds no place to be made throws: a scenario would otherwise drill nothing.
 */
import { nodeAddress, SERVICE_PORT, type ServerName, VIRTUAL_ADDRESS } from './lab.ts';

export type Edit = (configuration: string) => string;

export function edited(configuration: string, edits: readonly Edit[]): string {
  return edits.reduce((text, edit) => edit(text), configuration);
}

/** Lines at the head of the virtual_server. */
export function inService(...lines: readonly string[]): Edit {
  return insertedAfter(
    `virtual_server ${VIRTUAL_ADDRESS} ${SERVICE_PORT} {`,
    lines.map((line) => `    ${line}`),
  );
}

/** Lines at the head of global_defs. */
export function inGlobals(...lines: readonly string[]): Edit {
  return insertedAfter(
    'global_defs {',
    lines.map((line) => `    ${line}`),
  );
}

/** `lb_algo rr` with another scheduler. */
export function withScheduler(scheduler: string): Edit {
  return replaced(/^(\s*lb_algo )\w+/m, `$1${scheduler}`);
}

/** The weight of one real server. */
export function withWeight(server: ServerName, weight: number): Edit {
  return (text) => {
    const block = blockOf(text, server);
    return text.replace(block, replaced(/^(\s*weight )\d+/m, `$1${weight}`)(block));
  };
}

/** Without one real server. */
export function withoutServer(server: ServerName): Edit {
  return (text) => text.replace(blockOf(text, server), '');
}

/** With one more virtual_server on the VIP, with the servers of the first. */
export function withService(port: number): Edit {
  return (text) => {
    const start = text.indexOf('virtual_server ');
    if (start < 0) throw new Error('There is no virtual_server to copy');
    const ported = new RegExp(`\\b${SERVICE_PORT} \\{`, 'g');
    return `${text}\n${text.slice(start).replace(ported, `${port} {`)}`;
  };
}

function insertedAfter(head: string, lines: readonly string[]): Edit {
  return (text) => {
    const at = text.indexOf(head);
    if (at < 0) throw new Error(`There is no line "${head}"`);
    const end = text.indexOf('\n', at);
    return `${text.slice(0, end)}\n${lines.join('\n')}${text.slice(end)}`;
  };
}

function replaced(pattern: RegExp, by: string): Edit {
  return (text) => {
    if (!pattern.test(text)) throw new Error(`Nothing is like ${pattern}`);
    return text.replace(pattern, by);
  };
}

/** `real_server … { … }` of one server, with its line end. */
function blockOf(text: string, server: ServerName): string {
  const start = text.indexOf(`    real_server ${nodeAddress(server)} ${SERVICE_PORT} {`);
  const end = text.indexOf('\n    }\n', start);
  if (start < 0 || end < 0) throw new Error(`There is no real_server of ${server}`);
  return text.slice(start, end + '\n    }\n'.length);
}
