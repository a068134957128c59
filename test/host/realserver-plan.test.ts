import { describe, expect, it } from 'vitest';
import type { IpAddress } from '../../src/base/address.ts';
import {
  emptyRecord,
  examine,
  parseRecord,
  planDown,
  planUp,
  REALSERVER_SYSCTLS,
  type RealserverPresent,
} from '../../src/host/realserver-plan.ts';

const vip: IpAddress = { family: 'inet', text: '192.168.10.188' };
const second: IpAddress = { family: 'inet', text: '192.168.10.189' };
const vip6: IpAddress = { family: 'inet6', text: '2001:db8::188' };

function present(addresses: readonly string[], value: (path: string) => string): RealserverPresent {
  return {
    loAddresses: new Set(addresses),
    sysctls: new Map(REALSERVER_SYSCTLS.map(({ path }) => [path, value(path)])),
  };
}

const fresh = present(['127.0.0.1'], () => '0');
const ready = present(['127.0.0.1', vip.text], (path) => (path.endsWith('ignore') ? '1' : '2'));

describe('planUp', () => {
  it('silences ARP before the VIP is on lo, and remembers the former values', () => {
    const { steps, record } = planUp([vip], fresh, emptyRecord);
    expect(steps.map(({ kind }) => kind)).toEqual([
      'set-sysctl',
      'set-sysctl',
      'set-sysctl',
      'set-sysctl',
      'add-address',
    ]);
    expect(record.vips).toEqual([vip.text]);
    expect(new Set(Object.values(record.previous))).toEqual(new Set(['0']));
  });

  it('does nothing the second time and keeps what was remembered', () => {
    const { record } = planUp([vip], fresh, emptyRecord);
    expect(planUp([vip], ready, record)).toEqual({ steps: [], record });
  });

  it('does not claim an address that somebody else put on lo', () => {
    expect(planUp([vip], ready, emptyRecord).record.vips).toEqual([]);
  });

  it('leaves ARP alone for an IPv6 VIP', () => {
    const { steps } = planUp([vip6], fresh, emptyRecord);
    expect(steps).toEqual([{ kind: 'add-address', address: vip6 }]);
  });
});

describe('planDown', () => {
  it('restores what was there with the last VIP, after the address is off', () => {
    const { record } = planUp([vip], fresh, emptyRecord);
    const plan = planDown([vip], ready, record);
    expect(plan.steps[0]).toEqual({ kind: 'remove-address', address: vip });
    expect(plan.steps.slice(1)).toEqual(
      REALSERVER_SYSCTLS.map(({ path }) => ({ kind: 'set-sysctl', path, value: '0' })),
    );
    expect(plan.record).toBe(emptyRecord);
  });

  it('keeps ARP silent while another VIP of ours is up', () => {
    const { record } = planUp([vip, second], fresh, emptyRecord);
    const plan = planDown(
      [vip],
      present([vip.text, second.text], () => '1'),
      record,
    );
    expect(plan.steps).toEqual([{ kind: 'remove-address', address: vip }]);
    expect(plan.record.vips).toEqual([second.text]);
  });

  it('puts back only what up changed', () => {
    const half = present([], (path) =>
      path.includes('/all/') ? '0' : path.endsWith('ignore') ? '1' : '2',
    );
    const { record } = planUp([vip], half, emptyRecord);
    const restored = planDown([vip], ready, record).steps.slice(1);
    expect(restored.map((step) => (step.kind === 'set-sysctl' ? step.path : ''))).toEqual([
      'net/ipv4/conf/all/arp_ignore',
      'net/ipv4/conf/all/arp_announce',
    ]);
  });
});

describe('examine', () => {
  it('finds every line right on a server that is ready, and says what is wrong on one that is not', () => {
    expect(examine([vip], ready).every(({ ok }) => ok)).toBe(true);
    expect(examine([vip], fresh).filter(({ ok }) => !ok)).toHaveLength(5);
  });
});

describe('parseRecord', () => {
  it('reads what was written', () => {
    const { record } = planUp([vip], fresh, emptyRecord);
    expect(parseRecord(JSON.stringify(record))).toEqual(record);
  });

  it.each([
    '',
    '{}',
    '[]',
    'null',
    '{"version":2,"vips":[],"previous":{}}',
    '{"version":1,"vips":[],"previous":{"../../etc/passwd":"1"}}',
    '{"version":1,"vips":[],"previous":{"net/ipv4/conf/all/arp_ignore":"1; reboot"}}',
  ])('refuses %j', (text) => {
    expect(parseRecord(text)).toBeUndefined();
  });
});
