/**
 * The body of a long download: known on both ends without having been sent, so that a client can tell that
 * it came whole. P.
 */

/** Bytes a second that a download runs at. */
export const DOWNLOAD_BYTES_PER_SECOND = 64 * 1024;
/** So often the server sends a piece. */
export const PIECE_INTERVAL_MS = 100;
export const PIECE_LENGTH = (DOWNLOAD_BYTES_PER_SECOND * PIECE_INTERVAL_MS) / 1000;

export function pieces(seconds: number): number {
  return Math.round((seconds * 1000) / PIECE_INTERVAL_MS);
}

/** No two pieces are alike: a lost or repeated one changes the digest. */
export function piece(index: number): Buffer {
  const bytes = Buffer.alloc(Math.floor(PIECE_LENGTH));
  const line = `piece ${index} of a long download\n`;
  for (let at = 0; at < bytes.length; at += line.length) bytes.write(line, at);
  return bytes;
}
