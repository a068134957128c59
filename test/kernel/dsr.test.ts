import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { DsrCheckConfig } from '../../src/config/model.ts';
import type { ProbeResult } from '../../src/health/probe.ts';
import { dsrCheck, ip } from '../health/configs.ts';
import { eventually, type Host, Segment } from '../netns/segment.ts';
import { isRoot, Program, ROOT_REASON } from './namespace.ts';

const VIP = '10.9.0.100';
const VIP6 = '2001:db8::100';
const PORT = 80;

describe.runIf(isRoot)(`DSR_CHECK on one segment (${ROOT_REASON})`, () => {
  let segment: Segment;
  let director: Host;
  let server: Host;
  let programs: Program[];
  let prober: Program;

  beforeEach(async () => {
    programs = [];
    segment = new Segment();
    director = segment.addHost('director', '10.9.0.1/24', '2001:db8::1/64');
    server = segment.addHost('server', '10.9.0.11/24', '2001:db8::11/64');
    // The director has the address too, as a master has.
    segment.run(director, 'ip', 'addr', 'add', `${VIP}/32`, 'dev', 'eth0');
    prober = Program.start('probe', {
      namespace: director.namespace,
      isUnprivileged: true,
      capabilities: ['net_raw', 'net_admin'],
    });
    programs.push(prober);
    await prober.next('ready');
  });

  afterEach(async () => {
    for (const program of programs) await program.kill();
    segment.close();
  });

  async function listen(host: Host, address = '0.0.0.0'): Promise<void> {
    const options = { namespace: host.namespace, arguments: [address, String(PORT)] };
    const started = Program.start('tcp-server', options);
    programs.push(started);
    await started.next('ready');
  }

  /** As `lvsd realserver up` leaves a server. */
  function prepare(host: Host): void {
    segment.run(host, 'ip', 'addr', 'add', `${VIP}/32`, 'dev', 'lo');
    segment.run(host, 'ip', 'addr', 'add', `${VIP6}/128`, 'dev', 'lo', 'nodad');
    for (const device of ['all', 'lo']) {
      for (const sysctl of [`${device}.arp_ignore=1`, `${device}.arp_announce=2`]) {
        segment.run(host, 'sysctl', '-qw', `net.ipv4.conf.${sysctl}`);
      }
    }
  }

  async function check(changes: Partial<DsrCheckConfig> = {}, times = 1) {
    const checker = dsrCheck({
      connectAddress: ip('10.9.0.11'),
      virtualAddress: ip(VIP),
      connectPort: PORT,
      connectTimeoutMs: 3000,
      ...changes,
    });
    prober.send({ checker, times });
    const { result, descriptors } = await prober.next('result');
    return { ...(result as ProbeResult), descriptors };
  }

  /** Connections that the server has not finished: what a check must not leave. */
  function halfOpen(): string {
    return segment.run(server, 'ss', '-Htn', 'state', 'syn-recv').trim();
  }

  test('passes when the server answers as the virtual address, and leaves nothing half open', async () => {
    prepare(server);
    await listen(server);
    const result = await check();
    expect(result).toMatchObject({
      kind: 'pass',
      detail: expect.stringMatching(
        /^10\.9\.0\.11 \(([\da-f]{2}:?){6}\) answers as 10\.9\.0\.100:80$/,
      ),
    });
    await eventually('the server has forgotten it', () => halfOpen() === '');
  });

  test('passes over IPv6', async () => {
    prepare(server);
    await listen(server, '::');
    const over6 = { connectAddress: ip('2001:db8::11'), virtualAddress: ip(VIP6) };
    expect(await check(over6)).toMatchObject({ kind: 'pass' });
  });

  test('passes by a director that does not have the address', async () => {
    segment.run(director, 'ip', 'addr', 'del', `${VIP}/32`, 'dev', 'eth0');
    prepare(server);
    await listen(server);
    expect(await check({}, 5)).toMatchObject({ kind: 'pass' });
  });

  test('NO_ANSWER: the address is not on the loopback of the server', async () => {
    await listen(server);
    expect(await check({ connectTimeoutMs: 500 })).toMatchObject({
      kind: 'fail',
      reason: 'NO_ANSWER',
      detail: expect.stringContaining('is the address on its loopback?'),
    });
  });

  /** A server as it is before anybody has thought of ARP. */
  function prepareWithoutArp(host: Host): void {
    for (const device of ['all', 'lo', 'eth0']) {
      for (const sysctl of [`${device}.arp_ignore=0`, `${device}.arp_announce=0`]) {
        segment.run(host, 'sysctl', '-qw', `net.ipv4.conf.${sysctl}`);
      }
    }
    segment.run(host, 'ip', 'addr', 'add', `${VIP}/32`, 'dev', 'lo');
  }

  /** Whom another host of the segment finds when it asks for the virtual address. */
  function macsOf(asker: Host): readonly string[] {
    // Two answers to one question are an error to arping.
    const command = `arping -b -c 2 -w 2 -I eth0 ${VIP} || true`;
    const said = segment.run(asker, 'sh', '-c', command);
    return [...new Set([...said.matchAll(/\[([\dA-F:]{17})\]/g)].map(([, mac]) => mac ?? ''))];
  }

  test('passes without arp_ignore too: it asks the server and nobody else, so ARP is not its matter', async () => {
    prepareWithoutArp(server);
    await listen(server);
    const client = segment.addHost('client', '10.9.0.50/24');
    // The trap is there: the server answers for the address beside the director.
    expect(macsOf(client)).toHaveLength(2);
    expect(await check()).toMatchObject({ kind: 'pass' });
    // And so it is when the server has said its own address to everybody (arp_announce=0).
    segment.run(server, 'arping', '-q', '-c', '1', '-U', '-I', 'eth0', '-s', VIP, VIP);
    expect(await check({}, 3)).toMatchObject({ kind: 'pass' });
  });

  test('passes with them where only one host answers ARP for the address', async () => {
    prepare(server);
    await listen(server);
    const client = segment.addHost('client', '10.9.0.50/24');
    expect(macsOf(client)).toHaveLength(1);
    expect(await check()).toMatchObject({ kind: 'pass' });
  });

  test('NO_ANSWER: the address is on the loopback, but the server has no way back', async () => {
    prepare(server);
    segment.run(server, 'ip', 'route', 'add', 'blackhole', '10.9.0.1/32');
    await listen(server);
    expect(await check({ connectTimeoutMs: 500 })).toMatchObject({ reason: 'NO_ANSWER' });
  });

  test('RESET: nobody listens on the virtual address', async () => {
    prepare(server);
    await listen(server, '10.9.0.11');
    expect(await check()).toMatchObject({ kind: 'fail', reason: 'RESET' });
  });

  test('NO_NEIGHBOUR: the server is not there', async () => {
    const absent = { connectAddress: ip('10.9.0.77'), connectTimeoutMs: 500 };
    expect(await check(absent)).toMatchObject({ kind: 'fail', reason: 'NO_NEIGHBOUR' });
  });

  test('NO_NEIGHBOUR: the server is behind a router', async () => {
    segment.run(director, 'ip', 'route', 'add', '10.10.0.0/24', 'via', '10.9.0.11');
    expect(await check({ connectAddress: ip('10.10.0.1') })).toMatchObject({
      kind: 'fail',
      reason: 'NO_NEIGHBOUR',
      detail: expect.stringContaining('behind the router 10.9.0.11'),
    });
  });

  test('NO_NEIGHBOUR: there is no way to the server', async () => {
    expect(await check({ connectAddress: ip('10.77.0.1') })).toMatchObject({
      kind: 'fail',
      reason: 'NO_NEIGHBOUR',
    });
    expect(await check({ bindInterface: 'nowhere0' })).toMatchObject({
      detail: '10.9.0.11: no way to it: there is no interface nowhere0',
    });
  });

  test('ANSWERED_BY_OTHER_MAC: a server without the address hands the packet on to one that has it', async () => {
    segment.run(director, 'ip', 'addr', 'del', `${VIP}/32`, 'dev', 'eth0');
    const other = segment.addHost('other', '10.9.0.12/24');
    segment.run(other, 'ip', 'addr', 'add', `${VIP}/32`, 'dev', 'eth0');
    await listen(other);
    segment.run(server, 'sysctl', '-qw', 'net.ipv4.ip_forward=1');
    expect(await check()).toMatchObject({ kind: 'fail', reason: 'ANSWERED_BY_OTHER_MAC' });
  });

  test('leaves no descriptor of many checks, whatever they say', async () => {
    prepare(server);
    const { descriptors } = await check();
    expect(await check({}, 300)).toMatchObject({ reason: 'RESET', descriptors });
    await listen(server);
    expect(await check({}, 300)).toMatchObject({ kind: 'pass', descriptors });
    const absent = { connectAddress: ip('10.9.0.77'), connectTimeoutMs: 20 };
    expect(await check(absent, 50)).toMatchObject({ reason: 'NO_NEIGHBOUR', descriptors });
  });
});
