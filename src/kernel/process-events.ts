/** What processes do, from the proc connector, as it happens. */
import { SysError } from './libc.ts';
import { NETLINK_CONNECTOR } from './linux.ts';
import { NLMSG_DONE } from './netlink.ts';
import { NetlinkSocket } from './netlink-socket.ts';
import { type Watch, watchReadable } from './poller.ts';
import {
  CN_IDX_PROC,
  decodeProcessEvent,
  encodeListen,
  type ProcessEvent,
} from './process-event-codec.ts';

export interface ProcessEventHandlers {
  readonly onEvent: (event: ProcessEvent) => void;
  /** Events were lost: look at the processes again. */
  readonly onLost: () => void;
}

export type OpenProcessEvents =
  | { readonly ok: true; readonly close: () => void }
  | { readonly ok: false; readonly code: string; readonly detail: string };

/**
 * Needs CAP_NET_ADMIN and the first network namespace. Outside the first pid and user namespace the
 * kernel says nothing at all, not even `listening`: until that has come, do not rely on it.
 */
export function openProcessEvents(handlers: ProcessEventHandlers): OpenProcessEvents {
  let socket: NetlinkSocket | undefined;
  try {
    socket = NetlinkSocket.open(NETLINK_CONNECTOR, { groups: 1 << (CN_IDX_PROC - 1) });
    const told = socket.tell({ type: NLMSG_DONE, payload: encodeListen() });
    if (!told.ok) {
      socket.close();
      return told;
    }
    const watch = watchSocket(socket, handlers);
    const opened = socket;
    return {
      ok: true,
      close: () => {
        watch.close();
        opened.close();
      },
    };
  } catch (error) {
    socket?.close();
    if (!(error instanceof SysError)) throw error;
    return { ok: false, code: error.code, detail: error.message };
  }
}

function watchSocket(socket: NetlinkSocket, { onEvent, onLost }: ProcessEventHandlers): Watch {
  return watchReadable(socket.fd, () => {
    const drained = socket.drain(({ payload }) => {
      const event = decodeProcessEvent(payload);
      if (event !== undefined) onEvent(event);
    });
    if (!drained.ok) onLost();
  });
}
