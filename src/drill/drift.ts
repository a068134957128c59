/** A stranger's hand in the master's table, under load: put right within a second, and told. */
import { DRIFT_BOUND_MS, REQUESTS_IN_FLIGHT, requestsWithin } from './bounds.ts';
import { Client } from './client.ts';
import { nowMs } from './command.ts';
import { wantedTable } from './ipvs-table.ts';
import { nodeAddress, SERVICE_PORT, VIRTUAL_ADDRESS } from './lab.ts';
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

const SERVICE = `${VIRTUAL_ADDRESS}:${SERVICE_PORT}`;
const SERVER = `${nodeAddress('server1')}:${SERVICE_PORT}`;
/** Somebody else's, on the same director. */
const FOREIGN = '192.168.10.188:8443';

interface Meddling {
  readonly what: string;
  readonly words: readonly string[];
  /** Whether requests fail until it is put right. */
  readonly isFelt: boolean;
}

const MEDDLINGS: readonly Meddling[] = [
  { what: 'a server deleted', words: ['-d', '-t', SERVICE, '-r', SERVER], isFelt: false },
  {
    what: 'a weight changed',
    words: ['-e', '-t', SERVICE, '-r', SERVER, '-g', '-w', '9'],
    isFelt: false,
  },
  // Masquerading to a server that answers the client itself: every other request is lost.
  {
    what: 'a method changed',
    words: ['-e', '-t', SERVICE, '-r', SERVER, '-m', '-w', '1'],
    isFelt: true,
  },
  { what: 'a scheduler changed', words: ['-E', '-t', SERVICE, '-s', 'wlc'], isFelt: false },
  { what: 'the service deleted', words: ['-D', '-t', SERVICE], isFelt: true },
];

export async function drift(lab: RunningLab, steps: Steps): Promise<Measurement> {
  await settle(lab, steps);
  const client = await Client.start(lab.clientOptions);
  const wanted = wantedTable();
  let mayLoseMs = 0;
  for (const meddling of MEDDLINGS) {
    const repairedMs = await meddle(lab, steps, meddling);
    if (meddling.isFelt) mayLoseMs += repairedMs;
    await client.requestsDone(REQUESTS_AFTER_THE_CHANGE);
  }
  await lab.ipvsadm('director1', '-A', '-t', FOREIGN, '-s', 'rr');
  const withForeign = [...wanted, `TCP ${FOREIGN} rr`];
  await client.requestsDone(REQUESTS_AFTER_THE_CHANGE);
  const kept = await waitForTable(lab, 'director1', withForeign, DRIFT_BOUND_MS);
  steps.record({
    name: 'a service of somebody else is left alone',
    ok: kept.atMs !== undefined,
    detail: describeTable(kept.table, withForeign),
  });
  mayLoseMs += await meddle(lab, steps, { what: 'the table cleared', words: ['-C'], isFelt: true });
  recordTold(lab, steps);
  const lossBound = MEDDLINGS.length + REQUESTS_IN_FLIGHT + requestsWithin(mayLoseMs);
  const experience = await recordExperience(client, steps, { lossBound });
  await requireAlternatingPages(lab, steps);
  return { experience };
}

/** Returns how long the table was not as wanted, as far as it was seen: at least 0. */
async function meddle(lab: RunningLab, steps: Steps, { what, words }: Meddling): Promise<number> {
  const wanted = wantedTable();
  await lab.ipvsadm('director1', ...words);
  const doneAtMs = nowMs();
  const { atMs, table } = await waitForTable(lab, 'director1', wanted, 4 * DRIFT_BOUND_MS);
  const name = `${what} (ipvsadm ${words[0]}): put right`;
  if (atMs === undefined) {
    steps.require({ name, ok: false, detail: describeTable(table, wanted) });
    return 0;
  }
  const ms = atMs - doneAtMs;
  const detail = `${formatMs(ms)} later (${formatBound(DRIFT_BOUND_MS)})`;
  steps.record({ name, ok: ms <= DRIFT_BOUND_MS, detail, ms });
  return ms;
}

/** One line a repair: a table that changes by itself unnoticed would be a riddle at night. */
function recordTold(lab: RunningLab, steps: Steps): void {
  const told = lab
    .log('director1')
    .split('\n')
    .filter((line) => /drift|not as wanted|put back|changed by/i.test(line)).length;
  steps.record({
    name: 'every repair is told',
    ok: told >= MEDDLINGS.length + 1,
    detail: `${told} lines in the log of director1`,
  });
}
