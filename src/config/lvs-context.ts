/** What the blocks of the LVS side need to know of the rest of the file. */
import type { Report } from './diagnostics.ts';
import type { VirtualServerGroupConfig } from './model-lvs.ts';
import type { ScriptCommand } from './model-vrrp.ts';
import type { Entry } from './read-block.ts';
import { reportTrailing } from './read-value.ts';
import type { Token } from './source.ts';

/** Looks at the files of scripts, where there is a disk to look at. */
export interface ScriptFiles {
  checkScript(path: string, word: Token): void;
  checkNotify(path: string, word: Token): void;
}

export interface LvsContext {
  readonly report: Report;
  readonly files?: ScriptFiles;
  readonly groups: ReadonlyMap<string, VirtualServerGroupConfig>;
  readonly trackFiles: ReadonlySet<string>;
  readonly bfdInstances: ReadonlySet<string>;
}

/** `"COMMAND [ARGUMENTS]" [USER [GROUP]]`; `use` says what a missing file means. */
export function readLvsScript(
  entry: Entry | undefined,
  use: 'check' | 'notify',
  { report, files }: LvsContext,
): ScriptCommand | undefined {
  const [word, user, group, ...rest] = entry?.words ?? [];
  if (entry === undefined || word === undefined || word.kind === 'opaque') return undefined;
  const [path, ...args] = splitWords(word.text) ?? [];
  if (path === undefined || path === '') {
    report('commandUnreadable', word, {});
    return undefined;
  }
  reportTrailing(entry.statement.words.slice(0, 4), rest, report);
  if (use === 'check') files?.checkScript(path, word);
  else files?.checkNotify(path, word);
  return {
    path,
    args,
    ...(user === undefined ? {} : { user: user.text }),
    ...(group === undefined ? {} : { group: group.text.replace(/^:/, '') }),
  };
}

/** Words between blanks, quoted by either quote; undefined when a quote is not closed. */
function splitWords(text: string): readonly string[] | undefined {
  const pattern = /\s*((?:[^\s'"\\]|\\[\s\S]|'[^']*'|"(?:[^"\\]|\\[\s\S])*")+)\s*/y;
  const found: string[] = [];
  while (pattern.lastIndex < text.length) {
    const word = pattern.exec(text)?.[1];
    if (word === undefined) return undefined;
    found.push(unquote(word));
  }
  return found;
}

function unquote(word: string): string {
  return word.replace(/'([^']*)'|"((?:[^"\\]|\\[\s\S])*)"|\\([\s\S])/g, (...parts) => {
    const [, single, double, escaped] = parts as readonly (string | undefined)[];
    return single ?? double?.replace(/\\([\s\S])/g, '$1') ?? escaped ?? '';
  });
}
