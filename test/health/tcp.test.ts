import { afterEach, describe, expect, it } from 'vitest';
import { socketVerdict } from '../../src/health/socket-error.ts';
import { closedPort } from './closed-ports.ts';
import { ip, tcpCheck } from './configs.ts';
import {
  ask,
  check,
  fillBacklog,
  LATE_MS,
  openDescriptors,
  outcome,
  outcomes,
  SHORT_MS,
} from './probing.ts';
import { closeAtOnce, listen, reset, silent, stoppedListener } from './servers.ts';

const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function portOf(serve: Parameters<typeof listen>[0], host?: string): Promise<number> {
  const server = await listen(serve, host);
  closers.push(() => server.close());
  return server.port;
}

/** A port whose backlog is full: further handshakes are not completed. */
async function fullPort(): Promise<number> {
  const listener = await stoppedListener();
  closers.push(() => listener.close());
  await fillBacklog(listener.port);
  return listener.port;
}

describe('TCP_CHECK', () => {
  it('passes when the handshake completes, whatever the server does then', async () => {
    for (const serve of [silent, closeAtOnce]) {
      expect(await outcome(tcpCheck({ connectPort: await portOf(serve) }))).toBe('pass');
    }
  });

  it('passes over IPv6', async () => {
    const connectPort = await portOf(silent, '::1');
    const result = await check(tcpCheck({ connectAddress: ip('::1'), connectPort }));
    expect(result).toMatchObject({ kind: 'pass', detail: `connected to [::1]:${connectPort}` });
  });

  it('sends nothing', async () => {
    const server = await listen(silent);
    closers.push(() => server.close());
    await outcomes(tcpCheck({ connectPort: server.port }), 20);
    expect(server.received.join('')).toBe('');
  });

  it('fails with CONNECT_REFUSED where nobody listens', async () => {
    const connectPort = await closedPort();
    expect(await check(tcpCheck({ connectPort }))).toMatchObject({
      kind: 'fail',
      reason: 'CONNECT_REFUSED',
      detail: `127.0.0.1:${connectPort}: connection refused`,
    });
  });

  it('fails with CONNECT_TIMEOUT at its deadline when the backlog is full', async () => {
    const connectPort = await fullPort();
    const result = await check(tcpCheck({ connectPort, connectTimeoutMs: SHORT_MS }));
    expect(result).toMatchObject({ kind: 'fail', reason: 'CONNECT_TIMEOUT' });
    expect(result.durationMs).toBeGreaterThan(SHORT_MS - 5);
    expect(result.durationMs).toBeLessThan(SHORT_MS + LATE_MS);
  });

  it.each([
    ['is silent', silent, ['pass']],
    ['closes at once', closeAtOnce, ['pass']],
    // The reset can overtake the news of the connection.
    ['resets at once', reset, ['pass', 'CONNECTION_RESET']],
  ])('leaves nothing behind of 300 checks of a server that %s', async (_what, serve, ends) => {
    const server = await listen(serve);
    closers.push(() => server.close());
    const before = openDescriptors();
    for (const reason of await outcomes(tcpCheck({ connectPort: server.port }), 300)) {
      expect(ends).toContain(reason);
    }
    expect(openDescriptors()).toBeLessThanOrEqual(before + server.open());
  });

  it('leaves nothing behind of 300 checks that never connect', async () => {
    const ports = { CONNECT_REFUSED: await closedPort(), CONNECT_TIMEOUT: await fullPort() };
    const before = openDescriptors();
    for (const [reason, connectPort] of Object.entries(ports)) {
      const config = tcpCheck({ connectPort, connectTimeoutMs: SHORT_MS });
      expect(await outcomes(config, 300)).toEqual([reason]);
    }
    expect(openDescriptors()).toBeLessThanOrEqual(before);
  });

  it('settles at once when it is withdrawn', async () => {
    const connectPort = await fullPort();
    const before = openDescriptors();
    const run = ask(tcpCheck({ connectPort }));
    run.withdraw();
    expect(await run.result).toMatchObject({ kind: 'fail', reason: 'CONNECT_TIMEOUT' });
    expect(openDescriptors()).toBeLessThanOrEqual(before);
  });

  it('reports a port that cannot be, instead of rejecting', async () => {
    expect(await outcome(tcpCheck({ connectPort: 70_000 }))).toBe('CONNECT_FAILED');
  });
});

describe('system errors', () => {
  it.each(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL'])(
    '%s is our trouble, never a failure of the server',
    (code) => {
      for (const phase of ['connecting', 'connected'] as const) {
        const verdict = socketVerdict(code, phase, '10.0.0.1:80');
        expect(verdict).toMatchObject({ kind: 'inconclusive', reason: code });
      }
    },
  );

  it.each([
    ['ECONNREFUSED', 'connecting', 'CONNECT_REFUSED'],
    ['ETIMEDOUT', 'connecting', 'CONNECT_TIMEOUT'],
    ['ECONNRESET', 'connecting', 'CONNECTION_RESET'],
    ['EHOSTUNREACH', 'connecting', 'HOST_UNREACHABLE'],
    ['ENETUNREACH', 'connecting', 'NETWORK_UNREACHABLE'],
    ['EPERM', 'connecting', 'CONNECT_DENIED'],
    ['ECONNRESET', 'connected', 'CONNECTION_RESET'],
    ['EPIPE', 'connected', 'CLOSED_EARLY'],
    ['ETIMEDOUT', 'connected', 'TIMEOUT'],
  ] as const)('%s while %s is a failure: %s', (code, phase, reason) => {
    expect(socketVerdict(code, phase, '10.0.0.1:80')).toMatchObject({ kind: 'fail', reason });
  });

  it('that are not known are left to the checker', () => {
    expect(socketVerdict('EXOTIC', 'connecting', '10.0.0.1:80')).toBeUndefined();
    expect(socketVerdict(undefined, 'connected', '10.0.0.1:80')).toBeUndefined();
  });
});
