/** What the configuration needs to know of the files it names; the disk is asked by load.ts. */
import type { Report } from './diagnostics.ts';
import type { Token } from './source.ts';

/** Where a command without a slash is looked for, by check and by the daemon alike. */
export const SCRIPT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export interface FileFact {
  readonly exists: boolean;
  readonly isReadable: boolean;
  readonly isExecutable: boolean;
  /** It, or a directory above it, can be changed by others than root. */
  readonly isWritableByOthers: boolean;
}

export interface FileFacts {
  /** A path with a slash, or a command that is looked up in PATH. */
  file(path: string): FileFact;
  hasInterface(name: string): boolean;
  /** The text of a file with a key in it, without spaces around; undefined when it cannot be read. */
  keyText?(path: string): string | undefined;
  /** Whether the system knows the user or group; undefined when it cannot say. */
  hasAccount(kind: AccountKind, name: string): boolean | undefined;
  hasNumber(database: NumberDatabase, name: string): boolean;
}

/** Files that give numbers names: of iproute2, and protocols(5). */
export type NumberDatabase =
  | 'rt_tables'
  | 'rt_protos'
  | 'rt_scopes'
  | 'rt_dsfield'
  | 'rt_realms'
  | 'group'
  | 'protocols';

export type AccountKind = 'user' | 'group';

/** Reports what is wrong with files; says nothing when there are no facts. */
export class FileCheck {
  readonly report: Report;
  readonly isStrict: boolean;
  readonly #facts: FileFacts | undefined;

  /** `isStrict`: enable_script_security. */
  constructor(report: Report, facts: FileFacts | undefined, isStrict: boolean) {
    this.report = report;
    this.#facts = facts;
    this.isStrict = isStrict;
  }

  /** A script whose outcome counts. */
  checkScript(path: string, word: Token): void {
    const fact = this.#facts?.file(path);
    if (fact === undefined) return;
    if (!fact.exists) this.report('scriptMissing', word, { path });
    else if (!fact.isExecutable) this.report('scriptNotExecutable', word, { path });
    else this.#checkSecurity(fact, path, word);
  }

  /** A script that tells others. */
  checkNotify(path: string, word: Token): void {
    const fact = this.#facts?.file(path);
    if (fact === undefined) return;
    if (!fact.isExecutable) this.report('notifyMissing', word, { path });
    else this.#checkSecurity(fact, path, word);
  }

  checkTracked(path: string, word: Token): void {
    if (this.#facts?.file(path).exists === false) this.report('fileMissing', word, { path });
  }

  checkKey(path: string, word: Token): void {
    if (this.#facts?.file(path).isReadable === false) this.report('keyFileMissing', word, { path });
  }

  keyText(path: string): string | undefined {
    return this.#facts?.keyText?.(path);
  }

  /** `compat`: what keepalived does where there is none of that name. */
  checkAccount(kind: AccountKind, word: Token | undefined, compat: string): void {
    if (word === undefined || word.kind === 'opaque') return;
    const name = kind === 'group' ? word.text.replace(/^:/, '') : word.text;
    if (this.#facts?.hasAccount(kind, name) !== false) return;
    this.report('unknownAccount', word, { kind, name, compat });
  }

  /** Undefined when there are no facts. */
  knowsName(database: NumberDatabase, name: string): boolean | undefined {
    return this.#facts?.hasNumber(database, name);
  }

  checkInterface(name: string, word: Token): void {
    if (this.#facts?.hasInterface(name) !== false) return;
    this.report('trackedInterfaceMissing', word, { name });
  }

  #checkSecurity(fact: FileFact, path: string, word: Token): void {
    if (!fact.isWritableByOthers) return;
    this.report(this.isStrict ? 'scriptRefused' : 'scriptInsecure', word, { path });
  }
}
