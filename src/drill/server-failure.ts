/** One web server dies: out of the table, nothing lost after that; it returns: in the table again. */
import { REMOVAL_BOUND_MS, RETURN_BOUND_MS, requestsWithin } from './bounds.ts';
import { Client } from './client.ts';
import { wantedTable } from './ipvs-table.ts';
import { PAGES } from './lab.ts';
import type { RunningLab } from './running-lab.ts';
import {
  type Measurement,
  REQUESTS_AFTER_THE_CHANGE,
  recordExperience,
  requireAlternatingPages,
  requireTableChange,
  type Steps,
  settle,
} from './steps.ts';

const VICTIM = 'server1';

export async function serverFailure(lab: RunningLab, steps: Steps): Promise<Measurement> {
  await settle(lab, steps);
  const client = await Client.start(lab.clientOptions);
  const killedAtMs = lab.killWebServer(VICTIM);
  const removedAtMs = await requireTableChange(lab, steps, {
    change: `${VICTIM} out of the table of`,
    since: { atMs: killedAtMs, what: 'the death of its web server' },
    wanted: wantedTable(['server2']),
    boundMs: REMOVAL_BOUND_MS,
  });
  await client.requestsDone(REQUESTS_AFTER_THE_CHANGE);
  recordLossAfterRemoval(client, steps, removedAtMs);
  const listeningAtMs = await lab.startWebServer(VICTIM);
  await requireTableChange(lab, steps, {
    change: `${VICTIM} in the table of`,
    since: { atMs: listeningAtMs, what: 'its web server listened' },
    wanted: wantedTable(),
    boundMs: RETURN_BOUND_MS,
  });
  await client.requestsDone(REQUESTS_AFTER_THE_CHANGE);
  recordPagesAtTheEnd(client, steps);
  // Round robin sends every other request to the dead server until it is out.
  const lossBound = Math.ceil(requestsWithin(removedAtMs - killedAtMs) / 2) + 1;
  const experience = await recordExperience(client, steps, { lossBound });
  await requireAlternatingPages(lab, steps);
  return { experience };
}

function recordLossAfterRemoval(client: Client, steps: Steps, removedAtMs: number): void {
  const after = client.records.filter((record) => record.startMs > removedAtMs);
  const lost = after.filter((record) => !record.ok).length;
  steps.record({
    name: 'nothing lost once it is out',
    ok: lost === 0,
    detail: `${lost} of the ${after.length} requests since then failed`,
  });
}

function recordPagesAtTheEnd(client: Client, steps: Steps): void {
  const last = client.records.slice(-REQUESTS_AFTER_THE_CHANGE);
  const pages = Object.values(PAGES).map((page) => ({
    page,
    count: last.filter((record) => record.page === page).length,
  }));
  steps.record({
    name: `${VICTIM} serves again`,
    ok: pages.every(({ count }) => count > 0) && last.every(({ ok }) => ok),
    detail: `last ${last.length} requests: ${pages.map(({ page, count }) => `"${page}" ${count}`).join(', ')}`,
  });
}
