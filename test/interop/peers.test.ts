/**
 * Real routers of others in the group, on one segment in namespaces: Debian's keepalived and FRR's vrrpd.
 * Each must accept our adverts and yield, take over when we stop, and we must yield to it; without
 * preemption whoever is master stays. tcpdump is the independent reader of the wire, `ip` of the addresses.
 */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { InstanceSnapshot } from '../../src/vrrp/snapshot.ts';
import { ended, eventually, type Host, Segment, said } from '../netns/segment.ts';

type PeerName = 'keepalived' | 'frr';

/** What is read of `show vrrp json`. */
interface FrrRouter {
  readonly v4: { readonly status: string };
}

interface Group {
  readonly peer: PeerName;
  readonly version: 2 | 3;
  readonly family: 4 | 6;
  readonly advertIntervalMs: number;
  readonly preempt: boolean;
}

/** One row a case; addresses follow from the family. FRR's version 2 counts in whole seconds, as ours. */
const groups: readonly Group[] = [
  { peer: 'keepalived', version: 3, family: 4, advertIntervalMs: 100, preempt: true },
  { peer: 'keepalived', version: 3, family: 4, advertIntervalMs: 100, preempt: false },
  { peer: 'keepalived', version: 3, family: 6, advertIntervalMs: 100, preempt: true },
  { peer: 'keepalived', version: 3, family: 6, advertIntervalMs: 100, preempt: false },
  { peer: 'keepalived', version: 2, family: 4, advertIntervalMs: 1000, preempt: true },
  { peer: 'keepalived', version: 2, family: 4, advertIntervalMs: 1000, preempt: false },
  { peer: 'frr', version: 3, family: 4, advertIntervalMs: 100, preempt: true },
  { peer: 'frr', version: 3, family: 4, advertIntervalMs: 100, preempt: false },
  { peer: 'frr', version: 2, family: 4, advertIntervalMs: 1000, preempt: true },
  { peer: 'frr', version: 2, family: 4, advertIntervalMs: 1000, preempt: false },
];

const MS_PER_SECOND = 1000;
const VIP = { 4: '10.61.0.188', 6: 'fd61::188' } as const;
const OURS = { 4: '10.61.0.1/24', 6: 'fd61::1/64' } as const;
const THEIRS = { 4: '10.61.0.2/24', 6: 'fd61::2/64' } as const;
/** FRR runs an instance on a macvlan with the virtual router's MAC, and takes it down as backup. */
const FRR_DEVICE = 'vrrp4-51';
const FRR_MAC = '00:00:5e:00:01:33';

let segment: Segment;
let us: Host;
let them: Host;
let directory: string;
/** The other router's process, once it was started. */
let peer: ChildProcess | undefined;

beforeEach(() => {
  segment = new Segment();
  peer = undefined;
  directory = mkdtempSync(join(tmpdir(), 'lvsd-interop-'));
});

afterEach(() => {
  segment.close();
  rmSync(directory, { recursive: true, force: true });
});

function writeConfig(name: string, group: Group, priority: number): string {
  const file = join(directory, name);
  const prefix = group.family === 6 ? 128 : 32;
  writeFileSync(
    file,
    `global_defs {
  router_id ${name}
  vrrp_version ${group.version}
}
vrrp_instance VI_1 {
  state BACKUP
  interface eth0
  virtual_router_id 51
  priority ${priority}
  advert_int ${group.advertIntervalMs / MS_PER_SECOND}
  ${group.preempt ? '' : 'nopreempt'}
  virtual_ipaddress {
    ${VIP[group.family]}/${prefix}
  }
}
`,
  );
  return file;
}

function startLvsd(group: Group, priority: number): ChildProcess {
  const file = writeConfig('lvsd.conf', group, priority);
  const socket = join(directory, 'control.sock');
  return segment.spawn(us, 'bin/lvsd', 'run', '-f', file, '--socket', socket);
}

const PEERS: Readonly<Record<PeerName, (group: Group, priority: number) => ChildProcess>> = {
  keepalived: (group, priority) => {
    const file = writeConfig('keepalived.conf', group, priority);
    const pid = (name: string): string => join(directory, `${name}.pid`);
    const options = ['--dont-fork', '--log-console', '--vrrp', '--use-file', file];
    const pids = ['--pid', pid('parent'), '--vrrp_pid', pid('vrrp')];
    return segment.spawn(them, 'keepalived', ...options, ...pids);
  },
  frr: (group, priority) => {
    const file = join(directory, 'frr.conf');
    const word = 'vrrp 51';
    writeFileSync(
      file,
      `interface eth0
 ${word} version ${group.version}
 ${word} priority ${priority}
 ${word} advertisement-interval ${group.advertIntervalMs}
 ${group.preempt ? word : `no ${word}`} preempt
 ${word} ip ${VIP[group.family]}
`,
    );
    return segment.spawn(them, '/usr/lib/frr/vrrpd', ...frrOptions('vrrpd'), '-f', file);
  },
};

function startPeer(group: Group, priority: number): ChildProcess {
  peer = PEERS[group.peer](group, priority);
  peer.stdout?.resume();
  peer.stderr?.resume();
  return peer;
}

/** A run directory of its own: nothing of an FRR of the machine is met. */
function frrOptions(name: string): readonly string[] {
  const pid = join(directory, `${name}.pid`);
  const socket = join(directory, 'zserv');
  return ['-i', pid, '-z', socket, '--vty_socket', directory, '-P', '0'];
}

/** What vrrpd stands on: zebra tells it of interfaces, and the device is to be there before. */
async function prepareFrr(group: Group): Promise<void> {
  const ip = (...words: readonly string[]): string => segment.run(them, 'ip', ...words);
  ip('link', 'add', FRR_DEVICE, 'link', 'eth0', 'type', 'macvlan', 'mode', 'bridge');
  ip('link', 'set', FRR_DEVICE, 'address', FRR_MAC, 'up');
  ip('addr', 'add', `${VIP[group.family]}/24`, 'dev', FRR_DEVICE);
  execFileSync('chown', ['frr:frr', directory]);
  segment.spawn(them, '/usr/lib/frr/zebra', ...frrOptions('zebra'));
  await eventually('zebra listens', () => existsSync(join(directory, 'zserv')));
}

async function stop(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM');
  await ended(child);
}

/** The one that holds the VIP: `us`, `them`, `both` or `nobody`. */
function holder(group: Group): string {
  const ours = segment.addresses(us).includes(VIP[group.family]);
  const theirs =
    group.peer === 'frr' ? isFrrMaster() : segment.addresses(them).includes(VIP[group.family]);
  if (ours && theirs) return 'both';
  if (ours) return 'us';
  return theirs ? 'them' : 'nobody';
}

/**
 * By its own word: the device with its addresses is up also while vrrpd has not yet begun, and that was taken
 * for a master. Our director was then sometimes the first to speak, and FRR never became one.
 */
function isFrrMaster(): boolean {
  if (peer?.exitCode !== null) return false;
  const options = ['-d', 'vrrpd', '--vty_socket', directory, '-c', 'show vrrp json'];
  try {
    const [router] = JSON.parse(segment.run(them, 'vtysh', ...options)) as FrrRouter[];
    return router?.v4.status === 'Master';
  } catch {
    // It does not answer yet, or no more.
    return false;
  }
}

const holds = (group: Group, who: string): Promise<void> =>
  eventually(`the VIP is with ${who} alone`, () => holder(group) === who);

describe.each(groups)('with $peer, VRRPv$version, IPv$family, preempt $preempt', (group) => {
  beforeEach(async () => {
    us = segment.addHost('us', OURS[group.family]);
    them = segment.addHost('them', THEIRS[group.family]);
    if (group.peer === 'frr') await prepareFrr(group);
  });

  it('there is one master and the right one, and the wire is clean', {
    timeout: 90_000,
  }, async () => {
    const capture = join(directory, 'wire.pcap');
    const options = ['-U', '--immediate-mode', '-i', 'eth0', '-w', capture];
    const tcpdump = segment.spawn(us, 'tcpdump', ...options, 'proto', '112');
    await said(tcpdump, 'listening on');

    await (group.preempt ? preempting() : staying());

    await stop(tcpdump);
    const decoded = execFileSync('tcpdump', ['-n', '-vvv', '-r', capture], { encoding: 'utf8' });
    const adverts = decoded.split('\n').filter((line) => line.includes('Advertisement'));
    expect(adverts.filter((line) => line.includes('prio 200')).length).toBeGreaterThan(1);
    expect(adverts.filter((line) => line.includes('prio 0')).length).toBeGreaterThan(1);
    expect(decoded).not.toMatch(/bad|invalid|truncated|\[\|/i);
  });

  async function preempting(): Promise<void> {
    const lesser = startPeer(group, 100);
    await holds(group, 'them');
    const preferred = startLvsd(group, 200);
    await holds(group, 'us');
    await eventually('it stays so for three adverts', () => sent() >= 3);
    await stop(preferred);
    await holds(group, 'them');
    const second = startLvsd(group, 50);
    await eventually('our lesser director hears the master', () => state() === 'BACKUP');
    await stop(lesser);
    await holds(group, 'us');
    const returned = startPeer(group, 100);
    await holds(group, 'them');
    await stop(returned);
    await holds(group, 'us');
    await stop(second);
  }

  async function staying(): Promise<void> {
    const first = startPeer(group, 100);
    await holds(group, 'them');
    const preferred = startLvsd(group, 200);
    await eventually('our better director hears the master', () => state() === 'BACKUP');
    expect(holder(group)).toBe('them');
    await stop(first);
    await holds(group, 'us');
    const better = startPeer(group, 250);
    const before = sent();
    await eventually('we go on for five adverts', () => sent() >= before + 5);
    expect(holder(group)).toBe('us');
    await stop(preferred);
    await holds(group, 'them');
    await stop(better);
  }

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
