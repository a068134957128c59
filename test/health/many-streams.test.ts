/** Twenty thousand probes of every kind that talks over TCP: nothing is left of them. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { CheckerConfig } from '../../src/config/model.ts';
import { closedPort } from './closed-ports.ts';
import { agentCheck, httpGet, ip, redisCheck, smtpCheck, sslGet } from './configs.ts';
import { openDescriptors, outcomes } from './probing.ts';
import { type FaultyServer, listen, onRequest, replyWith, reset, silent } from './servers.ts';

const EACH = 2000;
const TIME_MS = 240_000;
/** Of probes that are meant to run into their deadline, ms. */
const TIMEOUT_MS = 100;
/** On a busy machine it comes before the connection. */
const TOO_LATE = /^(?:CONNECT_)?TIMEOUT$/;

let web: FaultyServer;
let lines: FaultyServer;
let mute: FaultyServer;
let rude: FaultyServer;
let nonsense: FaultyServer;

beforeAll(async () => {
  web = await listen(replyWith('HTTP/1.0 200 OK\r\n\r\nhello'));
  lines = await listen((socket) => socket.end('up 50%\n'));
  mute = await listen(silent);
  rude = await listen(reset);
  nonsense = await listen((socket) => onRequest(socket, () => socket.end('nonsense\r\n')));
});

afterAll(async () => {
  for (const server of [web, lines, mute, rude, nonsense]) await server.close();
});

it(
  '20,000 probes leave no descriptor',
  async () => {
    const nobody = await closedPort();
    const source = { bindAddress: ip('127.0.0.2') };
    const late = { connectPort: mute.port, connectTimeoutMs: TIMEOUT_MS };
    const kinds: readonly (readonly [CheckerConfig, string | RegExp])[] = [
      [httpGet({ connectPort: web.port }), 'pass'],
      [httpGet({ connectPort: nobody, ...source }), 'CONNECT_REFUSED'],
      [httpGet({ connectPort: nonsense.port }), 'BAD_RESPONSE'],
      [sslGet({ connectPort: nobody }), 'CONNECT_REFUSED'],
      [sslGet(late), TOO_LATE],
      [smtpCheck({ connectPort: lines.port }), 'BAD_RESPONSE'],
      [smtpCheck(late), TOO_LATE],
      [redisCheck({ connectPort: rude.port }), 'CONNECTION_RESET'],
      [redisCheck(late), TOO_LATE],
      [agentCheck({ connectPort: lines.port, ...source }), 'pass'],
    ];
    for (const [config] of kinds) await outcomes(config, 1);
    const before = openDescriptors();
    for (const [config, end] of kinds) {
      for (const found of await outcomes(config, EACH)) expect(found).toMatch(end);
    }
    const servers = [web, lines, mute, rude, nonsense];
    const theirs = servers.reduce((sum, server) => sum + server.open(), 0);
    expect(openDescriptors()).toBeLessThanOrEqual(before + theirs);
  },
  TIME_MS,
);
