/**
 * How a script of the configuration is started: as whom, from where, with which environment. Pure; who
 * runs it is script-runner.ts.
 */
import type { FileFact } from '../config/file-facts.ts';
import type { GlobalOptions } from '../config/model-global.ts';
import type { ScriptCommand } from '../config/model-vrrp.ts';
import { type AccountFiles, findAccount } from './accounts.ts';

/** What global_defs says of all scripts. */
export type ScriptRules = Pick<GlobalOptions, 'scriptUser' | 'hasScriptSecurity' | 'scriptFailure'>;

/** Rules, and whether the script checks a server. */
type LaunchRules = ScriptRules & { readonly isCheck?: boolean };

/** keepalived's own user for scripts, where the system has it. */
const SCRIPT_ACCOUNT = 'keepalived_script';
/** Who runs checks of servers where nobody is named: what a server answers may reach them. */
const CHECK_ACCOUNT = 'nobody';

export interface LaunchFacts {
  readonly accounts: AccountFiles;
  /** Whose rights the daemon has. */
  readonly ownUid: number;
  /** Where the command was found, and what is there; absent: in no directory of the PATH. */
  readonly found: { readonly path: string; readonly fact: FileFact } | undefined;
}

export type Launch =
  | {
      readonly ok: true;
      readonly file: string;
      /** Absent: as the daemon. */
      readonly identity?: { readonly uid: number; readonly gid: number };
    }
  /** A few words that follow "cannot be run: ". */
  | { readonly ok: false; readonly reason: string };

/**
 * User: that of the command, else `script_user`, else keepalived_script, else root (keepalived 2.7); for
 * checks of servers nobody instead of root.
 */
export function planLaunch(command: ScriptCommand, rules: LaunchRules, facts: LaunchFacts): Launch {
  const { found, ownUid } = facts;
  if (found === undefined || !found.fact.exists) {
    return { ok: false, reason: `${command.path} does not exist` };
  }
  if (!found.fact.isExecutable) return { ok: false, reason: `${found.path} is not executable` };
  const wanted = chooseUser(command, rules, facts.accounts);
  if (!wanted.ok) return wanted;
  const { uid } = wanted.account;
  if (rules.hasScriptSecurity === true && uid === 0 && found.fact.isWritableByOthers) {
    const reason = `${found.path} would run as root and can be changed by others (enable_script_security)`;
    return { ok: false, reason };
  }
  if (ownUid !== 0 && (wanted.isDefault || uid === ownUid)) return { ok: true, file: found.path };
  return { ok: true, file: found.path, identity: wanted.account };
}

type ChosenUser =
  | {
      readonly ok: true;
      readonly account: { readonly uid: number; readonly gid: number };
      /** The file names nobody. */
      readonly isDefault: boolean;
    }
  | { readonly ok: false; readonly reason: string };

function chooseUser(
  command: ScriptCommand,
  rules: LaunchRules,
  accounts: AccountFiles,
): ChosenUser {
  const named = command.user === undefined ? rules.scriptUser : command;
  if (named?.user !== undefined) {
    const found = findAccount(accounts, named.user, named.group);
    return found.ok ? { ...found, isDefault: false } : found;
  }
  const own = findAccount(accounts, SCRIPT_ACCOUNT, undefined);
  if (own.ok) return { ok: true, account: own.account, isDefault: true };
  if (rules.isCheck !== true) return { ok: true, account: { uid: 0, gid: 0 }, isDefault: true };
  const nobody = findAccount(accounts, CHECK_ACCOUNT, undefined);
  return nobody.ok ? { ...nobody, isDefault: true } : nobody;
}

/**
 * The daemon's environment without what would let it change how programs load and split words (LD_*, IFS:
 * as keepalived), and with a PATH that does not depend on who started the daemon.
 */
export function scriptEnvironment(
  own: Readonly<Record<string, string | undefined>>,
  searchPath: string,
): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(own)) {
    if (value !== undefined && !name.startsWith('LD_') && name !== 'IFS') kept[name] = value;
  }
  return { ...kept, PATH: searchPath };
}
