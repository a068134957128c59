/** Names that the kernel has room for. */
import type { Report } from './diagnostics.ts';
import type { Token } from './source.ts';

/** IFNAMSIZ, and the length of IFA_LABEL, without the final NUL. */
export const MAX_NAME_LENGTH = 15;

export function checkDeviceName(word: Token, report: Report): void {
  const length = byteLength(word.text);
  if (length <= MAX_NAME_LENGTH) return;
  report('interfaceNameTooLong', word, { name: word.text, length, limit: MAX_NAME_LENGTH });
}

export function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}
