/**
 * A sync group over two segments, shared by lvsd and Debian's keepalived: whoever loses one of its links
 * gives both VIPs to the other, and takes both back. `ip` is the independent reader: `ip addr` of who
 * holds a VIP, `ip monitor` of every move, tcpdump of the wire.
 */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ended, eventually, type Host, Segment, said } from '../netns/segment.ts';

const VIPS = { eth0: '10.66.0.188', eth1: '10.67.0.188' } as const;
const DEVICES = ['eth0', 'eth1'] as const;

type RouterName = 'lvsd' | 'keepalived';

let segments: Readonly<Record<(typeof DEVICES)[number], Segment>>;
let hosts: Readonly<Record<RouterName, Host>>;
let directory: string;
const at = (name: string): string => join(directory, name);

beforeEach(() => {
  segments = { eth0: new Segment(), eth1: new Segment() };
  directory = mkdtempSync(join(tmpdir(), 'lvsd-sync-group-'));
  hosts = { lvsd: addRouter('lvsd', 1), keepalived: addRouter('keepalived', 2) };
});

afterEach(() => {
  for (const device of DEVICES) segments[device].close();
  rmSync(directory, { recursive: true, force: true });
});

function addRouter(name: RouterName, number: number): Host {
  const host = segments.eth0.addHost(name, `10.66.0.${number}/24`);
  segments.eth1.connect(host, 'eth1', `10.67.0.${number}/24`);
  return host;
}

function instance(device: (typeof DEVICES)[number], id: number, priority: number): string {
  return `vrrp_instance ${device} {
state BACKUP
interface ${device}
virtual_router_id ${id}
priority ${priority}
advert_int 0.1
virtual_ipaddress {
${VIPS[device]}/32
}
}
`;
}

function write(name: RouterName, priority: number, second = priority): string {
  const file = at(`${name}.conf`);
  writeFileSync(
    file,
    `global_defs {
vrrp_version 3
}
vrrp_sync_group both {
group {
${DEVICES.join('\n')}
}
}
${instance('eth0', 51, priority)}${instance('eth1', 52, second)}`,
  );
  return file;
}

function start(name: RouterName, priority: number, second = priority): ChildProcess {
  const file = write(name, priority, second);
  const pids = ['--pid', at('parent.pid'), '--vrrp_pid', at('vrrp.pid')];
  const words = {
    lvsd: ['bin/lvsd', 'run', '-f', file, '--socket', at('control.sock')],
    keepalived: ['keepalived', '-n', '--log-console', '--vrrp', '--use-file', file, ...pids],
  } as const;
  const [command, ...args] = words[name];
  const child = segments.eth0.spawn(hosts[name], command, ...args);
  child.stdout?.resume();
  child.stderr?.resume();
  return child;
}

/** Who holds a VIP, by `ip addr`. */
const holders = (device: (typeof DEVICES)[number]): readonly Host[] =>
  Object.values(hosts).filter((host) =>
    segments[device].addresses(host, device).includes(VIPS[device]),
  );

const holdsBoth = (who: Host): Promise<void> =>
  eventually(`both VIPs are with ${who.name} alone`, () =>
    DEVICES.every((device) => {
      const [first, ...others] = holders(device);
      return first === who && others.length === 0;
    }),
  );

/** Every move of a VIP on this host from now on, as the kernel tells it: `+` came, `-` went. */
async function watchMoves(host: Host): Promise<(vip: string) => string> {
  const monitor = segments.eth0.spawn(host, 'ip', '-4', '-o', 'monitor', 'address');
  let text = '';
  monitor.stdout?.on('data', (chunk) => {
    text += String(chunk);
  });
  await eventually('the monitor listens', () => {
    segments.eth0.run(host, 'ip', 'addr', 'add', '192.0.2.1/32', 'dev', 'lo');
    segments.eth0.run(host, 'ip', 'addr', 'del', '192.0.2.1/32', 'dev', 'lo');
    return text.includes('192.0.2.1');
  });
  return (vip) =>
    text
      .split('\n')
      .filter((line) => line.includes(`inet ${vip}/`))
      .map((line) => (line.startsWith('Deleted') ? '-' : '+'))
      .join('');
}

describe.each([
  { preferred: 'lvsd', lesser: 'keepalived' },
  { preferred: 'keepalived', lesser: 'lvsd' },
] as const)('a sync group, $preferred preferred to $lesser', ({ preferred, lesser }) => {
  it('moves both VIPs by one link, and back, and on SIGTERM', { timeout: 60_000 }, async () => {
    const [host, other] = [hosts[preferred], hosts[lesser]];
    const moves = await watchMoves(host);
    const otherMoves = await watchMoves(other);
    const capture = at('wire.pcap');
    const options = ['-U', '--immediate-mode', '-i', 'eth1', '-w', capture];
    const tcpdump = segments.eth1.spawn(other, 'tcpdump', ...options, 'proto', '112');
    await said(tcpdump, 'listening on');

    start(lesser, 100);
    await holdsBoth(other);
    const master = start(preferred, 200);
    await holdsBoth(host);
    for (const device of DEVICES) {
      segments[device].setCable(host, 'down');
      await holdsBoth(other);
      segments[device].setCable(host, 'up');
      await holdsBoth(host);
    }
    master.kill('SIGTERM');
    await holdsBoth(other);
    await ended(master);

    for (const vip of Object.values(VIPS)) {
      await eventually(`every move of ${vip} is told`, () => otherMoves(vip).length >= 7);
      expect(moves(vip), `${vip} on ${host.name}`).toBe('+-+-+-');
      expect(otherMoves(vip), `${vip} on ${other.name}`).toBe('+-+-+-+');
    }
    tcpdump.kill('SIGTERM');
    await ended(tcpdump);
    const read = ['-n', '-vvv', '-r', capture];
    const decoded = execFileSync('tcpdump', read, { encoding: 'utf8', stdio: 'pipe' });
    for (const priority of [200, 100, 0]) expect(decoded).toContain(`vrid 52, prio ${priority}`);
    expect(decoded).not.toMatch(/bad|malformed|invalid|truncated|\[\|/i);
  });
});

describe('a sync group whose members do not agree who is better', () => {
  it('rests with who has it, and says once which priorities to change', async () => {
    start('keepalived', 100, 200);
    await holdsBoth(hosts.keepalived);
    start('lvsd', 200, 100);
    const socket = at('control.sock');
    const contests = (): readonly string[] => {
      try {
        const words = ['events', '--json', '--socket', socket];
        const lines = segments.eth0
          .run(hosts.lvsd, 'bin/lvsd', ...words)
          .trim()
          .split('\n');
        return lines.filter((line) => line.includes('groupContested'));
      } catch {
        // It does not answer yet.
        return [];
      }
    };
    await eventually('it is told', () => contests().length > 0);
    expect(JSON.parse(contests()[0] ?? '')).toMatchObject({
      object: 'GROUP',
      name: 'both',
      fields: { better: 'eth0 (200 here, 100 there)', worse: 'eth1 (100 here, 200 there)' },
    });
    await holdsBoth(hosts.keepalived);
  });
});
