/**
 * Addresses on interfaces other than the instance's, and links that flap: the daemon as a user runs it,
 * with `ip` and tcpdump as independent readers.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ended, eventually, type Host, Segment, said } from '../netns/segment.ts';
import { isRoot, ROOT_REASON } from './namespace.ts';

describe.runIf(isRoot)(`addresses elsewhere (${ROOT_REASON})`, () => {
  let inner: Segment;
  let outer: Segment;
  let directory: string;
  let host: Host;
  let log: string;

  beforeEach(() => {
    inner = new Segment();
    outer = new Segment();
    directory = mkdtempSync(join(tmpdir(), 'lvsd-elsewhere-'));
    host = inner.addHost('d1', '10.63.0.1/24', 'fd63::1/64');
    outer.connect(host, 'eth1', '10.64.0.1/24', 'fd64::1/64');
    log = '';
  });

  afterEach(() => {
    inner.close();
    outer.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const file = (): string => join(directory, 'lvs.conf');

  function write(lines: string, outside = ''): void {
    writeFileSync(
      file(),
      `${outside}
vrrp_instance VI_1 {
  interface eth0
  virtual_router_id 63
  version 3
  priority 200
  advert_int 0.1
  virtual_ipaddress {
    10.63.0.100/24
    10.64.0.100/24 dev eth1
    10.64.0.101/24 dev eth1
  }
  virtual_ipaddress_excluded {
    fd64::100/64 dev eth1
  }
${lines}
}
`,
    );
  }

  function start(): ReturnType<Segment['spawn']> {
    const socket = join(directory, 'run', 'control.sock');
    const child = inner.spawn(host, 'bin/lvsd', 'run', '-f', file(), '--socket', socket);
    child.stderr?.on('data', (chunk) => {
      log += String(chunk);
    });
    return child;
  }

  interface Device {
    readonly ifname: string;
    readonly link?: string;
    readonly address: string;
    readonly addr_info: readonly { readonly local: string }[];
  }
  const made = (): readonly string[] =>
    (JSON.parse(inner.run(host, 'ip', '-j', 'addr', 'show')) as Device[])
      .filter(({ ifname }) => ifname.startsWith('vrrp'))
      .map(({ ifname, link, address, addr_info: infos }) => {
        const addresses = infos.map(({ local }) => local).filter((one) => !one.startsWith('fe80'));
        return [`${ifname}@${link}`, address, ...addresses].join(' ');
      })
      .sort();

  async function listen(device: string, ...filter: readonly string[]): Promise<() => string> {
    const dump = inner.spawn(host, 'tcpdump', '-e', '-n', '-l', '-i', device, ...filter);
    let heard = '';
    dump.stdout?.on('data', (chunk) => {
      heard += String(chunk);
    });
    await said(dump, 'listening on');
    return () => heard;
  }

  const WITHOUT_VMAC = [
    'vrrp.63@eth1 00:00:5e:00:01:3f 10.64.0.100 10.64.0.101',
    'vrrp6.63@eth1 00:00:5e:00:02:3f fd64::100',
  ];

  test('with use_vmac_addr, each other interface and family has a macvlan with its MAC', async () => {
    write('  use_vmac_addr\n  garp_extra_if 0.2\n  garp_master_delay 0');
    const daemon = start();
    await eventually('they are on macvlans', () => String(made()) === String(WITHOUT_VMAC));
    expect(inner.addresses(host)).toContain('10.63.0.100');

    const arp = await listen('eth1', 'arp or icmp6');
    const announced = (address: string): number => arp().split(`tell ${address}`).length - 1;
    await eventually('said again and again', () => announced('10.64.0.100') >= 3);
    await eventually('for IPv6 as well', () => arp().includes('tgt is fd64::100'));
    // One address of an interface is enough for the switch.
    expect(announced('10.64.0.101')).toBe(0);
    expect(arp()).toContain('00:00:5e:00:01:3f > ff:ff:ff:ff:ff:ff');

    inner.run(host, 'ip', 'link', 'del', 'vrrp.63');
    await eventually('made again', () => String(made()) === String(WITHOUT_VMAC));
    daemon.kill('SIGTERM');
    expect(await ended(daemon)).toBe(0);
    expect(made()).toEqual([]);
  });

  test('with use_vmac too, the instance has its own beside them; a reload takes them away', async () => {
    write('  use_vmac\n  use_vmac_addr');
    const daemon = start();
    const whole = [
      'vrrp.63.2@eth1 00:00:5e:00:01:3f 10.64.0.100 10.64.0.101',
      'vrrp.63@eth0 00:00:5e:00:01:3f 10.63.0.100',
      'vrrp6.63@eth1 00:00:5e:00:02:3f fd64::100',
    ];
    await eventually('all three', () => String(made()) === String(whole));
    write('');
    daemon.kill('SIGHUP');
    await eventually('none', () => made().length === 0);
    await eventually('the addresses are where they are written', () =>
      inner.addresses(host, 'eth1').includes('10.64.0.100'),
    );
  });

  test('garp_extra_if all announces one address of an ordinary interface', async () => {
    write('  garp_extra_if all 0.2\n  garp_master_delay 0');
    start();
    await eventually('master', () => inner.addresses(host, 'eth1').includes('10.64.0.100'));
    const arp = await listen('eth1', 'arp');
    await eventually('said', () => arp().split('tell 10.64.0.100').length > 3);
    expect(arp()).not.toContain('tell 10.64.0.101');
  });

  test('interface_up_down_delays: a short loss is none, a long one is FAULT', async () => {
    write('', 'interface_up_down_delays {\n  eth0 1 0.3\n}\n');
    start();
    const holds = (): boolean => inner.addresses(host).includes('10.63.0.100');
    await eventually('master', holds);
    inner.setCable(host, 'down');
    await eventually('the kernel told of the loss', () =>
      inner.run(host, 'ip', '-o', 'link', 'show', 'eth0').includes('NO-CARRIER'),
    );
    inner.setCable(host, 'up');
    // Longer than the delay: still master, and never anything else.
    inner.run(host, 'tcpdump', '-n', '-c', '15', '-i', 'eth0', 'ip proto 112');
    expect(log).not.toContain('FAULT');
    inner.setCable(host, 'down');
    await eventually('FAULT', () => log.includes('FAULT') && !holds());
    inner.setCable(host, 'up');
    await eventually('master again', holds);
  });
});
