import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type DecodedPacket, decode, encode, type Packet } from 'dns-packet';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { DnsCheckConfig } from '../../src/config/model.ts';
import { said } from '../netns/segment.ts';
import { closedDatagramPort } from './closed-ports.ts';
import { dnsCheck } from './configs.ts';
import { serveDatagrams } from './datagram-servers.ts';
import { check, openDescriptors, outcome, outcomes, SHORT_MS } from './probing.ts';

const closers: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

type Change = (good: Packet, query: DecodedPacket) => Packet;

const RESPONSE = 0x8180;

/** A name server whose every reply is a good one, changed. */
async function nameServer(...changes: readonly (Change | Buffer)[]): Promise<number> {
  const server = await serveDatagrams((request) => {
    const query = decode(request);
    const good: Packet = {
      type: 'response',
      id: query.id ?? 0,
      flags: RESPONSE,
      questions: query.questions ?? [],
      answers: [{ type: 'A', name: 'web.test', data: '10.0.0.5', ttl: 60 }],
    };
    return changes.map((change) =>
      Buffer.isBuffer(change) ? change : encode(change(good, query)),
    );
  });
  closers.push(() => server.close());
  return server.port;
}

const asIs: Change = (good) => good;
const withRcode =
  (rcode: number): Change =>
  (good) => ({ ...good, flags: RESPONSE | rcode });

function ask(connectPort: number, changes: Partial<DnsCheckConfig> = {}): DnsCheckConfig {
  return dnsCheck({ connectPort, connectTimeoutMs: SHORT_MS, ...changes });
}

describe('DNS_CHECK', () => {
  it('passes with NOERROR, whatever the answer is', async () => {
    const none: Change = (good) => ({ ...good, answers: [] });
    expect(await outcome(ask(await nameServer(none)))).toBe('pass');
  });

  it.each([
    [2, 'SERVFAIL'],
    [3, 'NXDOMAIN'],
    [5, 'REFUSED'],
  ])('fails with response code %i', async (rcode, name) => {
    expect(await check(ask(await nameServer(withRcode(rcode))))).toMatchObject({
      kind: 'fail',
      reason: 'BAD_RCODE',
      detail: `web.test A: ${name}`,
    });
  });

  it.each<[string, Change | Buffer]>([
    ['has another id', (good) => ({ ...good, id: ((good.id ?? 0) + 1) & 0xffff })],
    [
      'answers another name',
      (good) => ({ ...good, questions: [{ type: 'A', name: 'evil.test' }] }),
    ],
    [
      'answers another type',
      (good) => ({ ...good, questions: [{ type: 'MX', name: 'web.test' }] }),
    ],
    ['answers no question', (good) => ({ ...good, questions: [] })],
    ['is a query', (good) => ({ ...good, type: 'query', flags: 0 })],
    ['is garbage', Buffer.from('ffffffffffffffffffffffffffffffffff', 'hex')],
    ['is empty', Buffer.alloc(0)],
    ['points at itself', Buffer.from('000081800001000000000000c00c00010001', 'hex')],
  ])('does not heed a reply that %s', async (_what, reply) => {
    expect(await check(ask(await nameServer(reply)))).toMatchObject({
      kind: 'fail',
      reason: 'TIMEOUT',
      detail: expect.stringContaining('what came was ignored: '),
    });
    expect(await outcome(ask(await nameServer(reply, asIs)))).toBe('pass');
  });

  it('takes the case of names for nothing', async () => {
    const port = await nameServer((good) => ({
      ...good,
      questions: [{ type: 'A', name: 'WEB.Test' }],
    }));
    expect(await outcome(ask(port, { name: 'web.test.' }))).toBe('pass');
  });

  it('fails at once where nobody listens', async () => {
    expect(await outcome(ask(await closedDatagramPort()))).toBe('PORT_UNREACHABLE');
  });

  it('looks for expect_answer', async () => {
    const port = await nameServer(asIs);
    expect(await outcome(ask(port, { answers: ['10.0.0.5'] }))).toBe('pass');
    expect(await check(ask(port, { answers: ['10.0.0.5', '10.0.0.6'] }))).toMatchObject({
      reason: 'BAD_ANSWER',
      detail: 'web.test A: no record 10.0.0.6, but 10.0.0.5',
    });
  });

  it('says that a reply was cut off when the answer may have been in the rest', async () => {
    const port = await nameServer((good) => ({ ...good, flags: RESPONSE | 0x0200, answers: [] }));
    expect(await outcome(ask(port))).toBe('pass');
    expect(await outcome(ask(port, { answers: ['10.0.0.5'] }))).toBe('TRUNCATED');
  });

  it('leaves nothing behind of 300 checks', async () => {
    const port = await nameServer(Buffer.from('00'), asIs);
    await outcome(ask(port));
    const before = openDescriptors();
    expect(await outcomes(ask(port), 300)).toEqual(['pass']);
    expect(openDescriptors()).toBeLessThanOrEqual(before);
  });
});

describe('DNS_CHECK of dnsmasq', () => {
  let dnsmasq: ChildProcess;
  let port = 0;

  beforeAll(async () => {
    // It listens on TCP too, where another test may have that port just now.
    for (let attempt = 0; attempt < 10; attempt += 1) {
      port = await closedDatagramPort();
      dnsmasq = startDnsmasq(port);
      const isStarted = await said(dnsmasq, 'started').then(
        () => true,
        () => false,
      );
      if (isStarted) return;
    }
    throw new Error('dnsmasq finds no port');
  });

  afterAll(async () => {
    const exited = once(dnsmasq, 'exit');
    dnsmasq.kill();
    await exited;
  });

  it.each<[Partial<DnsCheckConfig>, string]>([
    [{ answers: ['10.0.0.5'] }, 'pass'],
    [{ answers: ['10.0.0.6'] }, 'BAD_ANSWER'],
    [{ type: 'AAAA', answers: ['2001:DB8:0::5'] }, 'pass'],
    [{ type: 'MX', name: 'test', answers: ['10 mail.test'] }, 'pass'],
    [{ type: 'TXT', name: 'test', answers: ['hello world'] }, 'pass'],
    [{ type: 'CNAME', name: 'www.test', answers: ['host.test.'] }, 'pass'],
    [{ name: 'nobody.test' }, 'BAD_RCODE'],
    [{ type: 'SOA', name: '.' }, 'BAD_RCODE'],
  ])('%o: %s', async (changes, expected) => {
    expect(await outcome(dnsCheck({ connectPort: port, ...changes }))).toBe(expected);
  });
});

function startDnsmasq(port: number): ChildProcess {
  return spawn(
    'dnsmasq',
    [
      ...['--keep-in-foreground', '--conf-file=/dev/null', '--no-resolv', '--no-hosts'],
      ...['--log-facility=-', '--pid-file=', '--user=root', '--bind-interfaces'],
      ...['--listen-address=127.0.0.1', `--port=${port}`, '--local=/test/'],
      ...['--address=/web.test/10.0.0.5', '--address=/web.test/2001:db8::5'],
      ...['--mx-host=test,mail.test,10', '--txt-record=test,hello world'],
      ...['--cname=www.test,host.test', '--host-record=host.test,10.0.0.9'],
    ],
    { stdio: ['ignore', 'inherit', 'pipe'] },
  );
}
