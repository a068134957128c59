import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { redisCheck } from './configs.ts';
import { listenPerTest } from './per-test.ts';
import { check, LATE_MS, openDescriptors, outcome, outcomes, SHORT_MS } from './probing.ts';
import { closeAtOnce, drip, type listen, pour, reset, silent } from './servers.ts';

const serve = listenPerTest();
let directory: string;
let passwordFile: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'lvsd-redis-'));
  passwordFile = join(directory, 'password');
  writeFileSync(passwordFile, 'hunter2\n');
});

afterAll(() => rmSync(directory, { recursive: true }));

/** Answers every command that arrives, one after the other, with these. */
function replies(...texts: readonly string[]) {
  return (socket: Socket): void => {
    let said = 0;
    socket.on('data', (text) => {
      for (const _ of String(text).matchAll(/\*\d+\r\n/g)) {
        socket.write(texts[said] ?? '', 'latin1');
        said += 1;
      }
    });
  };
}

function endlessReply(socket: Socket): void {
  socket.once('data', () => {
    socket.write('$500000000\r\n');
    pour(socket, 'x'.repeat(65_536));
  });
}

const behaviours: readonly [
  what: string,
  Parameters<typeof listen>[0],
  ends: string,
  ms?: number,
][] = [
  ['answers', replies('+PONG\r\n'), 'pass'],
  ['is silent', silent, 'TIMEOUT', SHORT_MS],
  ['drips', drip, 'TIMEOUT', SHORT_MS],
  ['resets', reset, 'CONNECTION_RESET'],
  ['closes', closeAtOnce, 'CLOSED_EARLY'],
  ['closes in its reply', (socket) => socket.once('data', () => socket.end('+PO')), 'CLOSED_EARLY'],
  ['speaks HTTP', replies('HTTP/1.1 400 Bad Request\r\n\r\n'), 'BAD_RESPONSE'],
  ['says something else', replies('+HELLO\r\n'), 'BAD_REPLY'],
  ['says more than it was asked', replies('+PONG\r\n+PONG\r\n$-1\r\n_\r\n'), 'pass'],
  ['says nothing unasked', (socket) => socket.write('$-1\r\n'), 'BAD_REPLY'],
  ['pushes', (socket) => socket.write('>2\r\n$1\r\na\r\n$1\r\nb\r\n'), 'BAD_RESPONSE'],
  ['answers with a null', replies('$-1\r\n'), 'BAD_REPLY'],
  ['nests without end', replies('*1\r\n'.repeat(10_000)), 'BAD_REPLY'],
  ['has an array of billions', replies('*2000000000\r\n'), 'BAD_REPLY'],
  ['is loading', replies('-LOADING Redis is loading\r\n'), 'BAD_REPLY'],
  ['wants a password', replies('-NOAUTH Authentication required.\r\n'), 'AUTH_FAILED'],
  ['never ends its reply', endlessReply, 'BAD_REPLY'],
];

describe('REDIS_CHECK of a server that', () => {
  it.each(behaviours)('%s; 100 checks leave nothing', async (_what, behave, ends, ms = 5000) => {
    const server = await serve(behave);
    const before = openDescriptors();
    const config = redisCheck({ connectPort: server.port, connectTimeoutMs: ms });
    const result = await check(config);
    expect(result.kind === 'pass' ? 'pass' : result.reason, result.detail).toBe(ends);
    expect(result.durationMs).toBeLessThan(ms + LATE_MS);
    expect(await outcomes(config, 100)).toEqual([ends]);
    expect(openDescriptors()).toBeLessThanOrEqual(before + server.open());
    // Nobody tries again.
    expect(server.accepted()).toBe(101);
  });
});

describe('the password of REDIS_CHECK', () => {
  it('is sent first, with the name where there is one', async () => {
    const server = await serve(replies('+OK\r\n', '+PONG\r\n'));
    const config = redisCheck({ connectPort: server.port, passwordFile });
    expect(await outcome(config)).toBe('pass');
    expect(await outcome({ ...config, username: 'checker' })).toBe('pass');
    expect(server.received[0]).toBe('*2\r\n$4\r\nAUTH\r\n$7\r\nhunter2\r\n*1\r\n$4\r\nPING\r\n');
    expect(server.received[1]).toContain('$7\r\nchecker\r\n$7\r\nhunter2\r\n');
  });

  it('is never shown, even where the server repeats it', async () => {
    const server = await serve(replies("-ERR unknown command 'AUTH', with args 'hunter2'\r\n"));
    const result = await check(redisCheck({ connectPort: server.port, passwordFile }));
    expect(result).toMatchObject({ reason: 'AUTH_FAILED' });
    expect(JSON.stringify(result)).not.toContain('hunter2');
  });

  it('is sent as bytes', async () => {
    writeFileSync(join(directory, 'umlaut'), 'grüße');
    const server = await serve(replies('+OK\r\n', '+PONG\r\n'));
    const file = join(directory, 'umlaut');
    expect(await outcome(redisCheck({ connectPort: server.port, passwordFile: file }))).toBe(
      'pass',
    );
    expect(server.received[0]).toContain(`$7\r\n${Buffer.from('grüße').toString('latin1')}\r\n`);
  });

  it('must be readable', async () => {
    const server = await serve(replies('+OK\r\n', '+PONG\r\n'));
    const config = redisCheck({ connectPort: server.port, passwordFile: '/nowhere/secret' });
    expect(await outcome(config)).toBe('CREDENTIALS_UNUSABLE');
    expect(server.accepted()).toBe(0);
  });
});

describe('the role of REDIS_CHECK', () => {
  const role = (name: string): string => `*2\r\n$${name.length}\r\n${name}\r\n:0\r\n`;

  it.each([
    ['master', role('master'), 'pass'],
    ['master', role('slave'), 'WRONG_ROLE'],
    ['replica', role('slave'), 'pass'],
    ['replica', role('sentinel'), 'WRONG_ROLE'],
    ['master', '+OK\r\n', 'BAD_REPLY'],
    ['master', '-ERR unknown command\r\n', 'BAD_REPLY'],
  ] as const)('%s: %j is %s', async (wanted, answer, ends) => {
    const server = await serve(replies('+PONG\r\n', answer));
    expect(await outcome(redisCheck({ connectPort: server.port, role: wanted }))).toBe(ends);
  });
});
