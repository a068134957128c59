/** File descriptors in Node's event loop. */
import { type PollHandle, poll } from './libc.ts';

export interface Watch {
  /** Ends the watch; before the descriptor is closed, also from inside its own callback. */
  close(): void;
}

/**
 * Every watch that is open. A poll handle that nobody references is garbage collected and stops
 * without a word, so what keeps it alive must not depend on what callers keep.
 */
const open = new Set<PollHandle>();

/**
 * Calls `onReadable` from the event loop while `fd` has something to read: level-triggered, so what is
 * left unread is reported again. Keeps the process running until closed.
 */
export function watchReadable(fd: number, onReadable: () => void): Watch {
  let isOpen = true;
  const handle = poll(fd, () => {
    if (isOpen) onReadable();
  });
  open.add(handle);
  return {
    close: () => {
      if (!isOpen) return;
      isOpen = false;
      open.delete(handle);
      handle.close();
    },
  };
}
