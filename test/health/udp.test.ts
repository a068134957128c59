import { afterEach, describe, expect, it } from 'vitest';
import type { UdpCheckConfig } from '../../src/config/model.ts';
import { closedDatagramPort } from './closed-ports.ts';
import { ip, udpCheck } from './configs.ts';
import { type DatagramServer, serveDatagrams } from './datagram-servers.ts';
import { check, LATE_MS, openDescriptors, outcome, outcomes, SHORT_MS } from './probing.ts';

const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function serve(...[reply, host]: Parameters<typeof serveDatagrams>): Promise<DatagramServer> {
  const server = await serveDatagrams(reply, host);
  closers.push(() => server.close());
  return server;
}

const hex = (digits: string): Buffer => Buffer.from(digits, 'hex');

function expecting(connectPort: number, changes: Partial<UdpCheckConfig> = {}): UdpCheckConfig {
  return udpCheck({ connectPort, requiresReply: true, connectTimeoutMs: SHORT_MS, ...changes });
}

describe('UDP_CHECK without require_reply', () => {
  it('passes at its deadline when nobody objects', async () => {
    const { port } = await serve(() => []);
    const result = await check(udpCheck({ connectPort: port, connectTimeoutMs: SHORT_MS }));
    expect(result).toMatchObject({
      kind: 'pass',
      detail: expect.stringContaining('no ICMP error'),
    });
    expect(result.durationMs).toBeGreaterThan(SHORT_MS - 5);
  });

  it('passes at once with any reply', async () => {
    const { port } = await serve(() => [hex('00')]);
    expect(await check(udpCheck({ connectPort: port }))).toMatchObject({ kind: 'pass' });
  });

  it.each(['127.0.0.1', '::1'])(
    'fails at once when %s says that the port is not there',
    async (host) => {
      const connectPort = await closedDatagramPort(host);
      expect(await check(udpCheck({ connectAddress: ip(host), connectPort }))).toMatchObject({
        kind: 'fail',
        reason: 'PORT_UNREACHABLE',
      });
    },
  );
});

describe('UDP_CHECK with require_reply', () => {
  it('sends the payload, and passes with a reply that begins as wanted', async () => {
    const server = await serve(() => [hex('cafe01aa')]);
    const config = expecting(server.port, { payload: '0102FF', reply: 'CAXE01' });
    expect(await check(config)).toMatchObject({ kind: 'pass' });
    expect(server.received).toEqual([hex('0102ff')]);
  });

  it('works over IPv6', async () => {
    const { port } = await serve(() => [hex('01')], '::1');
    expect(await outcome(expecting(port, { connectAddress: ip('::1') }))).toBe('pass');
  });

  it.each<[string, Partial<UdpCheckConfig>, string]>([
    ['has another beginning', { reply: 'CAFF' }, 'BAD_REPLY'],
    ['is shorter than the pattern', { reply: 'CAFE01AA00' }, 'BAD_REPLY'],
    ['is too short', { minReplyLength: 5 }, 'BAD_LENGTH'],
    ['is too long', { maxReplyLength: 3 }, 'BAD_LENGTH'],
  ])('fails when the reply %s', async (_what, changes, reason) => {
    const { port } = await serve(() => [hex('cafe01aa')]);
    expect(await outcome(expecting(port, changes))).toBe(reason);
  });

  it('fails at its deadline when no reply comes', async () => {
    const { port } = await serve(() => []);
    const result = await check(expecting(port));
    expect(result).toMatchObject({ kind: 'fail', reason: 'TIMEOUT' });
    expect(result.durationMs).toBeLessThan(SHORT_MS + LATE_MS);
  });

  it('reads an empty reply and the largest there is', async () => {
    const sizes = [0, 65_000];
    for (const size of sizes) {
      const { port } = await serve(() => [Buffer.alloc(size)]);
      expect(await outcome(expecting(port, { maxReplyLength: 65_507 }))).toBe('pass');
    }
  });
});

it('UDP_CHECK leaves nothing behind of 300 checks, however they end', async () => {
  const silent = await serve(() => []);
  const talking = await serve(() => [hex('01')]);
  const nobody = await closedDatagramPort();
  await outcome(expecting(talking.port));
  const before = openDescriptors();
  expect(await outcomes(expecting(silent.port, { connectTimeoutMs: 50 }), 300)).toEqual([
    'TIMEOUT',
  ]);
  expect(await outcomes(expecting(talking.port), 300)).toEqual(['pass']);
  expect(await outcomes(expecting(nobody), 300)).toEqual(['PORT_UNREACHABLE']);
  expect(openDescriptors()).toBeLessThanOrEqual(before);
});
