/**
 * Every row of the diagnostic table has a configuration here that brings it about, alone where it
 * can.
 */
import { expect, test } from 'vitest';
import { type DiagnosticName, diagnosticTable } from '../../src/config/diagnostic-table.ts';
import { MAX_DIAGNOSTICS } from '../../src/config/diagnostics.ts';
import { MAX_INCLUDE_DEPTH, MAX_INCLUDED_FILES } from '../../src/config/include.ts';
import { BFD_CASES } from './bfd-cases.ts';
import { compile, type Files } from './compile-fixture.ts';
import { LVS_CASES } from './lvs-cases.ts';
import { VRRP_CASES } from './vrrp-cases.ts';

interface Case {
  readonly text: string;
  readonly files?: Files;
  /** Codes that cannot but come along. */
  readonly along?: readonly string[];
}

/** An instance without a slip, with `lines` added. */
function instance(lines: string, name = 'A', address = '10.0.0.1/24'): string {
  const own = lines.includes('virtual_router_id') ? '' : 'virtual_router_id 5\n';
  const addresses = `virtual_ipaddress {\n${address}\n}`;
  return `vrrp_instance ${name} {\ninterface eth0\n${own}${addresses}\n${lines}\n}\n`;
}

const COMPLETE = 'delay_loop 5\nlb_algo rr\nlb_kind DR\nprotocol TCP\nalpha\n';
const SERVER = 'real_server 10.0.0.2 80 {\nTCP_CHECK {\n}\n}\n';

/** A service whose lines are `lines`. */
function service(lines: string): string {
  return `virtual_server 10.0.0.1 80 {\n${lines}\n}\n`;
}

/** A service without a slip but for `line`, which comes in COMPLETE's place of the same keyword. */
function without(keyword: string): string {
  const lines = COMPLETE.split('\n').filter((line) => !line.startsWith(keyword));
  return service(`${lines.join('\n')}\n${SERVER}`);
}

function chainOfIncludes(): Files {
  const files: Record<string, string> = {};
  for (let depth = 0; depth <= MAX_INCLUDE_DEPTH; depth += 1) {
    files[`f${depth}`] = `include f${depth + 1}`;
  }
  return files;
}

const CASES: Readonly<Record<DiagnosticName, Case>> = {
  unreadableInclude: { text: 'include absent' },
  includeCycle: { text: 'include a', files: { a: 'include a' } },
  includeTooDeep: { text: 'include f0', files: chainOfIncludes() },
  configTooLarge: { text: 'include a\n'.repeat(MAX_INCLUDED_FILES), files: { a: '' } },
  lineTooLong: { text: 'x'.repeat(100_000) },
  unterminatedQuote: { text: 'global_defs {\nrouter_id "a\n}' },
  configIdUnmatched: { text: `@director9 x\n${instance('priority 5')}` },
  nothingConfigured: { text: '# nothing' },
  tooManyDiagnostics: { text: 'unknown_word\n'.repeat(MAX_DIAGNOSTICS + 1), along: ['LVS1020'] },
  missingClose: { text: instance('priority 5').replace(/}\n$/, '') },
  missingOpen: { text: instance('priority 5').replace('{', '') },
  strayClose: { text: `${instance('priority 5')}}` },
  unexpectedOpen: { text: '{\n}' },
  nestingTooDeep: { text: `${'a {\n'.repeat(20)}${'}\n'.repeat(20)}`, along: ['LVS1020'] },
  blockExpected: { text: 'global_defs' },
  blockUnexpected: { text: instance('priority 5 {\n}') },
  bracesUnclear: { text: 'a\n}\nb', along: ['LVS1012'] },
  unknownKeyword: { text: instance('priorty 5') },
  misplacedKeyword: { text: instance('lb_algo rr') },
  ipvlanWithoutAddress: { text: instance('use_ipvlan') },
  notSupportedYet: { text: `${instance('')}net_namespace a\n` },
  noEffect: { text: instance('debug 1') },
  deprecatedKeyword: {
    text: service(
      `${COMPLETE}real_server 10.0.0.2 80 {\nHTTP_GET {\nnb_get_retry 2\nurl {\npath /\n}\n}\n}`,
    ),
  },
  historicValue: { text: service(`${COMPLETE.replace('rr', 'loadbalance')}${SERVER}`) },
  missingValue: { text: instance('priority') },
  wrongType: { text: service(`${COMPLETE.replace('DR', 'dr')}${SERVER}`) },
  outOfRange: { text: instance('priority 256') },
  trailingWords: { text: instance('priority 5 6') },
  duplicateKeyword: { text: instance('priority 5\npriority 6') },
  missingKeyword: { text: instance('').replace('interface eth0\n', '') },
  hostnameForAddress: { text: service(`${COMPLETE}real_server www 80 {\n}`) },
  duplicateInstance: {
    text: instance('') + instance('virtual_router_id 6', 'A', '10.0.0.2/24'),
  },
  duplicateVirtualRouterId: { text: instance('') + instance('', 'B', '10.0.0.2/24') },
  mixedAddressFamilies: { text: instance('', 'A', '10.0.0.1/24\n2001:db8::1/64') },
  nopreemptWithMaster: { text: instance('state MASTER\npriority 5\nnopreempt') },
  nopreemptWithOwner: { text: instance('state BACKUP\npriority 255\nnopreempt') },
  preemptContradiction: { text: instance('nopreempt\npreempt_delay 5') },
  advertIntervalVersion3: { text: instance('version 3\nadvert_int 41') },
  advertIntervalVersion2: { text: instance('version 2\nadvert_int 0.5') },
  version2WithIpv6: { text: instance('version 2', 'A', 'fe80::1/64') },
  noVirtualAddresses: { text: instance('').replace('10.0.0.1/24\n', '') },
  duplicateVirtualAddress: { text: instance('', 'A', '10.0.0.1/24\n10.0.0.1/32') },
  interfaceNameTooLong: { text: instance('').replace('eth0', 'interface0123456') },
  labelTooLong: { text: instance('', 'A', '10.0.0.1/24 label eth0:0123456789a') },
  ownerByState: { text: instance('state MASTER') },
  duplicateVirtualServer: { text: service(COMPLETE + SERVER) + service(COMPLETE + SERVER) },
  duplicateRealServer: { text: service(COMPLETE + SERVER + SERVER) },
  portMapping: { text: service(COMPLETE + SERVER.replace('80', '8080')) },
  mixedServerFamily: { text: service(COMPLETE + SERVER.replace('10.0.0.2', '2001:db8::2')) },
  noRealServers: { text: service(COMPLETE) },
  missingProtocol: { text: without('protocol'), along: ['LVS1135'] },
  defaultDelayLoop: { text: without('delay_loop') },
  defaultForwarding: { text: without('lb_kind') },
  defaultScheduler: { text: without('lb_algo') },
  notAlpha: { text: without('alpha') },
  // The file grammar.
  longerThanKeepalived: { text: `${instance('priority 5')}# ${'x'.repeat(2000)}` },
  carriageReturns: { text: 'global_defs {\r}\r' },
  notUtf8: { text: `${instance('priority 5')}# \uFFFD` },
  includeUnmatched: { text: `${instance('priority 5')}includew *` },
  includeSkipped: { text: `${instance('priority 5')}include directory` },
  includeRefused: { text: `${instance('priority 5')}includer directory` },
  includePattern: { text: `include ${'{a,b}'.repeat(20)}` },
  parameterLeft: { text: instance('priority 5', 'A$B') },
  invalidSequence: { text: `${instance('priority 5')}~SEQ(i, x) y` },
  expansionTooLarge: { text: '~SEQ(i, 100000000) @^director1 x' },
  unfinishedDefinition: { text: `${instance('priority 5')}$A= b \\` },
  ...LVS_CASES,
  ...VRRP_CASES,
  ...BFD_CASES,
};

const names = Object.keys(diagnosticTable) as DiagnosticName[];

test.each(names)('%s has a case that brings about it and nothing else', (name) => {
  const { text, files, along } = CASES[name];
  const result = compile(text, files ?? {});
  const codes = new Set(result.diagnostics.map(({ code }) => code));
  expect([...codes].sort()).toEqual([diagnosticTable[name].code, ...(along ?? [])].sort());
  const hasError = result.diagnostics.some(({ severity }) => severity === 'error');
  expect(result.config === undefined).toBe(hasError);
});

test('codes are unique and ascending, messages have no full stop', () => {
  const rows = Object.values(diagnosticTable);
  const codes = rows.map(({ code }) => code);
  expect(codes).toEqual([...new Set(codes)].sort());
  for (const row of rows) {
    expect(row.code).toMatch(/^LVS\d{4}$/);
    expect(row.message).not.toMatch(/\.$/);
  }
});

test('every text in a diagnostic is filled in', () => {
  for (const name of names) {
    const { text, files } = CASES[name];
    for (const { message, help } of compile(text, files ?? {}).diagnostics) {
      expect(`${message} ${help ?? ''}`).not.toMatch(/\{\w+\}|undefined/);
    }
  }
});

test('two things missing in one place are two diagnostics, one thing read twice is one', () => {
  const missing = compile('vrrp_instance A {\nvirtual_ipaddress {\n10.0.0.1\n}\n}');
  expect(missing.diagnostics.map(({ code }) => code)).toEqual(['LVS1031', 'LVS1031']);
  const twice = compile('include a\ninclude a', { a: 'unknown_word' });
  expect(twice.diagnostics.map(({ code }) => code)).toEqual(['LVS1020']);
});
