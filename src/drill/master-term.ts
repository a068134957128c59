/** The master is asked to stop: it hands over, and leaves nothing behind. */
import { ORDERLY_TAKEOVER_BOUND_MS } from './bounds.ts';
import { Client } from './client.ts';
import { wantedTable } from './ipvs-table.ts';
import { requireStopped } from './orderly-stop.ts';
import type { RunningLab } from './running-lab.ts';
import {
  type Measurement,
  recordExperience,
  requireAlternatingPages,
  requireTables,
  requireTakeover,
  type Steps,
  settle,
} from './steps.ts';

export async function masterTerm(lab: RunningLab, steps: Steps): Promise<Measurement> {
  await settle(lab, steps);
  const client = await Client.start(lab.clientOptions);
  const sentAtMs = lab.terminateDirector('director1');
  const takeoverMs = await requireTakeover(lab, steps, 'director2', {
    from: 'SIGTERM to the master',
    sinceMs: sentAtMs,
    boundMs: ORDERLY_TAKEOVER_BOUND_MS,
  });
  await requireStopped(lab, steps, 'director1');
  await requireTables(lab, steps, wantedTable());
  const experience = await recordExperience(client, steps, {
    lossBound: lab.program.orderlyLossBound,
  });
  await requireAlternatingPages(lab, steps);
  return { takeoverMs, experience };
}
