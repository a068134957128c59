/** The old master's machine comes back from a boot and preempts. */
import { PREEMPT_TAKEOVER_BOUND_MS } from './bounds.ts';
import { Client } from './client.ts';
import { wantedTable } from './ipvs-table.ts';
import type { RunningLab } from './running-lab.ts';
import {
  type Measurement,
  recordExperience,
  requireAlternatingPages,
  requireMaster,
  requireTables,
  requireTakeover,
  type Steps,
  settle,
} from './steps.ts';

export async function preempt(lab: RunningLab, steps: Steps): Promise<Measurement> {
  if (!lab.isOff('director1')) {
    await settle(lab, steps);
    await lab.crashDirector('director1');
  }
  await requireMaster(lab, steps, 'director2');
  const client = await Client.start(lab.clientOptions);
  await lab.bootDirector('director1');
  const joinedAtMs = await lab.startAndJoin('director1');
  const takeoverMs = await requireTakeover(lab, steps, 'director1', {
    from: 'it joined the election',
    sinceMs: joinedAtMs,
    boundMs: PREEMPT_TAKEOVER_BOUND_MS,
  });
  await requireTables(lab, steps, wantedTable());
  const experience = await recordExperience(client, steps, {
    lossBound: lab.program.preemptLossBound,
  });
  await requireAlternatingPages(lab, steps);
  return { takeoverMs, experience };
}
