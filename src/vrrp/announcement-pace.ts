/** How far apart two announcements must be, and which of them count together. */
import type { Family } from '../base/address.ts';
import type { GarpGroupConfig } from '../config/model-vrrp.ts';

export interface Pace {
  /** Announcements of one lane wait for one another. */
  readonly lane: string;
  /** 0: none waits. */
  readonly gapMs: number;
}

/**
 * Interfaces of one `garp_group` share a lane and its gaps; others have a lane each, with the gaps of
 * global_defs. The two families never wait for one another.
 */
export function paceOf(
  device: string,
  family: Family,
  gaps: { readonly garpIntervalMs?: number; readonly gnaIntervalMs?: number },
  groups: readonly GarpGroupConfig[],
): Pace {
  const index = groups.findIndex(({ interfaces }) => interfaces.includes(device));
  const group = groups[index];
  const { garpIntervalMs = 0, gnaIntervalMs = 0 } = group ?? gaps;
  const lane = group === undefined ? `${family} ${device}` : `${family} group ${index}`;
  return { lane, gapMs: family === 'inet' ? garpIntervalMs : gnaIntervalMs };
}

/** When the next may leave; never before now. */
export function dueAtMs(lastSentMs: number, gapMs: number, nowMs: number): number {
  return Math.max(lastSentMs + gapMs, nowMs);
}
