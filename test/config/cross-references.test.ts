/**
 * What one line says of another, and what the whole cannot be: each rule with a file that keeps it
 * and one that breaks it, so that no rule is known only by its mistakes.
 */
import { describe, expect, test } from 'vitest';
import { codesOf, compile } from './compile-fixture.ts';

interface Parts {
  readonly name?: string;
  readonly vrid?: number;
  readonly device?: string;
  readonly address?: string;
}

function instance(lines: string, parts: Parts = {}): string {
  const { name = 'A', vrid = 5, device = 'eth0', address = '10.0.0.1/24' } = parts;
  const own = `interface ${device}\nvirtual_router_id ${vrid}`;
  return `vrrp_instance ${name} {\n${own}\nvirtual_ipaddress {\n${address}\n}\n${lines}\n}\n`;
}

const SERVER = server('10.0.0.2 80');

function server(words: string): string {
  return `real_server ${words} {\nTCP_CHECK {\n}\n}\n`;
}

interface ServiceParts {
  readonly form?: string;
  readonly kind?: string;
  readonly protocol?: string;
}

function service(lines: string, parts: ServiceParts = {}): string {
  const { form = '10.0.0.9 80', kind = 'DR', protocol = 'protocol TCP\n' } = parts;
  const head = `delay_loop 5\nlb_algo rr\nlb_kind ${kind}\n${protocol}alpha\n`;
  return `virtual_server ${form} {\n${head}${lines}}\n`;
}

const SIX = '2001:db8::1/64';
const B = { name: 'B', address: '10.0.0.2/24' };
const BY_MARK = { form: 'fwmark 7', protocol: '' };
const GROUP = 'virtual_server_group G {\n10.0.0.9 80\n}\n';
const script = (name: string): string => `vrrp_script ${name} {\nscript /bin/true\n}\n`;

/** Code, what it is about, a file without it, a file with it. */
const RULES: readonly (readonly [string, string, string, string])[] = [
  [
    'LVS1040',
    'an instance twice',
    instance('') + instance('', { ...B, vrid: 6 }),
    instance('') + instance('', { ...B, name: 'A', vrid: 6 }),
  ],
  [
    'LVS1041',
    'a VRID twice on an interface',
    instance('') + instance('', { ...B, device: 'eth1' }),
    instance('') + instance('', B),
  ],
  [
    'LVS1041',
    'a VRID twice in a family',
    instance('') + instance('version 3', { ...B, address: SIX }),
    instance('', { address: SIX }) + instance('', { ...B, address: '2001:db8::2/64' }),
  ],
  [
    'LVS1042',
    'families in one virtual_ipaddress',
    instance(`virtual_ipaddress_excluded {\n${SIX}\n}`),
    instance('', { address: `10.0.0.1/24\n${SIX}` }),
  ],
  [
    'LVS1043',
    'nopreempt with state MASTER',
    instance('state BACKUP\nnopreempt'),
    instance('state MASTER\npriority 100\nnopreempt'),
  ],
  [
    'LVS1044',
    'nopreempt of the address owner',
    instance('priority 254\nnopreempt'),
    instance('priority 255\nnopreempt'),
  ],
  [
    'LVS1212',
    'authentication in version 3',
    instance('version 2\nauthentication {\nauth_type PASS\nauth_pass abc\n}'),
    instance('version 3\nauthentication {\nauth_type PASS\nauth_pass abc\n}'),
  ],
  [
    'LVS1048',
    'IPv6 in version 2',
    instance('version 3', { address: SIX }),
    instance('version 2', { address: SIX }),
  ],
  [
    'LVS1046',
    'an interval of version 3',
    instance('version 3\nadvert_int 0.5'),
    instance('version 3\nadvert_int 41'),
  ],
  [
    'LVS1047',
    'an interval of version 2',
    instance('version 2\nadvert_int 41'),
    instance('version 2\nadvert_int 0.5'),
  ],
  [
    'LVS1200',
    'a script that is tracked',
    script('s') + instance('track_script {\ns\n}'),
    instance('track_script {\ns\n}'),
  ],
  [
    'LVS1200',
    'a member of a group',
    `${instance('')}vrrp_sync_group g {\ngroup {\nA\n}\n}\n`,
    `${instance('')}vrrp_sync_group g {\ngroup {\nZ\n}\n}\n`,
  ],
  [
    'LVS1205',
    'a member of two groups',
    `${instance('')}vrrp_sync_group g {\ngroup {\nA\n}\n}\n`,
    `${instance('')}vrrp_sync_group g {\ngroup {\nA\n}\n}\nvrrp_sync_group h {\ngroup {\nA\n}\n}\n`,
  ],
  [
    'LVS1249',
    'an interface that is tracked',
    instance('track_interface {\neth0\n}'),
    instance('track_interface {\nabsent0\n}'),
  ],
  [
    'LVS1126',
    'a group of addresses',
    GROUP + service(SERVER, { form: 'group G' }),
    service(SERVER, { form: 'group G' }),
  ],
  [
    'LVS1112',
    'a tracked file of a checker',
    `track_file f {\nfile /etc/passwd\n}\n${service('real_server 10.0.0.2 80 {\nFILE_CHECK {\ntrack_file f\n}\n}\n')}`,
    service('real_server 10.0.0.2 80 {\nFILE_CHECK {\ntrack_file f\n}\n}\n'),
  ],
  [
    'LVS1060',
    'a service twice',
    service(SERVER) + service(SERVER, { protocol: 'protocol UDP\n' }),
    service(SERVER) + service(SERVER),
  ],
  [
    'LVS1060',
    'an IPv6 service twice, written differently',
    service(server('2001:db8::5 80'), { form: '2001:db8::1 80' }),
    service(server('2001:db8::5 80'), { form: '2001:db8::1 80' }) +
      service(server('2001:db8::5 80'), { form: '2001:DB8:0::1 80' }),
  ],
  [
    'LVS1060',
    'a mark twice',
    service(SERVER, BY_MARK) + service(SERVER, { ...BY_MARK, form: 'fwmark 8' }),
    service(SERVER, BY_MARK) + service(SERVER, BY_MARK),
  ],
  [
    'LVS1060',
    'a service that a group holds as well',
    GROUP + service(SERVER, { form: 'group G' }) + service(SERVER, { form: '10.0.0.8 80' }),
    GROUP + service(SERVER, { form: 'group G' }) + service(SERVER),
  ],
  ['LVS1061', 'a server twice', service(SERVER + server('10.0.0.3 80')), service(SERVER + SERVER)],
  [
    'LVS1062',
    'the port of a server in DR',
    service(server('10.0.0.2 80')),
    service(server('10.0.0.2 8080')),
  ],
  [
    'LVS1062',
    'the port of a server in TUN',
    service(server('10.0.0.2 8080'), { kind: 'NAT' }),
    service(server('10.0.0.2 8080'), { kind: 'TUN' }),
  ],
  [
    'LVS1062',
    'the port of a sorry server in DR',
    service(`sorry_server 10.0.0.7 80\n${SERVER}`),
    service(`sorry_server 10.0.0.7 81\n${SERVER}`),
  ],
  [
    'LVS1063',
    'the family of a server',
    service(server('2001:db8::2 80'), { kind: 'TUN' }),
    service(server('2001:db8::2 80')),
  ],
  [
    'LVS1060',
    'a mark twice in a family',
    service(`ip_family inet\n${SERVER}`, BY_MARK) +
      service(`ip_family inet6\n${server('2001:db8::2')}`, BY_MARK),
    service(`ip_family inet6\n${server('2001:db8::2')}`, BY_MARK) +
      service(`ip_family inet6\n${server('2001:db8::2')}`, BY_MARK),
  ],
  [
    'LVS1063',
    'the family of a sorry server',
    service(`sorry_server 10.0.0.7 80\n${SERVER}`),
    service(`sorry_server 2001:db8::7 80\n${SERVER}`),
  ],
  [
    'LVS1102',
    'a quorum that can be reached',
    service(`quorum 1\n${SERVER}`),
    service(`quorum 2\n${SERVER}`),
  ],
  [
    'LVS1103',
    'hysteresis below the quorum',
    service(`quorum 2\nhysteresis 1\n${SERVER}${server('10.0.0.3 80')}`),
    service(`quorum 2\nhysteresis 2\n${SERVER}${server('10.0.0.3 80')}`),
  ],
  [
    'LVS1108',
    'the order of thresholds',
    service('real_server 10.0.0.2 80 {\nuthreshold 5\nlthreshold 4\nTCP_CHECK {\n}\n}\n'),
    service('real_server 10.0.0.2 80 {\nuthreshold 4\nlthreshold 5\nTCP_CHECK {\n}\n}\n'),
  ],
  ['LVS1243', 'a script that is there', script('s'), script('s').replace('/bin/true', '/absent')],
  [
    'LVS1256',
    'a user that is there',
    instance('notify /bin/true nobody'),
    instance('notify /bin/true nosuch'),
  ],
];

describe.each(RULES)('%s %s', (code, _about, right, wrong) => {
  const found = (text: string): readonly string[] =>
    codesOf(compile(text)).filter((each) => each.startsWith(code));

  test('is kept', () => expect(found(right)).toEqual([]));
  test('is broken, and said once', () => expect(found(wrong)).toHaveLength(1));
});
