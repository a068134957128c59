/** Reads a datagram socket from the event loop until it is closed. */
import * as libc from './libc.ts';
import { SysError } from './libc.ts';
import type { IncomingMessage } from './message-header.ts';
import { watchReadable } from './poller.ts';

export interface DatagramHandlers {
  /** `incoming` holds the next datagram. May close. */
  readonly onDatagram: (incoming: IncomingMessage) => void;
  /** A receive that failed; the watch goes on. May close. */
  readonly onError: (error: SysError) => void;
}

export interface DatagramWatch {
  /** Closes the descriptor too; once is enough, and more does no harm. */
  close(): void;
}

/** Datagrams per turn of the event loop: a flood must not keep timers from running. */
const TURN_DATAGRAMS_MAX = 64;

/** Owns `fd` from here on. `incoming` gives the buffers, which may be those of other watches too. */
export function watchDatagrams(
  fd: number,
  incoming: () => IncomingMessage,
  { onDatagram, onError }: DatagramHandlers,
): DatagramWatch {
  let isOpen = true;
  const watch = watchReadable(fd, () => {
    const buffers = incoming();
    for (let count = 0; count < TURN_DATAGRAMS_MAX && isOpen; count += 1) {
      try {
        if (!buffers.receive(fd)) return;
      } catch (error) {
        if (!(error instanceof SysError)) throw error;
        onError(error);
        return;
      }
      onDatagram(buffers);
    }
  });
  return {
    close: () => {
      if (!isOpen) return;
      isOpen = false;
      watch.close();
      libc.close(fd);
    },
  };
}
