/** Network sysctls, as files below /proc/sys. They are those of the process's network namespace. */
import { readFileSync, writeFileSync } from 'node:fs';

export type SysctlOutcome =
  | { readonly ok: true }
  | { readonly ok: false; readonly code: string; readonly detail: string };

const ROOT = '/proc/sys';
const PATH_LENGTH_MAX = 256;
const VALUE_LENGTH_MAX = 256;
/**
 * `net/…`: words with no slash, space or control character in them (interface names may have dots).
 */
const PATH_PATTERN = /^net(\/[A-Za-z0-9_.:@+-]+)+$/;

/** `net/ipv4/conf/lo/arp_ignore`, with slashes because interface names have dots. */
export function isSysctlPath(path: string): boolean {
  if (path.length > PATH_LENGTH_MAX || !PATH_PATTERN.test(path)) return false;
  return path.split('/').every((part) => part !== '.' && part !== '..');
}

/** The value without its newline; undefined when it does not exist or cannot be read. */
export function readSysctl(path: string): string | undefined {
  if (!isSysctlPath(path)) return undefined;
  try {
    return readFileSync(`${ROOT}/${path}`, 'utf8').trimEnd();
  } catch {
    return undefined;
  }
}

/** Codes: BAD_PATH, BAD_VALUE, or the errno's name (EACCES, EROFS in a container, EINVAL). */
export function writeSysctl(path: string, value: string): SysctlOutcome {
  if (!isSysctlPath(path)) {
    const detail = `${JSON.stringify(path)} is not a path like net/ipv4/conf/lo/arp_ignore`;
    return { ok: false, code: 'BAD_PATH', detail };
  }
  if (value.length > VALUE_LENGTH_MAX || !/^[ -~]+$/.test(value)) {
    const detail = `The value for ${path} is not one line of text: ${JSON.stringify(value)}`;
    return { ok: false, code: 'BAD_VALUE', detail };
  }
  try {
    // 'r+' and no O_CREAT or O_TRUNC: a sysctl that is missing is ENOENT.
    writeFileSync(`${ROOT}/${path}`, `${value}\n`, { flag: 'r+' });
    return { ok: true };
  } catch (error) {
    if (!isErrnoException(error)) throw error;
    const detail = `Cannot write ${value} to ${ROOT}/${path}: ${error.message}`;
    return { ok: false, code: error.code ?? 'UNKNOWN', detail };
  }
}

function isErrnoException(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error;
}
