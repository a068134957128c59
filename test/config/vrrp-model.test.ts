/**
 * What the VRRP side means, also where the daemon does not do it yet: test/golden/vrrp-whole.conf ->
 * vrrp-whole.json, without spans. `LVSD_UPDATE_GOLDEN=1` rewrites it.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { compileStatements, compileText } from '../../src/config/compile.ts';
import { collectDiagnostics } from '../../src/config/diagnostics.ts';
import { expandConfig } from '../../src/config/expand.ts';
import type { FileFacts } from '../../src/config/file-facts.ts';
import type { Config } from '../../src/config/model.ts';
import { parseConfig } from '../../src/config/parser.ts';
import { contextOpenedBy, isKnown } from '../../src/config/schema.ts';
import { codesOf, compile, includesFrom } from './compile-fixture.ts';
import { instance, NAMED_FILES } from './vrrp-cases.ts';

interface Compiled {
  readonly config: Config;
  readonly codes: readonly string[];
}

/** Compiles although there are errors. */
function compileAnyway(text: string): Compiled {
  const collector = collectDiagnostics();
  const { report } = collector;
  const options = { configId: 'x', include: includesFrom({}), report };
  const { lines } = expandConfig('lvs.conf', text, options);
  const { statements } = parseConfig(lines, { contextOpenedBy, isKnown }, report);
  const place = { source: { file: 'lvs.conf', text }, line: 1, column: 1, endColumn: 1 };
  const config = compileStatements(statements, place, { report });
  return { config, codes: collector.finish(['lvs.conf']).map(({ code }) => code) };
}

const PEERS = 'unicast_peer {\n10.0.0.9\n}';
const GOLDEN = join(import.meta.dirname, '../golden');

test('a whole VRRP configuration reads into the model, and nothing in it is wrong', () => {
  const { config, codes } = compileAnyway(readFileSync(join(GOLDEN, 'vrrp-whole.conf'), 'utf8'));
  const kept = (key: string, value: unknown): unknown => (key === 'span' ? undefined : value);
  const json = `${JSON.stringify(config, kept, 2)}\n`;
  const file = join(GOLDEN, 'vrrp-whole.json');
  if (process.env.LVSD_UPDATE_GOLDEN === '1') writeFileSync(file, json);
  // The formatter may lay the file out in another way.
  expect(JSON.parse(json)).toEqual(JSON.parse(readFileSync(file, 'utf8')));
  expect(new Set(codes)).toEqual(new Set(['LVS1022']));
});

test('secrets are marked wherever they stand', () => {
  const { config } = compileAnyway(readFileSync(join(GOLDEN, 'vrrp-whole.conf'), 'utf8'));
  const redacted = JSON.stringify(config, (_key, value: unknown) => {
    const isSecret = typeof value === 'object' && value !== null && 'kind' in value;
    return isSecret && value.kind === 'secret' ? 'redacted' : value;
  });
  expect(redacted).not.toMatch(/s3cret|hidden|000102|sixteen bytes/);
});

test('no message repeats a password or a key', () => {
  const texts = [
    'authentication {\nauth_type PASS\nauth_pass topsecret99 tail\n}',
    'auth_hmac {\nkey 1 topsecret99 tail\n}',
    'auth_hmac {\nkey 1 hex:topsecret99\n}',
  ];
  for (const text of texts) {
    const said = compile(instance(text)).diagnostics.map(({ message, help }) => message + help);
    expect(said.join('\n')).not.toContain('topsecret99');
    expect(said.length).toBeGreaterThan(0);
  }
});

describe('auth_hmac', () => {
  const KEY_TEXT = 'a key in a file of thirty-two ch';
  const contents = new Map([
    ['/text', KEY_TEXT],
    ['/hex', `hex:${Buffer.from(KEY_TEXT).toString('hex')}`],
    ['/empty', ''],
    ['/odd', 'hex:123'],
  ]);
  const files: FileFacts = { ...NAMED_FILES, keyText: (path) => contents.get(path) };
  const read = (lines: string) =>
    compileText('lvs.conf', instance(`auth_hmac {\n${lines}\n}`), {
      configId: 'x',
      include: includesFrom({}),
      files,
    });

  test.each(['/text', '/hex'])(
    'the key in %s is in the model, for a process without a disk',
    (path) => {
      const [compiled] = read(`key 1 file:${path}`).config?.vrrpInstances ?? [];
      const text = Buffer.from(KEY_TEXT).toString('hex');
      expect(compiled?.hmac?.keys).toEqual([
        { id: 1, source: { kind: 'file', path, key: { kind: 'secret', text } } },
      ]);
    },
  );

  test.each(['/empty', '/odd'])('a file without a key in it is refused: %s', (path) => {
    const { diagnostics, config } = read(`key 1 file:${path}`);
    expect(config).toBeUndefined();
    expect(diagnostics.map(({ message }) => message)).toEqual([expect.stringContaining('key')]);
  });

  test('the window is three adverts, and at least 5 s', () => {
    const long = compile(
      instance('advert_int 4\nauth_hmac {\nkey 1 "a key of thirty-two characters ok"\n}'),
    );
    expect(long.config?.vrrpInstances[0]?.hmac?.timeWindowMs).toBe(12_000);
    expect(read('key 1 file:/text').config?.vrrpInstances[0]?.hmac?.timeWindowMs).toBe(5000);
  });

  test.each([
    ['permissive', ['LVS1215']],
    ['enforce', []],
  ])('strict mode and %s', (mode, codes) => {
    const found = read(
      `key 1 file:/text\nmode ${mode}\n}\nstrict_mode on\naccept\ntrack_interface {`,
    );
    expect(
      found.diagnostics.filter(({ code }) => code === 'LVS1215').map(({ code }) => code),
    ).toEqual(codes);
  });

  test('UDP without it, or with less than enforce, is refused', () => {
    const udp = (lines: string) =>
      codesOf(compile(instance(`unicast_src_ip 10.0.0.8\n${PEERS}\ntransport udp\n${lines}`)));
    const key = 'key 1 "a key of thirty-two characters ok"';
    expect(udp('')).toEqual(['LVS1225 11:1']);
    expect(udp(`auth_hmac {\n${key}\nmode permissive\n}`)).toEqual(['LVS1225 11:1']);
    expect(udp(`auth_hmac {\n${key}\n}`)).toEqual([]);
  });
});

describe('a planned keyword', () => {
  test.each(['down_timer_adverts 3', 'lower_prio_no_advert no', 'garp_extra_if 0'])(
    'that is set to its default changes nothing: %s',
    (line) => {
      expect(codesOf(compile(instance(line)))).toEqual([]);
    },
  );

  test('is compared with its default as a value', () => {
    const globals = 'global_defs {\nvrrp_startup_delay 0.0\nvrrp_mcast_group6 FF02:0::12\n}\n';
    expect(codesOf(compile(globals + instance('')))).toEqual([]);
  });

  test('that opens a block is refused at the block, mistakes in it at their lines', () => {
    const text = `global_defs {\nshared_state {\nurl redis://x\nraise 2\nttl 0\n}\n}\n${instance('')}`;
    expect(codesOf(compile(text))).toEqual(['LVS1022 2:1', 'LVS1020 4:1', 'LVS1028 5:5']);
  });
});

test.each([
  ['"/bin/a b c"', ['/bin/a', 'b', 'c']],
  ["'/bin/a b c'", ['/bin/a', 'b', 'c']],
  [`"/bin/a 'b c' d"`, ['/bin/a', 'b c', 'd']],
  [`'/bin/a "b c"d'`, ['/bin/a', 'b cd']],
  [String.raw`"/bin/sh -c \"b c\" d"`, ['/bin/sh', '-c', 'b c', 'd']],
  [String.raw`/a\\\ b`, ['/a b']],
])('script %s is the command that keepalived reads', (text, [path, ...args]) => {
  const { config, codes } = compileAnyway(`vrrp_script s {\nscript ${text}\n}\n`);
  expect(codes).not.toContain('LVS1253');
  expect(config.vrrpScripts?.[0]?.probe).toEqual({ kind: 'run', command: { path, args } });
});

test('a user may follow a command in single quotes', () => {
  const { config, codes } = compileAnyway(instance(`notify '/bin/a "b c"' nobody nogroup\n`));
  expect(codes).toEqual([]);
  expect(config.vrrpInstances[0]?.notify).toMatchObject({
    any: { path: '/bin/a', args: ['b c'], user: 'nobody', group: 'nogroup' },
  });
});

test('arguments without quotes are flagged, not taken for a user', () => {
  const result = compile('vrrp_script s {\n  script /bin/a -0 b\n}\n');
  expect(codesOf(result)).toEqual(['LVS1029 2:17']);
});

test.each([
  ['vrrp_track_file f {\nfile /x\n}', 'LVS1024'],
  ['interface_up_down_delays {\neth0 256\n}', 'LVS1028'],
  ['track_file f {\nweight 5\n}', 'LVS1031'],
  ['static_routes {\n10.1.0.0/24 dev eth0 mtu lock\n}', 'LVS1026'],
  ['garp_group {\ninterface interface0123456\n}', 'LVS1051'],
  ['bfd_instance b {\nmin_rx 5\n}', 'LVS1031'],
  ['bfd_instance b {\nneighbor_ip 10.0.0.9\nmin_rx 0.5\n}', 'LVS1028'],
  ['bfd_instance b {\nneighbor_ip 10.0.0.9\nmin_tx fast\n}', 'LVS1027'],
  ['static_rules {\nfrom 10.0.0.1/24 table 5 priority 1\n}', 'LVS1234'],
  ['static_routes {\n10.1.0.0/24 via fe80::1 dev eth0 nexthopp x\n}', 'LVS1020'],
  ['global_defs {\nlvs_timeouts tcp 0\n}', 'LVS1028'],
  ['global_defs {\nhttp_listen localhost:80\n}', 'LVS1027'],
  ['global_defs {\nlvs_sync_daemon eth0 VI_9\n}', 'LVS1200'],
  ['global_defs {\nvrrp_garp_master_repeat 0\n}', 'LVS1028'],
])('%s is %s', (text, code) => {
  expect(compileAnyway(`${instance('')}${text}\n`).codes).toContain(code);
});

test.each([
  ['static_routes {\n10.1.0.0/24 encap mpls 100 via 10.0.0.9 dev eth0\n}', ['LVS1022']],
  [
    'static_routes {\n2001:db8::/32 via fe80::1 dev eth0 encap ip id 5 dst 10.0.0.8 ttl 9\n}',
    ['LVS1022'],
  ],
  ['static_routes {\nunreachable default inet6 metric 4278198272\n}', []],
  ['static_rules {\nto 2001:db8::/32 table main order 5 suppress_prefixlength 0\n}', []],
  ['static_rules {\niif eth0 type blackhole preference 5\n}', []],
  ['static_ipaddress {\n10.9.0.1 peer 10.9.0.2/32 dev tun0 preferred_lft forever\n}', []],
])('%s is as keepalived knows it', (text, expected) => {
  expect(compileAnyway(`${instance('')}${text}\n`).codes).toEqual(expected);
});

test('names of interfaces fit the kernel wherever they are given', () => {
  for (const lines of [
    'use_vmac vrrp0123456789.51',
    'use_ipvlan interface0123456 eth0',
    'virtual_routes {\n10.1.0.0/24 dev interface0123456\n}',
    'track_interface {\ninterface0123456\n}',
  ]) {
    expect(compileAnyway(instance(lines)).codes, lines).toContain('LVS1051');
  }
});
