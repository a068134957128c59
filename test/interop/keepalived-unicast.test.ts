/**
 * Debian's keepalived as the peer of unicast adverts, and of adverts with a password: each must accept the
 * other's. A wrong password is refused on both sides, which the real thing answers with two masters.
 */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { InstanceSnapshot } from '../../src/vrrp/snapshot.ts';
import { ended, eventually, type Host, Segment } from '../netns/segment.ts';

interface Pair {
  readonly title: string;
  readonly version: 2 | 3;
  readonly advertInt: string;
  readonly vip: string;
  readonly ours: string;
  readonly theirs: string;
  readonly lines: (own: string, peer: string) => string;
}

const unicast = (own: string, peer: string): string =>
  `unicast_src_ip ${own}\nunicast_peer {\n${peer}\n}`;
const password = (text: string): string => `authentication {\nauth_type PASS\nauth_pass ${text}\n}`;
const v4 = { vip: '10.63.0.188', ours: '10.63.0.1', theirs: '10.63.0.2' };
const v6 = { vip: 'fd63::188', ours: 'fd63::1', theirs: 'fd63::2' };

const pairs: readonly Pair[] = [
  { title: 'unicast, VRRPv3, IPv4', version: 3, advertInt: '0.2', ...v4, lines: unicast },
  { title: 'unicast, VRRPv3, IPv6', version: 3, advertInt: '0.2', ...v6, lines: unicast },
  {
    title: 'unicast with a password, VRRPv2',
    version: 2,
    advertInt: '1',
    ...v4,
    lines: (own, peer) => `${unicast(own, peer)}\n${password('s3cret')}`,
  },
  {
    title: 'multicast with a password, VRRPv2',
    version: 2,
    advertInt: '1',
    ...v4,
    lines: () => password('s3cret'),
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

function addHosts({ ours, theirs }: Pair): void {
  const length = ours.includes(':') ? 64 : 24;
  us = segment.addHost('us', `${ours}/${length}`);
  them = segment.addHost('them', `${theirs}/${length}`);
}

function write(name: string, pair: Pair, priority: number, lines: string): string {
  const file = join(directory, name);
  const text = `global_defs {
vrrp_version ${pair.version}
}
vrrp_instance VI_1 {
state BACKUP
interface eth0
virtual_router_id 51
priority ${priority}
advert_int ${pair.advertInt}
virtual_ipaddress {
${pair.vip}/${pair.vip.includes(':') ? 128 : 32}
}
${lines}
}
`;
  writeFileSync(file, text);
  return file;
}

function startLvsd(pair: Pair, priority: number, lines = pair.lines(pair.ours, pair.theirs)) {
  const file = write('lvsd.conf', pair, priority, lines);
  const socket = join(directory, 'control.sock');
  return segment.spawn(us, 'bin/lvsd', 'run', '-f', file, '--socket', socket);
}

function startKeepalived(pair: Pair, priority: number): ChildProcess {
  const file = write('keepalived.conf', pair, priority, pair.lines(pair.theirs, pair.ours));
  const pid = (name: string): string => join(directory, `${name}.pid`);
  const pids = ['--pid', pid('parent'), '--vrrp_pid', pid('vrrp')];
  const words = ['--dont-fork', '--log-console', '--vrrp', '--use-file', file, ...pids];
  return segment.spawn(them, 'keepalived', ...words);
}

async function stop(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM');
  await ended(child);
}

function holders({ vip }: Pair): string {
  return [us, them]
    .filter((host) => segment.addresses(host).includes(vip))
    .map(({ name }) => name)
    .join(' ');
}

const holds = (pair: Pair, who: string): Promise<void> =>
  eventually(`the VIP is with: ${who}`, () => holders(pair) === who, 20_000);

function status(): InstanceSnapshot | undefined {
  try {
    const socket = join(directory, 'control.sock');
    const text = execFileSync('bin/lvsd', ['status', '--json', '--socket', socket], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return (JSON.parse(text) as { vrrp: InstanceSnapshot[] }).vrrp[0];
  } catch {
    return undefined;
  }
}

describe.each(pairs)('with keepalived, $title', (pair) => {
  it('it yields to us, takes over when we stop, and we yield to it', {
    timeout: 90_000,
  }, async () => {
    addHosts(pair);
    const keepalived = startKeepalived(pair, 100);
    await holds(pair, 'them');
    const preferred = startLvsd(pair, 200);
    await holds(pair, 'us');
    await stop(preferred);
    await holds(pair, 'them');
    const lesser = startLvsd(pair, 50);
    await eventually('we hear it', () => status()?.masterAddress === pair.theirs);
    expect(status()).toMatchObject({ state: 'BACKUP', peers: [{ address: pair.theirs }] });
    await stop(keepalived);
    await holds(pair, 'us');
    await stop(lesser);
    await holds(pair, '');
  });
});

describe('with keepalived, another password', () => {
  it('is refused by name, on both sides: two masters', { timeout: 60_000 }, async () => {
    const [, , , pair] = pairs;
    if (pair === undefined) throw new Error('No such pair');
    addHosts(pair);
    const keepalived = startKeepalived(pair, 100);
    await holds(pair, 'them');
    const lvsd = startLvsd(pair, 50, password('0ther'));
    await holds(pair, 'us them');
    await eventually(
      'the refusal is counted',
      () => (status()?.counters['refused.AUTH_FAILURE'] ?? 0) > 0,
    );
    await stop(lvsd);
    await stop(keepalived);
  });
});
