/** errno values by name: `EPERM` and what it means, as the kernel's headers and libuv have it. */
import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';

/** Two names share these numbers on Linux; the first is the one people expect to read. */
const PREFERRED_NAMES: ReadonlyMap<number, string> = new Map([
  [constants.errno.EAGAIN, 'EAGAIN'],
  [constants.errno.EOPNOTSUPP, 'EOPNOTSUPP'],
]);

const NAMES: ReadonlyMap<number, string> = new Map([
  ...Object.entries(constants.errno).map(([name, errno]): [number, string] => [errno, name]),
  ...PREFERRED_NAMES,
]);

/** libuv's words, by negative errno. */
const MEANINGS = getSystemErrorMap();

export const {
  EPERM,
  ENOENT,
  ESRCH,
  EINTR,
  EAGAIN,
  EACCES,
  EBUSY,
  EEXIST,
  ENODEV,
  ENXIO,
  EINVAL,
  EINPROGRESS,
  EMSGSIZE,
  EADDRNOTAVAIL,
  ENETDOWN,
  ENOBUFS,
} = constants.errno;

/** `EPERM` for 1; `ERRNO_523` for a number without a name. */
export function errnoCode(errno: number): string {
  return NAMES.get(errno) ?? `ERRNO_${errno}`;
}

/** `operation not permitted (EPERM)`: for the end of a sentence. */
export function describeErrno(errno: number): string {
  const code = errnoCode(errno);
  const meaning = MEANINGS.get(-errno)?.[1];
  return meaning === undefined ? code : `${meaning} (${code})`;
}
