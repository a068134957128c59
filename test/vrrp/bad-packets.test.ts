/**
 * What no peer in its right mind sends, given to a whole instance in each of its states: it never throws,
 * nothing reaches the state machine, nothing that can be seen changes, and a counter with a name says what it
 * was.
 */
import { describe, expect, it } from 'vitest';
import type { Datagram } from '../../src/kernel/datagram-receiver.ts';
import type { RouterConfig } from '../../src/vrrp/machine.ts';
import { VrrpWorld } from '../fake/vrrp-world.ts';
import { Dice } from '../sim/random.ts';
import { ip, router, vip } from './router.ts';

const inet6 = {
  family: 'inet6',
  primaryAddress: ip('fe80::1'),
  virtualAddresses: [vip('fe80::100/64'), vip('2001:db8::100/64')],
} as const;

const ROUTERS: readonly (readonly [string, RouterConfig])[] = [
  ['version 2', router({ version: 2 })],
  ['version 3 over IPv4', router()],
  ['version 3 over IPv6', router(inet6)],
];

const STATES: readonly (readonly [string, (world: VrrpWorld) => unknown])[] = [
  ['INIT', () => undefined],
  ['BACKUP', (world) => world.start()],
  ['MASTER', (world) => world.becomeMaster()],
  ['FAULT', (world) => world.start(false)],
  ['releasing MASTER', (world) => world.becomeMaster().instance.stop(() => {})],
];

const CASES = ROUTERS.flatMap(([kind, config]) =>
  STATES.map(([state, reach]) => [`${kind}, ${state}`, config, reach] as const),
);

function refusals(world: VrrpWorld): number {
  const { counters } = world.instance.snapshot();
  return Object.entries(counters)
    .filter(([name]) => /^refused\.[A-Z0-9_]+$|^otherRouterIds$/.test(name))
    .reduce((sum, [, count]) => sum + count, 0);
}

/** Exactly one refusal more, and nothing else. */
function expectRefused(world: VrrpWorld, datagram: Datagram, what: string): void {
  const before = world.visible();
  const steps = world.steps.length;
  const counted = refusals(world);
  world.instance.receive(datagram);
  expect(world.visible(), what).toEqual(before);
  expect(world.steps.length, what).toBe(steps);
  expect(refusals(world), what).toBe(counted + 1);
}

describe.each(CASES)('%s', (_, config, reach) => {
  const world = (): VrrpWorld => {
    const one = new VrrpWorld(config);
    reach(one);
    return one;
  };

  it('believes no advert that is cut short, at any byte', () => {
    const one = world();
    const whole = one.advert({ priority: 250 });
    for (let length = 0; length < whole.payload.length; length += 1) {
      // Version 2 without its eight zero bytes at the end is what FRR sends: whole, and believed.
      if (config.version === 2 && length === whole.payload.length - 8) continue;
      const payload = whole.payload.slice(0, length);
      expectRefused(one, { ...whole, payload }, `${length} bytes`);
    }
  });

  it('believes no advert that is longer than it says', () => {
    const one = world();
    const whole = one.advert({ priority: 250 });
    for (const extra of [1, 2, 4, 7, 8, 16, 1000]) {
      const payload = Uint8Array.of(...whole.payload, ...new Uint8Array(extra));
      expectRefused(one, { ...whole, payload }, `${extra} bytes more`);
    }
  });

  it('believes no advert with one bit flipped, whichever', () => {
    const one = world();
    const whole = one.advert({ priority: 250 });
    for (let bit = 0; bit < whole.payload.length * 8; bit += 1) {
      const payload = whole.payload.slice();
      payload[bit >> 3] = (payload[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expectRefused(one, { ...whole, payload }, `bit ${bit}`);
    }
  });

  it('believes no random bytes, not even behind a right first byte and router id', () => {
    const one = world();
    const dice = new Dice(4711);
    const whole = one.advert();
    for (let turn = 0; turn < 400; turn += 1) {
      const payload = Uint8Array.from({ length: dice.index(80) }, () => dice.index(256));
      if (turn % 2 === 0) payload.set(whole.payload.subarray(0, Math.min(2, payload.length)));
      expectRefused(one, { ...whole, payload }, `turn ${turn}: [${payload.join(' ')}]`);
    }
  });
});

/** Takes the interval out of an advert and out of its checksum. */
function withoutInterval(datagram: Datagram): Datagram {
  const payload = datagram.payload.slice();
  const view = new DataView(payload.buffer);
  const interval = (payload[0] ?? 0) >> 4 === 2 ? view.getUint8(5) : view.getUint16(4);
  const sum = view.getUint16(6) + interval;
  view.setUint16(4, 0);
  view.setUint16(6, (sum & 0xffff) + (sum >> 16));
  return { ...datagram, payload };
}

function patched(datagram: Datagram, offset: number, value: number): Datagram {
  const payload = datagram.payload.slice();
  payload[offset] = value;
  return { ...datagram, payload };
}

type Forgery = (world: VrrpWorld) => Datagram;

const FORGERIES: readonly (readonly [string, Forgery])[] = [
  ['TTL_NOT_255', (world) => world.advert({ priority: 250 }, { ttl: 254 })],
  ['TTL_NOT_255', (world) => world.advert({ priority: 250 }, { ttl: 0 })],
  [
    'UNICAST_FOR_MULTICAST',
    (world) => {
      const destination = world.config.primaryAddress;
      return { ...world.advert({ priority: 250, version: 2 }), destination };
    },
  ],
  [
    'OWN_ADDRESS',
    (world) => world.advert({ priority: 250 }, { source: world.config.primaryAddress }),
  ],
  ['otherRouterIds', (world) => world.advert({ priority: 250, virtualRouterId: 52 })],
  ['WRONG_VERSION', (world) => world.advert({ priority: 250, version: 3 })],
  ['INTERVAL_MISMATCH', (world) => world.advert({ priority: 250, advertIntervalMs: 2000 })],
  ['INTERVAL_ZERO', (world) => withoutInterval(world.advert({ priority: 250 }))],
  ['BAD_VERSION', (world) => patched(world.advert(), 0, 0x41)],
  ['BAD_TYPE', (world) => patched(world.advert(), 0, 0x22)],
  ['BAD_LENGTH', (world) => patched(world.advert(), 3, 2)],
  ['BAD_CHECKSUM', (world) => patched(world.advert(), 7, 0)],
  ['TOO_SHORT', (world) => ({ ...world.advert(), payload: Uint8Array.of(0x21, 51) })],
];

describe('a version 2 backup that is told a lie', () => {
  it.each(FORGERIES)('counts it as %s', (code, forge) => {
    const world = new VrrpWorld(router({ version: 2 })).start();
    expectRefused(world, forge(world), code);
    expect(world.counter(code) + world.counter(`refused.${code}`)).toBe(1);
  });

  it('and logs the lie once, not every time', () => {
    const world = new VrrpWorld(router({ version: 2 })).start();
    for (let count = 0; count < 1000; count += 1) {
      world.instance.receive(world.advert({ priority: 250 }, { ttl: 254 }));
    }
    expect(world.counter('refused.TTL_NOT_255')).toBe(1000);
    expect(world.logged.filter(({ code }) => code === 'TTL_NOT_255')).toHaveLength(1);
  });
});
