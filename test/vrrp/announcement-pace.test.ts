import { expect, test } from 'vitest';
import type { GarpGroupConfig } from '../../src/config/model-vrrp.ts';
import { dueAtMs, paceOf } from '../../src/vrrp/announcement-pace.ts';

const span = { file: 'test.conf', line: 1, column: 1, endLine: 1, endColumn: 2 };
const group: GarpGroupConfig = {
  span,
  garpIntervalMs: 100,
  gnaIntervalMs: 0,
  interfaces: ['eth1', 'eth2'],
};

test('interfaces of a garp_group share a lane and its gaps; the families do not', () => {
  const gaps = { garpIntervalMs: 5, gnaIntervalMs: 7 };
  expect(paceOf('eth1', 'inet', gaps, [group])).toEqual({ lane: 'inet group 0', gapMs: 100 });
  expect(paceOf('eth2', 'inet', gaps, [group])).toEqual({ lane: 'inet group 0', gapMs: 100 });
  expect(paceOf('eth2', 'inet6', gaps, [group])).toEqual({ lane: 'inet6 group 0', gapMs: 0 });
  expect(paceOf('eth0', 'inet', gaps, [group])).toEqual({ lane: 'inet eth0', gapMs: 5 });
  expect(paceOf('eth0', 'inet6', gaps, [group])).toEqual({ lane: 'inet6 eth0', gapMs: 7 });
});

test('nothing waits that need not', () => {
  expect(paceOf('eth0', 'inet', {}, [])).toEqual({ lane: 'inet eth0', gapMs: 0 });
  expect(dueAtMs(Number.NEGATIVE_INFINITY, 100, 5)).toBe(5);
  expect(dueAtMs(1000, 100, 1040)).toBe(1100);
  expect(dueAtMs(1000, 100, 5000)).toBe(5000);
});
