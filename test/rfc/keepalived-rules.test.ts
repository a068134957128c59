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
 *   options  38 lower_prio_no_advert   39 higher_prio_send_advert   40 other members announce
 *            41 MASTER_RX_LOWER_PRI   42 a rogue owner: 254   43 timer_expired_backup
 *            44 skip_check_adv_addr   45 log_unknown_vrids   46 strict: first link-local   47 AH
 *            48 owner_ignore_adverts
 */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Config, VrrpInstanceConfig } from '../../src/config/model.ts';
import type { RouterConfig } from '../../src/vrrp/machine.ts';
import type { OtherRouter } from '../../src/vrrp/ports.ts';
import { skewTimeMs } from '../../src/vrrp/timing.ts';
import { UnknownRouters } from '../../src/vrrp/unknown-routers.ts';
import { compile } from '../config/compile-fixture.ts';
import { VrrpWorld } from '../fake/vrrp-world.ts';
import { ip, router, vip } from '../vrrp/router.ts';

const RULES = 48;

function instanceText(lines: string, addresses = '10.0.0.100', globals = ''): string {
  return `${globals}vrrp_instance V {
  interface eth0
  virtual_router_id 51
  ${lines}
  virtual_ipaddress {
    ${addresses}
  }
}
`;
}

function codes(lines: string, addresses?: string, globals?: string): readonly string[] {
  const text = instanceText(lines, addresses, globals);
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

describe('options', () => {
  it('2.1.41 a master that hears a lower priority tells MASTER_RX_LOWER_PRI, once for a queue of them', () => {
    const world = new VrrpWorld().becomeMaster();
    world.steps.length = 0;
    const lower = world.advert({ priority: 50 });
    for (let count = 0; count < 3; count += 1) world.instance.receive(lower);
    const told = world.steps.flat().filter((action) => action.kind === 'notice');
    expect(told).toMatchObject([{ state: 'MASTER_RX_LOWER_PRI' }]);
  });
  it('2.1.44 skip_check_adv_addr: a list is checked until it was right once, for each master', () => {
    const strict = router({ isStrict: true, skipsAddressCheck: true });
    const others = { priority: 250, virtualAddresses: [vip('10.0.0.77/24')] };
    const world = new VrrpWorld(strict).start();
    world.instance.receive(world.advert(others));
    expect(world.counter('refused.ADDRESS_LIST_REFUSED')).toBe(1);
    world.instance.receive(world.advert({ priority: 250 }));
    world.instance.receive(world.advert(others));
    expect(world.counter('advertsReceived')).toBe(2);
    world.instance.receive(world.advert(others, { source: ip('10.0.0.3') }));
    expect(world.counter('refused.ADDRESS_LIST_REFUSED')).toBe(2);
  });
  it('2.1.45 log_unknown_vrids: each is told once, and none without', () => {
    const globals = 'global_defs {\n log_unknown_vrids\n}\n';
    expect(globalsOf(globals).logsUnknownVrids).toBe(true);
    expect(globalsOf('').logsUnknownVrids).not.toBe(true);
    const unknown = new UnknownRouters();
    unknown.configure([router()]);
    const other = (virtualRouterId: number): OtherRouter => ({
      interface: 'eth0',
      family: 'inet',
      virtualRouterId,
      source: ip('10.0.0.9'),
    });
    const news = [51, 52, 52, 53].map((id) => unknown.isNews(other(id)));
    expect(news).toEqual([false, true, false, true]);
  });
  it('2.1.46 strict mode wants the link-local address first; otherwise it is not asked for', () => {
    expect(codes('priority 150', '2001:db8::100', STRICT)).toContain('LVS1258');
    expect(codes('priority 150', 'fe80::100\n 2001:db8::100', STRICT)).not.toContain('LVS1258');
    expect(codes('priority 150', '2001:db8::100')).not.toContain('LVS1258');
  });
  it('2.1.47 AH is of version 2 and withdrawn: said, and not spoken', () => {
    const header = 'authentication {\n auth_type AH\n auth_pass secret\n }';
    expect(codes(`version 2\n priority 150\n ${header}`)).toContain('LVS1214');
    expect(codes(`version 3\n priority 150\n ${header}`)).toContain('LVS1212');
  });
  /*
   * keepalived forces owner_ignore_adverts on at priority 255, and so contradicts what it does with two owners
   * (rules 22 and 42), which then never hear one another. RFC 9568 as corrected by erratum 8298 wants an owner to
   * note such adverts and not to discard them. So it holds only where it is written; `off` is off.
   */
  it('2.1.48 owner_ignore_adverts is only as written; differs from keepalived, which forces it on', () => {
    const isDeaf = (lines: string): unknown => {
      const [instance] = instancesOf(`priority 255\n ${lines}`);
      const world = new VrrpWorld(router({ priority: 255, ...ownerOption(instance) })).start();
      world.instance.receive(world.advert({}, { source: ip('10.0.0.2') }));
      return world.instance.state === 'MASTER';
    };
    expect(isDeaf('')).toBe(false);
    expect(isDeaf('owner_ignore_adverts off')).toBe(false);
    expect(isDeaf('owner_ignore_adverts')).toBe(true);
  });
});

function globalsOf(globals: string): Config['globalDefs'] {
  const { config } = compile(instanceText('priority 150', '10.0.0.100', globals));
  if (config === undefined) throw new Error('Refused');
  return config.globalDefs;
}

function instancesOf(lines: string): readonly VrrpInstanceConfig[] {
  return compile(instanceText(lines)).config?.vrrpInstances ?? [];
}

function ownerOption(instance: VrrpInstanceConfig | undefined): Partial<RouterConfig> {
  const { ownerIgnoresAdverts } = instance ?? {};
  return ownerIgnoresAdverts === undefined ? {} : { ownerIgnoresAdverts };
}
