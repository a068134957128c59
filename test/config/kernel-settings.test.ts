/** Where the ip_vs sysctls bite, and where they do not: wrong and right files. */
import { expect, test } from 'vitest';
import { codesOf, compile } from './compile-fixture.ts';

const SERVER = 'real_server 10.0.0.2 80 {\nTCP_CHECK {\n}\n}\n';

function file(global: string, lines: string, protocol = 'TCP', method = 'DR'): string {
  const head = `delay_loop 5\nlb_algo rr\nlb_kind ${method}\nprotocol ${protocol}\nalpha\n`;
  const service = `virtual_server 10.0.0.1 80 {\n${head}${lines}${SERVER}}\n`;
  return `global_defs {\n${global}\n}\n${service}`;
}

test.each([
  ['a UDP service', file('', '', 'UDP'), 'LVS1135 4:1'],
  ['one with the sysctl off', file('lvs_expire_nodest_conn off', '', 'UDP'), 'LVS1135 4:1'],
  ['persistence and a drain', file('', 'persistence_timeout 9\ndrain_timeout 9\n'), 'LVS1136 4:1'],
  [
    'persistence and failed servers at weight 0',
    file('', 'persistence_timeout 9\ninhibit_on_failure\n'),
    'LVS1136 4:1',
  ],
  ['DR and reuse mode 1', file('lvs_conn_reuse_mode 1', ''), 'LVS1137 2:1'],
  ['NAT and reuse mode 0', file('lvs_conn_reuse_mode 0', '', 'TCP', 'NAT'), 'LVS1137 2:1'],
])('is said of %s, at its line', (_what, text, expected) => {
  expect(codesOf(compile(text))).toEqual([expected]);
});

test.each([
  ['UDP with the sysctl', file('lvs_expire_nodest_conn', '', 'UDP')],
  ['UDP packet by packet', file('', 'ops\n', 'UDP')],
  [
    'persistence with the sysctl',
    file('lvs_expire_quiescent_template', 'persistence_timeout 9\ndrain_timeout 9\n'),
  ],
  ['persistence whose servers are deleted', file('', 'persistence_timeout 9\n')],
  ['DR and reuse mode 2', file('lvs_conn_reuse_mode 2', '')],
  ['NAT and reuse mode 1', file('lvs_conn_reuse_mode 1', '', 'TCP', 'NAT')],
  ['DR without the line', file('', '')],
])('nothing is said of %s', (_what, text) => {
  expect(codesOf(compile(text))).toEqual([]);
});
