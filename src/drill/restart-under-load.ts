/**
 * The master's daemon is restarted under load, with a long download through it: in place (`lvsd restart`), where no
 * VIP moves and nothing at all may be lost; stopped and started; killed and started. The latter two give the VIP to
 * the twin and take it back: connections live on because the twin was told of them (lvs_sync_daemon).
 */
import { REQUESTS_IN_FLIGHT } from './bounds.ts';
import { Client } from './client.ts';
import { nowMs } from './command.ts';
import { inGlobals } from './configuration.ts';
import type { Download } from './download.ts';
import { wantedTable } from './ipvs-table.ts';
import { LAB_INTERFACE, nodeAddress } from './lab.ts';
import type { RunningLab } from './running-lab.ts';
import {
  type Measurement,
  recordExperience,
  requireAlternatingPages,
  requireMaster,
  requireTables,
  type Steps,
  settle,
} from './steps.ts';

const DOWNLOAD_S = 20;
const IN_PLACE_DOWNLOAD_S = 10;
/** Connections told to the twin from their third packet on: well before it is needed. */
const SYNCED = inGlobals(`lvs_sync_daemon ${LAB_INTERFACE} VI_1 id 51`);

export async function restartUnderLoad(lab: RunningLab, steps: Steps): Promise<Measurement> {
  lab.configure(SYNCED);
  if (lab.isRunning('director1') || lab.isRunning('director2')) lab.reload();
  await settle(lab, steps);
  if (lab.program.restart !== undefined) await restartInPlace(lab, steps);
  const client = await Client.start(lab.clientOptions);

  const patient = await lab.download('server1', DOWNLOAD_S);
  lab.terminateDirector('director1');
  await lab.directorEnding('director1');
  await requireMaster(lab, steps, 'director2');
  await lab.startAndJoin('director1');
  await requireMaster(lab, steps, 'director1');
  await requireTables(lab, steps, wantedTable());
  await recordDownload(patient, steps, 'an orderly restart');

  const hardy = await lab.download('server2', DOWNLOAD_S);
  await lab.killProgram('director1');
  await lab.startAndJoin('director1');
  await requireMaster(lab, steps, 'director1');
  await requireTables(lab, steps, wantedTable());
  await recordDownload(hardy, steps, 'a restart after SIGKILL of everything');

  lab.configure();
  lab.reload();
  const experience = await recordExperience(client, steps, { lossBound: REQUESTS_IN_FLIGHT });
  await requireAlternatingPages(lab, steps);
  return { experience };
}

async function restartInPlace(lab: RunningLab, steps: Steps): Promise<void> {
  const client = await Client.start(lab.clientOptions);
  const download = await lab.download('server1', IN_PLACE_DOWNLOAD_S);
  const beganMs = nowMs();
  const answer = JSON.parse(await lab.restartInPlace('director1')) as { readonly ok: boolean };
  steps.require({ name: 'lvsd restart', ok: answer.ok, detail: JSON.stringify(answer) });
  await requireMaster(lab, steps, 'director1');
  await requireTables(lab, steps, wantedTable());
  await recordDownload(download, steps, 'a restart in place');
  const resigned = lab.wire.resignationsSince(beganMs, nodeAddress('director1')).length;
  const detail = `${resigned} adverts of priority 0 by director1 on the wire`;
  steps.record({ name: 'the VIP does not move', ok: resigned === 0, detail });
  await recordExperience(client, steps, { lossBound: 0 });
}

async function recordDownload(download: Download, steps: Steps, what: string): Promise<void> {
  const { bytes, isWhole, error } = await download.ended();
  steps.record({
    name: `a long download lives through ${what}`,
    ok: isWhole,
    detail: `${bytes.toLocaleString('en-US')} bytes, ${error ?? 'digest as wanted'}`,
  });
}
