/** A hundred thousand probes of every kind that has a socket: nothing is left of them. */
import { decode, encode } from 'dns-packet';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { CheckerConfig } from '../../src/config/model.ts';
import { closedDatagramPort, closedPort } from './closed-ports.ts';
import { dnsCheck, ip, pingCheck, tcpCheck, udpCheck } from './configs.ts';
import { type DatagramServer, serveDatagrams } from './datagram-servers.ts';
import { openDescriptors, outcomes } from './probing.ts';
import { type FaultyServer, listen, reset } from './servers.ts';

const EACH = 12_500;
const TIME_MS = 240_000;
/** Of probes that are meant to run into their deadline, ms. */
const TIMEOUT_MS = 100;

let names: DatagramServer;
let silent: DatagramServer;
let rude: FaultyServer;

beforeAll(async () => {
  names = await serveDatagrams((request) => {
    const { id = 0, questions = [] } = decode(request);
    return [encode({ type: 'response', id, flags: 0, questions })];
  });
  silent = await serveDatagrams(() => []);
  rude = await listen(reset);
});

afterAll(async () => {
  for (const server of [names, silent, rude]) await server.close();
});

it(
  '100,000 probes leave no descriptor',
  async () => {
    const source = { bindAddress: ip('127.0.0.2') };
    const nobody = await closedPort();
    const noDatagrams = await closedDatagramPort();
    const kinds: readonly (readonly [CheckerConfig, readonly string[]])[] = [
      [tcpCheck({ connectPort: nobody }), ['CONNECT_REFUSED']],
      [tcpCheck({ connectPort: nobody, ...source }), ['CONNECT_REFUSED']],
      // The reset can overtake the news of the connection.
      [tcpCheck({ connectPort: rude.port, ...source }), ['pass', 'CONNECTION_RESET']],
      [udpCheck({ connectPort: noDatagrams, ...source }), ['PORT_UNREACHABLE']],
      [
        udpCheck({ connectPort: silent.port, requiresReply: true, connectTimeoutMs: TIMEOUT_MS }),
        ['TIMEOUT'],
      ],
      [dnsCheck({ connectPort: names.port }), ['pass']],
      [dnsCheck({ connectPort: noDatagrams }), ['PORT_UNREACHABLE']],
      [pingCheck(), ['pass']],
    ];
    for (const [config] of kinds) await outcomes(config, 1);
    const before = openDescriptors();
    for (const [config, ends] of kinds) {
      for (const end of await outcomes(config, EACH)) expect(ends).toContain(end);
    }
    expect(openDescriptors()).toBeLessThanOrEqual(before + rude.open());
  },
  TIME_MS,
);
