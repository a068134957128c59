import { expect, test } from 'vitest';
import { describeChange, diffConfig } from '../../src/config/diff.ts';
import { dumpConfig } from '../../src/config/dump.ts';
import type { Config } from '../../src/config/model.ts';
import { compile } from './compile-fixture.ts';

const TEXT = `global_defs {
  router_id R
}
vrrp_instance A {
  interface eth0
  virtual_router_id 5
  virtual_ipaddress {
    10.0.0.1/24
  }
}
virtual_server 10.0.0.1 80 {
  delay_loop 5
  lb_algo rr
  lb_kind DR
  protocol TCP
  alpha
  real_server 10.0.0.2 80 {
    TCP_CHECK {
    }
  }
  real_server 10.0.0.3 80 {
    weight 2
  }
}
`;

function read(text: string): Config {
  const { config, diagnostics } = compile(text);
  if (config === undefined) throw new Error(JSON.stringify(diagnostics));
  return config;
}

function planned(before: string, after: string): readonly string[] {
  return diffConfig(read(before), read(after)).map(describeChange);
}

test('a file that only moved, or whose defaults were written out, changes nothing', () => {
  expect(planned(TEXT, `# a comment\n\n${TEXT}`)).toEqual([]);
  expect(planned(TEXT, TEXT.replace('interface eth0', 'interface eth0\npriority 100'))).toEqual([]);
});

test.each([
  ['router_id R', 'router_id S', ['global_defs changed: router_id R -> S']],
  ['router_id R', '', ['global_defs changed: router_id R -> (none)']],
  [
    'interface eth0',
    'interface eth0\nadvert_int 2\npriority 9',
    ['vrrp_instance A changed: priority 100 -> 9, advert_interval 1 s -> 2 s'],
  ],
  [
    '10.0.0.1/24\n',
    '10.0.0.9/24\n',
    ['vrrp_instance A changed: virtual_addresses[0].address 10.0.0.1 -> 10.0.0.9'],
  ],
  ['vrrp_instance A', 'vrrp_instance B', ['vrrp_instance A removed', 'vrrp_instance B added']],
  ['lb_algo rr', 'lb_algo wlc', ['virtual_server tcp 10.0.0.1:80 changed: scheduler rr -> wlc']],
  ['weight 2', 'weight 3', ['real_server tcp 10.0.0.1:80/10.0.0.3:80 changed: weight 2 -> 3']],
  [
    'real_server 10.0.0.3',
    'real_server 10.0.0.4',
    [
      'real_server tcp 10.0.0.1:80/10.0.0.3:80 removed',
      'real_server tcp 10.0.0.1:80/10.0.0.4:80 added',
    ],
  ],
  [
    'TCP_CHECK {\n',
    'TCP_CHECK {\nretry 3\n',
    ['real_server tcp 10.0.0.1:80/10.0.0.2:80 changed: checkers[0].retry 1 -> 3'],
  ],
])('%j -> %j', (from, to, expected) => {
  expect(planned(TEXT, TEXT.replace(from, to))).toEqual(expected);
});

test('a section that the model got later is compared like the others, secrets are told apart', () => {
  const base = read(TEXT);
  const secret = (text: string) => ({ kind: 'secret', text });
  const before = { ...base, laterThings: [{ name: 'chk', weight: 1, key: secret('a') }] };
  const after = { ...base, laterThings: [{ name: 'chk', weight: 1, key: secret('b') }] };
  const changes = diffConfig(before, after);
  expect(changes).toEqual([
    {
      kind: 'changed',
      what: 'later_thing',
      name: 'chk',
      fields: [{ field: 'key', before: '***', after: '***' }],
    },
  ]);
});

test('a dump shows no secret, wherever it stands', () => {
  const config = {
    ...read(TEXT),
    authentication: { authPass: 'hunter2', key: { kind: 'secret', text: 'hunter2' } },
  };
  const dump = JSON.stringify(dumpConfig(config, { spans: false }));
  expect(dump).not.toContain('hunter2');
  expect(dump).toContain('"authPass":"***","key":"***"');
  expect(dump).not.toContain('span');
});
