/** What the text of the table tells. The samples are from Linux 6.1. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Listing } from '../../src/ipvs/listing.ts';
import type { Table } from '../../src/ipvs/types.ts';
import { listingOf } from './fake-ipvs.ts';
import { arbitraryTable, marked, server, service, table } from './tables.ts';

const SAMPLE = `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
UDP  0A320001:0050 rr ops  
  -> 0A000001:0050      Tunnel  1      0          0         
TCP  0A320001:0050 sh  persistent 30000 FFFFFF00
  -> 0A000001:0050      Route   1234567 0          0         
TCP  [2001:0db8:0050:0000:0000:0000:0000:0001]:0050 wlc 
  -> 0A000003:0050      Tunnel  1      0          0         
  -> [2001:0db8:0000:0000:0000:0000:0000:0001]:0050      Route   1      0          0         
FWM  00000007 rr 
FWM  00000007 rr 
`;
const ALL = [
  'udp 10.50.0.1:80',
  'tcp 10.50.0.1:80',
  'tcp [2001:db8:50::1]:80',
  'fwmark 7',
  'fwmark 7 inet6',
];

/** What changed since the text before. */
function read(listing: Listing, text: string, pieceLength = 4096): readonly string[] {
  listing.begin();
  for (let at = 0; at < text.length; at += pieceLength) {
    listing.add(Buffer.from(text.slice(at, at + pieceLength)));
  }
  return [...listing.finish()];
}

describe('a text', () => {
  test('that is the first is new in all its services', () => {
    expect(read(new Listing(), SAMPLE)).toEqual(ALL);
  });

  test.each([1, 7, 100, 4096])('cut into pieces of %i bytes is the same', (length) => {
    const listing = new Listing();
    read(listing, SAMPLE);
    expect(read(listing, SAMPLE, length)).toEqual([]);
  });

  test.each<[string, readonly [string, string], readonly string[]]>([
    ['a weight', ['1234567', '1234568'], ['tcp 10.50.0.1:80']],
    [
      'a method',
      ['Tunnel  1      0          0         \nTCP', 'Masq    1      0          0         \nTCP'],
      ['udp 10.50.0.1:80'],
    ],
    ['a scheduler', ['0050 wlc', '0050 rr'], ['tcp [2001:db8:50::1]:80']],
    ['persistence', ['persistent 30000', 'persistent 60000'], ['tcp 10.50.0.1:80']],
    [
      'a server',
      ['  -> 0A000003:0050      Tunnel  1      0          0         \n', ''],
      ['tcp [2001:db8:50::1]:80'],
    ],
    [
      'a service with its servers',
      [SAMPLE.slice(SAMPLE.indexOf('TCP  ['), SAMPLE.indexOf('FWM')), ''],
      ['tcp [2001:db8:50::1]:80'],
    ],
    ['one of two with a mark', ['FWM  00000007 rr \n', ''], ['fwmark 7', 'fwmark 7 inet6']],
  ])('with %s changed names the service', (_, [from, to], changed) => {
    const listing = new Listing();
    read(listing, SAMPLE);
    expect(SAMPLE).toContain(from);
    expect(read(listing, SAMPLE.replace(from, to))).toEqual(changed);
    expect(read(listing, SAMPLE)).toEqual(changed);
  });

  test('with other counts of connections is the same', () => {
    const listing = new Listing();
    read(listing, SAMPLE);
    const busy = SAMPLE.replace(/1 {6}0 {10}0 {9}/g, '1      2147483647 4294967295');
    expect(busy).not.toEqual(SAMPLE);
    expect(read(listing, busy)).toEqual([]);
  });

  test('that was begun and left is forgotten', () => {
    const listing = new Listing();
    read(listing, SAMPLE);
    listing.begin();
    listing.add(Buffer.from(SAMPLE.slice(0, 300)));
    expect(read(listing, SAMPLE)).toEqual([]);
  });

  test('that the table changed under tells it then or the next time', () => {
    const listing = new Listing();
    read(listing, SAMPLE);
    const torn = SAMPLE.replace(/TCP {2}0A32.*\n.*\n/, '');
    const then = read(listing, torn);
    expect([...then, ...read(listing, SAMPLE)]).toContain('tcp 10.50.0.1:80');
  });

  test('of another protocol or of nonsense names nothing', () => {
    const strange = 'DCCP 0A320001:0050 rr \nTCP  nonsense rr \nFWM  7 rr \n  -> x\n\n';
    expect(read(new Listing(), strange)).toEqual([]);
  });
});

test('services that differ are named, those that do not are not', () => {
  const visible = (each: Table): Map<string, string> =>
    new Map([...each].map(([name, one]) => [name, listingOf(table(one))]));
  fc.assert(
    fc.property(arbitraryTable, arbitraryTable, (before, after) => {
      const listing = new Listing();
      read(listing, listingOf(before));
      const changed = new Set(read(listing, listingOf(after), 50));
      const [was, is] = [visible(before), visible(after)];
      // Two services with one mark look the same: which is which only the list tells.
      const names = [...was.keys(), ...is.keys()].filter((name) => !name.startsWith('fwmark'));
      for (const name of names) {
        expect(changed.has(name), name).toBe(was.get(name) !== is.get(name));
      }
    }),
  );
});

test('the fake prints what the kernel prints', () => {
  const tunnel = { forwardingMethod: 'tunnel' } as const;
  const printed = listingOf(
    table(
      service('10.50.0.1', 80, [server('10.0.0.1', 80, tunnel)], { protocol: 'udp', flags: 4 }),
      service('10.50.0.1', 80, [server('10.0.0.1', 80, { weight: 1234567 })], {
        scheduler: 'sh',
        flags: 1,
        timeoutS: 300,
        netmask: 0xffffff00,
      }),
      service('2001:db8:50::1', 80, [server('10.0.0.3', 80, tunnel), server('2001:db8::1', 80)], {
        scheduler: 'wlc',
      }),
      marked(7),
      marked(7, [], { family: 'inet6' }),
    ),
  );
  expect(printed).toEqual(SAMPLE);
});
