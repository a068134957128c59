/** What `lvsd status` says of BFD sessions. */
import type { BfdSnapshot } from '../bfd/snapshot.ts';
import { age, paint, RED, table, YELLOW } from './screen.ts';
import type { BfdStatus } from './status.ts';

const HEADER = ['BFD', 'STATE', 'FOR', 'NEIGHBOR', 'TX', 'DETECTION', 'UP/DOWN', 'BECAUSE'];

/** The table of sessions, and what was discarded; nothing without sessions. */
export function renderBfd(
  { sessions, strangers }: BfdStatus,
  options: { readonly color: boolean; readonly nowMs: number },
): readonly string[] {
  if (sessions.length === 0) return [];
  const rows = sessions.map((session) => [
    session.name,
    session.state,
    age(session.sinceMs, options.nowMs),
    session.neighbor,
    interval(session.transmitIntervalMs),
    session.detectionTimeMs === 0 ? '-' : interval(session.detectionTimeMs),
    `${session.ups}/${session.downs}`,
    session.reason,
  ]);
  const lines = table([HEADER, ...rows]).map((line, index) => {
    const state = sessions[index - 1]?.state;
    if (state === undefined || state === 'Up') return line;
    return paint(line, state === 'Init' ? YELLOW : RED, options);
  });
  return [...lines, ...sessions.flatMap(describeTrouble), ...describeStrangers(strangers)];
}

function interval(ms: number): string {
  return `${Math.round(ms * 1000) / 1000} ms`;
}

/** What a session that is not up may suffer from. */
function describeTrouble({ name, state, refused, sendErrors, neighbor }: BfdSnapshot): string[] {
  if (state === 'Up') return [];
  const lines: string[] = [];
  if (Object.keys(refused).length > 0) {
    const hint =
      refused.TTL_TOO_LOW === undefined
        ? ''
        : `: it is further away than max_hops allows, or sends a lower TTL (keepalived over IPv6: write 'hoplimit 255' there)`;
    lines.push(`${name} discards what ${neighbor} sends (${counts(refused)})${hint}`);
  }
  if (Object.keys(sendErrors).length > 0) {
    lines.push(`${name} cannot send (${counts(sendErrors)})`);
  }
  return lines;
}

function describeStrangers(strangers: BfdStatus['strangers']): readonly string[] {
  if (Object.keys(strangers).length === 0) return [];
  return [`BFD packets that were for no session: ${counts(strangers)}`];
}

function counts(found: Readonly<Record<string, number>>): string {
  return Object.entries(found)
    .map(([name, number]) => `${name} ${number}`)
    .join(', ');
}
