import { describe, expect, it } from 'vitest';
import { type Facts, type IpvsFact, judgePreflight } from '../../src/daemon/preflight.ts';
import { configWith, span, vrrpInstance } from '../fake/configs.ts';

const config = configWith(
  vrrpInstance({
    virtualAddresses: [
      {
        span,
        address: { family: 'inet', text: '192.168.10.188' },
        prefixLength: 32,
        device: 'eth1',
        scope: 0,
      },
    ],
  }),
);

function facts(changes: Partial<Facts>): Facts {
  return {
    missingCapabilities: [],
    interfaces: new Set(['lo', 'eth0', 'eth1']),
    ipvs: { kind: 'available', foreign: [] },
    ...changes,
  };
}

const judge = (changes: Partial<Facts>, adopt = false) =>
  judgePreflight(config, facts(changes), adopt).map(({ code, message }) => ({ code, message }));

describe('judgePreflight', () => {
  it('finds nothing wrong where nothing is wrong', () => {
    expect(judge({})).toEqual([]);
  });

  it('names an unknown interface with the line and with those that there are', () => {
    const [problem] = judge({ interfaces: new Set(['lo']) });
    expect(problem?.code).toBe('UNKNOWN_INTERFACE');
    expect(problem?.message).toMatch(/lvs\.conf:7.*VI_1.*eth0.*it has lo/);
  });

  it('misses no interface with dynamic_interfaces: instances wait for them', () => {
    const dynamic = {
      ...config,
      globalDefs: { ...config.globalDefs, dynamicInterfaces: 'fixed' as const },
    };
    expect(judgePreflight(dynamic, facts({ interfaces: new Set(['lo']) }), false)).toEqual([]);
  });

  it('says what no_accept lacks, once privileges are there', () => {
    const refusedFirewall = { code: 'EPROTONOSUPPORT', detail: 'socket failed' };
    const [problem] = judge({ refusedFirewall });
    expect(problem?.code).toBe('NO_NF_TABLES');
    expect(problem?.message).toMatch(/EPROTONOSUPPORT.*modprobe nf_tables/);
    const missingCapabilities = ['CAP_NET_ADMIN'];
    expect(judge({ refusedFirewall, missingCapabilities }).map(({ code }) => code)).toEqual([
      'NO_PRIVILEGE',
    ]);
  });

  it('names the device of a virtual address that is not there', () => {
    expect(judge({ interfaces: new Set(['eth0']) })[0]?.message).toContain('eth1');
  });

  it('says which capability is missing', () => {
    const [problem] = judge({ missingCapabilities: ['CAP_NET_RAW'] });
    expect(problem).toMatchObject({ code: 'NO_PRIVILEGE' });
    expect(problem?.message).toContain('CAP_NET_RAW');
  });

  it.each<[string, IpvsFact, string]>([
    [
      'no IPVS in the kernel',
      { kind: 'unavailable', code: 'IPVS_ABSENT', detail: 'modprobe ip_vs' },
      'IPVS_ABSENT',
    ],
    [
      'an unreadable record',
      { kind: 'ownership-unreadable', path: '/run/x', detail: 'bad' },
      'OWNERSHIP_UNREADABLE',
    ],
    [
      'a foreign service',
      { kind: 'available', foreign: ['tcp 192.168.10.188:80'] },
      'FOREIGN_SERVICE',
    ],
  ])('refuses with %s', (_what, ipvs, code) => {
    expect(judge({ ipvs }).map((problem) => problem.code)).toEqual([code]);
  });

  it('gives the command that removes a foreign service, and lets --adopt take it over', () => {
    const ipvs: IpvsFact = { kind: 'available', foreign: ['udp 192.168.10.188:53'] };
    expect(judge({ ipvs })[0]?.message).toContain('ipvsadm -D -u 192.168.10.188:53');
    expect(judge({ ipvs }, true)).toEqual([]);
  });

  it('tells every problem at once', () => {
    const problems = judge({
      missingCapabilities: ['CAP_NET_ADMIN'],
      interfaces: new Set(),
      ipvs: { kind: 'unavailable', code: 'IPVS_ABSENT', detail: 'modprobe ip_vs' },
    });
    expect(problems.map(({ code }) => code)).toEqual([
      'NO_PRIVILEGE',
      'UNKNOWN_INTERFACE',
      'UNKNOWN_INTERFACE',
      'IPVS_ABSENT',
    ]);
  });
});

describe('the ports of BFD', () => {
  it('are refused to start without: another daemon has one, and how to find it is said', () => {
    const [problem] = judge({ refusedBfd: { port: 3784, code: 'EADDRINUSE' } });
    expect(problem?.code).toBe('BFD_PORT_TAKEN');
    expect(problem?.message).toContain('ss -ulpn sport = :3784');
  });
});
