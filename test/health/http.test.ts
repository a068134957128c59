import { describe, expect, it } from 'vitest';
import { closedPort } from './closed-ports.ts';
import { httpGet, httpUrl, ip } from './configs.ts';
import { listenPerTest } from './per-test.ts';
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
import {
  closeAtOnce,
  drip,
  dripBody,
  endlessBody,
  endlessHeaders,
  type listen,
  replyWith,
  reset,
  resetAfterRequest,
  silent,
  stoppedListener,
} from './servers.ts';

const serve = listenPerTest();

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello';
const MANY_HEADERS = `HTTP/1.1 200 OK\r\n${'X-A: b\r\n'.repeat(100_000)}\r\n`;

/** What the server does, how the check ends, and its deadline where that is what ends it. */
const behaviours: readonly [
  what: string,
  Parameters<typeof listen>[0],
  ends: string,
  ms?: number,
][] = [
  ['answers 200', replyWith(OK), 'pass'],
  ['answers 200 and keeps the connection open', replyWith(OK, 'stay'), 'pass'],
  ['answers 204', replyWith('HTTP/1.1 204 No Content\r\n\r\n', 'stay'), 'pass'],
  ['speaks HTTP/1.0, body until close', replyWith('HTTP/1.0 200 OK\r\n\r\nhello'), 'pass'],
  ['speaks HTTP/1.1, body until close', replyWith('HTTP/1.1 200 OK\r\n\r\nhello'), 'pass'],
  ['answers in chunks', replyWith(chunked('5\r\nhello\r\n0\r\n\r\n'), 'stay'), 'pass'],
  ['says 103 first', replyWith(`HTTP/1.1 103 Early Hints\r\n\r\n${OK}`), 'pass'],
  ['never ends its body', endlessBody, 'pass'],
  ['answers 503', replyWith('HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n'), 'BAD_STATUS'],
  ['redirects', replyWith('HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n'), 'BAD_STATUS'],
  ['accepts and is silent', silent, 'TIMEOUT', SHORT_MS],
  ['drips one byte a second', drip, 'TIMEOUT', SHORT_MS],
  ['drips its body', dripBody, 'TIMEOUT', SHORT_MS],
  ['resets at once', reset, 'CONNECTION_RESET'],
  ['resets after the request', resetAfterRequest, 'CONNECTION_RESET'],
  ['closes at once', closeAtOnce, 'CLOSED_EARLY'],
  ['closes in the head', replyWith('HTTP/1.1 200 OK\r\nContent-'), 'CLOSED_EARLY'],
  ['closes in a counted body', replyWith(OK.slice(0, -1)), 'CLOSED_EARLY'],
  ['closes in a chunk', replyWith(chunked('5\r\nhel')), 'CLOSED_EARLY'],
  ['speaks SSH', replyWith('SSH-2.0-OpenSSH_9.2\r\n', 'stay'), 'BAD_RESPONSE'],
  ['answers with noise', replyWith('\u0000\u0001\u0002\u00ff\r\n\r\n', 'stay'), 'BAD_RESPONSE'],
  ['has no such version', replyWith('HTTP/9.9 200 OK\r\n\r\n', 'stay'), 'BAD_RESPONSE'],
  ['answers 100 unasked', replyWith('HTTP/1.1 100 Continue\r\n\r\n', 'stay'), 'BAD_RESPONSE'],
  ['switches protocols', replyWith(switching(), 'stay'), 'BAD_RESPONSE'],
  ['hints without end', replyWith('HTTP/1.1 103 E\r\n\r\n'.repeat(99), 'stay'), 'BAD_RESPONSE'],
  ['sends 100,000 headers', replyWith(MANY_HEADERS), 'HEADERS_TOO_LARGE'],
  ['sends headers without end', endlessHeaders, 'HEADERS_TOO_LARGE'],
];

function chunked(body: string): string {
  return `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body}`;
}

function switching(): string {
  return 'HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n';
}

describe('HTTP_GET of a server that', () => {
  it.each(behaviours)('%s', async (_what, behave, ends, connectTimeoutMs = 5000) => {
    const server = await serve(behave);
    const before = openDescriptors();
    const result = await check(httpGet({ connectPort: server.port, connectTimeoutMs }));
    expect(result.kind === 'pass' ? 'pass' : result.reason, result.detail).toBe(ends);
    expect(result.durationMs).toBeLessThan(connectTimeoutMs + LATE_MS);
    expect(openDescriptors()).toBeLessThanOrEqual(before + server.open());
  });

  it.each(behaviours)('%s: 300 checks leave nothing', async (_what, behave, ends, timeoutMs) => {
    const server = await serve(behave);
    const before = openDescriptors();
    const config = httpGet({ connectPort: server.port, connectTimeoutMs: timeoutMs ?? 5000 });
    expect(await outcomes(config, 300)).toEqual([ends]);
    expect(openDescriptors()).toBeLessThanOrEqual(before + server.open());
  });

  it('does not accept: CONNECT_TIMEOUT, and 300 checks leave nothing', async () => {
    const listener = await stoppedListener();
    await fillBacklog(listener.port);
    const before = openDescriptors();
    const config = httpGet({ connectPort: listener.port, connectTimeoutMs: SHORT_MS });
    expect(await outcomes(config, 300)).toEqual(['CONNECT_TIMEOUT']);
    expect(openDescriptors()).toBeLessThanOrEqual(before);
    await listener.close();
  });

  it('does not listen: CONNECT_REFUSED', async () => {
    expect(await outcome(httpGet({ connectPort: await closedPort() }))).toBe('CONNECT_REFUSED');
  });
});

describe('the request of HTTP_GET', () => {
  it('is a plain GET on a connection of its own', async () => {
    const server = await serve(replyWith(OK, 'stay'));
    await outcomes(httpGet({ connectPort: server.port, urls: [httpUrl({ path: '/a' })] }), 2);
    const expected = [
      'GET /a HTTP/1.0',
      `host: 127.0.0.1:${server.port}`,
      'user-agent: lvsd',
      '\r\n',
    ].join('\r\n');
    expect(server.received).toEqual([expected, expected]);
  });

  it.each([
    ['1.0', 'HTTP/1.0', false],
    ['1.0C', 'HTTP/1.0', true],
    ['1.1', 'HTTP/1.1', true],
    // Over a plain connection nothing offers HTTP/2.
    ['2', 'HTTP/1.1', true],
  ] as const)('speaks http_protocol %s', async (httpProtocol, version, closes) => {
    const server = await serve(replyWith(OK, 'stay'));
    expect(await outcome(httpGet({ connectPort: server.port, httpProtocol }))).toBe('pass');
    expect(server.received[0]?.split('\r\n')[0]).toBe(`GET / ${version}`);
    expect(server.received[0]?.includes('\r\nconnection: close\r\n')).toBe(closes);
  });

  it.each([
    ['/%7euser/../a//b?q=%20&r=[1]#x', '/%7euser/../a//b?q=%20&r=[1]#x'],
    ['/grüße', Buffer.from('/grüße').toString('latin1')],
    ['http://elsewhere/x', 'http://elsewhere/x'],
  ])('has the path byte for byte: %s', async (path, onTheWire) => {
    const server = await serve(replyWith(OK));
    expect(await outcome(httpGet({ connectPort: server.port, urls: [httpUrl({ path })] }))).toBe(
      'pass',
    );
    expect(server.received[0]?.split('\r\n')[0]).toBe(`GET ${onTheWire} HTTP/1.0`);
  });

  it('has virtualhost as its Host, as written', async () => {
    const server = await serve(replyWith(OK));
    const urls = [httpUrl({ virtualhost: 'WWW.example.com' })];
    await outcome(httpGet({ connectPort: server.port, urls }));
    expect(server.received[0]).toContain('\r\nhost: WWW.example.com\r\n');
  });

  it('has an IPv6 address in brackets as its Host', async () => {
    const server = await serve(replyWith(OK), '::1');
    const config = httpGet({ connectAddress: ip('::1'), connectPort: server.port });
    expect(await outcome(config)).toBe('pass');
    expect(server.received[0]).toContain(`\r\nhost: [::1]:${server.port}\r\n`);
  });

  it.each([{ path: '/a b' }, { path: 'no-slash' }, { path: '/', virtualhost: 'a\r\nX: y' }])(
    'is not sent when it cannot be written: %o',
    async (url) => {
      const server = await serve(replyWith(OK));
      const config = httpGet({ connectPort: server.port, urls: [httpUrl(url)] });
      expect(await outcome(config)).toBe('BAD_REQUEST');
      expect(server.received.join('')).toBe('');
    },
  );
});

describe('the verdict of HTTP_GET', () => {
  it('is over all urls, in order, and stops at the first that fails', async () => {
    let requests = 0;
    const statuses = [200, 200, 404, 200];
    const server = await serve((socket) => {
      const status = statuses[requests];
      requests += 1;
      replyWith(`HTTP/1.1 ${status} X\r\nContent-Length: 0\r\n\r\n`)(socket);
    });
    const urls = ['/a', '/b', '/c', '/d'].map((path) => httpUrl({ path }));
    expect(await check(httpGet({ connectPort: server.port, urls }))).toMatchObject({
      kind: 'fail',
      reason: 'BAD_STATUS',
      detail: 'GET /c: status 404, expected 200-299',
    });
    expect(server.received.map((text) => text.split(' ')[1])).toEqual(['/a', '/b', '/c']);
  });

  it('takes every range of status codes', async () => {
    const statusCodes = [
      { from: 200, to: 200 },
      { from: 301, to: 303 },
    ];
    for (const [status, expected] of [
      [200, 'pass'],
      [201, 'BAD_STATUS'],
      [303, 'pass'],
      [304, 'BAD_STATUS'],
    ] as const) {
      const server = await serve(replyWith(`HTTP/1.1 ${status} X\r\nContent-Length: 0\r\n\r\n`));
      const urls = [httpUrl({ statusCodes })];
      expect(await outcome(httpGet({ connectPort: server.port, urls }))).toBe(expected);
    }
  });

  it('comes at the deadline of the url that is not answered', async () => {
    let requests = 0;
    const server = await serve((socket) => {
      requests += 1;
      if (requests === 1) replyWith(OK)(socket);
    });
    const urls = [httpUrl({ path: '/quick' }), httpUrl({ path: '/never' })];
    const config = httpGet({ connectPort: server.port, urls, connectTimeoutMs: SHORT_MS });
    const result = await check(config);
    expect(result).toMatchObject({
      reason: 'TIMEOUT',
      detail: `GET /never: no reply within ${SHORT_MS} ms`,
    });
    expect(result.durationMs).toBeLessThan(SHORT_MS + LATE_MS);
  });

  it('comes at once when the check is withdrawn', async () => {
    const server = await serve(silent);
    const before = openDescriptors();
    const run = ask(httpGet({ connectPort: server.port }));
    run.withdraw();
    expect(await run.result).toMatchObject({ kind: 'fail' });
    expect(openDescriptors()).toBeLessThanOrEqual(before + server.open());
  });
});
