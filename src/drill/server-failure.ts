/** One web server dies: out of the table, nothing lost after that; it returns: in the table again. */
import { REMOVAL_BOUND_MS, RETURN_BOUND_MS, requestsWithin } from './bounds.ts';
import { Client } from './client.ts';
import { type TableLine, wantedTable } from './ipvs-table.ts';
import { DIRECTOR_NAMES, PAGES } from './lab.ts';
import type { RunningLab } from './running-lab.ts';
import {
  describeTable,
  formatBound,
  formatMs,
  type Measurement,
  REQUESTS_AFTER_THE_CHANGE,
  recordExperience,
  requireAlternatingPages,
  type Steps,
  settle,
  waitForTable,
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

interface TableChange {
  readonly change: string;
  readonly since: { readonly atMs: number; readonly what: string };
  readonly wanted: readonly TableLine[];
  readonly boundMs: number;
}

/** Both directors check by themselves. Returns when the active one, director1, had the wanted table. */
async function requireTableChange(
  lab: RunningLab,
  steps: Steps,
  { change, since, wanted, boundMs }: TableChange,
): Promise<number> {
  const seen = await Promise.all(
    DIRECTOR_NAMES.map(async (director) => ({
      director,
      ...(await waitForTable(lab, director, wanted, 2 * boundMs)),
    })),
  );
  for (const { director, atMs, table } of seen) {
    const name = `${change} ${director}`;
    const described = describeTable(table, wanted);
    if (atMs === undefined) {
      steps.require({ name, ok: false, detail: described });
      continue;
    }
    const ms = atMs - since.atMs;
    const detail = `${formatMs(ms)} after ${since.what} (${formatBound(boundMs)}): ${described}`;
    steps.record({ name, ok: ms <= boundMs, detail, ms });
  }
  return seen[0]?.atMs ?? since.atMs;
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
