/** Turns of the load: lvsd's reconciler, `ipvsadm -R`, and both daemons, on the same servers. */
import { spawnSync } from 'node:child_process';
import { Contender, type DaemonName } from './contender.ts';
import { type LoadTimes, loadInProcess } from './in-process.ts';
import { type KernelTable, until } from './kernel-table.ts';
import {
  configurationOf,
  type Pool,
  poolsOf,
  restoreLines,
  type Size,
  serverLines,
  tableOf,
  WEIGHT_ONE,
  WEIGHT_TWO,
} from './pools.ts';

export interface DaemonTimes extends LoadTimes {
  readonly cpuSeconds: number;
  readonly memoryMiB: number;
}

/** lvsd's reconciler alone, from an empty table to an empty table; ms. */
export function reconcilerTimes(kernel: KernelTable, directory: string, size: Size): LoadTimes {
  const pools = poolsOf(size);
  const bare = pools.map((pool) => ({ ...pool, servers: [] }));
  return loadInProcess(kernel, directory, [
    tableOf(pools, WEIGHT_ONE),
    tableOf(pools, WEIGHT_TWO),
    tableOf(bare, WEIGHT_ONE),
  ]);
}

/** The same of `ipvsadm -R`; ms. */
export function restoreTimes(kernel: KernelTable, size: Size): LoadTimes {
  const pools = poolsOf(size);
  const edits = serverLines(pools, (service, server) => `-e ${service} ${server} -g -w 2`);
  const deletions = serverLines(pools, (service, server) => `-d ${service} ${server}`);
  const times = {
    load: restore(restoreLines(pools)),
    change: restore(edits),
    remove: restore(deletions),
  };
  kernel.clear();
  return times;
}

function restore(lines: string): number {
  const beganMs = performance.now();
  const { status, stderr } = spawnSync('ipvsadm', ['-R'], { input: lines, encoding: 'utf8' });
  const tookMs = performance.now() - beganMs;
  if (status !== 0) throw new Error(`ipvsadm -R: ${stderr}`);
  return tookMs;
}

/** The same of a daemon that is started, reloaded and stopped; ms. */
export async function daemonTimes(
  kernel: KernelTable,
  directory: string,
  { name, size }: { readonly name: DaemonName; readonly size: Size },
): Promise<DaemonTimes> {
  const pools = poolsOf(size);
  const { pool, server } = lastOf(name, pools);
  const configuration = configurationOf(pools, WEIGHT_ONE);
  let beganMs = performance.now();
  const daemon = new Contender(name, directory, { configuration, checksOnly: true });
  const isAlive = (): void => {
    if (daemon.hasEnded) throw new Error(`${name} ended: ${daemon.lastWords}`);
  };
  try {
    const load = await until(
      `${name} has loaded the last server`,
      () => {
        isAlive();
        return kernel.has(pool, server, WEIGHT_ONE);
      },
      beganMs,
    );
    const { cpuSeconds, memoryMiB } = daemon.cost();
    await settled(kernel, pools);
    beganMs = performance.now();
    daemon.reload(configurationOf(pools, WEIGHT_TWO));
    const change = await until(
      `${name} has changed the last weight`,
      () => {
        isAlive();
        return kernel.lastWeight(pool, server) === 2;
      },
      beganMs,
    );
    beganMs = performance.now();
    await daemon.stop();
    const remove = performance.now() - beganMs;
    return { load, change, remove, cpuSeconds, memoryMiB };
  } finally {
    daemon.kill();
    kernel.clear();
  }
}

/** Everything is in: so that a reload does not meet the end of the load. */
async function settled(kernel: KernelTable, pools: readonly Pool[]): Promise<void> {
  const wanted = pools.reduce((sum, { servers }) => sum + servers.length, 0);
  await until('every server is in', () => kernel.count() === wanted, performance.now());
}

/** The server that comes last: keepalived goes through its file, lvsd by name. */
export function lastOf(
  name: DaemonName,
  pools: readonly Pool[],
): { readonly pool: Pool; readonly server: string } {
  const byName = [...pools].sort((a, b) => (`${a.address}:` < `${b.address}:` ? -1 : 1));
  const pool = (name === 'lvsd' ? byName : pools).at(-1);
  const servers = [...(pool?.servers ?? [])];
  if (name === 'lvsd') servers.sort((a, b) => (`${a}:` < `${b}:` ? -1 : 1));
  const server = servers.at(-1);
  if (pool === undefined || server === undefined) throw new Error('There is no server');
  return { pool, server };
}
