/**
 * The only pino import: JSON lines on stderr, written synchronously, so that the last line before a
 * crash is there. Only the supervisor logs; the children's lines reach it as messages.
 */
import pino from 'pino';
import { type Log, type LogLevel, logTo } from './log.ts';

const STDERR = 2;

/** A log to stderr that drops what is below `level`. */
export function openLog(level: LogLevel): Log {
  const logger = pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: STDERR, sync: true }),
  );
  return logTo((at, fields, message) => logger[at](fields, message));
}
