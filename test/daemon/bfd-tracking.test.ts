/**
 * Two directors, of which the better one tracks a router by BFD: what becomes of the VIP when the session is
 * lost, and when it is our own process that dies.
 */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DaemonStatus } from '../../src/observe/status.ts';
import { eventually, type Host, Segment } from '../netns/segment.ts';

const VIP = '10.67.0.188';
const ROUTER = '10.67.0.254';

let segment: Segment;
let better: Host;
let other: Host;
let router: Host;
let directory: string;
const at = (name: string): string => join(directory, name);

beforeEach(() => {
  segment = new Segment();
  directory = mkdtempSync(join(tmpdir(), 'lvsd-track-bfd-'));
  better = segment.addHost('better', '10.67.0.1/24');
  other = segment.addHost('other', '10.67.0.2/24');
  router = segment.addHost('router', `${ROUTER}/24`);
});

afterEach(() => {
  segment.close();
  rmSync(directory, { recursive: true, force: true });
});

function start(host: Host, config: string): ChildProcess {
  const file = at(`${host.name}.conf`);
  writeFileSync(file, config);
  const options = ['-f', file, '--socket', at(`${host.name}.sock`)];
  const child = segment.spawn(host, 'bin/lvsd', 'run', ...options);
  child.stdout?.resume();
  child.stderr?.resume();
  return child;
}

const startRouter = (): ChildProcess =>
  start(
    router,
    'bfd_instance director {\nneighbor_ip 10.67.0.1\nmin_tx 50\nmin_rx 50\nmultiplier 20\n}\n',
  );

function director(priority: number, lines = ''): string {
  return `vrrp_instance VI_1 {
state BACKUP
interface eth0
virtual_router_id 67
version 3
priority ${priority}
advert_int 0.1
virtual_ipaddress {
${VIP}/32
}
${lines}
}
`;
}

const SESSION = `bfd_instance uplink {\nneighbor_ip ${ROUTER}\nmin_tx 50\nmin_rx 50\nmultiplier 20\n}\n`;

const holder = (): string =>
  [better, other]
    .filter((host) => segment.addresses(host).includes(VIP))
    .map(({ name }) => name)
    .join(' ');

const holds = (host: Host): Promise<void> =>
  eventually(`the VIP is with ${host.name} alone`, () => holder() === host.name);

function status(): DaemonStatus {
  const words = ['status', '--json', '--socket', at('better.sock')];
  return JSON.parse(execFileSync('bin/lvsd', words, { encoding: 'utf8' })) as DaemonStatus;
}

function events(): string {
  const words = ['events', '--socket', at('better.sock')];
  return execFileSync('bin/lvsd', words, { encoding: 'utf8' });
}

/** The better director, tracking so, has the VIP; the pid of its bfd process. */
async function masterTracking(lines: string): Promise<number> {
  startRouter();
  start(other, director(100));
  start(better, SESSION + director(200, lines));
  await holds(better);
  return status().processes.bfd.pid ?? 0;
}

describe('track_bfd', () => {
  it.each([
    ['without a weight makes FAULT', 'track_bfd {\nuplink\n}', 'FAULT', 200],
    ['with a weight lowers the priority', 'track_bfd {\nuplink weight -150\n}', 'BACKUP', 50],
  ] as const)(
    '%s: the VIP goes to the other director, and comes back',
    {
      timeout: 60_000,
    },
    async (_what, lines, state, priority) => {
      await masterTracking(lines);
      segment.killAll(router);
      await holds(other);
      expect(status().vrrp[0]).toMatchObject({ state, effectivePriority: priority });
      expect(events()).toContain('uplink is Down: Control Detection Time Expired');
      startRouter();
      await holds(better);
    },
  );

  it('moves nothing when the bfd process is killed, and is true again afterwards', {
    timeout: 60_000,
  }, async () => {
    process.kill(await masterTracking('track_bfd {\nuplink\n}'), 'SIGKILL');
    const seen = new Set<string>();
    await eventually('the session of the next process is up', () => {
      seen.add(holder());
      const { processes, bfd } = status();
      return processes.bfd.restarts === 1 && bfd?.sessions[0]?.state === 'Up';
    });
    seen.add(holder());
    expect([...seen]).toEqual(['better']);
    segment.killAll(router);
    await holds(other);
  });

  it('keeps the VIP over a restart in place, which takes the session down and up again', {
    timeout: 60_000,
  }, async () => {
    const before = await masterTracking('track_bfd {\nuplink\n}');
    execFileSync('bin/lvsd', ['restart', '--socket', at('better.sock')]);
    const seen = new Set<string>();
    await eventually('the session of the next start is up, and it is master', () => {
      seen.add(holder());
      try {
        const { processes, bfd, vrrp } = status();
        const isNew = processes.bfd.pid !== before;
        return isNew && bfd?.sessions[0]?.state === 'Up' && vrrp[0]?.state === 'MASTER';
      } catch {
        // Not listening yet.
        return false;
      }
    });
    seen.add(holder());
    expect([...seen]).toEqual(['better']);
  });

  it('fails closed when the bfd process hangs for good and its sessions do not come back', {
    timeout: 60_000,
  }, async () => {
    process.kill(await masterTracking('track_bfd {\nuplink\n}'), 'SIGSTOP');
    segment.killAll(router);
    await holds(other);
    expect(status().processes.bfd.restarts).toBeGreaterThan(0);
  });
});
