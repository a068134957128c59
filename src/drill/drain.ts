/** A server leaves the file while long downloads run through it: they finish; or are cut when time is up. */
import { LAB_SLACK_MS, RELOAD_BOUND_MS, REQUEST_INTERVAL_MS } from './bounds.ts';
import { Client } from './client.ts';
import { poll } from './command.ts';
import { type Edit, inService, withoutServer } from './configuration.ts';
import type { Download } from './download.ts';
import { activeConnectionsOf, type TableLine, wantedTable } from './ipvs-table.ts';
import { DIRECTOR_NAMES, nodeAddress, PAGES, SERVICE_PORT, VIRTUAL_ADDRESS } from './lab.ts';
import type { RunningLab } from './running-lab.ts';
import {
  describeTable,
  formatBound,
  formatMs,
  type Measurement,
  REQUESTS_AFTER_THE_CHANGE,
  recordExperience,
  requireAlternatingPages,
  requireTables,
  type Steps,
  settle,
  waitForTable,
} from './steps.ts';

const LEAVING = 'server1';
const DOWNLOAD_S = 15;
const PATIENT_S = 60;
const HASTY_S = 4;
const MS_PER_SECOND = 1_000;
/** The table is looked at twice a second; a connection counts as active a little after its last byte. */
const DELETION_BOUND_MS = 2_000 + LAB_SLACK_MS;

/** The kernel's timeout of SYN_RECV is 60 s. */
const FORGET_DEADLINE_MS = 90_000;

const drained: readonly TableLine[] = [
  `TCP ${VIRTUAL_ADDRESS}:${SERVICE_PORT} rr`,
  `  -> ${nodeAddress('server1')}:${SERVICE_PORT} Route 0`,
  `  -> ${nodeAddress('server2')}:${SERVICE_PORT} Route 1`,
];
const without = wantedTable(['server2']);
const withDrain = (seconds: number): Edit => inService(`drain_timeout ${seconds}`);

export async function drain(lab: RunningLab, steps: Steps): Promise<Measurement> {
  await settle(lab, steps);
  await forgetRefused(lab, steps);
  const client = await Client.start(lab.clientOptions);

  await prepare(lab, steps, PATIENT_S);
  const patient = await lab.download(LEAVING, DOWNLOAD_S);
  const { seenAtMs } = await leave(lab, steps, PATIENT_S);
  await client.requestsDone(REQUESTS_AFTER_THE_CHANGE);
  recordNewConnections(client, steps, seenAtMs);
  const endedAtMs = await requireWhole(patient, steps);
  await requireGone(lab, steps, { sinceMs: endedAtMs, what: 'the download ended' });

  await prepare(lab, steps, HASTY_S);
  const hasty = await lab.download(LEAVING, DOWNLOAD_S);
  // The drain began somewhere between SIGHUP and the look that saw it.
  const { sentAtMs } = await leave(lab, steps, HASTY_S);
  const deadline = { sinceMs: sentAtMs + HASTY_S * MS_PER_SECOND, what: 'drain_timeout' };
  await requireGone(lab, steps, deadline);
  await requireCut(hasty, steps);

  lab.configure();
  lab.reload();
  await requireTables(lab, steps, wantedTable());
  const experience = await recordExperience(client, steps, { lossBound: 0 });
  await requireAlternatingPages(lab, steps);
  return { experience };
}

/**
 * A connection that a dead web server refused counts as active for a minute: the answer never passes the
 * director (SYN_RECV, net/netfilter/ipvs/ip_vs_proto_tcp.c). A drain would rightly wait for those that an
 * earlier scenario left.
 */
async function forgetRefused(lab: RunningLab, steps: Steps): Promise<void> {
  let active = 0;
  const forgotten = await poll(
    async () => {
      const text = await lab.ipvsadm('director1', '-Ln');
      active = activeConnectionsOf(text, `${nodeAddress(LEAVING)}:${SERVICE_PORT}`);
      return active === 0 ? true : undefined;
    },
    { deadlineMs: FORGET_DEADLINE_MS, signal: lab.signal },
  );
  steps.require({
    name: `${LEAVING} has no connection left of what was before`,
    ok: forgotten.ok,
    detail: `${active} active`,
  });
}

/** Both servers, and so long a drain. */
async function prepare(lab: RunningLab, steps: Steps, seconds: number): Promise<void> {
  lab.configure(withDrain(seconds));
  lab.reload();
  await requireTables(lab, steps, wantedTable());
}

/** Takes the server out of the file; returns when that was told, and when its weight was seen to be 0. */
async function leave(
  lab: RunningLab,
  steps: Steps,
  seconds: number,
): Promise<{ readonly sentAtMs: number; readonly seenAtMs: number }> {
  lab.configure(withDrain(seconds), withoutServer(LEAVING));
  const sentAtMs = lab.reload();
  const { atMs, table } = await waitForTable(lab, 'director1', drained, 2 * RELOAD_BOUND_MS);
  const ms = (atMs ?? Number.POSITIVE_INFINITY) - sentAtMs;
  steps.require({
    name: `${LEAVING} leaves the file: it drains`,
    ok: ms <= RELOAD_BOUND_MS,
    detail: `drain_timeout ${seconds} s, ${formatBound(RELOAD_BOUND_MS)}: ${describeTable(table, drained)}`,
    ...(atMs === undefined ? {} : { ms }),
  });
  return { sentAtMs, seenAtMs: atMs ?? sentAtMs };
}

function recordNewConnections(client: Client, steps: Steps, sinceMs: number): void {
  // One that was on its way when the weight changed may still have gone there.
  const after = client.records.filter(({ startMs }) => startMs > sinceMs + REQUEST_INTERVAL_MS);
  const there = after.filter(({ page }) => page === PAGES[LEAVING]).length;
  steps.record({
    name: 'no new connection goes to it',
    ok: there === 0 && after.length > 0,
    detail: `${there} of the ${after.length} requests since then`,
  });
}

async function requireWhole(download: Download, steps: Steps): Promise<number> {
  const { atMs, bytes, isWhole, error } = await download.ended();
  steps.require({
    name: 'the long download through it comes whole',
    ok: isWhole,
    detail: `${bytes.toLocaleString('en-US')} bytes in ${DOWNLOAD_S} s, ${error ?? 'digest as wanted'}`,
  });
  return atMs;
}

async function requireCut(download: Download, steps: Steps): Promise<void> {
  const { isWhole, bytes, error = 'nothing' } = await download.ended();
  steps.record({
    name: 'the long download is cut then: nobody waits for ever',
    ok: !isWhole,
    detail: `${bytes.toLocaleString('en-US')} bytes came; the client sees ${error}`,
  });
}

async function requireGone(
  lab: RunningLab,
  steps: Steps,
  { sinceMs, what }: { readonly sinceMs: number; readonly what: string },
): Promise<void> {
  for (const director of DIRECTOR_NAMES) {
    // The twin has none of the connections: there it goes at once, which is no mistake.
    const boundMs = DELETION_BOUND_MS;
    const seen = await waitForTable(
      lab,
      director,
      without,
      2 * (HASTY_S * MS_PER_SECOND + boundMs),
    );
    const name = `${LEAVING} is out of the table of ${director}`;
    const described = describeTable(seen.table, without);
    if (seen.atMs === undefined) {
      steps.require({ name, ok: false, detail: described });
      continue;
    }
    const ms = seen.atMs - sinceMs;
    const isEarly = director === 'director1' && ms < 0;
    const detail = `${formatMs(ms)} after ${what} (${formatBound(boundMs)}): ${described}`;
    steps.record({ name, ok: ms <= boundMs && !isEarly, detail, ms });
  }
}
