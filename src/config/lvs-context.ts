/** What the blocks of the LVS side need to know of the rest of the file. */
import type { Report } from './diagnostics.ts';
import type { FileCheck } from './file-facts.ts';
import type { BlockReading } from './kept-blocks.ts';
import type { TlsClientConfig, VirtualServerGroupConfig } from './model-lvs.ts';
import type { ScriptCommand } from './model-vrrp.ts';
import type { Entry } from './read-block.ts';
import { readCommand, readScript } from './read-script.ts';

export interface LvsContext {
  readonly report: Report;
  readonly files: FileCheck;
  readonly groups: ReadonlyMap<string, VirtualServerGroupConfig>;
  readonly trackFiles: ReadonlySet<string>;
  readonly bfdInstances: ReadonlySet<string>;
  /** Those of them that checkers hear nothing of. */
  readonly bfdForVrrp: ReadonlySet<string>;
  /** The block SSL. */
  readonly tlsClient: TlsClientConfig | undefined;
  /** Which blocks are known, where that is of interest. */
  readonly blocks?: BlockReading | undefined;
}

/** `use` says what a missing file means; what tells others may have a user and group behind it. */
export function readLvsScript(
  entry: Entry | undefined,
  use: 'check' | 'notify',
  { report, files }: LvsContext,
): ScriptCommand | undefined {
  const script = use === 'check' ? readCommand(entry, report) : readScript(entry, files);
  if (script === undefined) return undefined;
  const { command, word } = script;
  if (use === 'check') files.checkScript(command.path, word);
  else files.checkNotify(command.path, word);
  return command;
}
