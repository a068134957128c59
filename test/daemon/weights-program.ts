/**
 * Runs inside the lab kernel: lvsd with a MISC_CHECK and a FILE_CHECK, and what the IPVS table makes of what
 * script and file say. Prints one JSON document.
 */
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

/** Weights by server after each step; absent: not in the table. */
export interface WeightReport {
  readonly steps: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Whom the script ran as. */
  readonly uid: string;
  readonly log: string;
}

const DIRECTORY = '/tmp/weights';
const FILE = `${DIRECTORY}/lvs.conf`;
const SCRIPT = `${DIRECTORY}/check.sh`;
const STATUS = `${DIRECTORY}/status`;
const POINTS = `${DIRECTORY}/points`;
const UID = `${DIRECTORY}/uid`;
const STEP_MS = 20_000;
const POLL_MS = 50;

const CONFIG = `track_file points {
  file ${POINTS}
}
virtual_server 10.1.1.1 80 {
  delay_loop 0.3
  lvs_sched wrr
  lvs_method DR
  protocol TCP
  alpha
  weight 10
  real_server 10.1.1.11 80 {
    MISC_CHECK {
      misc_path "${SCRIPT} ${STATUS} ${UID}"
      misc_timeout 5
      misc_dynamic
    }
  }
  real_server 10.1.1.12 80 {
    FILE_CHECK {
      track_file points
    }
  }
}
`;

function weights(): Record<string, number> {
  const saved = execFileSync('ipvsadm', ['-Sn'], { encoding: 'utf8' });
  const found: Record<string, number> = {};
  for (const [, server = '', weight] of saved.matchAll(/^-a .* -r (\S+):80 .*-w (\d+)/gm)) {
    found[server] = Number(weight);
  }
  return found;
}

/** The weights once they are as wanted, or as they are when that does not come about. */
async function settled(
  a: number | undefined,
  b: number | undefined,
): Promise<Record<string, number>> {
  const deadline = performance.now() + STEP_MS;
  for (;;) {
    const found = weights();
    if (found['10.1.1.11'] === a && found['10.1.1.12'] === b) return found;
    if (performance.now() > deadline) return found;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

mkdirSync(DIRECTORY);
chmodSync(DIRECTORY, 0o777);
writeFileSync(FILE, CONFIG);
writeFileSync(SCRIPT, '#!/bin/sh\nid -u > "$2"\nexit "$(cat "$1")"\n');
chmodSync(SCRIPT, 0o755);
writeFileSync(STATUS, '0');
writeFileSync(POINTS, '5');

const daemon = spawn('bin/lvsd', ['run', '-f', FILE], { stdio: ['ignore', 'pipe', 'pipe'] });
let log = '';
for (const stream of [daemon.stdout, daemon.stderr]) {
  stream.on('data', (text) => {
    log += String(text);
  });
}

const steps: Record<string, Record<string, number>> = {};
steps['exit status 0, 5 points'] = await settled(10, 15);
writeFileSync(STATUS, '42');
writeFileSync(POINTS, '-3');
steps['exit status 42, -3 points'] = await settled(40, 7);
writeFileSync(STATUS, '1');
writeFileSync(POINTS, '-254');
steps['exit status 1, -254 points'] = await settled(undefined, undefined);
writeFileSync(STATUS, '2');
writeFileSync(POINTS, '0');
steps['exit status 2, 0 points'] = await settled(0, 10);
writeFileSync(STATUS, '0');
steps['exit status 0, 0 points'] = await settled(10, 10);
rmSync(SCRIPT);
writeFileSync(POINTS, 'none');
steps['no script, no number'] = await settled(undefined, undefined);

const uid = readFileSync(UID, 'utf8').trim();
const ended = new Promise((resolve) => daemon.once('exit', resolve));
daemon.kill('SIGTERM');
await ended;
steps.stopped = weights();
process.stdout.write(JSON.stringify({ steps, uid, log } satisfies WeightReport));
