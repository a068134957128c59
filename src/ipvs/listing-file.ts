/** Reads /proc/net/ip_vs of the network namespace this process is in, piece by piece. */
import { closeSync, openSync, readSync } from 'node:fs';

const PATH = '/proc/net/ip_vs';
/** The kernel gives out at most a page at a time. */
const PIECE_SIZE = 4096;

export type ListingPiece =
  /** Empty at the end. Valid until the next. */
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly code: string; readonly detail: string };

export class ListingFile {
  readonly #bytes = Buffer.alloc(PIECE_SIZE);
  #fd: number | undefined;

  /** The first piece, or the next. */
  read(isFirst: boolean): ListingPiece {
    try {
      if (isFirst) this.close();
      this.#fd ??= openSync(PATH, 'r');
      const length = readSync(this.#fd, this.#bytes, 0, PIECE_SIZE, null);
      if (length === 0) this.close();
      return { ok: true, bytes: this.#bytes.subarray(0, length) };
    } catch (error) {
      this.close();
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'EIO';
      return { ok: false, code, detail: `Cannot read ${PATH}: ${String(error)}` };
    }
  }

  close(): void {
    if (this.#fd === undefined) return;
    closeSync(this.#fd);
    this.#fd = undefined;
  }
}
