import { expect, test } from 'vitest';
import {
  activeConnectionsOf,
  connectionsOf,
  formatTable,
  isSameTable,
  parseIpvsadm,
  wantedTable,
} from '../../src/drill/ipvs-table.ts';

// ipvsadm 1.31 in the lab kernel.
const HEADER = `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn
`;
const WHOLE = `${HEADER}TCP  192.168.10.188:80 rr
  -> 192.168.10.102:80            Route   1      0          7         
  -> 192.168.10.101:80            Route   1      3          12        
`;

test('counters and the order of servers do not count', () => {
  expect(isSameTable(parseIpvsadm(WHOLE), wantedTable())).toBe(true);
});

test('an empty table is empty', () => {
  expect(parseIpvsadm(HEADER)).toEqual([]);
  expect(formatTable([])).toBe('empty');
});

test.each([
  ['another scheduler', WHOLE.replace('rr', 'wlc')],
  ['a flag', WHOLE.replace('188:80 rr', '188:80 rr persistent 50')],
  ['another forwarding method', WHOLE.replace('Route', 'Masq ')],
  ['another weight', WHOLE.replace('Route   1', 'Route   0')],
  ['a server too few', WHOLE.replace(/.*101:80.*\n/, '')],
  ['a service too many', `${WHOLE}UDP  192.168.10.188:53 rr\n`],
])('%s is another table', (_title, text) => {
  expect(isSameTable(parseIpvsadm(text), wantedTable())).toBe(false);
});

test('a line it cannot read is an error, not a line less', () => {
  expect(() => parseIpvsadm(`${WHOLE}SOMETHING else\n`)).toThrow('Unexpected line of ipvsadm -Ln');
});

test('the wanted table holds the servers that are up', () => {
  expect(wantedTable(['server2'])).toEqual([
    'TCP 192.168.10.188:80 rr',
    '  -> 192.168.10.102:80 Route 1',
  ]);
});

test('connections are counted for the server of that very service', () => {
  const stats = `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port               Conns   InPkts  OutPkts  InBytes OutBytes
  -> RemoteAddress:Port
TCP  192.168.10.188:80                  12       60        0     4000        0
  -> 192.168.10.101:80                   7       35        0     2300        0
TCP  192.168.10.188:81                   3       15        0     1000        0
  -> 192.168.10.101:80                   3       15        0     1000        0
`;
  expect(connectionsOf(stats, '192.168.10.188:80', '192.168.10.101:80')).toBe(7);
  expect(connectionsOf(stats, '192.168.10.188:81', '192.168.10.101:80')).toBe(3);
  expect(() => connectionsOf(stats, '192.168.10.188:80', '192.168.10.102:80')).toThrow('No server');
});

test('active connections of a server are those of all services', () => {
  expect(activeConnectionsOf(WHOLE, '192.168.10.101:80')).toBe(3);
  expect(activeConnectionsOf(`${WHOLE}${WHOLE}`, '192.168.10.101:80')).toBe(6);
  expect(activeConnectionsOf(WHOLE, '192.168.10.9:80')).toBe(0);
});
