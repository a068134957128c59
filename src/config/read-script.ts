/**
 * Commands to their words, as keepalived's own reader does it: quotes of both kinds and backslash
 * escapes, no shell. `"COMMAND [ARGUMENTS]" [USER [GROUP]]`.
 */
import type { Report } from './diagnostics.ts';
import type { FileCheck } from './file-facts.ts';
import type { ScriptCommand } from './model-vrrp.ts';
import type { Entry } from './read-block.ts';
import { reportTrailing } from './read-value.ts';
import type { Token } from './source.ts';

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  E: '\u001b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** `hexadecimal`, `octal`, control character, or one character. */
const ESCAPE = /\\(?:x([\da-fA-F]{1,2})|([0-7]{1,3})|c([\s\S])|([\s\S]))/y;

/** The words of `text`; undefined when a quote is not closed. */
export function splitCommand(text: string): readonly string[] | undefined {
  const found: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  let index = 0;
  while (index < text.length) {
    const char = text[index] ?? '';
    ESCAPE.lastIndex = index;
    const match = char === '\\' && quote !== "'" ? ESCAPE.exec(text) : null;
    if (match !== null) {
      word = (word ?? '') + decodeEscape(match);
      index = ESCAPE.lastIndex;
      continue;
    }
    index += 1;
    if (char === quote) quote = undefined;
    else if (quote !== undefined) word = (word ?? '') + char;
    else if (char === '"' || char === "'") {
      quote = char;
      word ??= '';
    } else if (/\s/.test(char)) {
      if (word !== undefined) found.push(word);
      word = undefined;
    } else word = (word ?? '') + char;
  }
  if (word !== undefined) found.push(word);
  return quote === undefined ? found : undefined;
}

function decodeEscape([, hex, octal, control, plain = '']: RegExpExecArray): string {
  if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
  if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 0xff);
  if (control !== undefined) return String.fromCharCode(control.charCodeAt(0) & 0x1f);
  return ESCAPES[plain] ?? plain;
}

export interface ReadScript {
  readonly command: ScriptCommand;
  /** Where the command stands. */
  readonly word: Token;
}

/** The command of a script keyword, with its user and group. */
export function readScript(
  entry: Entry | undefined,
  report: Report,
  files?: FileCheck,
): ReadScript | undefined {
  const [word, user, group, ...rest] = entry?.words ?? [];
  if (entry === undefined || word === undefined || word.kind === 'opaque') return undefined;
  const words = splitCommand(word.text);
  if (words === undefined) {
    report('unterminatedScriptQuote', word, {});
    return undefined;
  }
  const [path, ...args] = words;
  if (path === undefined || path === '') {
    report('emptyCommand', word, { keyword: entry.keyword.text });
    return undefined;
  }
  reportTrailing([entry.keyword, word], rest, report);
  files?.checkAccount('user', user, 'keepalived never runs it');
  files?.checkAccount('group', group, 'keepalived never runs it');
  const command = {
    path,
    args,
    ...(user === undefined ? {} : { user: user.text }),
    ...(group === undefined ? {} : { group: group.text.replace(/^:/, '') }),
  };
  return { command, word };
}

/** A script that tells others: read, and looked for. */
export function readNotifyScript(
  entry: Entry | undefined,
  files: FileCheck,
): ScriptCommand | undefined {
  const script = readScript(entry, files.report, files);
  if (script === undefined) return undefined;
  files.checkNotify(script.command.path, script.word);
  return script.command;
}
