import { expect, test } from 'vitest';
import { parseGratuitousArp } from '../../src/drill/arp-line.ts';

// Captured in the lab with tcpdump 4.99.3; the announcements are keepalived 2.2.7's. The reply is the
// form RFC 5227 also allows, with the frame of the captured request.
const ANNOUNCED =
  '1795408858.515160 02:00:c0:a8:0a:64 > ff:ff:ff:ff:ff:ff, ethertype ARP (0x0806), length 42: ' +
  'Request who-has 192.168.10.188 (ff:ff:ff:ff:ff:ff) tell 192.168.10.188, length 28';
const ANNOUNCED_PLAIN =
  '1795408858.515160 02:00:c0:a8:0a:63 > ff:ff:ff:ff:ff:ff, ethertype ARP (0x0806), length 42: ' +
  'Request who-has 192.168.10.188 tell 192.168.10.188, length 28';
const ANNOUNCED_AS_REPLY =
  '1795408858.515160 02:00:c0:a8:0a:64 > ff:ff:ff:ff:ff:ff, ethertype ARP (0x0806), length 42: ' +
  'Reply 192.168.10.188 is-at 02:00:c0:a8:0a:64, length 28';
const ASKED =
  '1795408860.105313 02:00:c0:a8:0a:67 > ff:ff:ff:ff:ff:ff, ethertype ARP (0x0806), length 42: ' +
  'Request who-has 192.168.10.188 tell 192.168.10.103, length 28';
const ANSWERED =
  '1795408860.105370 02:00:c0:a8:0a:64 > 02:00:c0:a8:0a:67, ethertype ARP (0x0806), length 42: ' +
  'Reply 192.168.10.188 is-at 02:00:c0:a8:0a:64, length 28';

test('a request for its own address is an announcement, with or without a target MAC', () => {
  expect(parseGratuitousArp(ANNOUNCED)).toEqual({
    timeS: 1795408858.51516,
    mac: '02:00:c0:a8:0a:64',
    address: '192.168.10.188',
  });
  expect(parseGratuitousArp(ANNOUNCED_PLAIN)?.mac).toBe('02:00:c0:a8:0a:63');
});

test('a broadcast reply is an announcement', () => {
  expect(parseGratuitousArp(ANNOUNCED_AS_REPLY)?.address).toBe('192.168.10.188');
});

test('a question, the answer to one, and any other line are not', () => {
  for (const line of [ASKED, ANSWERED, '', 'listening on eth0']) {
    expect(parseGratuitousArp(line)).toBeUndefined();
  }
});
