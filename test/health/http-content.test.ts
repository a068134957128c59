/** What HTTP_GET sends and what it wants in return. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import type { Socket } from 'node:net';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { RegexConfig } from '../../src/config/model-lvs.ts';
import { MAX_MATCHED_BYTES, repeats } from '../../src/health/body-pattern.ts';
import { httpGet, httpUrl } from './configs.ts';
import { listenPerTest } from './per-test.ts';
import { check, outcome, SHORT_MS } from './probing.ts';
import { endlessBody, onRequest, replyWith } from './servers.ts';

const serve = listenPerTest();

function md5(text: string): string {
  return createHash('md5').update(text, 'latin1').digest('hex');
}

function page(body: string): string {
  return `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

function regex(source: string, changes: Partial<RegexConfig> = {}): RegexConfig {
  const matcher = { source, flags: '' };
  return { pattern: source, matcher, isNegated: false, options: [], minOffset: 0, ...changes };
}

describe('digest', () => {
  it.each([
    ['counted', page('hello')],
    ['until close', 'HTTP/1.0 200 OK\r\n\r\nhello'],
    [
      'chunked',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n',
    ],
  ])('is that of the body: %s', async (_what, reply) => {
    const { port: connectPort } = await serve(replyWith(reply));
    const wanting = (digest: string) => httpGet({ connectPort, urls: [httpUrl({ digest })] });
    expect(await outcome(wanting(md5('hello')))).toBe('pass');
    expect(await outcome(wanting(md5('hallo')))).toBe('BAD_DIGEST');
  });

  it('is the one that genhash makes', async () => {
    const { port: connectPort } = await serve(replyWith('HTTP/1.0 200 OK\r\n\r\n\0\xff bytes\n'));
    const args = ['-s', '127.0.0.1', '-p', String(connectPort), '-u', '/'];
    const { stdout } = await promisify(execFile)('genhash', args);
    const digest = /[0-9a-f]{32}/.exec(stdout)?.[0] ?? stdout;
    expect(digest).toBe(md5('\0\xff bytes\n'));
    expect(await outcome(httpGet({ connectPort, urls: [httpUrl({ digest })] }))).toBe('pass');
  });

  it('has a bound', async () => {
    const { port: connectPort } = await serve(endlessBody);
    const urls = [httpUrl({ digest: md5('') })];
    expect(await outcome(httpGet({ connectPort, urls, connectTimeoutMs: 20_000 }))).toBe(
      'BODY_TOO_LARGE',
    );
  });
});

describe('regex', () => {
  it('is looked for in this reply, whatever another server says before it ends', async () => {
    const untilClose = (body: string): string => `HTTP/1.0 200 OK\r\n\r\n${body}`;
    const said = Promise.withResolvers<Socket>();
    const slow = await serve((socket) =>
      onRequest(socket, () => {
        socket.write(untilClose('all is lost'), () => said.resolve(socket));
      }),
    );
    const other = await serve(replyWith(untilClose('all is well')));
    const wanting = ({ port: connectPort }: { readonly port: number }) =>
      httpGet({ connectPort, urls: [httpUrl({ regex: regex('is well') })] });
    const first = outcome(wanting(slow));
    const socket = await said.promise;
    expect(await outcome(wanting(other))).toBe('pass');
    socket.end();
    expect(await first).toBe('BAD_BODY');
  });

  const body = 'one two\nthree \xe9';
  it.each([
    ['two', {}, 'pass'],
    ['four', {}, 'BAD_BODY'],
    ['two', { isNegated: true }, 'BAD_BODY'],
    ['four', { isNegated: true }, 'pass'],
    ['two', { minOffset: 4 }, 'pass'],
    ['two', { minOffset: 5 }, 'BAD_BODY'],
    ['two', { maxOffset: 4 }, 'BAD_BODY'],
    ['two', { maxOffset: 5 }, 'pass'],
    ['(?<=one )two', { minOffset: 4 }, 'pass'],
    ['x', { minOffset: 1000 }, 'BAD_BODY'],
    ['x', { minOffset: 1000, isNegated: true }, 'pass'],
    ['TWO', { matcher: { source: 'TWO', flags: 'i' } }, 'pass'],
    ['two', { matcher: undefined }, 'REGEX_UNUSABLE'],
    ['\\xe9', {}, 'pass'],
  ] as const)('%s %o: %s', async (source, changes, ends) => {
    const { port: connectPort } = await serve(replyWith(page(body)));
    const urls = [httpUrl({ regex: regex(source, changes as Partial<RegexConfig>) })];
    expect(await outcome(httpGet({ connectPort, urls }))).toBe(ends);
  });

  it('sees bytes, or letters with utf; offsets count bytes', async () => {
    const { port: connectPort } = await serve(
      replyWith(page(Buffer.from('ää').toString('latin1'))),
    );
    const matching = (source: string, changes: Partial<RegexConfig>) =>
      httpGet({ connectPort, urls: [httpUrl({ regex: regex(source, changes) })] });
    expect(await outcome(matching('^....$', {}))).toBe('pass');
    expect(await outcome(matching('^ä', {}))).toBe('pass');
    expect(await outcome(matching('^..$', { options: ['utf'] }))).toBe('pass');
    expect(await outcome(matching('ä', { options: ['utf'], minOffset: 2, maxOffset: 3 }))).toBe(
      'pass',
    );
  });

  it.each([
    ['is (well|fine)', false],
    ['a|b|\\d', false],
    ['^(?:ok)(?=!)$', false],
    ['[*+?{]\\*\\{', false],
    ['[\\]*]x', false],
    ['a*', true],
    ['[]a*]', true],
    ['(?:a|b)+', true],
    ['a?', true],
    ['\\\\*', true],
    ['x{3}', true],
  ])('%s: repeats %s', (source, expected) => {
    expect(repeats(source)).toBe(expected);
  });

  it('does not hold up other checks, whatever the body', async () => {
    const { port: connectPort } = await serve(replyWith(page(`${'a'.repeat(40)}b`)));
    const urls = [httpUrl({ regex: regex('^(a+)+$') })];
    expect(await outcome(httpGet({ connectPort, urls }))).toBe('REGEX_TIMEOUT');
  });

  it('wants the whole body', async () => {
    const { port: connectPort } = await serve(replyWith(page('x'.repeat(MAX_MATCHED_BYTES))));
    const urls = [httpUrl({ regex: regex('y', { isNegated: true }) })];
    expect(await outcome(httpGet({ connectPort, urls }))).toBe('BODY_TOO_LARGE');
  });
});

describe('expect_header', () => {
  it.each([
    ['X-Role', 'pass'],
    ['x-role: primary', 'pass'],
    ['X-Role:primary', 'pass'],
    ['X-Role: secondary', 'BAD_HEADER'],
    ['X-Absent', 'BAD_HEADER'],
    ['X-Twice: b', 'pass'],
    ['__proto__', 'BAD_HEADER'],
  ])('%s: %s', async (line, ends) => {
    const headers = 'X-Role: primary\r\nX-Twice: a\r\nX-Twice: b\r\nContent-Length: 0';
    const { port: connectPort } = await serve(replyWith(`HTTP/1.1 200 OK\r\n${headers}\r\n\r\n`));
    expect(await outcome(httpGet({ connectPort, expectHeaders: [line] }))).toBe(ends);
  });
});

describe('the request', () => {
  it('has method, headers and body of the checker', async () => {
    const server = await serve(replyWith(page('')));
    const headers = ['Content-Type: text/plain', 'X-Probe: a: b', 'Host: named.test'];
    const config = { method: 'POST', headers, body: 'grüße', httpProtocol: '1.1' as const };
    expect(await outcome(httpGet({ connectPort: server.port, ...config }))).toBe('pass');
    expect(server.received[0]).toBe(
      [
        'POST / HTTP/1.1',
        'host: named.test',
        'connection: close',
        'user-agent: lvsd',
        'Content-Type: text/plain',
        'X-Probe: a: b',
        'content-length: 7',
        '',
        Buffer.from('grüße').toString('latin1'),
      ].join('\r\n'),
    );
  });

  it('of HEAD waits for no body', async () => {
    const server = await serve(replyWith('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n', 'stay'));
    expect(await outcome(httpGet({ connectPort: server.port, method: 'HEAD' }))).toBe('pass');
  });
});

describe('follow_redirects', () => {
  /** Answers each path with a reply. */
  function pages(replies: Readonly<Record<string, string>>) {
    return serve((socket) => {
      let head = '';
      socket.on('data', (text) => {
        head += String(text);
      });
      onRequest(socket, () => {
        socket.end(replies[head.split(' ')[1] ?? ''] ?? 'HTTP/1.1 404 X\r\n\r\n');
      });
    });
  }

  const to = (location: string, status = 302): string =>
    `HTTP/1.1 ${status} X\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`;

  it('asks the same server where it points', async () => {
    const server = await pages({
      '/': to('a/b?c=d'),
      '/a/b?c=d': to('//other.test/e'),
      '/e': page('x'),
    });
    const config = httpGet({ connectPort: server.port, followRedirects: 2 });
    expect(await check(config)).toMatchObject({
      kind: 'pass',
      detail: expect.stringContaining('2 redirects'),
    });
    expect(server.received[2]).toContain('host: other.test\r\n');
    expect(await outcome({ ...config, followRedirects: 1 })).toBe('BAD_STATUS');
  });

  it('begins with the url of the file again at the next check', async () => {
    const server = await pages({ '/': to('/next'), '/next': page('x') });
    const config = httpGet({ connectPort: server.port, followRedirects: 1 });
    expect(await outcome(config)).toBe('pass');
    expect(await outcome(config)).toBe('pass');
    const asked = server.received.map((head) => head.split(' ')[1]);
    expect(asked).toEqual(['/', '/next', '/', '/next']);
    expect(server.received[2]).toBe(server.received[0]);
  });

  it('ends in a loop', async () => {
    const server = await pages({ '/': to('/') });
    expect(await outcome(httpGet({ connectPort: server.port, followRedirects: 20 }))).toBe(
      'BAD_STATUS',
    );
    expect(server.accepted()).toBe(21);
  });

  it.each([
    ['https://web.test/', 'BAD_REDIRECT'],
    ['file:///etc/passwd', 'BAD_REDIRECT'],
    ['http://[', 'BAD_REDIRECT'],
  ])('does not go to %s', async (location, ends) => {
    const server = await pages({ '/': to(location) });
    expect(await outcome(httpGet({ connectPort: server.port, followRedirects: 3 }))).toBe(ends);
  });

  it.each([
    [303, 'GET'],
    [302, 'GET'],
    [307, 'POST'],
  ])('after %i the method is %s', async (status, method) => {
    const server = await pages({ '/': to('/a', status), '/a': page('') });
    const config = { method: 'POST', body: 'x', followRedirects: 1 };
    expect(await outcome(httpGet({ connectPort: server.port, ...config }))).toBe('pass');
    expect(server.received[1]?.split(' ')[0]).toBe(method);
  });

  it('has one deadline with all of them', async () => {
    const server = await serve((socket) =>
      onRequest(socket, () => setTimeout(() => socket.end(to('/')), SHORT_MS / 3)),
    );
    const config = { connectPort: server.port, followRedirects: 20, connectTimeoutMs: SHORT_MS };
    expect(await outcome(httpGet(config))).toBe('TIMEOUT');
  });
});
