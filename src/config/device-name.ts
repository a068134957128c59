/** Names that the kernel has room for. */
import type { Report } from './diagnostics.ts';
import type { Token } from './source.ts';

/** IFNAMSIZ, and the length of IFA_LABEL, without the final NUL. */
export const MAX_NAME_LENGTH = 15;

/**
 * Reports a name that no interface can have. `compat`: what keepalived does; absent where it ends,
 * as it does at most interfaces that are not there.
 */
export function checkDeviceName(word: Token, report: Report, compat?: string): boolean {
  const length = byteLength(word.text);
  if (length <= MAX_NAME_LENGTH) return true;
  const values = { name: word.text, length, limit: MAX_NAME_LENGTH, compat };
  report('interfaceNameTooLong', word, values);
  return false;
}

export function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}
