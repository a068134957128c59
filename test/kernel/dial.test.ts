import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { TcpCheckConfig } from '../../src/config/model.ts';
import type { ProbeResult } from '../../src/health/probe.ts';
import { ip, tcpCheck } from '../health/configs.ts';
import { isRoot, Namespace, type Program, ROOT_REASON } from './namespace.ts';

const PORT = 8080;

describe.runIf(isRoot)(`a connection with a source of its own (${ROOT_REASON})`, () => {
  let left: Namespace;
  let right: Namespace;
  let programs: Program[];
  let prober: Program;

  beforeEach(async () => {
    programs = [];
    left = Namespace.create();
    right = Namespace.create();
    left.connect('left', right, 'right');
    left.ip('addr', 'add', '10.9.0.1/24', 'dev', 'left');
    left.ip('addr', 'add', '10.9.0.11/24', 'dev', 'left');
    right.ip('addr', 'add', '10.9.0.2/24', 'dev', 'right');
    left.ip('addr', 'add', 'fe80::1/64', 'dev', 'left', 'nodad');
    right.ip('addr', 'add', 'fe80::2/64', 'dev', 'right', 'nodad');
    prober = await start(left, 'probe');
  });

  afterEach(async () => {
    for (const program of programs) await program.kill();
    left.remove();
    right.remove();
  });

  async function start(at: Namespace, program: string, ...words: string[]): Promise<Program> {
    const started = at.start(program, { arguments: words });
    programs.push(started);
    await started.next('ready');
    return started;
  }

  async function check(changes: Partial<TcpCheckConfig>, times = 1): Promise<ProbeResult> {
    const checker = tcpCheck({ connectAddress: ip('10.9.0.2'), connectPort: PORT, ...changes });
    return (await prober.ask({ checker, times })) as ProbeResult;
  }

  test('comes from the address of bindto', async () => {
    const server = await start(right, 'tcp-server', '10.9.0.2', String(PORT));
    expect(await check({ bindAddress: ip('10.9.0.11') })).toMatchObject({ kind: 'pass' });
    expect(await server.next('from')).toMatchObject({ from: '10.9.0.11' });
  });

  test('comes from the port of bind_port, time after time', async () => {
    await start(right, 'tcp-server', '10.9.0.2', String(PORT));
    const others = 'tcp flags syn tcp sport != 4711 reject';
    const rules = `add table inet t { chain c { type filter hook input priority 0; policy accept; ${others}; }; }`;
    await right.spawn('nft', rules).exited();
    expect(await check({})).toMatchObject({ kind: 'fail' });
    expect(await check({ bindPort: 4711 }, 5)).toMatchObject({ kind: 'pass' });
  });

  test('reaches a link-local address through bind_if', async () => {
    const server = await start(right, 'tcp-server', 'fe80::2%right', String(PORT));
    const result = await check({ connectAddress: ip('fe80::2'), bindInterface: 'left' });
    expect(result).toMatchObject({ kind: 'pass', detail: `connected to [fe80::2]:${PORT}` });
    expect(await server.next('from')).toMatchObject({ from: expect.stringMatching(/^fe80::1/) });
  });

  test('leaves by the device of bind_if, whatever the routes say', async () => {
    await start(right, 'tcp-server', '10.9.0.2', String(PORT));
    left.ip('link', 'add', 'aside', 'type', 'veth', 'peer', 'name', 'aside-end');
    left.ip('link', 'set', 'aside', 'up');
    left.ip('link', 'set', 'aside-end', 'up');
    left.ip('route', 'add', '10.9.0.2/32', 'dev', 'aside');
    const aside = { connectTimeoutMs: 300 };
    expect(await check(aside)).toMatchObject({ kind: 'fail', reason: 'CONNECT_TIMEOUT' });
    expect(await check({ bindInterface: 'left' })).toMatchObject({ kind: 'pass' });
  });

  test('carries the mark of fwmark into the choice of the route', async () => {
    await start(right, 'tcp-server', '10.9.0.2', String(PORT));
    left.ip('rule', 'add', 'fwmark', '7', 'prohibit');
    expect(await check({ fwmark: 8 })).toMatchObject({ kind: 'pass' });
    expect(await check({ fwmark: 7 })).toMatchObject({ kind: 'fail', reason: 'CONNECT_DENIED' });
  });

  test.each<[string, Partial<TcpCheckConfig>]>([
    ['an interface that is not there', { bindInterface: 'nowhere0' }],
    ['an address that this host does not have', { bindAddress: ip('10.9.0.77') }],
    [
      'a link-local address without an interface',
      { bindAddress: ip('fe80::1'), connectAddress: ip('fe80::2') },
    ],
  ])('fails for %s: a check that cannot run has failed', async (_what, changes) => {
    expect(await check(changes)).toMatchObject({ kind: 'fail', reason: 'SOURCE_UNAVAILABLE' });
  });

  test('ends at its deadline, refused or not, and leaves no descriptor', async () => {
    await check({ bindInterface: 'left' });
    prober.send({ checker: tcpCheck({ connectAddress: ip('10.9.0.2'), connectPort: PORT }) });
    const before = (await prober.next('descriptors')).descriptors;
    const bound = { connectAddress: ip('10.9.0.2'), connectPort: PORT, bindInterface: 'left' };
    prober.send({ checker: tcpCheck(bound), times: 500 });
    expect(await prober.next('descriptors')).toMatchObject({
      result: { kind: 'fail', reason: 'CONNECT_REFUSED' },
      descriptors: before,
    });
    const silent = { ...bound, connectAddress: ip('10.9.0.99'), connectTimeoutMs: 20 };
    prober.send({ checker: tcpCheck(silent), times: 50 });
    expect(await prober.next('descriptors')).toMatchObject({
      result: { kind: 'fail', reason: 'CONNECT_TIMEOUT' },
      descriptors: before,
    });
  });
});
