/**
 * Whatever arrives: nothing throws, nothing that is refused changes the state, everything is counted.
 * Instances of every kind hear captured frames, cut at every byte, with bits flipped, and noise.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { IpAddress } from '../../src/base/address.ts';
import { silentLog } from '../../src/base/log.ts';
import { VrrpInstance } from '../../src/vrrp/instance.ts';
import type { RouterConfig } from '../../src/vrrp/machine.ts';
import { advertDatagrams } from '../../src/vrrp/own-advert.ts';
import type { ReceivedAdvert } from '../../src/vrrp/ports.ts';
import { readDatagram } from '../hex/frames.ts';
import { sealedConfig } from './hmac.ts';
import { ip, peer, router, vip } from './router.ts';

const password = { kind: 'secret', text: 'secret12' } as const;
const two = [vip('10.0.0.100/24'), vip('10.0.0.101/24')];
const us = { primaryAddress: ip('10.0.0.9') };
const us6 = { primaryAddress: ip('fe80::9'), family: 'inet6' } as const;

/** Each kind of instance with one advert that it accepts. */
const kinds: readonly (readonly [string, RouterConfig, ReceivedAdvert])[] = [
  [
    'version 2',
    router({ ...us, version: 2, virtualAddresses: two }),
    readDatagram('keepalived-v2'),
  ],
  [
    'version 2 with a password',
    router({ ...us, version: 2, authentication: { type: 'PASS', password } }),
    readDatagram('keepalived-v2-pass'),
  ],
  ['version 3', router({ ...us, virtualAddresses: two }), readDatagram('keepalived-v3-ipv4')],
  [
    'version 3 over IPv6',
    router({ ...us6, virtualAddresses: [vip('fe80::100/64'), vip('2001:db8::100/64')] }),
    readDatagram('keepalived-v3-ipv6'),
  ],
  ...(['inet', 'inet6'] as const).flatMap((family) => {
    const own = family === 'inet' ? us : { ...us6, virtualAddresses: [vip('fe80::100/64')] };
    const from = ip(family === 'inet' ? '10.0.0.2' : 'fe80::2');
    const listed = { unicastPeers: [peer(from.text)], checksUnicastSource: true };
    const sealed = router({ ...own, ...listed, hmac: sealedConfig({ antiReplay: 'monotonic' }) });
    const strict = router({ ...own, isStrict: true });
    return [
      [`unicast with auth_hmac, ${family}`, sealed, heard(sealed, from)] as const,
      [`strict, ${family}`, strict, heard(strict, from)] as const,
    ];
  }),
];

/** What a peer with the same configuration sends to this instance. */
function heard(config: RouterConfig, source: IpAddress): ReceivedAdvert {
  const unicastPeers = config.unicastPeers && [peer(config.primaryAddress.text)];
  const there = { ...config, ...(unicastPeers === undefined ? {} : { unicastPeers }) };
  const [datagram] = advertDatagrams({ config: there, source, priority: 150 }, 9n);
  if (datagram === undefined) throw new Error('Nothing to send');
  return { ...datagram, source, ttl: 255 };
}

class Listener {
  readonly instance: VrrpInstance;
  readonly done: string[] = [];
  armedMs: number | undefined;

  constructor(config: RouterConfig) {
    const done = { ok: true, changed: true } as const;
    this.instance = new VrrpInstance(config, config.primaryAddress, {
      clock: { monotonicMs: () => 1000, realtimeMs: () => 1000 },
      log: silentLog,
      transport: {
        send: () => this.#did('send'),
        prepare: () => ({ send: () => this.#did('send'), rehearse: () => {} }),
        drain: () => {},
      },
      newTimer: () => ({
        arm: (deadlineMs) => {
          this.armedMs = deadlineMs;
        },
        disarm: () => {},
        close: () => {},
      }),
      addresses: { add: () => done, remove: () => done },
      announce: () => this.#did('announce'),
      onTransition: ({ to }) => this.#did(to),
      onNotice: ({ state }) => this.#did(state),
      // A foreign master that is refused is reported: that is no change of state.
      onReport: () => {},
      tellGroup: (news) => this.#did(news),
    });
    this.instance.start({ linkUp: true, resumeAsMaster: false });
    this.done.length = 0;
  }

  /** Everything that an advert can change, but for the counters. */
  get traits(): unknown {
    const { counters: _, ...rest } = this.instance.snapshot();
    return { ...rest, armedMs: this.armedMs, done: this.done.length };
  }

  get counted(): number {
    const { counters } = this.instance.snapshot();
    return Object.values(counters).reduce((sum, count) => sum + count, 0);
  }

  get accepted(): number {
    return this.instance.snapshot().counters.advertsReceived ?? 0;
  }

  #did(what: string): { readonly ok: true } {
    this.done.push(what);
    return { ok: true };
  }
}

/** It is refused: nothing but one counter moves. */
function expectRefused(listener: Listener, advert: ReceivedAdvert, what: string): void {
  const before = { traits: listener.traits, counted: listener.counted };
  listener.instance.receive(advert);
  expect(listener.traits, what).toEqual(before.traits);
  expect(listener.accepted, what).toBe(0);
  expect(listener.counted, what).toBe(before.counted + 1);
}

describe.each(kinds)('%s', (_kind, config, good) => {
  it('the advert itself is accepted', () => {
    const listener = new Listener(config);
    listener.instance.receive(good);
    expect(listener.instance.snapshot()).toMatchObject({ counters: { advertsReceived: 1 } });
  });

  it('cut short at any byte, or with bytes behind it, it is refused and counted', () => {
    const listener = new Listener(config);
    const full = good.payload.length;
    // Version 2 without authentication may leave its eight zero bytes out (test/vrrp/packet.test.ts).
    const bare = config.version === 2 && config.authentication === undefined ? full - 8 : -1;
    for (let length = 0; length < full; length += 1) {
      if (length === bare) continue;
      expectRefused(listener, { ...good, payload: good.payload.slice(0, length) }, `${length}`);
    }
    for (const extra of [1, 8, 28, 1000]) {
      const payload = Uint8Array.of(...good.payload, ...new Uint8Array(extra));
      expectRefused(listener, { ...good, payload }, `${extra} more`);
    }
  });

  it('with any one bit flipped it is refused and counted', () => {
    const listener = new Listener(config);
    for (let bit = 0; bit < good.payload.length * 8; bit += 1) {
      const payload = good.payload.slice();
      payload[bit >> 3] = (payload[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expectRefused(listener, { ...good, payload }, `bit ${bit}`);
    }
  });

  it('from another place, or to another, it is refused and counted', () => {
    const isV4 = config.family === 'inet';
    const elsewhere = (isV4 ? ['10.0.0.77', '224.0.0.99'] : ['fe80::77', 'ff02::99']).map(ip);
    const facts: Partial<ReceivedAdvert>[] = elsewhere.flatMap((address) => [
      { source: address },
      { destination: address },
    ]);
    const isUnicast = config.unicastPeers !== undefined;
    for (const changed of [...facts, ...(isUnicast ? [] : [{ ttl: 254 }, { ttl: 0 }])]) {
      // Version 2 sums no addresses: another sender is another router, and its advert is good.
      if (config.version === 2 && changed.source !== undefined) continue;
      expectRefused(new Listener(config), { ...good, ...changed }, JSON.stringify(changed));
    }
  });

  it('noise, also noise with a right beginning, never throws and never counts as an advert', () => {
    const listener = new Listener(config);
    const noise = fc.record({
      head: fc.integer({ min: 0, max: good.payload.length }),
      tail: fc.uint8Array({ maxLength: 64 }),
    });
    fc.assert(
      fc.property(noise, ({ head, tail }) => {
        const payload = Uint8Array.of(...good.payload.slice(0, head), ...tail);
        fc.pre(Buffer.compare(payload, good.payload) !== 0);
        fc.pre(payload.length !== good.payload.length - 8);
        const before = listener.counted;
        const { traits } = listener;
        listener.instance.receive({ ...good, payload });
        expect(listener.counted).toBe(before + 1);
        expect(listener.traits).toEqual(traits);
      }),
      { numRuns: 300 },
    );
  });
});
