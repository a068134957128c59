/**
 * `"COMMAND [ARGUMENTS]" [USER [GROUP]]`. keepalived reads such a statement again as shell-words.ts
 * does, and then the first of its words once more: those are the words of the command. No shell.
 */
import type { Report } from './diagnostics.ts';
import type { FileCheck } from './file-facts.ts';
import type { ScriptCommand } from './model-vrrp.ts';
import type { Entry } from './read-block.ts';
import { reportTrailing } from './read-value.ts';
import { readShellWords, rereadWords } from './shell-words.ts';
import { placeOf, type Token } from './source.ts';

export interface ReadScript {
  readonly command: ScriptCommand;
  /** Where the command stands. */
  readonly word: Token;
}

/** The command of a script keyword; its block says as whom it runs, so no user may follow. */
export function readCommand(entry: Entry | undefined, report: Report): ReadScript | undefined {
  const read = readCommandWord(entry, report);
  if (read === undefined) return undefined;
  const { keyword, word, rest, command } = read;
  const help = 'a command with arguments is written in quotes, and its user in a line of its own';
  reportTrailing([keyword, word], rest, report, help);
  return { command, word };
}

/** The command of a script keyword, with its user and group. */
export function readScript(entry: Entry | undefined, files: FileCheck): ReadScript | undefined {
  const read = readCommandWord(entry, files.report);
  if (read === undefined) return undefined;
  const { keyword, word, rest } = read;
  const [user, group, ...trailing] = rest;
  reportTrailing([keyword, word], trailing, files.report);
  files.checkAccount('user', user, 'keepalived never runs it');
  files.checkAccount('group', group, 'keepalived never runs it');
  const command = {
    ...read.command,
    ...(user === undefined ? {} : { user: user.text }),
    ...(group === undefined ? {} : { group: group.text.replace(/^:/, '') }),
  };
  return { command, word };
}

interface CommandWord extends ReadScript {
  readonly keyword: Token;
  /** What follows the command. */
  readonly rest: readonly Token[];
}

function readCommandWord(entry: Entry | undefined, report: Report): CommandWord | undefined {
  if (entry === undefined || entry.words.length === 0) return undefined;
  if (entry.words.some(({ kind }) => kind === 'opaque')) return undefined;
  const { keyword } = entry;
  const outer = rereadWords(entry.words);
  const [word, ...rest] = outer.ok ? outer.words : [];
  const inner = readShellWords(word?.text ?? '');
  if (!outer.ok || !inner.ok) {
    report('unterminatedScriptQuote', word ?? placeOf(entry.words), {});
    return undefined;
  }
  const [path, ...args] = inner.words.map(({ text }) => text);
  if (word === undefined || path === undefined || path === '') {
    report('emptyCommand', word ?? placeOf(entry.words), { keyword: keyword.text });
    return undefined;
  }
  return { keyword, word, rest, command: { path, args } };
}

/** A script that tells others: read, and looked for. */
export function readNotifyScript(
  entry: Entry | undefined,
  files: FileCheck,
): ScriptCommand | undefined {
  const script = readScript(entry, files);
  if (script === undefined) return undefined;
  files.checkNotify(script.command.path, script.word);
  return script.command;
}
