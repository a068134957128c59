/**
 * The operator hands the VIP over with `lvsd handover`, as before work on the master, and back again. The
 * master is healthy all the while: whoever is preferred stays put until it is asked.
 */
import { ORDERLY_TAKEOVER_BOUND_MS } from './bounds.ts';
import { Client } from './client.ts';
import { wantedTable } from './ipvs-table.ts';
import { type DirectorName, nodeAddress } from './lab.ts';
import type { RunningLab } from './running-lab.ts';
import {
  type Measurement,
  otherDirector,
  recordExperience,
  requireAlternatingPages,
  requireMaster,
  requireTables,
  requireTakeover,
  type Steps,
  settle,
} from './steps.ts';

export async function handover(lab: RunningLab, steps: Steps): Promise<Measurement> {
  await settle(lab, steps);
  const client = await Client.start(lab.clientOptions);
  const takeoverMs = await handOverFrom(lab, steps, 'director1');
  const experience = await recordExperience(client, steps, {
    lossBound: lab.program.orderlyLossBound,
  });
  await requireTables(lab, steps, wantedTable());
  await requireAlternatingPages(lab, steps);
  // director1 is the preferred one: it has had the time of its command to change its mind.
  await requireMaster(lab, steps, 'director2');
  await handOverFrom(lab, steps, 'director2');
  await requireAlternatingPages(lab, steps);
  return { takeoverMs, experience };
}

/** The time from the master's resignation on the wire to the other's announcement. */
async function handOverFrom(
  lab: RunningLab,
  steps: Steps,
  director: DirectorName,
): Promise<number> {
  const successor = otherDirector(director);
  const { startedAtMs, output } = await lab.handOver(director);
  const answer = JSON.parse(output) as { readonly successor?: string };
  steps.require({
    name: `lvsd handover on ${director}`,
    ok: answer.successor === nodeAddress(successor),
    detail: output.trim().replaceAll(/\s+/g, ' '),
  });
  const [resigned] = lab.wire.resignationsSince(startedAtMs, nodeAddress(director));
  if (resigned === undefined) {
    const detail = `no advert of priority 0 by ${director} on the wire`;
    steps.require({ name: `${director} resigns`, ok: false, detail });
    throw new Error('unreachable: a required step that does not hold ends the scenario');
  }
  return requireTakeover(lab, steps, successor, {
    from: `${director} resigned`,
    sinceMs: resigned.atMs,
    boundMs: ORDERLY_TAKEOVER_BOUND_MS,
  });
}
