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
 * lost without a trace, and promises and ticks wait for some other event. So the work is done in an
 * immediate, which the event loop runs right after it has polled, in the same turn.
 */
export function watchReadable(fd: number, onReadable: () => void): Watch {
  let pending: NodeJS.Immediate | undefined;
  const run = (): void => {
    pending = undefined;
    onReadable();
  };
  const handle = poll(fd, () => {
    pending ??= setImmediate(run);
  });
  open.add(handle);
  return {
    close: () => {
      if (!open.delete(handle)) return;
      if (pending !== undefined) clearImmediate(pending);
      handle.close();
    },
  };
}
