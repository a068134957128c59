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
 * Calls `onReadable` from the event loop while `fd` has something to read: level-triggered, so
 * what is left unread is reported again. Keeps the process running until closed.
 *
 * koffi calls back from outside any JavaScript scope (napi_call_function): what is thrown there is
 * lost without a trace, and promises and ticks wait for some other event. So an immediate follows, which
 * the event loop runs right after it has polled: it throws what was thrown, and lets promises and ticks
 * run. The work itself does not wait for it: that would be some 70 us of every advert.
 */
export function watchReadable(fd: number, onReadable: () => void): Watch {
  return watch(fd, 'readable', onReadable);
}

/** As `watchReadable`, while `fd` can be written to: a connection under way has come about, or failed. */
export function watchWritable(fd: number, onWritable: () => void): Watch {
  return watch(fd, 'writable', onWritable);
}

function watch(fd: number, what: 'readable' | 'writable', onReady: () => void): Watch {
  const handle = poll(fd, what, () => {
    try {
      onReady();
      setImmediate(() => {});
    } catch (error) {
      setImmediate(() => {
        throw error;
      });
    }
  });
  open.add(handle);
  return {
    close: () => {
      if (!open.delete(handle)) return;
      handle.close();
    },
  };
}
