/**
 * Which services of the kernel's table are ours: a small JSON file, written before a service is
 * created, so that after a crash at any moment whatever lvsd made is still known as lvsd's. It
 * belongs in a directory that does not outlive the kernel's table (/run): after a boot nothing in
 * the kernel is ours.
 */
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { ServiceName } from './types.ts';

/**
 * Raised when the file's meaning changes; a file of another version is refused, never guessed at.
 */
const OWNERSHIP_VERSION = 1;
const FILE_MODE = 0o640;
const DIRECTORY_MODE = 0o755;

export type OwnershipRefusal = {
  readonly ok: false;
  readonly code: 'OWNERSHIP_UNREADABLE' | 'OWNERSHIP_CORRUPT' | 'OWNERSHIP_VERSION_UNKNOWN';
  readonly detail: string;
};

export type LoadedOwnership =
  | { readonly ok: true; readonly names: ReadonlySet<ServiceName> }
  | OwnershipRefusal;

export type SavedOwnership =
  | { readonly ok: true }
  | { readonly ok: false; readonly code: 'OWNERSHIP_UNWRITABLE'; readonly detail: string };

/** The names in the file; none when there is no file. Never throws. */
export function loadOwnership(path: string): LoadedOwnership {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return { ok: true, names: new Set() };
    const detail = `Cannot read ${path}: ${messageOf(error)}`;
    return { ok: false, code: 'OWNERSHIP_UNREADABLE', detail };
  }
  return parseOwnership(text, path);
}

/**
 * Replaces the file in one step: a reader, or a crash, sees the old names or the new ones. With no
 * names there is no file. Never throws.
 */
export function saveOwnership(path: string, names: Iterable<ServiceName>): SavedOwnership {
  const content = { version: OWNERSHIP_VERSION, services: [...names].sort() };
  const temporary = `${path}.new`;
  try {
    if (content.services.length === 0) {
      rmSync(path, { force: true });
      return { ok: true };
    }
    mkdirSync(dirname(path), { recursive: true, mode: DIRECTORY_MODE });
    const file = openSync(temporary, 'w', FILE_MODE);
    try {
      writeFileSync(file, `${JSON.stringify(content, undefined, 2)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(temporary, path);
    syncDirectory(dirname(path));
    return { ok: true };
  } catch (error) {
    removeQuietly(temporary);
    const why = messageOf(error);
    const detail = `Cannot write ${path}: ${why}; no new service is created without it`;
    return { ok: false, code: 'OWNERSHIP_UNWRITABLE', detail };
  }
}

function parseOwnership(text: string, path: string): LoadedOwnership {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return corrupt(path, 'it is not JSON');
  }
  if (typeof content !== 'object' || content === null) return corrupt(path, 'it is not an object');
  if (!('version' in content)) return corrupt(path, 'it has no version');
  if (content.version !== OWNERSHIP_VERSION) {
    const detail =
      `${path} has version ${JSON.stringify(content.version)}, expected ${OWNERSHIP_VERSION}: ` +
      'start the lvsd that wrote it, or remove the file and start with --adopt';
    return { ok: false, code: 'OWNERSHIP_VERSION_UNKNOWN', detail };
  }
  if (!('services' in content) || !Array.isArray(content.services)) {
    return corrupt(path, 'it has no list of services');
  }
  const names = new Set<ServiceName>();
  for (const name of content.services as readonly unknown[]) {
    if (typeof name !== 'string') return corrupt(path, 'a service name is not a string');
    names.add(name);
  }
  return { ok: true, names };
}

function corrupt(path: string, why: string): OwnershipRefusal {
  const detail = `${path} cannot be understood, ${why}: remove the file and start with --adopt`;
  return { ok: false, code: 'OWNERSHIP_CORRUPT', detail };
}

/** The rename itself is on disk only when the directory is. */
function syncDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

function removeQuietly(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // The write's own error is the one to report.
  }
}

function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
