/**
 * The daemon over what carries adverts beside multicast: unicast, UDP, and authenticated. Two directors in
 * namespaces; the lesser takes over when the better is stopped, and is told so by priority 0.
 */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { InstanceSnapshot } from '../../src/vrrp/snapshot.ts';
import { ended, eventually, type Host, Segment } from '../netns/segment.ts';

interface Wiring {
  readonly title: string;
  readonly vip: string;
  readonly addresses: readonly [string, string];
  readonly version: 2 | 3;
  /** Lines of the instance, for the router with the first address, and its peer with the second. */
  readonly lines: (own: string, peer: string) => string;
  readonly authentication: string;
}

const GIVE_UP = fileURLToPath(new URL('../kernel/programs/give-up.ts', import.meta.url));
const SYSCTL_OF_REPORTS = 'net.ipv4.igmp_link_local_mcast_reports';
const KEY = 'hex:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f';
const unicast = (own: string, peer: string): string =>
  `unicast_src_ip ${own}\nunicast_peer {\n${peer}\n}`;
const hmac = `auth_hmac {\nkey 1 ${KEY}\n}`;
const v4 = ['10.62.0.1', '10.62.0.2'] as const;
const v6 = ['fd62::1', 'fd62::2'] as const;

const wirings: readonly Wiring[] = [
  {
    title: 'unicast over IPv4',
    vip: '10.62.0.188',
    addresses: v4,
    version: 3,
    lines: unicast,
    authentication: 'none',
  },
  {
    title: 'unicast over IPv6, without a source address given',
    vip: 'fd62::188',
    addresses: v6,
    version: 3,
    lines: (_own, peer) => `unicast_peer {\n${peer}\n}\ncheck_unicast_src`,
    authentication: 'none',
  },
  {
    title: 'multicast with auth_hmac over IPv6',
    vip: 'fd62::188',
    addresses: v6,
    version: 3,
    lines: () => hmac,
    authentication: 'HMAC',
  },
  {
    title: 'UDP with auth_hmac over IPv4',
    vip: '10.62.0.188',
    addresses: v4,
    version: 3,
    lines: (own, peer) => `${unicast(own, peer)}\ntransport udp\n${hmac}`,
    authentication: 'HMAC',
  },
  {
    title: 'UDP on another port with auth_hmac over IPv6',
    vip: 'fd62::188',
    addresses: v6,
    version: 3,
    lines: (own, peer) => `${unicast(own, peer)}\ntransport udp 5112\n${hmac}`,
    authentication: 'HMAC',
  },
  {
    title: 'version 2 with a password',
    vip: '10.62.0.188',
    addresses: v4,
    version: 2,
    lines: () => 'authentication {\nauth_type PASS\nauth_pass s3cret\n}',
    authentication: 'PASS',
  },
];

let segment: Segment;
let directory: string;

beforeEach(() => {
  segment = new Segment();
  directory = mkdtempSync(join(tmpdir(), 'lvsd-transports-'));
});

afterEach(() => {
  segment.close();
  rmSync(directory, { recursive: true, force: true });
});

interface Director {
  readonly host: Host;
  readonly file: string;
  readonly socket: string;
}

function director(name: string, wiring: Wiring, priority: number, own: string, peer: string) {
  const host = segment.addHost(name, `${own}/${own.includes(':') ? 64 : 24}`);
  const file = join(directory, `${name}.conf`);
  const length = own.includes(':') ? 128 : 32;
  writeFileSync(
    file,
    `vrrp_instance VI_1 {
interface eth0
virtual_router_id 51
version ${wiring.version}
priority ${priority}
advert_int ${wiring.version === 2 ? 1 : 0.5}
virtual_ipaddress {
${wiring.vip}/${length}
}
${wiring.lines(own, peer)}
}
`,
  );
  return { host, file, socket: join(directory, `${name}.sock`) };
}

function start({ host, file, socket }: Director): ChildProcess {
  return segment.spawn(host, 'bin/lvsd', 'run', '-f', file, '--socket', socket);
}

function status({ socket }: Director): InstanceSnapshot | undefined {
  try {
    const text = execFileSync('bin/lvsd', ['status', '--json', '--socket', socket], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return (JSON.parse(text) as { vrrp: InstanceSnapshot[] }).vrrp[0];
  } catch {
    return undefined;
  }
}

describe('what concerns all instances of a host', () => {
  const [plain] = wirings;
  if (plain === undefined) throw new Error('No wiring');

  it('disable_local_igmp holds while lvsd runs; routers that nobody configured are logged once', async () => {
    const lines = (): string => '';
    const host = director('host', { ...plain, lines }, 200, ...v4);
    const second = 'vrrp_instance VI_2 {\ninterface eth0\nvirtual_router_id 52\nadvert_int 1\n';
    const more = `${second}virtual_ipaddress {\n10.62.0.189/32\n}\n}\n`;
    const globals = 'global_defs {\nlog_unknown_vrids\ndisable_local_igmp\n}\n';
    writeFileSync(host.file, globals + readFileSync(host.file, 'utf8') + more);
    const reports = (): string => segment.run(host.host, 'sysctl', '-n', SYSCTL_OF_REPORTS).trim();
    expect(reports()).toBe('1');
    const daemon = start(host);
    let said = '';
    for (const stream of [daemon.stdout, daemon.stderr]) {
      stream?.on('data', (chunk) => {
        said += String(chunk);
      });
    }
    await eventually('no reports', () => reports() === '0');
    // Its peer has one group more, and both of ours.
    const other = director('other', { ...plain, lines }, 100, ...([v4[1], v4[0]] as const));
    const third = more.replace('VI_2', 'VI_3').replace('52', '53').replace('.189', '.190');
    writeFileSync(other.file, readFileSync(other.file, 'utf8') + third);
    start(other);
    const told = (): number => said.split('unknown virtual router').length - 1;
    await eventually('the stranger is told', () => told() > 0);
    await eventually(
      'more of its adverts come',
      () => (status(host)?.counters.otherRouterIds ?? 0) >= 3,
    );
    expect(told()).toBe(1);
    expect(said).toContain('"virtualRouterId":53');
    daemon.kill('SIGTERM');
    await ended(daemon);
    expect(reports()).toBe('1');
  });
});

describe('what an instance cannot speak without', () => {
  const [plain] = wirings;
  if (plain === undefined) throw new Error('No wiring');

  it('track_src_ip: no master while the source address is missing, and master again with it', async () => {
    const lines = (own: string, peer: string): string => `${unicast(own, peer)}\ntrack_src_ip`;
    const only = director('only', { ...plain, lines }, 200, ...v4);
    const holds = (): boolean => segment.addresses(only.host).includes(plain.vip);
    segment.run(only.host, 'ip', 'addr', 'add', '10.62.0.9/24', 'dev', 'eth0');
    start(only);
    await eventually('it is master', holds);
    // The subnet of the first address stays: 10.62.0.9 is promoted.
    segment.run(only.host, 'sysctl', '-qw', 'net.ipv4.conf.all.promote_secondaries=1');
    segment.run(only.host, 'ip', 'addr', 'del', '10.62.0.1/24', 'dev', 'eth0');
    await eventually('it is in FAULT', () => status(only)?.state === 'FAULT' && !holds());
    segment.run(only.host, 'ip', 'addr', 'add', '10.62.0.1/24', 'dev', 'eth0');
    await eventually('it is master again', holds);
  });

  it('without its source address it waits, and starts when that comes', async () => {
    const only = director('only', plain, 200, ...v4);
    segment.run(only.host, 'ip', 'addr', 'del', '10.62.0.1/24', 'dev', 'eth0');
    start(only);
    await eventually('it waits', () => status(only)?.reason.includes('10.62.0.1') === true);
    segment.run(only.host, 'ip', 'addr', 'add', '10.62.0.1/24', 'dev', 'eth0');
    await eventually('it is master', () => status(only)?.state === 'MASTER');
  });

  it('unicast_fault_no_peer: an empty list is FAULT, not multicast', async () => {
    const lines = (): string => 'unicast_peer {\n}\nunicast_fault_no_peer';
    const only = director('only', { ...plain, lines }, 200, ...v4);
    start(only);
    await eventually('it is in FAULT', () => status(only)?.state === 'FAULT');
    expect(status(only)?.reason).toContain('unicast_fault_no_peer');
  });
});

describe.each(wirings)('$title', (wiring) => {
  it('one is master, the other hears it, and takes over when it resigns or is given up', {
    timeout: 60_000,
  }, async () => {
    const [first, second] = wiring.addresses;
    const better = director('better', wiring, 200, first, second);
    const lesser = director('lesser', wiring, 100, second, first);
    const holds = ({ host }: Director): boolean => segment.addresses(host).includes(wiring.vip);
    const backup = start(lesser);
    await eventually('the lesser is master, alone', () => holds(lesser));
    const master = start(better);
    await eventually('the better takes over', () => holds(better) && !holds(lesser));
    await eventually('the lesser knows it', () => status(lesser)?.state === 'BACKUP');
    expect(status(lesser)?.peers).toMatchObject([
      { priority: 200, authentication: wiring.authentication, checksumForm: expect.any(String) },
    ]);
    const { counters = {} } = status(lesser) ?? {};
    expect(Object.keys(counters).filter((name) => name.startsWith('refused.'))).toEqual([]);
    master.kill('SIGTERM');
    await ended(master);
    await eventually('the lesser takes over', () => holds(lesser) && !holds(better));
    expect(status(lesser)?.reason).toBe('MASTER_RESIGNED');
    // Once more, but the master can say nothing: the supervisor says it for the dead process.
    start(better);
    await eventually('the better takes over again', () => holds(better) && !holds(lesser));
    const source = status(lesser)?.masterAddress ?? '';
    segment.killAll(better.host);
    segment.run(better.host, process.execPath, GIVE_UP, better.file, source);
    expect(holds(better)).toBe(false);
    await eventually('the lesser takes over again', () => holds(lesser));
    expect(status(lesser)?.reason).toBe('MASTER_RESIGNED');
    backup.kill('SIGTERM');
    await ended(backup);
    await eventually('nobody holds it', () => !holds(lesser));
  });
});
