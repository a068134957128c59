/** Another host has the virtual address: found after a takeover by the daemon as a user runs it. */
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ended, eventually, type Host, Segment } from '../netns/segment.ts';
import { isRoot, ROOT_REASON } from './namespace.ts';

const VIP = '10.63.0.188';
const VIP6 = 'fd63::188';
const CONFLICT = 'another host answers for an address of ours';

describe.runIf(isRoot)(`a virtual address that another host has (${ROOT_REASON})`, () => {
  let segment: Segment;
  let directory: string;

  beforeEach(() => {
    segment = new Segment();
    directory = mkdtempSync(join(tmpdir(), 'lvsd-conflict-'));
  });

  afterEach(() => {
    segment.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const socket = (host: Host): string => join(directory, host.name, 'control.sock');

  function start(host: Host, priority: number): ChildProcess {
    const file = join(directory, `${host.name}.conf`);
    writeFileSync(
      file,
      `vrrp_instance VI_1 {
  interface eth0
  virtual_router_id 63
  version 3
  priority ${priority}
  advert_int 0.1
  virtual_ipaddress {
    ${VIP}/32
  }
  virtual_ipaddress_excluded {
    ${VIP6}/128
  }
}
`,
    );
    return segment.spawn(host, 'bin/lvsd', 'run', '-f', file, '--socket', socket(host));
  }

  const events = (host: Host): readonly string[] =>
    segment.run(host, 'bin/lvsd', 'events', '--socket', socket(host)).split('\n');
  const conflicts = (host: Host): readonly string[] =>
    events(host)
      .filter((line) => line.includes(CONFLICT))
      .map((line) => line.slice(line.indexOf(CONFLICT) + CONFLICT.length + 2));
  const holds = (host: Host): boolean => segment.addresses(host).includes(VIP);
  const macOf = (host: Host): string =>
    JSON.parse(segment.run(host, 'ip', '-j', 'link', 'show', 'eth0'))[0].address;
  /** What anybody with this address does: asks for a neighbour in its name. */
  const speak = (host: Host, from: string, to: string): void =>
    segment.runAnyway(
      host,
      process.execPath,
      '-e',
      `require('net').connect({ host: '${to}', port: 9, localAddress: '${from}' })`,
    );

  test('is told with its MAC, once, for IPv4 and IPv6', async () => {
    const director = segment.addHost('d1', '10.63.0.1/24', 'fd63::1/64');
    const third = segment.addHost(
      'third',
      '10.63.0.9/24',
      'fd63::9/64',
      `${VIP}/32`,
      `${VIP6}/128`,
    );
    const mac = macOf(third);
    start(director, 100);
    await eventually('master', () => holds(director));
    await eventually('both are told', () => conflicts(director).length >= 2);
    speak(third, VIP, '10.63.0.1');
    expect([...conflicts(director)].sort()).toEqual([
      `address ${VIP}, mac ${mac}, device eth0`,
      `address ${VIP6}, mac ${mac}, device eth0`,
    ]);
  });

  test('is not the former master, nor the next one, of a normal failover', async () => {
    const first = segment.addHost('d1', '10.63.0.1/24', 'fd63::1/64');
    const second = segment.addHost('d2', '10.63.0.2/24', 'fd63::2/64');
    const third = segment.addHost('third', '10.63.0.9/24', 'fd63::9/64');
    start(second, 100);
    await eventually('the second is master', () => holds(second));
    // Taken away from it while it looks for conflicts.
    const daemon = start(first, 200);
    await eventually('the first preempts', () => holds(first) && !holds(second));
    daemon.kill('SIGTERM');
    expect(await ended(daemon)).toBe(0);
    await eventually('the second is master again', () => holds(second) && !holds(first));
    start(first, 200);
    await eventually('the first preempts again', () => holds(first) && !holds(second));
    // What is heard last proves that everything before was looked at and found good.
    segment.run(third, 'ip', 'addr', 'add', `${VIP}/32`, 'dev', 'eth0');
    await eventually('the third is told', () => {
      speak(third, VIP, '10.63.0.99');
      return conflicts(first).length > 0;
    });
    expect(conflicts(first)).toEqual([`address ${VIP}, mac ${macOf(third)}, device eth0`]);
    expect(conflicts(second)).toEqual([]);
  });
});
