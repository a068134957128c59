/**
 * The control socket's language: one JSON object a line, a request answered by one response with the
 * same id, on a unix stream socket. Decoding never throws: a bad line is answered, not fatal.
 */
import type { DaemonStatus } from '../observe/status.ts';

export const CONTROL_PROTOCOL_VERSION = 1;
/** A longer line is refused: nothing that a client may ask needs it. */
export const REQUEST_BYTES_MAX = 64 * 1024;

export type ControlRequest = { readonly id: number; readonly command: 'status' };

export type ControlResponse =
  | { readonly id: number; readonly ok: true; readonly result: DaemonStatus }
  | {
      readonly id: number | null;
      readonly ok: false;
      readonly code: string;
      readonly message: string;
    };

export function encodeLine(message: ControlRequest | ControlResponse): string {
  return `${JSON.stringify(message)}\n`;
}

/** A request, or the response that refuses the line. */
export function decodeRequest(
  line: string,
):
  | { readonly ok: true; readonly request: ControlRequest }
  | { readonly ok: false; readonly response: ControlResponse } {
  const refuse = (id: number | null, code: string, message: string) =>
    ({ ok: false, response: { id, ok: false, code, message } }) as const;
  const value = parseJson(line);
  if (typeof value !== 'object' || value === null) {
    return refuse(null, 'BAD_REQUEST', 'Expected one JSON object a line');
  }
  const id = 'id' in value && typeof value.id === 'number' ? value.id : undefined;
  if (id === undefined) return refuse(null, 'BAD_REQUEST', 'Expected a numeric id');
  const command = 'command' in value ? value.command : undefined;
  if (command !== 'status') {
    return refuse(
      id,
      'UNKNOWN_COMMAND',
      `Unknown command ${JSON.stringify(command)}, expected "status"`,
    );
  }
  return { ok: true, request: { id, command } };
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/**
 * Cuts a byte stream into lines. `push` returns the complete ones; `overflow` says that the line being
 * received grew past the bound.
 */
export class LineSplitter {
  readonly #limit: number;
  #pending = '';

  constructor(limit: number) {
    this.#limit = limit;
  }

  push(chunk: string): { readonly lines: readonly string[]; readonly overflow: boolean } {
    const parts = chunk.split('\n');
    // Only the chunk is searched: a long line is appended to, not scanned again with every chunk.
    parts[0] = this.#pending + (parts[0] ?? '');
    this.#pending = parts.pop() ?? '';
    return { lines: parts, overflow: this.#pending.length > this.#limit };
  }
}
