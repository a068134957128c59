/**
 * The daemon as a user runs it: what a master holds beside its addresses, what the daemon holds whatever
 * the state, and what becomes of both. `ip` and `nft` are the independent readers.
 */
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ended, eventually, type Host, Segment, said } from '../netns/segment.ts';
import { isRoot, type Line, ROOT_REASON } from './namespace.ts';

const VIP = '10.62.0.188';
const PROTOCOL = '112';

describe.runIf(isRoot)(`what a master holds (${ROOT_REASON})`, () => {
  let segment: Segment;
  let directory: string;
  let host: Host;
  let log: string;

  beforeEach(() => {
    segment = new Segment();
    directory = mkdtempSync(join(tmpdir(), 'lvsd-held-'));
    host = segment.addHost('d1', '10.62.0.1/24', 'fd62::1/64');
    log = '';
  });

  afterEach(() => {
    segment.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const file = (): string => join(directory, 'lvs.conf');

  function write(lines: string, outside = ''): void {
    writeFileSync(
      file(),
      `${outside}
vrrp_instance VI_1 {
  interface eth0
  virtual_router_id 62
  version 3
  priority 200
  advert_int 0.1
  virtual_ipaddress {
    ${VIP}/32
  }
${lines}
}
`,
    );
  }

  function start(): ChildProcess {
    const socket = join(directory, 'run', 'control.sock');
    const child = segment.spawn(host, 'bin/lvsd', 'run', '-f', file(), '--socket', socket);
    child.stderr?.on('data', (chunk) => {
      log += String(chunk);
    });
    return child;
  }

  const read = (...words: string[]): string => segment.run(host, 'ip', ...words);
  const routes = (): readonly string[] =>
    (
      JSON.parse(read('-j', 'route', 'show', 'table', 'all', 'proto', PROTOCOL)) as {
        dst: string;
      }[]
    ).map(({ dst }) => dst);
  const rules = (): readonly number[] =>
    (JSON.parse(read('-j', '-d', 'rule', 'show')) as { priority: number; protocol: string }[])
      .filter(({ protocol }) => protocol === PROTOCOL)
      .map(({ priority }) => priority);
  const events = (): readonly { readonly name: string; readonly fields: Line }[] => {
    const socket = join(directory, 'run', 'control.sock');
    const lines = segment.run(host, 'bin/lvsd', 'events', '--json', '--socket', socket);
    return lines
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  };
  const restored = (): readonly string[] =>
    events()
      .filter(({ fields }) => fields.report === 'addressRestored')
      .map(({ name, fields }) => `${name} ${fields.what}`);
  const holds = (address: string): boolean => segment.addresses(host).includes(address);

  const FOLLOWING = `
  virtual_routes {
    src ${VIP} to 10.70.0.0/16 via 10.62.0.254
    10.71.0.0/16 via 10.62.0.254 table 100 no_track
  }
  virtual_rules {
    from ${VIP} table 100 priority 50
  }`;
  const STATIC = `
static_ipaddress {
  10.62.9.1/32 dev eth0
}
static_routes {
  10.80.0.0/16 via 10.62.0.253 dev eth0
}
static_rules {
  to 10.80.0.0/16 table main priority 60
}`;
  const ALL = ['10.70.0.0/16', '10.71.0.0/16', '10.80.0.0/16'];
  const isWhole = (): boolean =>
    holds(VIP) && ALL.every((dst) => routes().includes(dst)) && rules().length === 2;

  test('comes with mastership, comes back when taken, and goes with an orderly stop', async () => {
    write(FOLLOWING, STATIC);
    const daemon = start();
    await eventually(`all of it is there: ${log}`, isWhole);
    expect(holds('10.62.9.1')).toBe(true);

    read('route', 'del', '10.70.0.0/16');
    read('rule', 'del', 'priority', '50');
    read('route', 'del', '10.80.0.0/16');
    read('addr', 'del', '10.62.9.1/32', 'dev', 'eth0');
    await eventually('what was taken is back', () => isWhole() && holds('10.62.9.1'));
    await eventually('and told', () => restored().length >= 4);
    expect([...restored()].sort()).toEqual([
      'VI_1 1 rules',
      'VI_1 route 10.70.0.0/16',
      'static address 10.62.9.1',
      'static route 10.80.0.0/16',
    ]);

    // The kernel drops the route of this source with it, and says nothing.
    read('addr', 'del', `${VIP}/32`, 'dev', 'eth0');
    await eventually('the address and its route are back', isWhole);

    read('route', 'del', '10.71.0.0/16', 'table', '100');
    read('rule', 'del', 'priority', '50');
    await eventually('the rule is back', () => rules().includes(50));
    expect(routes()).not.toContain('10.71.0.0/16');

    daemon.kill('SIGTERM');
    expect(await ended(daemon)).toBe(0);
    expect([holds(VIP), holds('10.62.9.1'), routes(), rules()]).toEqual([false, false, [], []]);
  });

  test('with dynamic_interfaces, an interface that comes later is waited for, and comes back', async () => {
    write('', 'global_defs {\n  dynamic_interfaces\n}\n');
    writeFileSync(
      file(),
      readFileSync(file(), 'utf8').replace('interface eth0', 'interface late0'),
    );
    start();
    await eventually('it waits', () => log.includes('late0 is not there'));
    const create = (): void => {
      read('link', 'add', 'late0', 'type', 'veth', 'peer', 'name', 'late1');
      read('link', 'set', 'late1', 'up');
      read('link', 'set', 'late0', 'up');
      read('addr', 'add', '10.62.1.1/24', 'dev', 'late0');
    };
    const isHeld = (): boolean => read('addr', 'show', 'to', VIP).includes('late0');
    create();
    await eventually('master', isHeld);
    read('link', 'del', 'late0');
    await eventually('it waits again', () => log.includes('late0 is gone'));
    create();
    await eventually('master again', isHeld);
  });

  test('with a track_group, a static route that cannot be had holds its instances in FAULT', async () => {
    const waiting = `
track_group TG {
  group {
    VI_1
  }
}
static_routes {
  10.81.0.0/16 via 10.99.0.1 track_group TG
}`;
    write('', waiting);
    const daemon = start();
    await eventually('FAULT', () => log.includes('FAULT'));
    expect(holds(VIP)).toBe(false);
    read('addr', 'add', '10.99.0.2/24', 'dev', 'eth0');
    await eventually('the route is there, and the instance master', () => holds(VIP));
    expect(routes()).toContain('10.81.0.0/16');
    read('addr', 'del', '10.99.0.2/24', 'dev', 'eth0');
    read('route', 'del', '10.81.0.0/16');
    await eventually('FAULT again', () => !holds(VIP));
    write('');
    daemon.kill('SIGHUP');
    await eventually('master without it', () => holds(VIP));
  });

  test('an address that a reload gives another form is put anew', async () => {
    write('');
    const daemon = start();
    await eventually('master', () => holds(VIP));
    const flags = (): string => read('addr', 'show', 'dev', 'eth0', 'to', VIP);
    expect(flags()).not.toContain('noprefixroute');
    writeFileSync(file(), readFileSync(file(), 'utf8').replace('/32', '/32 noprefixroute'));
    daemon.kill('SIGHUP');
    await eventually('in its new form', () => flags().includes('noprefixroute'));
  });

  test('is changed by a reload only where it differs', async () => {
    write(FOLLOWING, STATIC);
    const daemon = start();
    await eventually('all of it is there', isWhole);
    const monitor = segment.spawn(host, 'ip', 'monitor', 'route', 'rule', 'address');
    let heard = '';
    monitor.stdout?.on('data', (chunk) => {
      heard += String(chunk);
    });
    read('route', 'add', '10.99.0.0/16', 'via', '10.62.0.9');
    await eventually('the monitor listens', () => {
      if (heard.includes('10.99.0.0/16')) return true;
      // Nothing is told of a route that is put where it is.
      read('route', 'del', '10.99.0.0/16');
      read('route', 'add', '10.99.0.0/16', 'via', '10.62.0.9');
      return false;
    });
    write(FOLLOWING.replace('10.71.0.0/16', '10.72.0.0/16'), STATIC.replace('60', '61'));
    daemon.kill('SIGHUP');
    await eventually(
      'the difference is there',
      () => routes().includes('10.72.0.0/16') && rules().includes(61),
    );
    await eventually('the old is gone', () => !routes().includes('10.71.0.0/16'));
    expect(rules()).toEqual(expect.arrayContaining([50, 61]));
    expect(rules()).not.toContain(60);
    expect(heard).not.toMatch(/Deleted 10\.(70|80)\./);
    expect(heard).not.toContain(VIP.concat('/32'));
  });

  test('that a killed daemon left is gone before the next one adverts, or is its own again', async () => {
    write(`${FOLLOWING}\n  no_accept`, STATIC);
    start();
    await eventually('all of it is there', isWhole);
    expect(segment.run(host, 'nft', 'list', 'ruleset')).toContain(VIP);
    segment.killAll(host);
    expect(isWhole()).toBe(true);
    writeFileSync(file(), '');
    write('');
    const next = start();
    await eventually('master again', () => holds(VIP));
    await eventually('leftovers are gone', () => routes().length + rules().length === 0);
    expect(segment.run(host, 'nft', 'list', 'ruleset')).toBe('');
    next.kill('SIGTERM');
    await ended(next);
  });

  test('that a dead vrrp process left is given up for it, by the MAC it spoke with', async () => {
    const client = segment.addHost('client', '10.62.0.9/24');
    write(`${FOLLOWING}\n  use_vmac`);
    start();
    const heldRoutes = (): readonly string[] => routes().filter((dst) => dst.startsWith('10.7'));
    await eventually('all of it is there', () => heldRoutes().length === 2 && rules().length === 1);
    segment.killAll(host);
    expect([heldRoutes().length, rules().length]).toEqual([2, 1]);
    const dump = segment.spawn(
      client,
      ...([
        'tcpdump',
        '-e',
        '-n',
        '-U',
        '-l',
        '-c',
        '1',
        '-i',
        'eth0',
        'ip',
        'proto',
        '112',
      ] as const),
    );
    let heard = '';
    dump.stdout?.on('data', (chunk) => {
      heard += String(chunk);
    });
    await said(dump, 'listening on');
    segment.run(host, process.execPath, 'test/kernel/programs/give-up.ts', file(), '10.62.0.1');
    await eventually('the resignation is heard', () => heard.includes('prio 0'));
    expect(heard).toContain('00:00:5e:00:01:3e > 01:00:5e:00:00:12');
    expect([heldRoutes(), rules()]).toEqual([[], []]);
    expect(read('addr', 'show', 'to', VIP)).toBe('');
  });

  test('with use_vmac, addresses and adverts are on a macvlan with the virtual MAC', async () => {
    const client = segment.addHost('client', '10.62.0.9/24');
    const device = (): { name: string; mac: string; addresses: string[] } | undefined => {
      const links = JSON.parse(read('-j', 'addr', 'show')) as {
        ifname: string;
        address: string;
        addr_info: { local: string }[];
      }[];
      const link = links.find(({ ifname }) => ifname.startsWith('vrrp.'));
      if (link === undefined) return undefined;
      const addresses = link.addr_info.map(({ local }) => local);
      return { name: link.ifname, mac: link.address, addresses };
    };
    const wanted = { name: 'vrrp.62', mac: '00:00:5e:00:01:3e', addresses: [VIP] };
    const sysctl = (path: string): string =>
      segment.run(host, 'cat', `/proc/sys/net/ipv4/conf/${path}`).trim();
    write('  use_vmac');
    start();
    await eventually(
      'the address is on the macvlan',
      () => JSON.stringify(device()) === JSON.stringify(wanted),
    );
    expect(holds(VIP)).toBe(false);
    const heard = segment.run(
      client,
      ...(['tcpdump', '-e', '-n', '-c', '1', '-i', 'eth0', 'ip', 'proto', '112'] as const),
    );
    expect(heard).toContain('00:00:5e:00:01:3e > 01:00:5e:00:00:12');
    expect(heard).toContain('10.62.0.1 > 224.0.0.18');
    segment.runAnyway(client, process.execPath, '-e', `require('net').connect(9, '${VIP}')`);
    const neighbors = JSON.parse(segment.run(client, 'ip', '-j', 'neigh', 'show')) as {
      dst: string;
      lladdr?: string;
    }[];
    expect(neighbors).toContainEqual(
      expect.objectContaining({ dst: VIP, lladdr: '00:00:5e:00:01:3e' }),
    );
    expect(
      ['arp_ignore', 'accept_local', 'rp_filter'].map((key) => sysctl(`vrrp.62/${key}`)),
    ).toEqual(['1', '1', '0']);
    expect(['arp_ignore', 'arp_filter'].map((key) => sysctl(`eth0/${key}`))).toEqual(['1', '1']);

    const index = read('-j', 'link', 'show', 'vrrp.62');
    segment.killAll(host);
    log = '';
    const next = start();
    await eventually(
      'adopted',
      () => JSON.stringify(device()) === JSON.stringify(wanted) && log.includes('MASTER'),
    );
    expect(JSON.parse(read('-j', 'link', 'show', 'vrrp.62'))[0].ifindex).toBe(
      JSON.parse(index)[0].ifindex,
    );
    read('link', 'del', 'vrrp.62');
    await eventually(
      'made again when somebody removes it',
      () => JSON.stringify(device()) === JSON.stringify(wanted),
    );
    next.kill('SIGTERM');
    await ended(next);
    expect(device()).toBeUndefined();
  });

  test('with use_vmac, the sysctls below it are put back for one who was killed', async () => {
    const keys = ['arp_ignore', 'arp_filter', 'arp_announce'];
    const values = (): readonly string[] =>
      keys.map((key) => segment.run(host, 'cat', `/proc/sys/net/ipv4/conf/eth0/${key}`).trim());
    const isThere = (): boolean => read('-j', 'addr', 'show', 'to', VIP).includes('vrrp.62');
    const before = values();
    write('  use_vmac');
    start();
    await eventually('the address is on the macvlan', isThere);
    expect(values()).not.toEqual(before);
    segment.killAll(host);
    log = '';
    const next = start();
    await eventually('adopted', () => log.includes('MASTER'));
    next.kill('SIGTERM');
    await ended(next);
    expect(values()).toEqual(before);

    start();
    await eventually('made again', isThere);
    segment.killAll(host);
    write('');
    start();
    await eventually('the leftover is gone', () => holds(VIP) && !isThere());
    expect(values()).toEqual(before);
  });
});
