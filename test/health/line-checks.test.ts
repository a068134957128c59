/** SMTP_CHECK and AGENT_CHECK: servers that talk in lines. */
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { parseAgentReply } from '../../src/health/agent-reply.ts';
import { agentCheck, smtpCheck } from './configs.ts';
import { listenPerTest } from './per-test.ts';
import { check, LATE_MS, openDescriptors, outcomes, SHORT_MS } from './probing.ts';
import { closeAtOnce, drip, type listen, pour, reset, silent } from './servers.ts';

const serve = listenPerTest();

/** Says the first text at once and each further one after a line of the client; then closes. */
function dialogue(...texts: readonly string[]) {
  return (socket: Socket): void => {
    let said = 0;
    const say = (): void => {
      socket.write(texts[said] ?? '', 'latin1');
      said += 1;
      if (said >= texts.length) socket.end();
    };
    socket.on('data', (text) => {
      for (const _ of String(text).matchAll(/\n/g)) say();
    });
    say();
  };
}

function says(text: string) {
  return (socket: Socket): void => void socket.write(text, 'latin1');
}

function flood(socket: Socket): void {
  pour(socket, 'x'.repeat(65_536));
}

function floodLines(socket: Socket): void {
  pour(socket, '220-more\r\n'.repeat(5000));
}

type Behaviour = [what: string, Parameters<typeof listen>[0], ends: string, ms?: number];

const anyProtocol: readonly Behaviour[] = [
  ['is silent', silent, 'TIMEOUT', SHORT_MS],
  ['drips', drip, 'TIMEOUT', SHORT_MS],
  ['resets', reset, 'CONNECTION_RESET'],
  ['closes', closeAtOnce, 'CLOSED_EARLY'],
  ['floods', flood, 'BAD_RESPONSE'],
  ['says noise', says('\x00\x01\x02\xff\n'), 'BAD_RESPONSE'],
  ['says an empty line', says('\n'), 'BAD_RESPONSE'],
  ['speaks SSH', says('SSH-2.0-OpenSSH_9.2\r\n'), 'BAD_RESPONSE'],
];

const smtp: readonly Behaviour[] = [
  ...anyProtocol,
  ['greets, answers and says goodbye', dialogue('220 hi\r\n', '250 ok\r\n', '221 bye\r\n'), 'pass'],
  [
    'answers in many lines',
    dialogue('220-a\r\n220 b\r\n', '250-x\r\n250 y\r\n', '221\r\n'),
    'pass',
  ],
  ['closes instead of goodbye', dialogue('220 hi\r\n', '250 ok\r\n', ''), 'pass'],
  ['keeps silent about QUIT', says('220 hi\r\n250 ok\r\n'), 'pass', SHORT_MS],
  ['wants no mail', dialogue('554 no\r\n'), 'BAD_STATUS'],
  ['is too busy', dialogue('421 busy\r\n'), 'BAD_STATUS'],
  ['refuses HELO', dialogue('220 hi\r\n', '550 who?\r\n'), 'BAD_STATUS'],
  ['closes after its greeting', dialogue('220 hi\r\n', ''), 'CLOSED_EARLY'],
  ['closes in its greeting', dialogue('220 hi'), 'CLOSED_EARLY'],
  ['never ends its greeting', floodLines, 'BAD_RESPONSE'],
  ['is silent after its greeting', says('220 hi\r\n'), 'TIMEOUT', SHORT_MS],
];

const agent: readonly Behaviour[] = [
  ...anyProtocol,
  ['is up', dialogue('up\n'), 'pass'],
  ['says so and stays', says('up ready 50%\n'), 'pass'],
  ['closes without an end of line', dialogue('up'), 'pass'],
  ['is down', dialogue('down # disk full\n'), 'AGENT_DOWN'],
  ['is stopped', dialogue('stopped\n'), 'AGENT_DOWN'],
  ['has failed', dialogue('failed\n'), 'AGENT_DOWN'],
  ['says a word of its own', dialogue('sideways\n'), 'BAD_RESPONSE'],
];

describe.each([
  ['SMTP_CHECK', smtpCheck, smtp],
  ['AGENT_CHECK', agentCheck, agent],
] as const)('%s of a server that', (_kind, config, behaviours) => {
  it.each(behaviours)('%s; 100 checks leave nothing', async (_what, behave, ends, ms = 5000) => {
    const server = await serve(behave);
    const before = openDescriptors();
    const target = config({ connectPort: server.port, connectTimeoutMs: ms });
    const result = await check(target);
    expect(result.kind === 'pass' ? 'pass' : result.reason, result.detail).toBe(ends);
    expect(result.durationMs).toBeLessThan(ms + LATE_MS);
    expect(await outcomes(target, 100)).toEqual([ends]);
    expect(openDescriptors()).toBeLessThanOrEqual(before + server.open());
  });
});

it('SMTP_CHECK says HELO with its name, and QUIT', async () => {
  const server = await serve(dialogue('220 hi\r\n', '250 ok\r\n', '221 bye\r\n'));
  await check(smtpCheck({ connectPort: server.port, heloName: 'me.test' }));
  await expect.poll(() => server.received).toEqual(['HELO me.test\r\nQUIT\r\n']);
});

describe('AGENT_CHECK', () => {
  it('sends its line first', async () => {
    const server = await serve(dialogue('', 'drain 75%\n'));
    const result = await check(agentCheck({ connectPort: server.port, send: 'web1' }));
    const advice = { weight: { kind: 'scale', percent: 75 }, mode: 'drain' };
    expect(result).toMatchObject({ kind: 'pass', advice });
    expect(server.received).toEqual(['web1\n']);
  });

  it.each([
    ['75%', { kind: 'up', advice: { weight: { kind: 'scale', percent: 75 } } }],
    ['0%', { kind: 'up', advice: { weight: { kind: 'scale', percent: 0 } } }],
    ['Ready, UP\t200% maxconn:30 # fine', { kind: 'up', advice: { mode: 'ready' } }],
    ['maint', { kind: 'up', advice: { mode: 'maint' } }],
    ['up', { kind: 'up', advice: {} }],
    ['50% down #too #hot', { kind: 'down', word: 'down', comment: 'too #hot' }],
    ['fail', { kind: 'down', word: 'fail', comment: '' }],
    ['101010101%', { kind: 'unknown', word: '101010101%' }],
    ['-5%', { kind: 'unknown', word: '-5%' }],
    ['# up', { kind: 'unknown', word: '' }],
  ])('reads %s', (line, reply) => {
    expect(parseAgentReply(line)).toMatchObject(reply);
  });
});
