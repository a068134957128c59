/**
 * The only file of this room that touches the disk: reads the configuration and what it includes.
 */
import { closeSync, fstatSync, globSync, openSync, readSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { compileText } from './compile.ts';
import type { Diagnostic } from './diagnostics.ts';
import type { IncludePort } from './expand.ts';
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
  return compileText(path, outcome.text, { ...options, include: diskIncludes });
}

const GLOB_CHARACTERS = /[*?[\]{}]/;

const diskIncludes: IncludePort = {
  glob(pattern, fromFile) {
    const path = isAbsolute(pattern) ? pattern : join(dirname(fromFile), pattern);
    if (!GLOB_CHARACTERS.test(pattern)) return [path];
    try {
      return globSync(path)
        .filter((file) => !isDirectory(file))
        .sort();
    } catch {
      return [path];
    }
  },
  read: readText,
};

type TextOutcome =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly code: UnreadableCode; readonly reason: string };

function readText(file: string): TextOutcome {
  try {
    const bytes = readBounded(file);
    if (bytes === undefined) {
      return refuse('TOO_LARGE', `it is larger than ${MAX_FILE_BYTES / 1024 / 1024} MiB`);
    }
    if (bytes.includes(0)) {
      return refuse('NOT_TEXT', 'it contains NUL bytes and is no text file');
    }
    return { ok: true, text: bytes.toString('utf8') };
  } catch (error) {
    return explainFailure(error);
  }
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
      if (count === 0) return Buffer.concat(chunks);
      chunks.push(chunk.subarray(0, count));
      length += count;
    }
    return undefined;
  } finally {
    closeSync(descriptor);
  }
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

function isDirectory(file: string): boolean {
  try {
    const descriptor = openSync(file, 'r');
    try {
      return fstatSync(descriptor).isDirectory();
    } finally {
      closeSync(descriptor);
    }
  } catch {
    return false;
  }
}
