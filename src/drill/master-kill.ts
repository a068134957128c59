/** The master's machine dies: killed -9 whole and unplugged. The backup takes the VIP. */
import { HARD_TAKEOVER_BOUND_MS, REQUESTS_IN_FLIGHT, requestsWithin } from './bounds.ts';
import { Client } from './client.ts';
import { wantedTable } from './ipvs-table.ts';
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

export async function masterKill(lab: RunningLab, steps: Steps): Promise<Measurement> {
  await settle(lab, steps);
  const client = await Client.start(lab.clientOptions);
  const crashedAtMs = await lab.crashDirector('director1');
  const takeoverMs = await requireTakeover(lab, steps, 'director2', {
    from: 'the master died',
    sinceMs: crashedAtMs,
    boundMs: HARD_TAKEOVER_BOUND_MS,
  });
  await requireTables(lab, steps, wantedTable());
  const experience = await recordExperience(client, steps, {
    lossBound: requestsWithin(takeoverMs) + REQUESTS_IN_FLIGHT,
  });
  await requireAlternatingPages(lab, steps);
  return { takeoverMs, experience };
}
