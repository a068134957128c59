import { describe, expect, it } from 'vitest';
import type { TransportProtocol } from '../../src/config/model.ts';
import { serviceName } from '../../src/config/names.ts';
import { serviceStates } from '../../src/daemon/service-states.ts';
import type { PoolSnapshot } from '../../src/ipvs/intent.ts';
import { span } from '../fake/configs.ts';

const common = { span, scheduler: 'rr', realServers: [] };
const web = (protocol: TransportProtocol = 'tcp') => ({
  ...common,
  kind: 'address' as const,
  protocol,
  address: { family: 'inet', text: '10.0.0.188' } as const,
  port: 80,
});
const mark = { ...common, kind: 'fwmark', fwmark: 7, family: 'inet', protocol: 'tcp' } as const;
const group = { ...common, kind: 'group', group: 'G', family: 'inet', protocol: 'tcp' } as const;

function pool(name: string, hasQuorum: boolean): PoolSnapshot {
  const numbers = { liveWeight: 2, quorum: hasQuorum ? 1 : 9, hysteresis: 0 };
  return { name, services: [], hasQuorum, ...numbers, relief: 'none' };
}

describe('serviceStates', () => {
  it('names a service as track_virtual_server does', () => {
    const services = [web(), mark, group];
    const pools = services.map((service) => pool(serviceName(service), true));
    const reason = 'weight 2 is up, quorum 1';
    expect(serviceStates(services, pools)).toEqual([
      { name: '10.0.0.188:80', hasQuorum: true, reason },
      { name: 'fwmark 7', hasQuorum: true, reason },
      { name: 'G', hasQuorum: true, reason },
    ]);
  });

  it.each([
    [true, false],
    [false, true],
  ])('an endpoint of two protocols needs both: %s and %s', (tcp, udp) => {
    const services = [web(), web('udp')];
    const pools = [pool('tcp 10.0.0.188:80', tcp), pool('udp 10.0.0.188:80', udp)];
    const reason = 'weight 2 is up, quorum 9';
    const state = { name: '10.0.0.188:80', hasQuorum: false, reason };
    expect(serviceStates(services, pools)).toEqual([state]);
  });

  it('says nothing of a service that was not judged', () => {
    expect(serviceStates([web()], [])).toEqual([]);
  });
});
