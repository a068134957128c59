/**
 * Runs inside the lab kernel: lvsd with two servers, each checked by the BFD session with its host, where
 * another lvsd is the neighbour. Prints one JSON document.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { DaemonStatus } from '../../src/observe/status.ts';
import { Director, until } from './director.ts';

/** Servers in the table after each step. */
export interface BfdCheckReport {
  readonly bothUp: readonly string[];
  readonly oneLost: readonly string[];
  readonly returned: readonly string[];
  readonly restarts: number;
  readonly fewestDuringRestart: number;
  readonly log: string;
}

const DIRECTORY = '/tmp/bfd-check';
const INTERVALS = 'min_tx 100\nmin_rx 100\nmultiplier 5';
const SERVERS = [1, 2] as const;

const ours = (server: number): string => `10.3.${server}.1`;
const theirs = (server: number): string => `10.3.${server}.2`;
const ip = (...words: readonly string[]): string => execFileSync('ip', words, { encoding: 'utf8' });

function connect(server: number): void {
  const namespace = `rs${server}`;
  ip('netns', 'add', namespace);
  ip('link', 'add', namespace, 'type', 'veth', 'peer', 'eth0', 'netns', namespace);
  ip('addr', 'add', `${ours(server)}/24`, 'dev', namespace);
  ip('link', 'set', namespace, 'up');
  ip('-n', namespace, 'addr', 'add', `${theirs(server)}/24`, 'dev', 'eth0');
  ip('-n', namespace, 'link', 'set', 'eth0', 'up');
}

function startNeighbor(server: number): ChildProcess {
  const file = `${DIRECTORY}/rs${server}.conf`;
  writeFileSync(file, `bfd_instance director {\nneighbor_ip ${ours(server)}\n${INTERVALS}\n}\n`);
  const args = ['run', '-f', file, '--socket', `${DIRECTORY}/rs${server}.sock`];
  return spawn('ip', ['netns', 'exec', `rs${server}`, 'bin/lvsd', ...args], {
    stdio: ['ignore', 'ignore', 'ignore'],
    detached: true,
  });
}

/** The whole process group: no supervisor may bring its bfd process back. */
function kill(neighbor: ChildProcess): void {
  process.kill(-(neighbor.pid ?? 0), 'SIGKILL');
}

function table(): readonly string[] {
  const saved = execFileSync('ipvsadm', ['-Sn'], { encoding: 'utf8' });
  return Array.from(saved.matchAll(/^-a .* -r (\S+):80 /gm), ([, server = '']) => server).sort();
}

async function settled(count: number): Promise<readonly string[]> {
  await until(`${count} servers in the table`, () => table().length === count).catch(() => {});
  return table();
}

mkdirSync(DIRECTORY, { recursive: true });
for (const server of SERVERS) connect(server);
const neighbors = new Map(SERVERS.map((server) => [server, startNeighbor(server)]));
const director = new Director(`${DIRECTORY}/director`);
const blocks = SERVERS.map(
  (server) => `bfd_instance rs${server} {\nneighbor_ip ${theirs(server)}\n${INTERVALS}\n}\n`,
);
const servers = SERVERS.map(
  (server) => `real_server ${theirs(server)} 80 {\nBFD_CHECK {\nname rs${server}\n}\n}\n`,
);
const service = 'virtual_server 10.1.1.1 80 {\nlvs_sched rr\nlvs_method DR\nprotocol TCP\nalpha\n';
await director.start(`${blocks.join('')}${service}${servers.join('')}}\n`);

const bothUp = await settled(2);
const lost = neighbors.get(2);
if (lost !== undefined) kill(lost);
const oneLost = await settled(1);
neighbors.set(2, startNeighbor(2));
const returned = await settled(2);

const status = async (): Promise<DaemonStatus> =>
  (await director.askJson('status')) as DaemonStatus;
const { pid } = (await status()).processes.bfd;
if (pid !== undefined) process.kill(pid, 'SIGKILL');
let fewestDuringRestart = 2;
let restarts = 0;
await until('the sessions of the next process are up', async () => {
  for (let looks = 0; looks < 5; looks += 1) {
    fewestDuringRestart = Math.min(fewestDuringRestart, table().length);
    await pause(20);
  }
  const { processes, bfd } = await status();
  restarts = processes.bfd.restarts;
  return restarts > 0 && (bfd?.sessions ?? []).filter(({ state }) => state === 'Up').length === 2;
}).catch(() => {});
fewestDuringRestart = Math.min(fewestDuringRestart, table().length);

await director.stop();
for (const neighbor of neighbors.values()) kill(neighbor);
const { log } = director;
const report: BfdCheckReport = {
  bothUp,
  oneLost,
  returned,
  restarts,
  fewestDuringRestart,
  log,
};
process.stdout.write(JSON.stringify(report));
