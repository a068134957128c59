import { describe, expect, it } from 'vitest';
import type { VirtualServerConfig } from '../../src/config/model.ts';
import { judgeServices } from '../../src/daemon/service-states.ts';
import { span } from '../fake/configs.ts';

function service(changes: Partial<VirtualServerConfig> = {}): VirtualServerConfig {
  const server = (text: string, weight: number) => ({
    span,
    address: { family: 'inet', text } as const,
    port: 80,
    weight,
    forwardingMethod: 'droute' as const,
    checkers: [],
  });
  return {
    span,
    address: { family: 'inet', text: '10.0.0.188' },
    port: 80,
    protocol: 'tcp',
    scheduler: 'rr',
    realServers: [server('10.0.0.1', 1), server('10.0.0.2', 2)],
    ...changes,
  };
}

const upOnly =
  (...addresses: string[]) =>
  (name: string): boolean =>
    addresses.some((address) => name.includes(`/${address}:`));

describe('judgeServices', () => {
  it('sums up the weights of the servers that are up', () => {
    const { states, quorums } = judgeServices([service()], upOnly('10.0.0.2'), new Map());
    const reason = '1 of 2 servers up, weight 2, quorum 1';
    expect(states).toEqual([{ name: '10.0.0.188:80', hasQuorum: true, reason }]);
    expect([...quorums]).toEqual([['tcp 10.0.0.188:80', true]]);
  });

  it('keeps a quorum within its hysteresis', () => {
    const services = [service({ quorum: 2, hysteresis: 1 })];
    const full = judgeServices(services, upOnly('10.0.0.1', '10.0.0.2'), new Map());
    const less = judgeServices(services, upOnly('10.0.0.1'), full.quorums);
    expect(less.states[0]?.hasQuorum).toBe(true);
    expect(judgeServices(services, upOnly(), less.quorums).states[0]?.hasQuorum).toBe(false);
    expect(judgeServices(services, upOnly('10.0.0.1'), new Map()).states[0]?.hasQuorum).toBe(false);
  });

  it('an endpoint of two protocols needs both', () => {
    const services = [service({ quorum: 9 }), service({ protocol: 'udp' })];
    const { states } = judgeServices(services, () => true, new Map());
    expect(states).toMatchObject([
      { hasQuorum: false, reason: expect.stringContaining('quorum 9') },
    ]);
  });
});
