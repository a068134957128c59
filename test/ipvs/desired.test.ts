import { describe, expect, test } from 'vitest';
import type { RealServerConfig, SourceSpan, VirtualServerConfig } from '../../src/config/model.ts';
import { desiredTable } from '../../src/ipvs/desired.ts';
import { address, server, service, table } from './tables.ts';

const span: SourceSpan = { file: 'lvs.conf', line: 1, column: 1, endLine: 1, endColumn: 1 };

function realServer(text: string, rest: Partial<RealServerConfig> = {}): RealServerConfig {
  return {
    span,
    address: address(text),
    port: 80,
    weight: 1,
    forwardingMethod: 'droute',
    checkers: [],
    ...rest,
  };
}

function virtualServer(
  text: string,
  realServers: readonly RealServerConfig[],
): VirtualServerConfig {
  const parsed = address(text);
  return { span, address: parsed, port: 80, protocol: 'tcp', scheduler: 'rr', realServers };
}

describe('the wanted table', () => {
  const web = virtualServer('192.168.10.188', [
    realServer('192.168.10.101'),
    realServer('192.168.10.102', { weight: 3, forwardingMethod: 'masq' }),
  ]);

  test('has every service with the servers that are up', () => {
    const isUp = (name: string): boolean => name !== 'tcp 192.168.10.188:80/192.168.10.101:80';
    expect(desiredTable([web], isUp)).toEqual(
      table(
        service('192.168.10.188', 80, [
          server('192.168.10.102', 80, { weight: 3, forwardingMethod: 'masq' }),
        ]),
      ),
    );
  });

  test('keeps a service whose servers are all down', () => {
    expect(desiredTable([web], () => false)).toEqual(table(service('192.168.10.188', 80)));
  });

  test('has the prefix length as netmask of an IPv6 service', () => {
    const wanted = desiredTable([virtualServer('2001:db8::1', [])], () => true);
    expect(wanted.get('tcp [2001:db8::1]:80')?.netmask).toBe(128);
  });

  test('takes the first of two entries with one identity', () => {
    const twice = virtualServer('192.168.10.188', [
      realServer('192.168.10.101', { weight: 7 }),
      realServer('192.168.10.101', { weight: 8 }),
    ]);
    const wanted = desiredTable([twice, web], () => true);
    expect([...wanted.values()]).toEqual([
      service('192.168.10.188', 80, [server('192.168.10.101', 80, { weight: 7 })]),
    ]);
  });
});
