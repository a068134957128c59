import { it } from 'vitest';
import { REQUIREMENTS } from './requirements.ts';

/** A test of one requirement: its section, its wording and, where we differ, why, make the title. */
export function requirement(id: string, run: () => void): void {
  const found = REQUIREMENTS.find((one) => one.id === id);
  if (found === undefined) throw new Error(`No requirement ${id} in requirements.ts`);
  const { kind, wording, status, reason } = found;
  const place = id.startsWith('erratum') ? id.replace('-', ' ') : `RFC 9568 ${id}`;
  const difference = status === 'differs' ? ` (differs: ${reason})` : '';
  it(`${place} ${kind} ${wording}${difference}`, run);
}
