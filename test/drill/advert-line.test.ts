import { expect, test } from 'vitest';
import { parseResignation } from '../../src/drill/advert-line.ts';

// The form of tcpdump 4.99.3 on Ethernet.
const frame = (protocol: string, priority: number): string =>
  '1795408860.105313 02:00:c0:a8:0a:64 > 01:00:5e:00:00:12, ethertype IPv4 (0x0800), length 54: ' +
  `192.168.10.100 > 224.0.0.18: ${protocol}, Advertisement, vrid 51, prio ${priority}, intvl 100cs, length 12`;

test('an advert of priority 0 is a resignation', () => {
  expect(parseResignation(frame('VRRPv3', 0))).toEqual({
    timeS: 1795408860.105313,
    address: '192.168.10.100',
  });
  expect(parseResignation(frame('VRRPv2', 0))?.address).toBe('192.168.10.100');
});

test('any other advert, and any other line, is not', () => {
  for (const line of [frame('VRRPv3', 100), '', 'listening on eth0']) {
    expect(parseResignation(line)).toBeUndefined();
  }
});
