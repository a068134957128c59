/** How commands speak: results on stdout, everything else on stderr. */
import type { WriteStream } from 'node:tty';

export function printLine(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  printLine(JSON.stringify(value, null, 2));
}

/** One sentence that says what is wrong and what to do. */
export function printError(message: string): void {
  process.stderr.write(`lvsd: ${message}\n`);
}

/** Colour only on a terminal, and never against NO_COLOR (no-color.org). */
export function wantsColor(stream: WriteStream | NodeJS.WritableStream): boolean {
  return 'isTTY' in stream && stream.isTTY === true && !process.env.NO_COLOR;
}
