/**
 * `--compat`: what is lifted and what is not, and what the model is then. What keepalived does was
 * observed on keepalived 2.2.7 as Debian ships it, with `-t` and as a daemon.
 */
import { describe, expect, test } from 'vitest';
import { type CompileResult, compileText } from '../../src/config/compile.ts';
import { type DiagnosticRow, diagnosticTable } from '../../src/config/diagnostic-table.ts';
import { diagnosticsToJson, renderDiagnostics } from '../../src/config/diagnostics.ts';
import { includesFrom } from './compile-fixture.ts';
import { NAMED_FILES } from './vrrp-cases.ts';

function read(text: string, compat: boolean): CompileResult {
  const include = includesFrom({});
  const options = { configId: 'director1', include, files: NAMED_FILES, compat };
  return compileText('lvs.conf', text, options);
}

function instance(lines: string, address = '10.0.0.1/24'): string {
  const own = lines.includes('virtual_router_id') ? '' : 'virtual_router_id 5\n';
  return `vrrp_instance A {\ninterface eth0\n${own}${lines}\nvirtual_ipaddress {\n${address}\n}\n}\n`;
}

function service(lines: string, server = '10.0.0.2 80'): string {
  const real = `real_server ${server} {\nTCP_CHECK {\n}\n}`;
  return `virtual_server 10.0.0.1 80 {\nprotocol TCP\n${lines}\n${real}\n}\n`;
}

describe('an error that keepalived starts on', () => {
  const text = instance('priorty 150');

  test('is a refusal that says that --compat would lift it', () => {
    const strict = read(text, false);
    expect(strict.config).toBeUndefined();
    expect(strict.isLiftable).toBe(true);
    expect(strict.diagnostics).toMatchObject([{ code: 'LVS1020', severity: 'error' }]);
  });

  test('is a warning under --compat, with what keepalived does, for people and for programs', () => {
    const { config, diagnostics, isLiftable, sources } = read(text, true);
    expect(config?.vrrpInstances).toMatchObject([{ priority: 100 }]);
    expect(isLiftable).toBe(false);
    const [json] = diagnosticsToJson(diagnostics);
    expect(json).toMatchObject({ code: 'LVS1020', severity: 'warning' });
    expect(json?.compat).toContain('keepalived logs it and goes on');
    const shown = renderDiagnostics(diagnostics, sources, { color: false });
    expect(shown).toContain("= help: did you mean 'priority'?\n");
    expect(shown).toContain('= compat: keepalived logs it and goes on');
  });
});

describe('an error that keepalived ends on', () => {
  test.each([
    ['a keyword without its value', instance('priority')],
    ['an instance without its virtual_router_id', instance('').replace('virtual_router_id 5', '')],
    ['a virtual_router_id that is none', instance('virtual_router_id 300')],
    ['an instance without its interface', instance('').replace('interface eth0', '')],
    ['two instances of one virtual_router_id', instance('') + instance('').replace(' A ', ' B ')],
    ['HTTP_GET without url', service('').replace('TCP_CHECK', 'HTTP_GET')],
    ['auth_type without its value', instance('authentication {\nauth_type\n}')],
  ])('stays one, and no refusal says that --compat helps: %s', (_name, text) => {
    expect(read(text, false).isLiftable).toBe(false);
    expect(read(text, true).config).toBeUndefined();
    expect(read(text, true).diagnostics.some(({ severity }) => severity === 'error')).toBe(true);
  });
});

describe('the model under --compat is what keepalived makes of', () => {
  test.each([
    ['a word for a number', 'priority abc', { priority: 100 }],
    ['a number out of range', 'priority 300', { priority: 100 }],
    ['a state in lower case', 'state master', { initialState: 'BACKUP' }],
    ['a fraction of a second in version 2', 'advert_int 2.6', { advertIntervalMs: 3000 }],
    ['less than a second in version 2', 'advert_int 0.3', { advertIntervalMs: 1000 }],
    ['an interval too long', 'version 3\nadvert_int 41', { advertIntervalMs: 40_950 }],
    ['nopreempt of a MASTER', 'state MASTER\npriority 9\nnopreempt', { preempt: true }],
    ['nopreempt of the owner', 'priority 255\nnopreempt', { preempt: true }],
    ['preempt after nopreempt', 'nopreempt\npreempt', { preempt: true }],
    ['nopreempt after preempt', 'preempt\nnopreempt', { preempt: false }],
    ['preempt_delay with nopreempt', 'nopreempt\npreempt_delay 5', { preemptDelayMs: 0 }],
  ])('%s', (_name, lines, expected) => {
    expect(read(instance(lines), true).config?.vrrpInstances).toMatchObject([expected]);
  });

  test.each([
    ['an address of another family', '10.0.0.1/24\n2001:db8::1/64', ['10.0.0.1']],
    ['a host name', '10.0.0.1/24\nwww', ['10.0.0.1']],
    ['a label that is too long', '10.0.0.1/24\n10.0.0.2 label eth0:0123456789a', ['10.0.0.1']],
  ])('%s among the addresses', (_name, addresses, expected) => {
    const [only] = read(instance('', addresses), true).config?.vrrpInstances ?? [];
    expect(only?.virtualAddresses.map(({ address }) => address.text)).toEqual(expected);
  });

  test('an instance without an address: none, as an advert carries one at least', () => {
    expect(read(instance('', 'www'), true).config?.vrrpInstances).toEqual([]);
  });

  test('more addresses than an advert names: the others without being named', () => {
    const lines = Array.from({ length: 256 }, (_, at) => `10.0.0.${at}/32`).join('\n');
    const [only] = read(instance('', lines), true).config?.vrrpInstances ?? [];
    expect(only?.virtualAddresses).toHaveLength(255);
    expect(only?.excludedAddresses).toMatchObject([{ address: { text: '10.0.0.255' } }]);
  });

  test('braces that are a guess: what stands where it is known', () => {
    const text = `a\n}\nb\n${instance('')}`;
    expect(read(text, false).isLiftable).toBe(true);
    expect(read(text, true).config?.vrrpInstances).toMatchObject([{ name: 'A' }]);
  });

  test.each(['dev', 'label', 'brd', 'scope', 'peer', 'preferred_lft'])(
    'an address with %s at the end of its line: none',
    (option) => {
      const [only] =
        read(instance('', `10.0.0.1/24\n10.0.0.2 ${option}`), true).config?.vrrpInstances ?? [];
      expect(only?.virtualAddresses.map(({ address }) => address.text)).toEqual(['10.0.0.1']);
    },
  );

  test('a tracked interface with a weight of nothing: none', () => {
    const [only] =
      read(instance('track_interface {\neth1 weight\n}'), true).config?.vrrpInstances ?? [];
    expect(only?.trackers?.interfaces).toEqual([]);
  });

  test('a peer of the other family, after an address: none, and so multicast', () => {
    const lines = 'unicast_src_ip 10.0.0.9\nunicast_peer {\n2001:db8::9\n}';
    const [only] = read(instance(lines), true).config?.vrrpInstances ?? [];
    expect(only).toMatchObject({ unicastPeers: [], sourceAddress: { text: '10.0.0.9' } });
  });

  test('a service without a port: every port, and persistence', () => {
    const text = service('').replace('10.0.0.1 80', '10.0.0.1');
    expect(read(text, true).config?.virtualServers).toMatchObject([
      { port: 0, persistence: { timeoutMs: 360_000 } },
    ]);
  });

  test('routes and rules that cannot be: none', () => {
    const routes = 'virtual_routes {\n10.1.0.0/24 dev eth0 src fe80::1\n}\n';
    const rules =
      'virtual_rules {\nfrom 10.1.0.0/24 table 9 table 8\nto fe80::/64 from 10.1.0.0/24 table 9\n}';
    const [only] = read(instance(routes + rules), true).config?.vrrpInstances ?? [];
    expect(only).toBeDefined();
    expect(only?.routes ?? []).toEqual([]);
    expect(only?.rules ?? []).toEqual([]);
  });

  test.each(['/absent', '/plain', '/loose'])('the script %s: as it is written', (path) => {
    const defs = 'global_defs {\nenable_script_security\n}\n';
    const text = `${defs}vrrp_script c {\nscript ${path}\n}\n${instance('track_script {\nc\n}')}`;
    expect(read(text, false).isLiftable).toBe(true);
    expect(read(text, true).config).toMatchObject({
      vrrpScripts: [{ name: 'c', probe: { kind: 'run', command: { path } } }],
      vrrpInstances: [{ trackers: { scripts: [{ name: 'c' }] } }],
    });
  });

  test('a block without a name: none', () => {
    const unnamed = instance('').replace(' A ', ' ');
    const group = 'vrrp_sync_group {\ngroup {\nB\n}\n}\n';
    const { config } = read(
      unnamed + group + instance('virtual_router_id 6').replace(' A ', ' B '),
      true,
    );
    expect(config?.vrrpInstances).toMatchObject([{ name: 'B' }]);
    expect(config?.vrrpSyncGroups ?? []).toEqual([]);
  });

  test('two instances of one name: the first', () => {
    const second = instance('virtual_router_id 6\npriority 9');
    expect(read(instance('') + second, true).config?.vrrpInstances).toMatchObject([
      { virtualRouterId: 5 },
    ]);
  });

  test.each([
    ['lb_kind in lower case: NAT', 'lb_kind dr', '10.0.0.2 80', [{ forwardingMethod: 'masq' }]],
    ['another port with DR: that of the service', 'lb_kind DR', '10.0.0.2 81', [{ port: 80 }]],
    ['a server of another family: none', 'lb_kind DR', '2001:db8::2 80', []],
    ['a server by name: none', 'lb_kind DR', 'www 80', []],
  ])('%s', (_name, lines, server, expected) => {
    expect(read(service(lines, server), true).config?.virtualServers).toMatchObject([
      { realServers: expected },
    ]);
  });
});

test('only errors say what keepalived does, in one sentence without a full stop', () => {
  for (const row of Object.values<DiagnosticRow>(diagnosticTable)) {
    if (row.compat === undefined) continue;
    expect(row.severity).toBe('error');
    if (typeof row.compat === 'string') expect(row.compat).toMatch(/^keepalived [^.].*[^.]$/);
  }
});
