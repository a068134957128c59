/** An event as a line for people. */
import type { DaemonEvent } from './events.ts';

const KIND_WIDTH = 'service'.length;

/** `2026-01-31T03:00:00.000Z  vrrp     VI_1 became MASTER, priority 150: MASTER_DOWN`. */
export function renderEvent({ at, kind, text }: DaemonEvent): string {
  return `${at}  ${kind.padEnd(KIND_WIDTH)}  ${text}`;
}
