/**
 * A child's end of the channel to the supervisor. Loads nothing but node core and koffi: the vrrp
 * process uses it.
 */
import { type Log, logTo } from '../base/log.ts';
import { CHILD_CAPABILITIES, limitSelf } from '../kernel/capabilities.ts';

export interface ChildChannel<From> {
  send(message: From): void;
  readonly log: Log;
}

interface LogMessage {
  readonly kind: 'log';
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly message: string;
}

/**
 * Gives up every privilege that a child has no use for, then opens the channel. `onMessage` gets what the
 * supervisor says, `onOrphaned` is called once when the supervisor is gone. Signals meant for the whole
 * process group are ignored: the supervisor says when to stop.
 */
export function openChildChannel<To, From>(options: {
  readonly onMessage: (message: To) => void;
  readonly onOrphaned: () => void;
}): ChildChannel<From | LogMessage> {
  const limited = limitSelf(CHILD_CAPABILITIES);
  const send = (message: From | LogMessage): void => {
    // An error here means that the channel is closing; 'disconnect' follows and is acted on.
    if (process.connected) process.send?.(message, undefined, {}, () => {});
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
  process.on('message', (message) => {
    // Only the supervisor, the same program, writes here.
    options.onMessage(message as To);
  });
  process.once('disconnect', options.onOrphaned);
  const log = logTo((level, fields, message) => send({ kind: 'log', level, fields, message }));
  if (!limited.ok) {
    log.warn({ code: limited.code, detail: limited.detail }, 'the child keeps all its privileges');
  }
  return { send, log };
}

/** Sends the last message and ends the process once it has left. */
export function sendLast(message: object, exitCode: number): void {
  if (process.connected && process.send !== undefined) {
    process.send(message, undefined, {}, () => process.exit(exitCode));
  } else {
    process.exit(exitCode);
  }
}
