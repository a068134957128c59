import { beforeEach, describe, expect, test } from 'vitest';
import type { Config, VirtualServerConfig } from '../../src/config/model.ts';
import { Intent } from '../../src/ipvs/intent.ts';
import { configWith } from '../fake/configs.ts';
import { groupServer, noSpan, realServer, script, virtualServer } from './services.ts';
import { address } from './tables.ts';

const WEB = 'tcp 10.50.0.1:80';
const ONE = `${WEB}/10.0.0.1:80`;
const up = script('/etc/lvsd/up');
const down = script('/etc/lvsd/down');

let intent: Intent;
let isUp: (name: string) => boolean;

beforeEach(() => {
  intent = new Intent();
  isUp = () => true;
});

function configure(services: readonly VirtualServerConfig[], rest: Partial<Config> = {}): void {
  const config = { ...configWith(), virtualServers: services, ...rest };
  intent.configure(config, (name) => ({ isUp: isUp(name) }));
}

/** What was told: `VS [10.50.0.1]:tcp:80 UP /etc/lvsd/up`. */
function told(nowMs = 0): string[] {
  return intent
    .wish(nowMs)
    .notices.map(({ line, command }) => `${line} ${command?.path ?? ''}`.trim());
}

const one = realServer('10.0.0.1', { notifyUp: up, notifyDown: down });
const two = realServer('10.0.0.2');
const web = (rest: Partial<VirtualServerConfig> = {}) =>
  virtualServer('10.50.0.1', [one, two], { quorumUp: up, quorumDown: down, quorum: 2, ...rest });

describe('what is told', () => {
  test('at the start is how things stand, of services only', () => {
    configure([web()]);
    expect(told()).toEqual(['VS [10.50.0.1]:tcp:80 UP /etc/lvsd/up']);
    expect(told()).toEqual([]);
  });

  test('at the start with rs_init_notifies runs notify_up', () => {
    const { globalDefs } = configWith();
    configure([web()], { globalDefs: { ...globalDefs, rsInitNotifies: true } });
    expect(told()[0]).toBe('RS [10.0.0.1]:tcp:80 [10.50.0.1]:tcp:80 UP /etc/lvsd/up');
  });

  test('of a quorum that was never there runs nothing, but with a sorry server', () => {
    isUp = () => false;
    configure([web()]);
    expect(told().at(-1)).toBe('VS [10.50.0.1]:tcp:80 DOWN');
    intent = new Intent();
    const sorryServer = {
      address: address('10.0.9.1'),
      isInhibited: false,
      forwardingMethod: 'droute',
    } as const;
    configure([web({ sorryServer })]);
    expect(told().at(-1)).toBe('VS [10.50.0.1]:tcp:80 DOWN /etc/lvsd/down');
  });

  test('when a server goes down and comes back is the server, then the quorum', () => {
    configure([web()]);
    told();
    intent.setVerdict(ONE, { isUp: false, sinceMs: 5 }, 'TCP_REFUSED');
    expect(told()).toEqual([
      'RS [10.0.0.1]:tcp:80 [10.50.0.1]:tcp:80 DOWN /etc/lvsd/down',
      'VS [10.50.0.1]:tcp:80 DOWN /etc/lvsd/down',
    ]);
    intent.setVerdict(ONE, { isUp: true, sinceMs: 9 }, 'CHECK_PASSED');
    expect(told()).toEqual([
      'RS [10.0.0.1]:tcp:80 [10.50.0.1]:tcp:80 UP /etc/lvsd/up',
      'VS [10.50.0.1]:tcp:80 UP /etc/lvsd/up',
    ]);
  });

  test.each([
    [true, 2],
    [false, 0],
  ])('at the stop with omega %s is %d lines', (omega, lines) => {
    configure([web({ omega })]);
    told();
    expect(intent.farewell()).toHaveLength(lines);
  });

  test('of a service with omega that a reload removes is its end', () => {
    configure([web({ omega: true })]);
    told();
    configure([]);
    expect(told()).toEqual([
      'RS [10.0.0.1]:tcp:80 [10.50.0.1]:tcp:80 DOWN /etc/lvsd/down',
      'VS [10.50.0.1]:tcp:80 DOWN /etc/lvsd/down',
    ]);
  });
});

describe('the wanted table', () => {
  test('keeps the objects of services without news', () => {
    const other = virtualServer('10.50.0.2', [two]);
    configure([web(), other]);
    const before = intent.wish(0).table;
    expect(intent.wish(0).table).toBe(before);
    intent.setVerdict(ONE, { isUp: false, sinceMs: 5 }, 'TCP_REFUSED');
    const after = intent.wish(5).table;
    expect(after.get(WEB)).not.toBe(before.get(WEB));
    expect(after.get('tcp 10.50.0.2:80')).toBe(before.get('tcp 10.50.0.2:80'));
  });

  test('after a reload keeps verdicts and quorum, and unchanged services are the same', () => {
    configure([web({ quorum: 1 }), virtualServer('10.50.0.2', [two])]);
    intent.setVerdict(ONE, { isUp: false, sinceMs: 5 }, 'TCP_REFUSED');
    const before = intent.wish(5).table;
    configure([web({ quorum: 1, scheduler: 'wlc' }), virtualServer('10.50.0.2', [two])]);
    const { table, notices } = intent.wish(6);
    expect(notices).toEqual([]);
    expect(table.get(WEB)).toMatchObject({ scheduler: 'wlc', destinations: [{ weight: 1 }] });
    expect(table.get('tcp 10.50.0.2:80')).toBe(before.get('tcp 10.50.0.2:80'));
  });

  test('follows the group though the virtual_server is the same', () => {
    const group = (port: number) => [
      {
        name: 'web',
        span: noSpan,
        members: [{ kind: 'address' as const, address: address('10.50.0.1'), port }],
      },
    ];
    configure([groupServer('web', [two])], { virtualServerGroups: group(80) });
    expect([...intent.wish(0).table.keys()]).toEqual([WEB]);
    configure([groupServer('web', [two])], { virtualServerGroups: group(81) });
    expect([...intent.wish(0).table.keys()]).toEqual(['tcp 10.50.0.1:81']);
    expect(intent.snapshot()).toMatchObject([
      { name: 'tcp group web', services: ['tcp 10.50.0.1:81'], hasQuorum: true },
    ]);
  });

  test('changes by time alone while a server starts slowly', () => {
    const slow = { ...one, weight: 20 };
    configure([virtualServer('10.50.0.1', [slow], { slowStartMs: 20_000 })]);
    intent.setVerdict(ONE, { isUp: true, sinceMs: 0 }, 'CHECK_PASSED');
    const weightAt = (nowMs: number) => intent.wish(nowMs).table.get(WEB)?.destinations[0]?.weight;
    expect([0, 1000, 5000, 20_000].map(weightAt)).toEqual([1, 1, 5, 20]);
    expect(intent.wish(20_000).nextChangeMs).toBeUndefined();
  });
});

test('a copy can be told anything, and the original knows nothing of it', () => {
  configure([web()]);
  told();
  const copy = intent.copy();
  const { table } = intent.wish(0);
  copy.configure({ ...configWith(), virtualServers: [] }, () => ({ isUp: true }));
  copy.setVerdict(ONE, { isUp: false }, 'why');
  expect([...copy.wish(0).table.keys()]).toEqual([]);
  expect(intent.wish(0).table).toBe(table);
  expect(intent.snapshot()).toMatchObject([{ hasQuorum: true, liveWeight: 2 }]);
});
