/**
 * The daemon as a user runs it, two directors on one segment in namespaces, VRRP only: what becomes of
 * the VIP when processes are killed, stopped or orphaned, and what a reload does. `ip addr` and tcpdump
 * are the independent readers.
 */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DaemonStatus } from '../../src/observe/status.ts';
import { ended, eventually, type Host, Segment, said } from '../netns/segment.ts';

const VIP = '10.62.0.188';

interface Director {
  readonly host: Host;
  readonly process: ChildProcess;
  readonly file: string;
  readonly socket: string;
  readonly log: () => string;
}

let segment: Segment;
let directory: string;

beforeEach(() => {
  segment = new Segment();
  directory = mkdtempSync(join(tmpdir(), 'lvsd-run-'));
});

afterEach(() => {
  segment.close();
  rmSync(directory, { recursive: true, force: true });
});

function configText(priority: number, advertInt: string, extra = ''): string {
  return `vrrp_instance VI_1 {
  state BACKUP
  interface eth0
  virtual_router_id 62
  version 3
  priority ${priority}
  advert_int ${advertInt}
  virtual_ipaddress {
    ${VIP}/32
  }
${extra}}
`;
}

function start(host: Host, priority: number, advertInt = '1'): Director {
  const file = join(directory, `${host.name}.conf`);
  writeFileSync(file, configText(priority, advertInt));
  const socket = join(directory, host.name, 'control.sock');
  const process = segment.spawn(host, 'bin/lvsd', 'run', '-f', file, '--socket', socket);
  let log = '';
  process.stderr?.on('data', (chunk) => {
    log += String(chunk);
  });
  return { host, process, file, socket, log: () => log };
}

function status({ socket }: Director): DaemonStatus | undefined {
  try {
    const text = execFileSync('bin/lvsd', ['status', '--json', '--socket', socket], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return JSON.parse(text) as DaemonStatus;
  } catch {
    return undefined;
  }
}

const holds = ({ host }: Director): boolean => segment.addresses(host).includes(VIP);

function alone(holder: Director, other: Director): Promise<void> {
  const what = `the VIP is on ${holder.host.name} alone`;
  return eventually(what, () => holds(holder) && !holds(other), 20_000);
}

function vrrpPid(director: Director): number {
  const pid = status(director)?.processes.vrrp.pid;
  if (pid === undefined) throw new Error('The vrrp process has no pid');
  return pid;
}

/** Two directors up, the VIP on the first. */
async function startPair(
  advertInt = '1',
): Promise<{ readonly master: Director; readonly backup: Director }> {
  const master = start(segment.addHost('d1', '10.62.0.1/24'), 150, advertInt);
  const backup = start(segment.addHost('d2', '10.62.0.2/24'), 100, advertInt);
  await alone(master, backup);
  await eventually('the backup hears the master', () => {
    const instance = status(backup)?.vrrp[0];
    return instance?.state === 'BACKUP' && instance.masterAddress === '10.62.0.1';
  });
  return { master, backup };
}

/** Watches the backup's eth0 for VRRP; `end` gives what tcpdump decoded. */
async function watchWire({ host }: Director): Promise<{ end(): Promise<string> }> {
  const file = join(directory, 'wire.pcap');
  const tcpdump = segment.spawn(
    host,
    'tcpdump',
    '-U',
    '--immediate-mode',
    '-i',
    'eth0',
    '-w',
    file,
    'vrrp',
  );
  await said(tcpdump, 'listening on');
  return {
    end: async () => {
      tcpdump.kill('SIGTERM');
      await ended(tcpdump);
      return execFileSync('tcpdump', ['-n', '-v', '-r', file], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
    },
  };
}

describe('the dead-man’s switch', () => {
  it.each([
    ['killed', 'SIGKILL'],
    ['stopped', 'SIGSTOP'],
  ] as const)(
    'a vrrp process that is %s is replaced and goes on as master',
    async (_how, signal) => {
      const { master, backup } = await startPair();
      const wire = await watchWire(backup);
      const before = vrrpPid(master);
      process.kill(before, signal);
      await eventually('a replacement is master', () => {
        const now = status(master);
        return (
          now !== undefined &&
          now.processes.vrrp.pid !== undefined &&
          now.processes.vrrp.pid !== before &&
          now.vrrp[0]?.state === 'MASTER'
        );
      });
      expect(status(master)?.vrrp[0]?.reason).toBe('RESUMED_AS_MASTER');
      expect(status(master)?.processes.vrrp.restarts).toBe(1);
      expect(status(backup)?.vrrp[0]).toMatchObject({ state: 'BACKUP', counters: {} });
      expect(holds(master)).toBe(true);
      expect(holds(backup)).toBe(false);
      const decoded = await wire.end();
      expect(decoded).not.toContain('prio 0');
      expect(decoded).not.toContain('10.62.0.2 >');
    },
    60_000,
  );

  it('the VIP is given up for a vrrp process that cannot be replaced within two intervals', async () => {
    const { master, backup } = await startPair('0.01');
    const wire = await watchWire(backup);
    process.kill(vrrpPid(master), 'SIGKILL');
    await eventually('the backup has been master', () => {
      const counters = status(backup)?.vrrp[0]?.counters;
      return (counters?.becameMaster ?? 0) > 0;
    });
    await eventually('the supervisor says so', () =>
      master.log().includes('"msg":"gave up for the vrrp process"'),
    );
    // The replacement starts as a backup like any other and, having the better priority, preempts.
    await alone(master, backup);
    expect(await wire.end()).toContain('prio 0');
  }, 60_000);

  it('children whose supervisor is killed hand the VIP over and end', async () => {
    const { master, backup } = await startPair();
    const wire = await watchWire(backup);
    const pid = status(master)?.pid;
    if (pid === undefined) throw new Error('No supervisor');
    process.kill(pid, 'SIGKILL');
    await alone(backup, master);
    await eventually('nothing of lvsd is left on d1', () => processes(master.host).length === 0);
    expect(await wire.end()).toContain('prio 0');
  }, 60_000);

  it('what was left by a director that was killed whole is taken off before its next advert', async () => {
    const { master, backup } = await startPair();
    for (const pid of processes(master.host)) process.kill(pid, 'SIGKILL');
    await eventually('the backup has taken over', () => holds(backup));
    expect(holds(master)).toBe(true);
    const returned = start(master.host, 50);
    await alone(backup, returned);
    await eventually('it says so', () =>
      returned.log().includes('removed a leftover virtual address'),
    );
  }, 60_000);
});

describe('privileges', () => {
  it('the children of a root daemon have the three capabilities they need and no other', async () => {
    const { master } = await startPair();
    const text = readFileSync(`/proc/${vrrpPid(master)}/status`, 'utf8');
    // linux/capability.h: CAP_NET_ADMIN 12, CAP_NET_RAW 13, CAP_SYS_NICE 23.
    const mask = ((1 << 12) | (1 << 13) | (1 << 23)).toString(16).padStart(16, '0');
    for (const set of ['CapPrm', 'CapEff', 'CapBnd']) expect(text).toContain(`${set}:\t${mask}\n`);
    expect(text).toContain(`CapInh:\t${'0'.repeat(16)}\n`);
    expect(text).toContain('NoNewPrivs:\t1\n');
  });
});

describe('SIGTERM', () => {
  it('hands the VIP over without a moment in which nobody has it', async () => {
    const { master, backup } = await startPair();
    const gaps: string[] = [];
    const watching = setInterval(() => {
      if (!holds(master) && !holds(backup)) gaps.push('nobody');
    }, 5);
    status(master);
    process.kill(status(master)?.pid ?? 0, 'SIGTERM');
    await alone(backup, master);
    clearInterval(watching);
    expect(await ended(master.process)).toBe(0);
    expect(gaps).toEqual([]);
    expect(processes(master.host)).toEqual([]);
  }, 60_000);
});

describe('SIGHUP', () => {
  it('refuses a file with a mistake as a whole, says where, and changes nothing', async () => {
    const { master, backup } = await startPair();
    const before = status(master);
    writeFileSync(master.file, configText(50, '1', '  priorty 10\n'));
    process.kill(before?.pid ?? 0, 'SIGHUP');
    await eventually('the refusal is logged', () => master.log().includes('reload refused'));
    expect(master.log()).toMatch(new RegExp(`${master.file}:11:3`));
    const after = status(master);
    expect(after?.loadedAt).toBe(before?.loadedAt);
    expect(after?.vrrp[0]).toMatchObject({ state: 'MASTER', priority: 150 });
    expect(holds(backup)).toBe(false);
  }, 60_000);

  it('applies a good one in the same processes, without losing mastership', async () => {
    const { master, backup } = await startPair();
    const before = status(master);
    const sinceMs = before?.vrrp[0]?.sinceMs;
    const file = readFileSync(master.file, 'utf8');
    writeFileSync(master.file, file.replace(`${VIP}/32`, `${VIP}/32\n    10.62.0.189/32`));
    process.kill(before?.pid ?? 0, 'SIGHUP');
    await eventually('the new address is there', () =>
      segment.addresses(master.host).includes('10.62.0.189'),
    );
    const after = status(master);
    expect(after?.processes.vrrp.pid).toBe(before?.processes.vrrp.pid);
    expect(after?.vrrp[0]).toMatchObject({ state: 'MASTER', sinceMs });
    expect(holds(master)).toBe(true);
    writeFileSync(master.file, file.replace('priority 150', 'priority 50'));
    process.kill(before?.pid ?? 0, 'SIGHUP');
    await alone(backup, master);
    expect(segment.addresses(master.host)).not.toContain('10.62.0.189');
  }, 60_000);
});

describe('lvsd reload', () => {
  it('returns when the vrrp process has it: an instance that was removed is gone', async () => {
    const { master } = await startPair();
    const before = readFileSync(master.file, 'utf8');
    const other = before
      .replace('VI_1', 'VI_2')
      .replace('virtual_router_id 62', 'virtual_router_id 63')
      .replace(VIP, '10.62.0.190');
    const file = join(directory, 'other.conf');
    writeFileSync(file, before + other);
    const reload = (path: string): unknown =>
      JSON.parse(
        execFileSync('bin/lvsd', ['reload', path, '--json', '--socket', master.socket], {
          encoding: 'utf8',
        }),
      );
    expect(reload(file)).toMatchObject({ ok: true, file, pending: [] });
    await eventually('the second address is there', () =>
      segment.addresses(master.host).includes('10.62.0.190'),
    );
    const changes = [{ kind: 'removed', what: 'vrrp_instance', name: 'VI_2' }];
    expect(reload(master.file)).toMatchObject({ ok: true, changes, pending: [] });
    expect(segment.addresses(master.host)).not.toContain('10.62.0.190');
    expect(holds(master)).toBe(true);
  }, 60_000);
});

/** Pids of what runs on a host. */
function processes(host: Host): readonly number[] {
  const pids = execFileSync('ip', ['netns', 'pids', host.namespace], { encoding: 'utf8' });
  return pids
    .split('\n')
    .filter((pid) => pid !== '')
    .map(Number);
}
