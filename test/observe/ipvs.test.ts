/** `lvsd ipvs`: the listing as text, and lines of /proc/net/ip_vs_conn. */
import { describe, expect, test } from 'vitest';
import { concerns, parseConnection } from '../../src/observe/connections.ts';
import type { IpvsListing, ListedServer } from '../../src/observe/ipvs-listing.ts';
import { renderIpvs } from '../../src/observe/ipvs-text.ts';

const LINE = 'TCP C0A80A67 D431 C0A80ABC 0050 C0A80A65 0050 ESTABLISHED     899';
const V6 =
  'UDP 2001:0db8:0000:0000:0000:0000:0000:0009 D431 2001:0db8:0000:0000:0000:0000:0000:0001 0035 ' +
  '2001:0db8:0000:0000:0000:0000:0000:0002 0035 UDP             299';

describe('a line of /proc/net/ip_vs_conn', () => {
  test('is read, of both families', () => {
    expect(parseConnection(LINE)).toEqual({
      protocol: 'TCP',
      client: '192.168.10.103:54321',
      service: '192.168.10.188:80',
      server: '192.168.10.101:80',
      state: 'ESTABLISHED',
      expiresS: 899,
    });
    expect(parseConnection(V6)).toMatchObject({ service: '[2001:db8::1]:53', expiresS: 299 });
  });

  test.each([
    'Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData',
    '',
    LINE.replace('D431', 'XXXX'),
    LINE.replace('899', 'soon'),
    LINE.slice(0, 30),
  ])('is left out when it is another: %s', (line) => {
    expect(parseConnection(line)).toBeUndefined();
  });

  test.each([
    ['192.168.10.188', true],
    ['192.168.10.188:80', true],
    ['tcp 192.168.10.188:80', true],
    ['udp 192.168.10.188:80', false],
    ['192.168.10.101:80', true],
    ['192.168.10.103', true],
    ['192.168.10.188:443', false],
    ['192.168.10.18', false],
  ])('concerns %s: %s', (name, expected) => {
    const connection = parseConnection(LINE);
    expect(connection && concerns(connection, name)).toBe(expected);
  });

  test('concerns an IPv6 address however it is written', () => {
    const connection = parseConnection(V6);
    for (const name of ['2001:db8::2', '2001:DB8:0::2', '[2001:db8::2]:53']) {
      expect(connection && concerns(connection, name), name).toBe(true);
    }
  });
});

const counters = { connections: 9, inPackets: 8, outPackets: 7, inBytes: 6, outBytes: 5 };
const traffic = { totals: counters, rates: { ...counters, connections: 1 } };
const server: ListedServer = {
  endpoint: '10.0.0.1:80',
  forwardingMethod: 'droute',
  weight: 3,
  health: 'up',
  activeConnections: 2,
  inactiveConnections: 1,
  persistentConnections: 0,
  traffic,
};
const service = {
  name: 'tcp 10.50.0.1:80',
  scheduler: 'sh',
  flags: 0,
  persistenceTimeoutS: 0,
  netmask: 0xffffffff,
  engine: '',
  isOurs: true,
  traffic,
  servers: [server],
};
const listing: IpvsListing = { version: '1.2.1', size: 4096, services: [service] };
const plain = { color: false };

describe('the listing', () => {
  test('is laid out as that of ipvsadm', () => {
    expect(renderIpvs(listing, 'table', plain).split('\n')).toEqual([
      'IP Virtual Server version 1.2.1 (size=4096)',
      'Prot LocalAddress:Port Scheduler Flags',
      '  -> RemoteAddress:Port  Forward  Weight  ActiveConn  InActConn  Health',
      'TCP  10.50.0.1:80 sh',
      '  -> 10.0.0.1:80         Route    3       2           1          up',
    ]);
  });

  test('has whole numbers of totals and rates', () => {
    expect(renderIpvs(listing, 'stats', plain)).toMatch(/10\.0\.0\.1:80 +9 +8 +7 +6 +5 +up/);
    expect(renderIpvs(listing, 'rate', plain)).toMatch(/10\.0\.0\.1:80 +1 +8 +7 +6 +5 +up/);
  });

  test.each([
    [
      { flags: 0x1 | 0x4, persistenceTimeoutS: 120, netmask: 0xffffff00 },
      'persistent 120 mask 255.255.255.0 ops',
    ],
    [{ flags: 0x18 }, '(flag-1,flag-2)'],
    [{ flags: 0x1, persistenceTimeoutS: 9, engine: 'sip' }, 'persistent 9 pe sip'],
    [{ isOurs: false }, ' foreign: lvsd leaves it alone'],
  ])('says of %j: %s', (settings, expected) => {
    const text = renderIpvs(
      { ...listing, services: [{ ...service, ...settings }] },
      'table',
      plain,
    );
    expect(text).toContain(`TCP  10.50.0.1:80 sh ${expected}`);
  });

  test('has no colour but on a terminal', () => {
    expect(renderIpvs(listing, 'table', plain)).not.toContain('\u001b');
    expect(renderIpvs(listing, 'table', { color: true })).toContain('\u001b[32m');
  });
});
