import { expect, it } from 'vitest';
import {
  DOWNLOAD_BYTES_PER_SECOND,
  PIECE_INTERVAL_MS,
  piece,
  pieces,
} from '../../src/drill/download-body.ts';

it('a download runs at its rate for its time, and no two pieces are alike', () => {
  const bytes = pieces(10) * piece(0).length;
  expect(Math.abs(bytes - 10 * DOWNLOAD_BYTES_PER_SECOND)).toBeLessThan(pieces(10));
  expect(pieces(10) * PIECE_INTERVAL_MS).toBe(10_000);
  expect(piece(1).equals(piece(2))).toBe(false);
  expect(piece(7).equals(piece(7))).toBe(true);
});
