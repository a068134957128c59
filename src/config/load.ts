/**
 * The only file of this room that touches the disk: reads the configuration and what it includes.
 */
import {
  accessSync,
  closeSync,
  constants,
  fstatSync,
  globSync,
  openSync,
  readSync,
  realpathSync,
  type Stats,
  statSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { compileText } from './compile.ts';
import type { Diagnostic } from './diagnostics.ts';
import type { Surroundings } from './expand-parameters.ts';
import { type FileFact, type FileFacts, SCRIPT_PATH } from './file-facts.ts';
import type { IncludePort, ReadOutcome } from './include.ts';
import { hasWildcard } from './include-paths.ts';
import type { KeptBlocks } from './kept-blocks.ts';
import type { Config } from './model.ts';

/** Bytes of one file; 37,000 real servers take 11 MB. */
export const MAX_FILE_BYTES = 64 * 1024 * 1024;
/** Pipes and devices tell no size; a file is read whole by one call. */
const READ_CHUNK_BYTES = 64 * 1024;

export type UnreadableCode =
  | 'ABSENT'
  | 'IS_DIRECTORY'
  | 'NO_PERMISSION'
  | 'TOO_LARGE'
  | 'NOT_TEXT'
  | 'READ_FAILED';

export interface Unreadable {
  readonly code: UnreadableCode;
  readonly file: string;
  /** One sentence without a full stop: what is wrong and the fix. */
  readonly message: string;
}

export interface LoadResult {
  readonly diagnostics: readonly Diagnostic[];
  /** Absent when there is an error, or nothing could be read. */
  readonly config?: Config;
  /** There are errors, and `--compat` would make every one of them a warning. */
  readonly isLiftable: boolean;
  /** File -> text, for rendering. */
  readonly sources: ReadonlyMap<string, string>;
  /** The file itself could not be read; there are no diagnostics then. */
  readonly unreadable?: Unreadable;
}

export interface LoadOptions {
  /** Which `@id` lines count: `-i`, by default {@link defaultConfigId}. */
  readonly configId: string;
  /** `--compat`: starts wherever keepalived would start; errors become warnings that say how. */
  readonly compat?: boolean;
  /** Of who reads a file again and again: what has not changed is not read anew. */
  readonly blocks?: KeptBlocks;
}

/** keepalived's: the host name up to its first dot. */
export function defaultConfigId(): string {
  return hostname().split('.', 1)[0] ?? '';
}

/**
 * Reads and validates `path` with its includes. Never throws for what the disk or the file says.
 */
export function loadConfig(path: string, options: LoadOptions): LoadResult {
  const outcome = readText(path);
  if (!outcome.ok) {
    const { code, reason } = outcome;
    const where = isAbsolute(path) ? '' : ` (${resolve(path)})`;
    const message = `Cannot read the configuration '${path}'${where}: ${reason}`;
    const unreadable = { code, file: path, message };
    return { diagnostics: [], isLiftable: false, sources: new Map(), unreadable };
  }
  const ports = { include: diskIncludes, files: diskFacts, surroundings };
  return compileText(path, outcome.text, { ...options, ...ports });
}

// Files that the configuration names.

const ABSENT: FileFact = {
  exists: false,
  isReadable: false,
  isExecutable: false,
  isWritableByOthers: false,
};

const diskFacts: FileFacts = {
  file(path) {
    return findScript(path)?.fact ?? ABSENT;
  },
  hasInterface: (name) => canAccess(join('/sys/class/net', name), constants.F_OK),
  keyText(path) {
    const outcome = readText(path);
    return outcome.ok ? outcome.text.trim() : undefined;
  },
  hasAccount(kind, name) {
    const database = kind === 'user' ? 'passwd' : 'group';
    const text = readText(join('/etc', database));
    if (!text.ok) return undefined;
    // Column one of passwd(5) and group(5).
    const isListed = text.text.split('\n').some((line) => line.split(':', 1)[0] === name);
    return isListed || (hasOtherAccounts(database) ? undefined : false);
  },
  hasNumber(database, name) {
    const folders = database === 'protocols' ? ['/etc'] : IPROUTE_FOLDERS;
    return folders.some((folder) => {
      const text = readText(join(folder, database));
      if (!text.ok) return false;
      return text.text.split('\n').some((line) => columnsOf(line).includes(name));
    });
  },
};

/** The file that a command means, and what is there; absent: it is in no directory of the PATH. */
export function findScript(
  command: string,
): { readonly path: string; readonly fact: FileFact } | undefined {
  const path = command.includes('/') ? command : findInPath(command);
  return path === undefined ? undefined : { path, fact: describeFile(path) };
}

/** The administrator's, and the distribution's since iproute2 6.5. */
const IPROUTE_FOLDERS = ['/etc/iproute2', '/usr/share/iproute2'];

/** Names and numbers of a line without its comment. */
function columnsOf(line: string): readonly string[] {
  return line.replace(/#.*/, '').trim().split(/\s+/);
}

/** nsswitch.conf(5) names a source of accounts that cannot be read here, such as LDAP. */
function hasOtherAccounts(database: string): boolean {
  const text = readText('/etc/nsswitch.conf');
  const line = text.ok ? new RegExp(`^${database}:(.*)$`, 'm').exec(text.text)?.[1] : undefined;
  const sources = (line ?? '')
    .replace(/\[.*?\]|#.*/g, ' ')
    .trim()
    .split(/\s+/);
  return sources.some((source) => !['', 'files', 'compat', 'systemd'].includes(source));
}

function findInPath(command: string): string | undefined {
  return SCRIPT_PATH.split(':')
    .map((directory) => join(directory, command))
    .find((path) => canAccess(path, constants.X_OK));
}

function describeFile(path: string): FileFact {
  if (!canAccess(path, constants.F_OK)) return ABSENT;
  const stats = statSync(path);
  return {
    exists: true,
    isReadable: canAccess(path, constants.R_OK),
    isExecutable: stats.isFile() && canAccess(path, constants.X_OK),
    isWritableByOthers: isChangeable(resolve(path)),
  };
}

const GROUP_WRITES = 0o020;
const OTHERS_WRITE = 0o002;
const STICKY = 0o1000;

/** Who can write a directory can exchange what is in it, unless it is sticky. */
function isChangeable(path: string): boolean {
  const { uid, gid, mode } = statSync(path);
  const isProtected = (mode & STICKY) !== 0;
  if (uid !== 0) return true;
  if (!isProtected && (mode & OTHERS_WRITE) !== 0) return true;
  if (!isProtected && gid !== 0 && (mode & GROUP_WRITES) !== 0) return true;
  const parent = dirname(path);
  return parent !== path && isChangeable(parent);
}

function canAccess(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

const surroundings: Surroundings = {
  random: Math.random,
  environment: (name) => process.env[name],
  directoryOf: (file) => dirname(resolve(file)),
};

const diskIncludes: IncludePort = {
  glob(pattern, fromFile) {
    const path = isAbsolute(pattern) ? pattern : join(dirname(fromFile), pattern);
    if (!hasWildcard(pattern)) return [path];
    try {
      return globSync(path)
        .filter((file) => !isDirectory(file))
        .sort();
    } catch {
      return [path];
    }
  },
  read: readIncluded,
};

const EXECUTE_BITS = 0o111;

/** Devices and pipes are not even opened: an include must not wait for anyone. */
function readIncluded(file: string): ReadOutcome {
  let status: Stats;
  try {
    status = statSync(file);
  } catch (error) {
    return withAbsence(explainFailure(error));
  }
  if (status.isDirectory()) {
    return { ok: false, reason: 'it is a directory, name files in it', isSkipped: true };
  }
  if (!status.isFile()) return { ok: false, reason: 'it is no regular file', isSkipped: true };
  if ((status.mode & EXECUTE_BITS) !== 0) {
    return { ok: false, reason: 'it may be executed', isSkipped: true };
  }
  return withAbsence(readText(file));
}

function withAbsence(outcome: TextOutcome): ReadOutcome {
  return outcome.ok ? outcome : { ...outcome, isAbsent: outcome.code === 'ABSENT' };
}

type TextOutcome =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly code: UnreadableCode; readonly reason: string };

function readText(file: string): TextOutcome {
  try {
    if (statSync(file).isFIFO() && hasName(file)) {
      return refuse('READ_FAILED', 'it is a FIFO and may never be written to, name a regular file');
    }
    const bytes = readBounded(file);
    if (bytes === undefined) {
      return refuse('TOO_LARGE', `it is larger than ${MAX_FILE_BYTES / 1024 / 1024} MiB`);
    }
    if (isUtf16(bytes)) return refuse('NOT_TEXT', 'it is UTF-16 text, save it as UTF-8');
    if (bytes.includes(0)) {
      return refuse('NOT_TEXT', 'it contains NUL bytes and is no text file');
    }
    return { ok: true, text: bytes.toString('utf8') };
  } catch (error) {
    return explainFailure(error);
  }
}

/** False of a pipe that another process has opened for us: `lvsd check <(command)`. */
function hasName(file: string): boolean {
  try {
    return realpathSync.native(file) !== '';
  } catch {
    return false;
  }
}

/** By its byte order mark, or ASCII with a NUL in each character. */
function isUtf16(bytes: Buffer): boolean {
  const [first, second, third, fourth] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) return true;
  if (bytes.length < 4) return false;
  const isLittle = first !== 0 && second === 0 && third !== 0 && fourth === 0;
  const isBig = first === 0 && second !== 0 && third === 0 && fourth !== 0;
  return isLittle || isBig;
}

/** Undefined when there is more than MAX_FILE_BYTES. Devices and pipes are read like files. */
function readBounded(file: string): Buffer | undefined {
  const descriptor = openSync(file, 'r');
  try {
    const { size } = fstatSync(descriptor);
    if (size > MAX_FILE_BYTES) return undefined;
    const chunks: Buffer[] = [];
    let length = 0;
    while (length <= MAX_FILE_BYTES) {
      const chunk = Buffer.alloc(Math.max(READ_CHUNK_BYTES, size - length + 1));
      const count = readSync(descriptor, chunk);
      if (count === 0) return whole(chunks);
      chunks.push(chunk.subarray(0, count));
      length += count;
    }
    return undefined;
  } finally {
    closeSync(descriptor);
  }
}

/** A file that was read at once is not copied: one of tens of thousands of servers has some MB. */
function whole(chunks: readonly Buffer[]): Buffer {
  const [first, second] = chunks;
  return first !== undefined && second === undefined ? first : Buffer.concat(chunks);
}

function explainFailure(error: unknown): TextOutcome {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return refuse('ABSENT', 'there is no such file');
    case 'EISDIR':
      return refuse('IS_DIRECTORY', 'it is a directory, name a file in it');
    case 'EACCES':
    case 'EPERM':
      return refuse('NO_PERMISSION', 'permission denied, let the user that runs lvsd read it');
    default:
      return refuse('READ_FAILED', `reading failed with ${code}`);
  }
}

function refuse(code: UnreadableCode, reason: string): TextOutcome {
  return { ok: false, code, reason };
}

/** Without opening it: to open a FIFO is to wait for its writer. */
function isDirectory(file: string): boolean {
  try {
    return statSync(file).isDirectory();
  } catch {
    return false;
  }
}
