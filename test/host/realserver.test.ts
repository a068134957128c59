/** `lvsd realserver` in a namespace of its own; `ip addr` and /proc/sys are the independent readers. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Host, Segment } from '../netns/segment.ts';

const VIP = '192.168.10.188';
const SECOND = '192.168.10.189';
const SYSCTLS = ['all/arp_ignore', 'lo/arp_ignore', 'all/arp_announce', 'lo/arp_announce'];

let segment: Segment;
let server: Host;
let directory: string;
let record: string;

beforeEach(() => {
  segment = new Segment();
  server = segment.addHost('server', '192.168.10.101/24');
  directory = mkdtempSync(join(tmpdir(), 'lvsd-realserver-'));
  record = join(directory, 'run', 'realserver.json');
});

afterEach(() => {
  segment.close();
  rmSync(directory, { recursive: true, force: true });
});

function realserver(...args: readonly string[]) {
  const command = ['netns', 'exec', server.namespace, 'bin/lvsd', 'realserver', ...args];
  return spawnSync('ip', command, { encoding: 'utf8' });
}

const up = (...vips: readonly string[]) => realserver('up', ...vips, '--record', record);
const down = (...vips: readonly string[]) => realserver('down', ...vips, '--record', record);

function onLoopback(): string {
  return segment.run(server, 'ip', '-o', '-4', 'addr', 'show', 'dev', 'lo');
}

function sysctls(): readonly string[] {
  return SYSCTLS.map((name) =>
    segment.run(server, 'cat', `/proc/sys/net/ipv4/conf/${name}`).trim(),
  );
}

describe('lvsd realserver', () => {
  it('up puts the VIP on lo and silences ARP; status agrees; down restores what was there', () => {
    segment.run(server, 'sysctl', '-qw', 'net.ipv4.conf.all.arp_announce=1');
    const before = sysctls();
    expect(realserver('status', VIP).status).toBe(1);

    expect(up(VIP).status).toBe(0);
    expect(onLoopback()).toContain(`inet ${VIP}/32`);
    expect(sysctls()).toEqual(['1', '1', '2', '2']);
    expect(realserver('status', VIP)).toMatchObject({ status: 0, stderr: '' });

    expect(up(VIP)).toMatchObject({ status: 0, stdout: 'nothing to do\n' });
    expect(down(VIP).status).toBe(0);
    expect(onLoopback()).not.toContain(VIP);
    expect(sysctls()).toEqual(before);
    expect(existsSync(record)).toBe(false);
  });

  it('keeps ARP silent until the last VIP is down', () => {
    up(VIP, SECOND);
    down(VIP);
    expect(onLoopback()).toContain(SECOND);
    expect(sysctls()).toEqual(['1', '1', '2', '2']);
    down(SECOND);
    expect(sysctls()).toEqual(['0', '0', '0', '0']);
  });

  it('the server no longer answers ARP for the VIP', () => {
    const client = segment.addHost('client', '192.168.10.103/24');
    const asked = (): number | null =>
      spawnSync('ip', [
        ...['netns', 'exec', client.namespace],
        ...['arping', '-c', '1', '-w', '1', '-I', 'eth0', VIP],
      ]).status;
    segment.run(server, 'ip', 'addr', 'add', `${VIP}/32`, 'dev', 'lo');
    expect(asked(), 'an unprepared server answers').toBe(0);
    up(VIP);
    expect(asked(), 'a prepared one does not').toBe(1);
  });

  it('refuses what is not an address, and a record that it did not write', () => {
    expect(up('192.168.10.188/32')).toMatchObject({ status: 2 });
    expect(up('web').stderr).toContain('not an IP address');
    up(VIP);
    writeFileSync(record, 'something else');
    expect(down(VIP)).toMatchObject({ status: 1 });
    expect(onLoopback()).toContain(VIP);
  });
});
