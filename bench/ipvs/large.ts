/**
 * The size of the largest services that are known: start, what standing still costs, a reload with one
 * change, and, of lvsd, what is done about changes by hand. With a VRRP instance beside it.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { readAdvert } from '../failover/figures.ts';
import { Contender, type DaemonName } from './contender.ts';
import { type KernelTable, until } from './kernel-table.ts';
import { lastOf } from './load.ts';
import { configurationOf, type Pool, poolsOf, type Size, WEIGHT_ONE } from './pools.ts';

export interface LargeTimes {
  /** From the start of the program to the last server in the table, ms. */
  readonly startMs: number;
  readonly startCpuSeconds: number;
  /** Of a processor, 0 to 1, while nothing happens. */
  readonly idleCpu: number;
  readonly memoryMiB: number;
  /** From SIGHUP until the kernel has the one new weight, ms. */
  readonly reloadMs: number;
  readonly reloadCpuSeconds: number;
  /** Between two adverts while it reloaded, ms, at the longest. */
  readonly advertGapMs: number;
  /** Entries of the table that differ after the reload. */
  readonly changedEntries: number;
  /** Netlink operations of the reload; lvsd says it, keepalived does not. */
  readonly operations?: number;
}

/** Until it was put back, ms, one for each time it was tried; keepalived never does. */
export interface DriftTimes {
  readonly deleteServer: readonly number[];
  readonly editWeight: readonly number[];
  readonly deleteService: readonly number[];
  readonly clear: readonly number[];
}

export interface LargeMeasured {
  readonly times: LargeTimes;
  /** Of lvsd. */
  readonly drift?: DriftTimes;
  /** Of keepalived: whether what somebody deleted is still missing after a while. */
  readonly left?: boolean;
}

export interface LargeOptions {
  readonly directory: string;
  readonly size: Size;
  readonly idleMs: number;
  /** What everybody takes to become quiet after a change. */
  readonly quietMs: number;
  /** How often each change by hand is made; the clearing a third of that. */
  readonly drifts: number;
}

export const ADVERT_INTERVAL_MS = 100;
const VRRP = `vrrp_instance VI_1 {
  state MASTER
  interface bench0
  virtual_router_id 51
  priority 200
  version 3
  advert_int ${ADVERT_INTERVAL_MS / 1000}
  virtual_ipaddress {
    192.0.2.188/32
  }
}
`;
/** Who looks every 3 ms takes an eighth of the one processor of user-mode Linux, every 20 ms a twentieth. */
const LARGE_POLL_MS = 20;
/** Longer than one look: so that changes by hand meet every moment of it. */
const STAGGER_MS = 370;

function makeInterface(): void {
  const ip = (...words: string[]): void => void execFileSync('ip', words);
  ip('link', 'add', 'bench0', 'type', 'dummy');
  ip('address', 'add', '192.0.2.1/24', 'dev', 'bench0');
  ip('link', 'set', 'bench0', 'up', 'multicast', 'on');
}

export async function measureLarge(
  kernel: KernelTable,
  name: DaemonName,
  { directory, size, idleMs, quietMs, drifts }: LargeOptions,
): Promise<LargeMeasured> {
  makeInterface();
  const pools = poolsOf(size);
  const changed = pools[pools.length >> 1];
  const server = changed?.servers[0];
  if (changed === undefined || server === undefined) throw new Error('There is no server');
  const configuration = configurationOf(pools, WEIGHT_ONE, VRRP);
  const wire = await Adverts.open();
  const beganMs = performance.now();
  const daemon = new Contender(name, directory, { configuration, checksOnly: false });
  try {
    const last = lastOf(name, pools);
    const isLoaded = (): boolean => {
      if (daemon.hasEnded) throw new Error(`${name} ended: ${daemon.lastWords}`);
      return kernel.has(last.pool, last.server, WEIGHT_ONE);
    };
    const startMs = await until(
      `${name} has loaded the last server`,
      isLoaded,
      beganMs,
      LARGE_POLL_MS,
    );
    const started = daemon.cost();
    await sleep(quietMs);
    const quiet = daemon.cost();
    await sleep(idleMs);
    const idle = daemon.cost();
    const before = kernel.lines();
    const fromMs = Date.now();
    const changedMs = performance.now();
    const next = configurationOf(pools, (one) => (one === server ? 3 : 1), VRRP);
    daemon.reload(next);
    const isChanged = (): boolean => kernel.weightOf(changed, server) === 3;
    const reloadMs = await until(`${name} has the new weight`, isChanged, changedMs, LARGE_POLL_MS);
    await sleep(quietMs);
    const reloaded = daemon.cost();
    const times: LargeTimes = {
      startMs,
      startCpuSeconds: started.cpuSeconds,
      idleCpu: ((idle.cpuSeconds - quiet.cpuSeconds) * 1000) / idleMs,
      memoryMiB: idle.memoryMiB,
      reloadMs,
      reloadCpuSeconds: reloaded.cpuSeconds - idle.cpuSeconds,
      advertGapMs: wire.longestGapMs(fromMs),
      changedEntries: differences(before, kernel.lines()),
      ...(name === 'lvsd' && { operations: await operationsOf(daemon) }),
    };
    if (name === 'keepalived') return { times, left: await leavesDrift(kernel, changed, quietMs) };
    return { times, drift: await driftTimes(kernel, pools, { count: drifts, quietMs }) };
  } finally {
    daemon.kill();
    wire.close();
    kernel.clear();
  }
}

async function operationsOf(daemon: Contender): Promise<number> {
  const isTold = (): boolean => daemon.reloadOperations !== undefined;
  await until('the log tells what the reload did', isTold, performance.now());
  return daemon.reloadOperations ?? Number.NaN;
}

/** True when a server that was deleted by hand is still missing after a while. */
async function leavesDrift(kernel: KernelTable, pool: Pool, quietMs: number): Promise<boolean> {
  const server = pool.servers[1] ?? '';
  deleteServer(pool, server);
  await sleep(quietMs);
  return kernel.weightOf(pool, server) === undefined;
}

async function driftTimes(
  kernel: KernelTable,
  pools: readonly Pool[],
  { count, quietMs }: { readonly count: number; readonly quietMs: number },
): Promise<DriftTimes> {
  const times = { deleteServer: [], editWeight: [], deleteService: [], clear: [] } as {
    [name in keyof DriftTimes]: number[];
  };
  const last = lastOf('lvsd', pools);
  for (let turn = 0; turn < count; turn += 1) {
    const pool = pools[(turn * 997) % pools.length];
    const server = pool?.servers[1];
    if (pool === undefined || server === undefined) throw new Error('There is no such server');
    const isRight = (): boolean => kernel.weightOf(pool, server) === 1;
    const timed = async (change: () => void): Promise<number> => {
      await sleep(STAGGER_MS + 100 * turn);
      const beganMs = performance.now();
      change();
      return until('the change is undone', isRight, beganMs, LARGE_POLL_MS);
    };
    times.deleteServer.push(await timed(() => deleteServer(pool, server)));
    times.editWeight.push(await timed(() => ipvsadm('-e', pool, server, '-g', '-w', '9')));
    times.deleteService.push(await timed(() => ipvsadm('-D', pool)));
    if (turn % 3 !== 0) continue;
    const beganMs = performance.now();
    kernel.clear();
    const isBack = (): boolean => kernel.has(last.pool, last.server, WEIGHT_ONE);
    times.clear.push(await until('the table is put back', isBack, beganMs, LARGE_POLL_MS));
    await sleep(quietMs);
  }
  return times;
}

function deleteServer(pool: Pool, server: string): void {
  ipvsadm('-d', pool, server);
}

function ipvsadm(action: string, pool: Pool, server?: string, ...rest: string[]): void {
  const at = [action, '-t', `${pool.address}:80`];
  execFileSync('ipvsadm', server === undefined ? at : [...at, '-r', `${server}:80`, ...rest]);
}

/** Entries that one has and the other has not. */
function differences(
  before: ReadonlyMap<string, readonly string[]>,
  after: ReadonlyMap<string, readonly string[]>,
): number {
  let count = 0;
  for (const [name, servers] of after) {
    const known = new Set(before.get(name));
    count += servers.filter((one) => !known.has(one)).length;
  }
  return count;
}

/** What goes out on the interface, by the kernel's time. */
class Adverts {
  readonly #tcpdump: ChildProcess;
  readonly #atMs: number[] = [];

  private constructor(tcpdump: ChildProcess) {
    this.#tcpdump = tcpdump;
    if (tcpdump.stdout === null) throw new Error('tcpdump has no output');
    createInterface(tcpdump.stdout).on('line', (line) => {
      const advert = readAdvert(line);
      if (advert !== undefined) this.#atMs.push(advert.atMs);
    });
  }

  static async open(): Promise<Adverts> {
    const words = ['-n', '-tt', '-l', '--immediate-mode', '-i', 'bench0', 'ip proto 112'];
    const tcpdump = spawn('tcpdump', words);
    const adverts = new Adverts(tcpdump);
    let said = '';
    tcpdump.stderr?.on('data', (text) => {
      said += text;
    });
    await until('tcpdump listens', () => said.includes('listening on'), performance.now());
    return adverts;
  }

  longestGapMs(fromMs: number): number {
    const seen = this.#atMs.filter((atMs) => atMs >= fromMs);
    const gaps = seen.slice(1).map((atMs, index) => atMs - (seen[index] ?? atMs));
    return Math.max(...gaps);
  }

  close(): void {
    this.#tcpdump.kill('SIGKILL');
  }
}
