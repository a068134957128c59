import { describe, expect, test } from 'vitest';
import type { VirtualServerConfig } from '../../src/config/model.ts';
import type { GroupMember } from '../../src/config/model-lvs.ts';
import { groupsByName } from '../../src/config/service-endpoints.ts';
import { desiredServices, netmaskOf, tableOf, wantedNames } from '../../src/ipvs/desired.ts';
import { judgePool } from '../../src/ipvs/pool.ts';
import type { Service } from '../../src/ipvs/types.ts';
import { configWith } from '../fake/configs.ts';
import { groupServer, markedServer, noSpan, realServer, virtualServer } from './services.ts';
import { address, marked, server, service } from './tables.ts';

function desired(
  virtual: VirtualServerConfig,
  members: readonly GroupMember[] = [],
): readonly Service[] {
  const judgement = judgePool({
    service: virtual,
    verdictOf: () => ({ isUp: true }),
    hadQuorum: false,
    nowMs: 0,
  });
  const groups = groupsByName([{ name: 'web', span: noSpan, members }]);
  return desiredServices(virtual, groups, judgement.members);
}

const one = realServer('10.0.0.1');
const at80 = [server('10.0.0.1', 80)];

describe('the IPVS services of a virtual_server', () => {
  test('by address are one', () => {
    expect(desired(virtualServer('10.50.0.1', [one]))).toEqual([service('10.50.0.1', 80, at80)]);
  });

  test('stay without a server', () => {
    expect(desired(virtualServer('10.50.0.1', []))).toEqual([service('10.50.0.1', 80)]);
  });

  test('by mark are one, whose servers keep the port that the client asked for', () => {
    const any = { ...one, port: 0 };
    expect(desired(markedServer(7, [any]))).toEqual([marked(7, [server('10.0.0.1', 0)])]);
  });

  test('of a group are one for each address, range member and mark', () => {
    const members: GroupMember[] = [
      { kind: 'address', address: address('10.50.0.1'), port: 80 },
      { kind: 'range', first: address('10.50.0.255'), count: 2, port: 81 },
      { kind: 'fwmark', fwmark: 9 },
    ];
    const own = (port: number) => [server('10.0.0.1', port)];
    expect(desired(groupServer('web', [{ ...one, port: 0 }]), members)).toEqual([
      service('10.50.0.1', 80, own(80)),
      service('10.50.0.255', 81, own(81)),
      service('10.50.1.0', 81, own(81)),
      marked(9, own(0)),
    ]);
  });

  test('take servers of the other family only through a tunnel', () => {
    const servers = [
      realServer('2001:db8::1', { forwardingMethod: 'tunnel' }),
      realServer('2001:db8::2'),
    ];
    expect(desired(virtualServer('10.50.0.1', servers))).toEqual([
      service('10.50.0.1', 80, [server('2001:db8::1', 80, { forwardingMethod: 'tunnel' })]),
    ]);
  });

  test.each([
    [{ persistence: { timeoutMs: 360_000 } }, { flags: 1, timeoutS: 360 }],
    [
      { persistence: { timeoutMs: 50_000, prefixLength: 24, engine: 'sip' } },
      { flags: 1, timeoutS: 50, netmask: 0xffffff00, engine: 'sip' },
    ],
    [
      { protocol: 'udp', onePacket: true },
      { flags: 4, protocol: 'udp' },
    ],
    [{ schedulerFlags: ['sh-port'] }, { flags: 0x10 }],
    [{ schedulerFlags: ['sh-fallback'] }, { flags: 0x08 }],
    [{ schedulerFlags: ['mh-port', 'mh-fallback'] }, { flags: 0x18 }],
    [{ schedulerFlags: ['flag-1', 'flag-2', 'flag-3'] }, { flags: 0x38 }],
  ] as const)('with %o have %o', (options, expected) => {
    const virtual = virtualServer('10.50.0.1', [one], options);
    expect(desired(virtual)).toEqual([service('10.50.0.1', 80, at80, expected)]);
  });

  test('have what the server says about tunnel and limits', () => {
    const tunnelled = realServer('10.0.0.1', {
      forwardingMethod: 'tunnel',
      tunnel: { type: 'gue', port: 6080, checksum: 'remcsum' },
      upperThreshold: 100,
      lowerThreshold: 50,
    });
    expect(desired(virtualServer('10.50.0.1', [tunnelled]))[0]?.destinations).toEqual([
      server('10.0.0.1', 80, {
        forwardingMethod: 'tunnel',
        tunnel: { type: 'gue', port: 6080, flags: 2 },
        upperThreshold: 100,
        lowerThreshold: 50,
      }),
    ]);
  });
});

test.each([
  ['inet', undefined, 0xffffffff],
  ['inet', 24, 0xffffff00],
  ['inet', 1, 0x80000000],
  ['inet6', undefined, 128],
  ['inet6', 64, 64],
] as const)('the netmask of %s with prefix %s is %d', (family, length, netmask) => {
  expect(netmaskOf(family, length)).toBe(netmask);
});

test('of two services with one name the first counts', () => {
  const [first, second] = [service('10.50.0.1', 80, at80), service('10.50.0.1', 80)];
  expect([...tableOf([first, second]).values()]).toEqual([first]);
});

test('the wanted names are those of every member', () => {
  const members: GroupMember[] = [{ kind: 'fwmark', fwmark: 9 }];
  const config = {
    ...configWith(),
    virtualServers: [groupServer('web', []), virtualServer('10.50.0.1', [])],
    virtualServerGroups: [{ name: 'web', span: noSpan, members }],
  };
  expect(wantedNames(config)).toEqual(['fwmark 9', 'tcp 10.50.0.1:80']);
});
