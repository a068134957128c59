import { expect, test } from 'vitest';
import { extraAddresses, extraTimer } from '../../src/vrrp/extra-announcement.ts';
import { initialState, step } from '../../src/vrrp/fsm.ts';
import type { Event, RouterConfig, State } from '../../src/vrrp/machine.ts';
import { router, vip } from './router.ts';

const HELD: Partial<RouterConfig> = {
  virtualAddresses: [
    vip('10.0.0.100/24'),
    vip('10.1.0.100/24', 'eth1'),
    vip('10.1.0.101/24', 'eth1'),
  ],
  excludedAddresses: [vip('fd01::1/64', 'eth1'), vip('10.2.0.1/24', 'vrrp.51')],
  addressInterfaces: [{ name: 'vrrp.51', parent: 'eth2', family: 'inet' }],
};
const every = (isForAll: boolean, intervalMs = 100_000): Partial<RouterConfig> => ({
  garpExtraInterface: { isForAll, intervalMs },
});
const texts = (config: RouterConfig): readonly string[] =>
  extraAddresses(config).map(({ address, device }) => `${address.text} ${device}`);

test('with all: one address of each other interface and family', () => {
  expect(texts(router({ ...HELD, ...every(true) }))).toEqual([
    '10.1.0.100 eth1',
    'fd01::1 eth1',
    '10.2.0.1 vrrp.51',
  ]);
});

test('without: on interfaces made for addresses only', () => {
  expect(texts(router({ ...HELD, ...every(false) }))).toEqual(['10.2.0.1 vrrp.51']);
});

test('the interface that adverts leave by needs none: of use_vmac that is the macvlan', () => {
  const own = {
    ...every(true),
    virtualAddresses: [vip('10.0.0.100/24', 'vrrp.51')],
    ownInterface: { kind: 'vmac', name: 'vrrp.51', notifiesByNetlink: false },
  } as const;
  expect(texts(router(own))).toEqual([]);
  expect(texts(router({ ...own, vmacTransmitsOnBase: true }))).toEqual(['10.0.0.100 vrrp.51']);
});

test('nothing is armed where there is nothing to say', () => {
  expect(extraTimer(router(HELD), 0)).toEqual({});
  expect(extraTimer(router(every(true)), 0)).toEqual({});
});

test('a master says it again and again; a reload arms it anew, or ends it', () => {
  const config = router({ ...HELD, ...every(true, 1000), priority: 255, advertIntervalMs: 40_000 });
  let state: State = initialState(config);
  const send = (event: Event, nowMs: number, now = config): readonly unknown[] => {
    const next = step(now, state, event, nowMs);
    state = next.state;
    return next.actions.filter(
      (action) =>
        (action.kind === 'announce' && action.burst === 'extra') ||
        ('timer' in action && action.timer === 'garpExtra'),
    );
  };
  const armed = (deadlineMs: number) => ({ kind: 'setTimer', timer: 'garpExtra', deadlineMs });
  expect(send({ kind: 'started', isLinkUp: true, resumeAsMaster: false }, 0)).toEqual([
    armed(1000),
  ]);
  const fired = { kind: 'timerFired', timer: 'garpExtra', deadlineMs: 1000 } as const;
  const addresses = extraAddresses(config);
  expect(send(fired, 1000)).toEqual([
    { kind: 'announce', burst: 'extra', addresses, repeat: 1 },
    armed(2000),
  ]);
  const faster = { ...config, ...every(true, 500) };
  expect(send({ kind: 'configChanged', previous: config }, 1700, faster)).toEqual([armed(2200)]);
  const same = { kind: 'configChanged', previous: faster } as const;
  expect(send(same, 1800, faster)).toEqual([]);
  const { garpExtraInterface: _none, ...quiet } = faster;
  expect(send(same, 1900, quiet)).toEqual([{ kind: 'clearTimer', timer: 'garpExtra' }]);
});
