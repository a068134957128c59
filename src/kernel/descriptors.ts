/** File descriptors across exec. */
import { readdirSync } from 'node:fs';
import * as libc from './libc.ts';
import { F_SETFD, FD_CLOEXEC } from './linux.ts';

const STDERR = 2;

/**
 * Programs that this process starts get none of its descriptors but the three standard ones. Node opens
 * everything close-on-exec; what it was itself started with need not be.
 */
export function closeAllOnExec(): void {
  for (const fd of readdirSync('/proc/self/fd').map(Number)) {
    try {
      if (fd > STDERR) libc.fcntl(fd, F_SETFD, FD_CLOEXEC);
    } catch (error) {
      // The one that the directory was read through is closed by now.
      if (!(error instanceof libc.SysError) || error.code !== 'EBADF') throw error;
    }
  }
}
