/**
 * What keepalived does beyond the RFC at start-up, in the election and with its timers, one rule after the
 * other. A rule is shown by a transcript of test/scenario (`# Rule 2.1.N.` is its first line) or by a test
 * here with the number in its title; none may be without.
 *
 *   start      1 `state MASTER` is a hint   2 BACKUP waits it all out   3 only the owner is MASTER at once
 *              4 no link is FAULT           5 MASTER with nopreempt, preempt_delay: refused
 *              6 nopreempt and 255: refused                 7 preempt_delay and nopreempt: refused
 *   preempt    8 nopreempt leaves a lower master alone      9 preempt_delay starts with a lower advert
 *             10 a better one stops it                     11 a new entry to BACKUP begins without
 *             12 not for silence or priority 0
 *   timers    13 Master-down, 3.609375 s   14 skew of version 2   15 version 3 adopts   16 version 2 drops
 *   election  17 higher wins   18 equal: higher address   19 lower is answered   20, 21 priority 0
 *             22 of two owners the lower address concedes  23 late is not dead
 *   receiving 24 TTL, multicast   25 TTL, unicast   26 another address list   27 multicast, unicast
 *             28 version   29 unknown router id   30 password   31 each error once per state
 *   config    32 passwords only in version 2   33 at most 8 characters   34 strict refuses
 *             35 strict drops what is not the owner's   36 IPv6 means version 3   37 mixed families
 */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { RouterConfig } from '../../src/vrrp/machine.ts';
import { skewTimeMs } from '../../src/vrrp/timing.ts';
import { compile } from '../config/compile-fixture.ts';
import { VrrpWorld } from '../fake/vrrp-world.ts';
import { ip, router, vip } from '../vrrp/router.ts';

const RULES = 37;

function codes(lines: string, addresses = '10.0.0.100', globals = ''): readonly string[] {
  const text = `${globals}vrrp_instance V {
  interface eth0
  virtual_router_id 51
  ${lines}
  virtual_ipaddress {
    ${addresses}
  }
}
`;
  return compile(text).diagnostics.map(({ code }) => code);
}

const PASS = 'authentication {\n auth_type PASS\n auth_pass WORD\n }';
const STRICT = 'global_defs {\n vrrp_strict\n}\n';
const peers = [{ span: router().span, address: ip('10.0.0.2') }];

/** A backup that hears one claim of priority 250; the counters that moved. */
function heard(
  config: RouterConfig,
  facts: Parameters<VrrpWorld['advert']>[1] = {},
): readonly string[] {
  return heardBy(config, {}, facts);
}

function heardBy(
  config: RouterConfig,
  changes: Partial<RouterConfig>,
  facts: Parameters<VrrpWorld['advert']>[1] = {},
): readonly string[] {
  const world = new VrrpWorld(config).start();
  world.instance.receive(world.advert({ priority: 250, ...changes }, facts));
  const { counters } = world.instance.snapshot();
  return Object.keys(counters).filter((name) => /^refused|^remark|^other|Received$/.test(name));
}

it('no rule is without a transcript or a test', () => {
  const folder = new URL('../scenario/', import.meta.url);
  const transcripts = readdirSync(folder)
    .filter((file) => file.endsWith('.txt'))
    .flatMap((file) => {
      const text = readFileSync(new URL(file, folder), 'utf8');
      return /^# Rule 2\.1\.(\d+)\.\n/.exec(text)?.[1] ?? [];
    });
  const own = readFileSync(new URL(import.meta.url), 'utf8');
  const titles = [...own.matchAll(/\bit\('2\.1\.(\d+) /g)].map((match) => match[1] ?? '');
  const found = [...transcripts, ...titles].map(Number).sort((left, right) => left - right);
  expect(found).toEqual(Array.from({ length: RULES }, (_, index) => index + 1));
});

describe('contradictions in the configuration (keepalived ignores one half)', () => {
  it('2.1.5 state MASTER contradicts nopreempt and preempt_delay', () => {
    expect(codes('state MASTER\n priority 150\n nopreempt')).toEqual(['LVS1043']);
    expect(codes('state MASTER\n priority 150\n preempt_delay 5')).toEqual(['LVS1045']);
  });
  it('2.1.6 nopreempt contradicts priority 255', () => {
    expect(codes('priority 255\n nopreempt')).toEqual(['LVS1044']);
  });
  it('2.1.7 preempt_delay contradicts nopreempt', () => {
    expect(codes('priority 150\n nopreempt\n preempt_delay 5')).toEqual(['LVS1045']);
  });
});

describe('timers', () => {
  it('2.1.13 a backup takes over after three adverts and the skew: 3.609375 s with priority 100', () => {
    const world = new VrrpWorld().start();
    world.advance(3609.25);
    expect(world.instance.state).toBe('BACKUP');
    world.advance(0.125);
    expect(world.instance.state).toBe('MASTER');
    expect(skewTimeMs(3, 100, 1000)).toBe(609.375);
  });
  it('2.1.16 version 2 drops an advert with another interval', () => {
    const refused = heardBy(router({ version: 2 }), { advertIntervalMs: 2000 });
    expect(refused).toEqual(['refused.INTERVAL_MISMATCH']);
  });
});

describe('election', () => {
  it('2.1.22 of two owners the one with the lower address concedes', () => {
    const world = new VrrpWorld(router({ priority: 255 })).start();
    world.instance.receive(world.advert({}, { source: ip('10.0.0.0') }));
    expect(world.instance.state).toBe('MASTER');
    world.instance.receive(world.advert({}, { source: ip('10.0.0.2') }));
    expect(world.instance.state).toBe('BACKUP');
  });
  it('2.1.23 after a stall the adverts that waited are heard before a timeout is believed', () => {
    const world = new VrrpWorld().start();
    world.waiting.push(world.advert({ priority: 250 }));
    world.nowMs += 60_000;
    world.expire();
    expect(world.instance.state).toBe('BACKUP');
    // And a master that was late goes on being one: nobody else was heard.
    const master = new VrrpWorld().becomeMaster();
    master.nowMs += 60_000;
    master.expire();
    expect(master.instance.state).toBe('MASTER');
  });
});

describe('receiving', () => {
  it('2.1.24 multicast: TTL 255 or nothing', () => {
    expect(heard(router(), { ttl: 254 })).toEqual(['refused.TTL_NOT_255']);
    expect(heard(router())).toEqual(['advertsReceived']);
  });
  it('2.1.25 unicast: any TTL, unless min_ttl and max_ttl say which', () => {
    const plain = router({ unicastPeers: peers });
    const to = { destination: plain.primaryAddress, payload: unicastClaim(plain) };
    expect(heard(plain, { ...to, ttl: 3 })).toEqual(['advertsReceived']);
    const [peer] = peers;
    const limited = router({ unicastPeers: peer ? [{ ...peer, minTtl: 254, maxTtl: 255 }] : [] });
    expect(heard(limited, { ...to, ttl: 253 })).toEqual(['refused.TTL_OUT_OF_RANGE']);
    expect(heard(limited, { ...to, ttl: 254 })).toEqual(['advertsReceived']);
  });
  it('2.1.26 another address list is noted, as by 2.3; differs from 2.2.7, which makes two masters', () => {
    const changes = { virtualAddresses: [vip('10.0.0.77/24')] };
    const names = heardBy(router(), changes);
    expect([...names].sort()).toEqual(['advertsReceived', 'remark.ADDRESS_LIST_MISMATCH']);
    expect(heardBy(router({ isStrict: true }), changes)).toEqual(['refused.ADDRESS_LIST_REFUSED']);
  });
  it('2.1.27 multicast for a unicast instance is dropped, and the reverse', () => {
    const unicast = router({ unicastPeers: peers });
    expect(heardBy(unicast, { unicastPeers: [] })).toEqual(['refused.MULTICAST_FOR_UNICAST']);
    const to = { destination: unicast.primaryAddress, payload: unicastClaim(unicast) };
    expect(heard(router(), to)).toEqual(['refused.UNICAST_FOR_MULTICAST']);
  });
  it('2.1.28 another version is dropped', () => {
    expect(heardBy(router(), { version: 2 })).toEqual(['refused.WRONG_VERSION']);
    expect(heardBy(router({ version: 2 }), { version: 3 })).toEqual(['refused.WRONG_VERSION']);
  });
  it('2.1.29 an unknown router id is counted, without a word', () => {
    const world = new VrrpWorld().start();
    const logged = world.logged.length;
    world.instance.receive(world.advert({ virtualRouterId: 52 }));
    expect(world.counter('otherRouterIds')).toBe(1);
    expect(world.logged).toHaveLength(logged);
  });
  it('2.1.30 another password, or none, is dropped', () => {
    const word = (text: string): Partial<RouterConfig> => ({
      authentication: { type: 'PASS', password: { kind: 'secret', text } },
    });
    const guarded = router({ version: 2, ...word('right') });
    expect(heard(guarded)).toEqual(['advertsReceived']);
    expect(heardBy(guarded, word('wrong'))).not.toContain('advertsReceived');
    expect(heardBy(router({ version: 2 }), word('right'))).not.toContain('advertsReceived');
  });
  it('2.1.31 an error is logged once in a state', () => {
    const world = new VrrpWorld().start();
    const told = (): number => world.logged.filter(({ code }) => code === 'TTL_NOT_255').length;
    for (let count = 0; count < 9; count += 1) world.instance.receive(world.advert({}, { ttl: 1 }));
    expect(told()).toBe(1);
    world.advance(4000);
    expect(world.instance.state).toBe('MASTER');
    for (let count = 0; count < 9; count += 1) world.instance.receive(world.advert({}, { ttl: 1 }));
    expect(told()).toBe(2);
  });
});

/** The bytes of a claim to `config` alone: the checksum covers the destination. */
function unicastClaim(config: RouterConfig): Uint8Array {
  const back = [{ span: config.span, address: config.primaryAddress }];
  return new VrrpWorld(config).advert({ priority: 250, unicastPeers: back }).payload;
}

describe('configuration', () => {
  it('2.1.32 a password belongs to version 2 (keepalived ignores it)', () => {
    expect(codes(`version 3\n priority 150\n ${PASS.replace('WORD', 'secret')}`)).toContain(
      'LVS1212',
    );
    expect(codes(`version 2\n priority 150\n ${PASS.replace('WORD', 'secret')}`)).not.toContain(
      'LVS1212',
    );
  });
  it('2.1.33 a password has at most 8 characters (keepalived cuts it off)', () => {
    expect(codes(`version 2\n priority 150\n ${PASS.replace('WORD', '123456789')}`)).toContain(
      'LVS1213',
    );
    expect(codes(`version 2\n priority 150\n ${PASS.replace('WORD', '12345678')}`)).not.toContain(
      'LVS1213',
    );
  });
  it('2.1.34 strict mode refuses passwords and unicast', () => {
    const password = `version 2\n priority 150\n ${PASS.replace('WORD', 'secret')}`;
    expect(codes(password, undefined, STRICT)).toContain('LVS1215');
    const unicast = 'priority 150\n unicast_peer {\n 10.0.0.2\n }';
    expect(codes(unicast, undefined, STRICT)).toContain('LVS1215');
  });
  it('2.1.35 strict mode drops packets to the addresses, unless the priority is 255: said', () => {
    expect(codes('priority 150', undefined, STRICT)).toContain('LVS1216');
    expect(codes('priority 255', undefined, STRICT)).not.toContain('LVS1216');
  });
  it('2.1.36 IPv6 addresses mean version 3; version 2 cannot carry them', () => {
    expect(codes('priority 150', '2001:db8::100')).toEqual([]);
    expect(codes('version 2\n priority 150', '2001:db8::100')).toContain('LVS1048');
  });
  it('2.1.37 the other family belongs into virtual_ipaddress_excluded', () => {
    expect(codes('priority 150', '10.0.0.100\n 2001:db8::100')).toContain('LVS1042');
  });
});
