/**
 * The proc connector's messages (linux/connector.h, linux/cn_proc.h): what processes do.
 *
 *    0        4        8        12       16    18    20
 *   +--------+--------+--------+--------+-----+-----+
 *   | idx 1  | val 1  | seq    | ack    | len |flags|  struct cn_msg
 *   +--------+--------+--------+--------+-----+-----+
 *   20       24       28               36
 *   +--------+--------+----------------+------------------
 *   | what   | cpu    | timestamp, ns  | of this event      struct proc_event
 *   +--------+--------+----------------+------------------
 *
 * Processes are thread groups here: events of single threads are left out.
 */

/** CN_IDX_PROC: the multicast group too. */
export const CN_IDX_PROC = 1;
const CN_VAL_PROC = 1;
const PROC_CN_MCAST_LISTEN = 1;
const CN_MESSAGE_LENGTH = 20;
const EVENT_OFFSET = CN_MESSAGE_LENGTH + 16;

const PROC_EVENT_NONE = 0;
const PROC_EVENT_FORK = 1;
const PROC_EVENT_EXEC = 2;
const PROC_EVENT_COMM = 0x200;
const PROC_EVENT_EXIT = 0x80000000;

export type ProcessEvent =
  /** The kernel has heard that we listen. */
  | { readonly kind: 'listening' }
  | { readonly kind: 'fork'; readonly parent: number; readonly pid: number }
  /** Another program, or another name. */
  | { readonly kind: 'changed'; readonly pid: number }
  | { readonly kind: 'exit'; readonly pid: number };

/** Asks for events. */
export function encodeListen(): Uint8Array {
  const view = new DataView(new ArrayBuffer(CN_MESSAGE_LENGTH + 4));
  view.setUint32(0, CN_IDX_PROC, true);
  view.setUint32(4, CN_VAL_PROC, true);
  view.setUint16(16, 4, true);
  view.setUint32(CN_MESSAGE_LENGTH, PROC_CN_MCAST_LISTEN, true);
  return new Uint8Array(view.buffer);
}

/** undefined for what is no event of ours, of a thread, or too short. */
export function decodeProcessEvent(bytes: Uint8Array): ProcessEvent | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const word = (index: number): number => view.getUint32(EVENT_OFFSET + 4 * index, true);
  if (bytes.length < EVENT_OFFSET + 8 || view.getUint32(0, true) !== CN_IDX_PROC) return undefined;
  switch (view.getUint32(CN_MESSAGE_LENGTH, true)) {
    case PROC_EVENT_NONE:
      return { kind: 'listening' };
    case PROC_EVENT_FORK: {
      if (bytes.length < EVENT_OFFSET + 16) return undefined;
      const [parent, pid, group] = [word(1), word(2), word(3)];
      return pid === group ? { kind: 'fork', parent, pid } : undefined;
    }
    case PROC_EVENT_EXEC:
    case PROC_EVENT_COMM:
      return word(0) === word(1) ? { kind: 'changed', pid: word(0) } : undefined;
    case PROC_EVENT_EXIT:
      return word(0) === word(1) ? { kind: 'exit', pid: word(0) } : undefined;
    default:
      return undefined;
  }
}
