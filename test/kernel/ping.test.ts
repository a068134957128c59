import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { PingCheckConfig } from '../../src/config/model.ts';
import type { ProbeResult } from '../../src/health/probe.ts';
import { ip, pingCheck } from '../health/configs.ts';
import { isRoot, Namespace, type Program, ROOT_REASON } from './namespace.ts';

describe.runIf(isRoot)(`PING_CHECK across a veth pair (${ROOT_REASON})`, () => {
  let left: Namespace;
  let right: Namespace;
  let prober: Program;

  beforeEach(async () => {
    left = Namespace.create();
    right = Namespace.create();
    left.connect('left', right, 'right');
    left.ip('addr', 'add', '10.9.0.1/24', 'dev', 'left');
    right.ip('addr', 'add', '10.9.0.2/24', 'dev', 'right');
    left.ip('addr', 'add', '2001:db8::1/64', 'dev', 'left', 'nodad');
    right.ip('addr', 'add', '2001:db8::2/64', 'dev', 'right', 'nodad');
    right.ip('addr', 'add', 'fe80::2/64', 'dev', 'right', 'nodad');
    left.ip('addr', 'add', 'fe80::1/64', 'dev', 'left', 'nodad');
    // As the daemon's children: no user of note, and of the capabilities only what is needed.
    prober = left.start('probe', { isUnprivileged: true, capabilities: ['net_raw', 'net_admin'] });
    await prober.next('ready');
  });

  afterEach(async () => {
    await prober.kill();
    left.remove();
    right.remove();
  });

  async function check(address: string, changes: Partial<PingCheckConfig> = {}, times = 1) {
    const checker = pingCheck({ connectAddress: ip(address), ...changes });
    prober.send({ checker, times });
    const { result, descriptors } = await prober.next('result');
    return { ...(result as ProbeResult), descriptors };
  }

  test.each(['10.9.0.2', '2001:db8::2', '127.0.0.1', '::1'])('%s answers', async (address) => {
    expect(await check(address)).toMatchObject({ kind: 'pass', detail: `${address}: echo reply` });
  });

  test('a link-local address answers through bind_if', async () => {
    expect(await check('fe80::2', { bindInterface: 'left' })).toMatchObject({ kind: 'pass' });
  });

  test.each([
    ['10.9.0.2', 'net.ipv4.icmp_echo_ignore_all'],
    ['2001:db8::2', 'net.ipv6.icmp.echo_ignore_all'],
  ])('%s that keeps silent fails at the deadline', async (address, sysctl) => {
    await right.spawn('sysctl', '-qw', `${sysctl}=1`).exited();
    expect(await check(address, { connectTimeoutMs: 200 })).toMatchObject({
      kind: 'fail',
      reason: 'TIMEOUT',
    });
  });

  test('a host that a router says is unreachable fails at once', async () => {
    left.ip('route', 'add', '10.10.0.0/24', 'via', '10.9.0.2');
    await right.spawn('sysctl', '-qw', 'net.ipv4.ip_forward=1').exited();
    right.ip('route', 'add', 'unreachable', '10.10.0.0/24');
    expect(await check('10.10.0.1')).toMatchObject({ kind: 'fail', reason: 'HOST_UNREACHABLE' });
  });

  test('a network without a route fails at once', async () => {
    expect(await check('10.77.0.1')).toMatchObject({ kind: 'fail', reason: 'NETWORK_UNREACHABLE' });
  });

  test('many checks leave nothing behind', async () => {
    const { descriptors } = await check('10.9.0.2');
    expect(await check('10.9.0.2', {}, 500)).toMatchObject({ kind: 'pass', descriptors });
    const silent = { connectTimeoutMs: 20 };
    expect(await check('10.9.0.99', silent, 50)).toMatchObject({ kind: 'fail', descriptors });
  });
});
