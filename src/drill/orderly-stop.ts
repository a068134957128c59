/** What an orderly stop leaves: no VIP, no IPVS entry, no process. */

import { EMPTY_TABLE, isSameTable } from './ipvs-table.ts';
import { DIRECTOR_NAMES, type DirectorName } from './lab.ts';
import type { RunningLab } from './running-lab.ts';
import { describeTable, type Steps } from './steps.ts';

/** Waits for the program to end, then looks at what it left. Asks it to stop when nobody has yet. */
export async function requireStopped(
  lab: RunningLab,
  steps: Steps,
  director: DirectorName,
): Promise<void> {
  const ending = await lab.directorEnding(director);
  const table = await lab.table(director);
  const hasVip = await lab.holdsVip(director);
  const left = await lab.processes(director);
  const isClean = isSameTable(table, EMPTY_TABLE) && !hasVip && left.length === 0;
  const found = [
    ending,
    hasVip ? 'VIP left behind' : 'no VIP',
    `table ${describeTable(table, EMPTY_TABLE)}`,
    left.length === 0 ? 'no process left' : `processes left: ${left.join(' ')}`,
  ];
  steps.require({
    name: `${director} has stopped`,
    ok: isClean && ending === 'exit status 0',
    detail: found.join(', '),
  });
}

/** The end of a drill: every director that is on stops in order. */
export async function requireAllStopped(lab: RunningLab, steps: Steps): Promise<void> {
  for (const director of DIRECTOR_NAMES) {
    if (!lab.isOff(director)) await requireStopped(lab, steps, director);
  }
}
