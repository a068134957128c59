/**
 * What the rooms log through. Fields, not prose; one line per transition with the old state, the new
 * state and the reason. The vrrp process does not load pino: its lines travel to the supervisor as
 * messages, which is why this is an interface and pino has its own file.
 */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Values that survive JSON; never a secret. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Log {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}

export type LogSink = (level: LogLevel, fields: LogFields, message: string) => void;

/** A log that hands every line to `sink`, with `bound` fields added to each. */
export function logTo(sink: LogSink, bound: LogFields = {}): Log {
  const at =
    (level: LogLevel) =>
    (fields: LogFields, message: string): void =>
      sink(level, { ...bound, ...fields }, message);
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

/** For tests and tools that want silence. */
export const silentLog: Log = logTo(() => {});
