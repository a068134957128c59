/** From a seed: who is on the segment, and everything that goes wrong there. Plain data, so that it shrinks. */
import type { IpAddress } from '../../src/base/address.ts';
import type { RouterConfig } from '../../src/vrrp/machine.ts';
import { ip, router, vip } from '../vrrp/router.ts';
import type { WireFault } from './network.ts';
import { Dice } from './random.ts';

/** What a reload may change without becoming another instance. */
export type Reload = Partial<
  Pick<
    RouterConfig,
    'priority' | 'advertIntervalMs' | 'preempt' | 'preemptDelayMs' | 'virtualAddresses'
  >
>;

export type Fault =
  | WireFault
  | { readonly kind: 'stall'; readonly router: number; readonly ms: number }
  | { readonly kind: 'crash' | 'start' | 'stop' | 'takeAway'; readonly router: number }
  /** The process is killed; `resumeMs` later another one resumes as master, or the VIPs are given up. */
  | { readonly kind: 'kill'; readonly router: number; readonly resumeMs: number | undefined }
  | { readonly kind: 'link'; readonly router: number; readonly isUp: boolean }
  | { readonly kind: 'refuse'; readonly router: number; readonly what: 'add' | 'remove' | 'none' }
  | { readonly kind: 'clock'; readonly router: number; readonly ms: number }
  | { readonly kind: 'garbage'; readonly router: number; readonly length: number }
  /** An advert of priority 255 that came through a router, or with interval 0, or from ourselves. */
  | { readonly kind: 'forge'; readonly router: number; readonly what: 'ttl' | 'zero' | 'own' }
  | { readonly kind: 'reload'; readonly router: number; readonly changes: Reload }
  /** Nothing more goes wrong, everything is repaired, and the laws of a settled segment must hold. */
  | { readonly kind: 'heal' };

export interface PlannedFault {
  readonly afterMs: number;
  readonly fault: Fault;
}

export interface Plan {
  readonly seed: number;
  readonly configs: readonly RouterConfig[];
  readonly intervalMs: number;
  readonly intervalMaxMs: number;
  readonly faults: readonly PlannedFault[];
}

const SPAN = router().span;
const FAULTS_PER_PHASE = 18;
const PHASES = 2;

export function makePlan(seed: number): Plan {
  const dice = new Dice(seed * 7919);
  const configs = makeConfigs(dice);
  const intervalMs = configs[0]?.advertIntervalMs ?? 1000;
  const faults: PlannedFault[] = [];
  for (let phase = 0; phase < PHASES; phase += 1) {
    for (let count = 0; count < FAULTS_PER_PHASE; count += 1) {
      const afterMs = dice.between(0, 3 * intervalMs);
      faults.push({ afterMs, fault: makeFault(dice, configs) });
    }
    faults.push({ afterMs: dice.between(0, intervalMs), fault: { kind: 'heal' } });
  }
  const reloaded = faults.flatMap(({ fault }) =>
    fault.kind === 'reload' ? [fault.changes.advertIntervalMs ?? 0] : [],
  );
  const all = [...configs.map(({ advertIntervalMs }) => advertIntervalMs), ...reloaded];
  return { seed, configs, intervalMs, intervalMaxMs: Math.max(...all), faults };
}

/** Two to four routers. Version 2 wants one interval for all; version 3 adopts. */
function makeConfigs(dice: Dice): readonly RouterConfig[] {
  const advertIntervalMs = dice.pick([10, 100, 1000, 1000]);
  const version = advertIntervalMs === 1000 && dice.chance(0.4) ? 2 : 3;
  const family = version === 3 && dice.chance(0.3) ? 'inet6' : 'inet';
  const count = 2 + dice.index(3);
  const hasOwner = dice.chance(0.2);
  const arePreemptive = dice.chance(0.7);
  const address = (index: number): IpAddress =>
    ip(family === 'inet' ? `10.0.0.${index + 1}` : `fe80::${index + 1}`);
  const isUnicast = dice.chance(0.3);
  const hasPassword = version === 2 && dice.chance(0.5);
  const common: Partial<RouterConfig> = hasPassword
    ? { authentication: { type: 'PASS', password: { kind: 'secret', text: 'sim' } } }
    : {};
  return Array.from({ length: count }, (_, index) => {
    const others = [...Array(count).keys()].filter((other) => other !== index);
    const peers = others.map((other) => ({ span: SPAN, address: address(other) }));
    const isOwner = hasOwner && index === 0;
    const isSlower = version === 3 && dice.chance(0.15);
    const hasDelay = !isOwner && dice.chance(0.2);
    return router({
      name: `R${index}`,
      version,
      family,
      advertIntervalMs: isSlower ? advertIntervalMs * 2 : advertIntervalMs,
      preempt: isOwner || arePreemptive || dice.chance(0.5),
      preemptDelayMs: hasDelay ? advertIntervalMs * (1 + dice.index(6)) : 0,
      // Sometimes equal: then the address decides between two masters.
      priority: isOwner ? 255 : 200 - dice.pick([0, 40, 40 * index, 1 + dice.index(199)]),
      initialState: dice.chance(0.5) ? 'MASTER' : 'BACKUP',
      primaryAddress: address(index),
      ...common,
      ...(isUnicast ? { unicastPeers: peers, checksUnicastSource: true } : {}),
      virtualAddresses: addresses(family, dice),
      garp: {
        ...router().garp,
        masterRefreshMs: dice.chance(0.2) ? advertIntervalMs * 3 : 0,
        lowerPrioDelayMs: dice.chance(0.5) ? advertIntervalMs : 0,
      },
    });
  });
}

function addresses(family: 'inet' | 'inet6', dice: Dice): RouterConfig['virtualAddresses'] {
  const list =
    family === 'inet'
      ? ['10.0.0.100/24', '10.0.0.101/24', '10.0.0.102/32']
      : ['fe80::100/64', '2001:db8::100/64', '2001:db8::101/128'];
  return list.slice(0, 1 + dice.index(list.length)).map((prefix) => vip(prefix));
}

function makeFault(dice: Dice, configs: readonly RouterConfig[]): Fault {
  const { length } = configs;
  const router = dice.index(length);
  const intervalMs = configs[0]?.advertIntervalMs ?? 1000;
  const makers: readonly (() => Fault)[] = [
    () => ({ kind: 'loss', rate: dice.next() * 0.7 }),
    () => ({ kind: 'duplicate', rate: dice.next() * 0.5 }),
    () => ({ kind: 'corrupt', rate: dice.next() * 0.5 }),
    () => ({ kind: 'cut', from: router, to: dice.index(length) }),
    () => ({ kind: 'cut', from: router, to: dice.index(length) }),
    () => ({ kind: 'uncut' }),
    () => ({ kind: 'stall', router, ms: dice.next() * 8 * intervalMs }),
    () => ({ kind: 'stall', router, ms: dice.next() * 2 * intervalMs }),
    () => ({ kind: 'crash', router }),
    () => ({ kind: 'start', router }),
    () => ({ kind: 'start', router: dice.index(length) }),
    () => ({ kind: 'stop', router }),
    () => ({ kind: 'takeAway', router }),
    () => ({
      kind: 'kill',
      router,
      resumeMs: dice.chance(0.7) ? dice.next() * 2 * intervalMs : undefined,
    }),
    () => ({ kind: 'link', router, isUp: false }),
    () => ({ kind: 'link', router, isUp: true }),
    () => ({ kind: 'link', router: dice.index(length), isUp: true }),
    () => ({ kind: 'refuse', router, what: dice.pick(['add', 'remove', 'none', 'none']) }),
    () => ({ kind: 'clock', router, ms: dice.between(-1e9, 1e9) }),
    () => ({ kind: 'garbage', router, length: dice.index(64) }),
    () => ({ kind: 'forge', router, what: dice.pick(['ttl', 'zero', 'own']) }),
    () => ({ kind: 'reload', router, changes: makeReload(dice, configs[router]) }),
    () => ({ kind: 'reload', router, changes: makeReload(dice, configs[router]) }),
  ];
  return dice.pick(makers)();
}

function makeReload(dice: Dice, config: RouterConfig | undefined): Reload {
  const { priority, preempt, version, family, advertIntervalMs } = config ?? router();
  const isOwner = priority === 255;
  const changes: readonly Reload[] = [
    { priority: isOwner ? 255 : 1 + dice.index(254) },
    { preempt: isOwner || !preempt },
    { virtualAddresses: addresses(family, dice) },
    { advertIntervalMs: version === 2 ? advertIntervalMs : advertIntervalMs * dice.pick([1, 3]) },
    { preemptDelayMs: isOwner ? 0 : dice.index(4) * advertIntervalMs },
  ];
  return { ...dice.pick(changes), ...dice.pick(changes) };
}
