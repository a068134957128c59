/**
 * A real keepalived (Debian's) as the other router of the group, on one segment in namespaces: it must
 * accept our adverts and yield, take over when we stop, and we must yield to it. tcpdump is the
 * independent reader of the wire, `ip addr` of the addresses.
 */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { InstanceSnapshot } from '../../src/vrrp/snapshot.ts';
import { ended, eventually, type Host, Segment, said } from '../netns/segment.ts';

interface Group {
  readonly title: string;
  readonly version: 2 | 3;
  readonly advertInt: string;
  readonly vip: string;
  readonly ours: readonly string[];
  readonly theirs: readonly string[];
}

const groups: readonly Group[] = [
  {
    title: 'VRRPv3, IPv4, 100 ms',
    version: 3,
    advertInt: '0.1',
    vip: '10.61.0.188',
    ours: ['10.61.0.1/24'],
    theirs: ['10.61.0.2/24'],
  },
  {
    title: 'VRRPv2, IPv4, 1 s',
    version: 2,
    advertInt: '1',
    vip: '10.61.0.188',
    ours: ['10.61.0.1/24'],
    theirs: ['10.61.0.2/24'],
  },
  {
    title: 'VRRPv3, IPv6, 100 ms',
    version: 3,
    advertInt: '0.1',
    vip: 'fd61::188',
    ours: ['fd61::1/64'],
    theirs: ['fd61::2/64'],
  },
];

let segment: Segment;
let us: Host;
let them: Host;
let directory: string;

beforeEach(() => {
  segment = new Segment();
  directory = mkdtempSync(join(tmpdir(), 'lvsd-interop-'));
});

afterEach(() => {
  segment.close();
  rmSync(directory, { recursive: true, force: true });
});

function writeConfig(name: string, group: Group, priority: number, routerVersion: string): string {
  const file = join(directory, name);
  const prefix = group.vip.includes(':') ? 128 : 32;
  writeFileSync(
    file,
    `global_defs {
  router_id ${name}
  vrrp_version ${routerVersion}
}
vrrp_instance VI_1 {
  state BACKUP
  interface eth0
  virtual_router_id 51
  priority ${priority}
  advert_int ${group.advertInt}
  virtual_ipaddress {
    ${group.vip}/${prefix}
  }
}
`,
  );
  return file;
}

function startLvsd(group: Group, priority: number): ChildProcess {
  const file = writeConfig('lvsd.conf', group, priority, String(group.version));
  const socket = join(directory, 'control.sock');
  return segment.spawn(us, 'bin/lvsd', 'run', '-f', file, '--socket', socket);
}

function startKeepalived(group: Group, priority: number): ChildProcess {
  const file = writeConfig('keepalived.conf', group, priority, String(group.version));
  const pid = (name: string): string => join(directory, `${name}.pid`);
  return segment.spawn(
    them,
    'keepalived',
    '--dont-fork',
    '--log-console',
    '--vrrp',
    '--use-file',
    file,
    '--pid',
    pid('parent'),
    '--vrrp_pid',
    pid('vrrp'),
  );
}

async function stop(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM');
  await ended(child);
}

/** The one that holds the VIP: `us`, `them`, `both` or `nobody`. */
function holder(group: Group): string {
  const ours = segment.addresses(us).includes(group.vip);
  const theirs = segment.addresses(them).includes(group.vip);
  if (ours && theirs) return 'both';
  if (ours) return 'us';
  return theirs ? 'them' : 'nobody';
}

const holds = (group: Group, who: string): Promise<void> =>
  eventually(`the VIP is with ${who} alone`, () => holder(group) === who);

describe.each(groups)('with keepalived, $title', (group) => {
  beforeEach(() => {
    us = segment.addHost('us', ...group.ours);
    them = segment.addHost('them', ...group.theirs);
  });

  it('it yields to us, takes over when we stop, and we yield to it', {
    timeout: 90_000,
  }, async () => {
    const capture = join(directory, 'wire.pcap');
    const tcpdump = segment.spawn(
      them,
      'tcpdump',
      '-U',
      '--immediate-mode',
      '-i',
      'eth0',
      '-w',
      capture,
      'proto',
      '112',
    );

    await said(tcpdump, 'listening on');
    const keepalived = startKeepalived(group, 100);
    await holds(group, 'them');
    const preferred = startLvsd(group, 200);
    await holds(group, 'us');
    await eventually('it stays so for three adverts', () => sent() >= 3);
    await stop(preferred);
    await holds(group, 'them');

    const lesser = startLvsd(group, 50);
    await eventually('our lesser director hears the master', () => state() === 'BACKUP');
    await stop(keepalived);
    await holds(group, 'us');
    const returned = startKeepalived(group, 100);
    await holds(group, 'them');
    await stop(returned);
    await holds(group, 'us');
    await stop(lesser);
    await holds(group, 'nobody');

    await stop(tcpdump);
    const decoded = execFileSync('tcpdump', ['-n', '-vvv', '-r', capture], { encoding: 'utf8' });
    const adverts = decoded.split('\n').filter((line) => line.includes('Advertisement'));
    expect(adverts.filter((line) => line.includes('prio 200')).length).toBeGreaterThan(1);
    expect(adverts.filter((line) => line.includes('prio 0')).length).toBeGreaterThan(2);
    expect(decoded).not.toMatch(/bad|invalid|truncated|\[\|/i);
  });

  /** Adverts that we have sent, as `lvsd status` counts them. */
  function sent(): number {
    return status()?.counters.advertsSent ?? 0;
  }

  /** Our state once we have heard a master. */
  function state(): string {
    const instance = status();
    return instance?.masterAddress === undefined ? '' : instance.state;
  }

  /** Our instance as `lvsd status` tells it; undefined while it does not answer. */
  function status(): InstanceSnapshot | undefined {
    try {
      const socket = join(directory, 'control.sock');
      const text = execFileSync('bin/lvsd', ['status', '--json', '--socket', socket], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const { vrrp } = JSON.parse(text) as { vrrp: InstanceSnapshot[] };
      return vrrp[0];
    } catch {
      return undefined;
    }
  }
});
