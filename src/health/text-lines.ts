/** Lines of a peer on a connection, one after the other, each bounded: SMTP_CHECK and AGENT_CHECK. */
import type { Socket } from 'node:net';

/** Bytes of one line; RFC 5321 4.5.3.1.5 allows 512 in a reply. */
export const MAX_LINE_BYTES = 4096;

export type LineOutcome =
  /** Without its end of line. `isLast`: the peer closed the connection instead of ending it. */
  | { readonly kind: 'line'; readonly text: string; readonly isLast: boolean }
  | { readonly kind: 'closed' }
  | { readonly kind: 'tooLong' }
  | { readonly kind: 'aborted' }
  | { readonly kind: 'error'; readonly error: Error };

/** Reads a connected socket, which stays the caller's to destroy. */
export class TextLines {
  readonly #socket: Socket;
  readonly #signal: AbortSignal;
  #text = '';
  #end: LineOutcome | undefined;
  #wake: (() => void) | undefined;

  constructor(socket: Socket, signal: AbortSignal) {
    this.#socket = socket;
    this.#signal = signal;
    socket.setEncoding('latin1');
    socket.on('data', this.#onData);
    socket.once('end', () => this.#finish({ kind: 'closed' }));
    socket.once('close', () => this.#finish({ kind: 'closed' }));
    socket.on('error', (error) => this.#finish({ kind: 'error', error }));
    if (socket.errored !== null) this.#finish({ kind: 'error', error: socket.errored });
    else if (socket.destroyed) this.#finish({ kind: 'closed' });
    if (signal.aborted) this.#onAbort();
    else signal.addEventListener('abort', this.#onAbort);
  }

  /** The next line. Never rejects. Only one may be waited for. */
  async next(): Promise<LineOutcome> {
    for (;;) {
      if (this.#end?.kind === 'aborted') return this.#end;
      const end = this.#text.indexOf('\n');
      if (end >= 0) {
        const text = this.#text.slice(0, end).replace(/\r$/, '');
        this.#text = this.#text.slice(end + 1);
        return { kind: 'line', text, isLast: false };
      }
      if (this.#text.length >= MAX_LINE_BYTES) return { kind: 'tooLong' };
      if (this.#end?.kind === 'closed' && this.#text !== '') {
        const text = this.#text;
        this.#text = '';
        return { kind: 'line', text, isLast: true };
      }
      if (this.#end !== undefined) return this.#end;
      this.#socket.resume();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Lets go of the signal. */
  close(): void {
    this.#signal.removeEventListener('abort', this.#onAbort);
  }

  readonly #onData = (chunk: unknown): void => {
    this.#text += String(chunk);
    // What floods is not read on until somebody wants it.
    if (this.#text.length >= MAX_LINE_BYTES) this.#socket.pause();
    this.#wake?.();
  };

  readonly #onAbort = (): void => {
    // Overrules what came before.
    this.#end = { kind: 'aborted' };
    this.#wake?.();
  };

  #finish(end: LineOutcome): void {
    this.#end ??= end;
    this.#wake?.();
  }
}
