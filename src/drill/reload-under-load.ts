/** The file is changed in every way, under a steady load: nothing is lost, and what is kept is untouched. */
import { RELOAD_BOUND_MS, RETURN_BOUND_MS } from './bounds.ts';
import { Client } from './client.ts';
import {
  type Edit,
  withoutServer,
  withScheduler,
  withService,
  withWeight,
} from './configuration.ts';
import { connectionsOf, type TableLine } from './ipvs-table.ts';
import { nodeAddress, SERVICE_PORT, VIRTUAL_ADDRESS } from './lab.ts';
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

const SECOND_PORT = 81;
const [FIRST, SECOND] = [nodeAddress('server1'), nodeAddress('server2')];

interface Change {
  readonly what: string;
  readonly edits: readonly Edit[];
  readonly wanted: readonly TableLine[];
  readonly boundMs: number;
}

const rows = (scheduler: string, ...servers: readonly string[]): readonly TableLine[] => [
  `TCP ${VIRTUAL_ADDRESS}:${SERVICE_PORT} ${scheduler}`,
  ...servers.map((server) => `  -> ${server}`),
];
const both = (weight: number): readonly string[] => [
  `${FIRST}:${SERVICE_PORT} Route ${weight}`,
  `${SECOND}:${SERVICE_PORT} Route 1`,
];

const CHANGES: readonly Change[] = [
  {
    what: 'another weight',
    edits: [withWeight('server1', 3)],
    wanted: rows('rr', ...both(3)),
    boundMs: RELOAD_BOUND_MS,
  },
  {
    what: 'another scheduler',
    edits: [withWeight('server1', 3), withScheduler('wrr')],
    wanted: rows('wrr', ...both(3)),
    boundMs: RELOAD_BOUND_MS,
  },
  {
    what: 'one server less',
    edits: [withScheduler('wrr'), withoutServer('server2')],
    wanted: rows('wrr', `${FIRST}:${SERVICE_PORT} Route 1`),
    boundMs: RELOAD_BOUND_MS,
  },
  {
    // Alpha: it gets clients when its first check has passed.
    what: 'a server more',
    edits: [withScheduler('wrr')],
    wanted: rows('wrr', ...both(1)),
    boundMs: RELOAD_BOUND_MS + RETURN_BOUND_MS,
  },
  {
    // Nobody listens on that port: the service is there, and its servers stay out.
    what: 'a service more',
    edits: [withScheduler('wrr'), withService(SECOND_PORT)],
    wanted: [...rows('wrr', ...both(1)), `TCP ${VIRTUAL_ADDRESS}:${SECOND_PORT} wrr`],
    boundMs: RELOAD_BOUND_MS,
  },
  {
    what: 'all as it was',
    edits: [],
    wanted: rows('rr', ...both(1)),
    boundMs: RELOAD_BOUND_MS,
  },
];

export async function reloadUnderLoad(lab: RunningLab, steps: Steps): Promise<Measurement> {
  await settle(lab, steps);
  const client = await Client.start(lab.clientOptions);
  // server1 is in every one of these files: what the kernel has counted for it must never be lost.
  let counted = await countedFor(lab);
  for (const change of CHANGES) {
    lab.configure(...change.edits);
    const sentAtMs = lab.reload();
    const { what, wanted, boundMs } = change;
    const since = { atMs: sentAtMs, what: 'SIGHUP' };
    await requireTableChange(lab, steps, { change: `${what}: table of`, since, wanted, boundMs });
    await client.requestsDone(REQUESTS_AFTER_THE_CHANGE);
    const now = await countedFor(lab);
    steps.record({
      name: `${what}: server1 is kept`,
      // Added up by the kernel every two seconds: it may stand still, and must not begin anew.
      ok: now >= counted && now > 0,
      detail: `the kernel counted ${counted} connections for it before, ${now} since`,
    });
    counted = now;
  }
  const experience = await recordExperience(client, steps, {
    lossBound: lab.program.reloadLossBound,
  });
  await requireAlternatingPages(lab, steps);
  return { experience };
}

/** Connections that the master's kernel has ever counted for server1 on the first service. */
async function countedFor(lab: RunningLab): Promise<number> {
  const text = await lab.ipvsadm('director1', '-Ln', '--stats', '--exact');
  return connectionsOf(text, `${VIRTUAL_ADDRESS}:${SERVICE_PORT}`, `${FIRST}:${SERVICE_PORT}`);
}
