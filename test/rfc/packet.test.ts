/** RFC 9568 sections 5 and 7 and their errata: what is on the wire, and what of it is believed. */

import { describe, expect, it } from 'vitest';
import { addressBytes } from '../../src/base/address.ts';
import { foldedSum, pseudoHeaderSum } from '../../src/base/internet-checksum.ts';
import { sourceAddress } from '../../src/daemon/source-address.ts';
import * as linux from '../../src/kernel/linux.ts';
import { vrrpOptions } from '../../src/kernel/vrrp-options.ts';
import type { RouterConfig } from '../../src/vrrp/machine.ts';
import { encodeOwnAdvert } from '../../src/vrrp/own-advert.ts';
import { decodeAdvert, encodeAdvert, VRRP_PROTOCOL, vrrpGroup } from '../../src/vrrp/packet.ts';
import type { ReceivedAdvert } from '../../src/vrrp/ports.ts';
import { codesOf, compile } from '../config/compile-fixture.ts';
import { VrrpWorld } from '../fake/vrrp-world.ts';
import { ip, router, vip } from '../vrrp/router.ts';
import { requirement } from './requirement.ts';

const inet6 = {
  family: 'inet6',
  primaryAddress: ip('fe80::1'),
  virtualAddresses: [vip('fe80::100/64'), vip('2001:db8::100/64')],
} as const;
const envelope4 = { source: ip('10.0.0.2'), destination: vrrpGroup('inet') };
const envelope6 = { source: ip('fe80::2'), destination: vrrpGroup('inet6') };

/** What a backup of priority 100 makes of an advert that would otherwise be believed. */
function refusalOf(datagram: ReceivedAdvert, config: RouterConfig = router()): string | undefined {
  const world = new VrrpWorld(config).start();
  const before = world.visible();
  world.instance.receive(datagram);
  const names = Object.keys(world.instance.snapshot().counters);
  const refused = names.find((name) => name.startsWith('refused.') || name === 'otherRouterIds');
  if (refused !== undefined) expect(world.visible()).toEqual(before);
  else expect(world.counter('advertsReceived')).toBe(1);
  return refused?.replace('refused.', '');
}

const claim = (changes: Partial<RouterConfig> = {}, config = router()): ReceivedAdvert =>
  new VrrpWorld(config).advert({ priority: 250, ...changes });

/** With other bytes, and a checksum that is right for them, pseudo-header and all. */
function altered(datagram: ReceivedAdvert, change: (payload: Uint8Array) => void): ReceivedAdvert {
  const payload = datagram.payload.slice();
  change(payload);
  payload.set([0, 0], 6);
  const initial = pseudoHeaderSum(datagram, VRRP_PROTOCOL, payload.length);
  new DataView(payload.buffer).setUint16(6, ~foldedSum(payload, initial) & 0xffff);
  return { ...datagram, payload };
}

function optionOf(family: 'inet' | 'inet6', level: number, name: number): number | Uint8Array {
  const source = family === 'inet' ? ip('10.0.0.1') : ip('fe80::1');
  const socket = { ifindex: 2, ifname: 'eth0', family, group: vrrpGroup(family), source };
  const option = vrrpOptions(socket).find((one) => one.level === level && one.name === name);
  if (option === undefined) throw new Error(`No option ${level} ${name}`);
  return option.value;
}

const fe80 = { ...inet6 };
const router6 = (changes: Partial<RouterConfig> = {}): RouterConfig =>
  router({ ...fe80, ...changes });

it('the claim that the tests below spoil is believed as it is', () => {
  expect(refusalOf(claim())).toBeUndefined();
  expect(refusalOf(altered(claim(), () => {}))).toBeUndefined();
  expect(refusalOf(claim({}, router6()), router6())).toBeUndefined();
});

describe('section 5.1, the IP header', () => {
  requirement('5.1.1.3-a', () => {
    expect(optionOf('inet', linux.IPPROTO_IP, linux.IP_MULTICAST_TTL)).toBe(255);
  });
  requirement('5.1.1.3-b', () => {
    for (const ttl of [0, 1, 64, 254]) {
      expect(refusalOf({ ...claim(), ttl })).toBe('TTL_NOT_255');
    }
  });
  requirement('5.1.2.3-a', () => {
    expect(optionOf('inet6', linux.IPPROTO_IPV6, linux.IPV6_MULTICAST_HOPS)).toBe(255);
  });
  requirement('5.1.2.3-b', () => {
    for (const ttl of [0, 1, 64, 254]) {
      expect(refusalOf({ ...claim({}, router6()), ttl }, router6())).toBe('TTL_NOT_255');
    }
  });
});

describe('section 5.2, the fields', () => {
  requirement('5.2.2', () => {
    for (const type of [0, 2, 15]) {
      const forged = altered(claim(), (payload) => payload.set([0x30 + type]));
      expect(refusalOf(forged)).toBe('BAD_TYPE');
    }
  });
  requirement('5.2.4-a', () => {
    const owner = new VrrpWorld(router({ priority: 255 })).start();
    expect(owner.sent[0]?.payload[2]).toBe(255);
  });
  requirement('5.2.4-b', () => {
    const codes = (priority: number): readonly string[] =>
      codesOf(
        compile(
          `vrrp_instance V {\n interface eth0\n virtual_router_id 51\n priority ${priority}\n virtual_ipaddress {\n 10.0.0.100\n }\n}\n`,
        ),
      );
    expect(codes(0).map((code) => code.split(' ')[1])).toContain('4:11');
    expect(codes(256).map((code) => code.split(' ')[1])).toContain('4:11');
    expect(codes(1)).toEqual([]);
    expect(codes(254)).toEqual([]);
  });
  requirement('5.2.5', () => {
    const envelope = { ...claim(), payload: claim().payload.slice(0, 8) };
    const empty = altered(envelope, (payload) => payload.set([0], 3));
    expect(refusalOf(empty)).toBe('NO_ADDRESSES');
  });
  requirement('5.2.6-a', () => {
    for (const advertIntervalMs of [10, 1000, 40_950]) {
      const payload = encodeOwnAdvert(router({ advertIntervalMs }), ip('10.0.0.1'), 100);
      expect((payload[4] ?? 0) >> 4).toBe(0);
    }
  });
  requirement('5.2.6-b', () => {
    const reserved = altered(claim(), (payload) => payload.set([0xf0 + (payload[4] ?? 0)], 4));
    expect(refusalOf(reserved)).toBeUndefined();
  });
  requirement('5.2.8-a', () => {
    const payload = encodeOwnAdvert(router6(), ip('fe80::1'), 100);
    const envelope = { source: ip('fe80::1'), destination: ip('ff02::12') };
    expect(foldedSum(payload, pseudoHeaderSum(envelope, 112, payload.length))).toBe(0xffff);
    const bare = payload.slice();
    bare.set([0, 0], 6);
    new DataView(bare.buffer).setUint16(6, ~foldedSum(bare, 0) & 0xffff);
    expect(decodeAdvert(bare, envelope)).toMatchObject({ ok: false, code: 'BAD_CHECKSUM' });
  });
  requirement('5.2.8-b', () => {
    const sum = (config: RouterConfig): number =>
      foldedSum(encodeOwnAdvert(config, ip('10.0.0.1'), 100), 0);
    expect(sum(router())).not.toBe(0xffff);
    expect(sum(router({ checksumVersion3As2: true }))).toBe(0xffff);
    for (const form of ['message-only', 'pseudo-header'] as const) {
      const fields = { ...router(), priority: 250, addresses: [ip('10.0.0.100')] };
      const payload = encodeAdvert(fields, envelope4, form);
      expect(refusalOf({ ...claim(), payload })).toBeUndefined();
      expect(decodeAdvert(payload, envelope4)).toMatchObject({ advert: { checksumForm: form } });
    }
  });
  requirement('5.2.9-a', () => {
    const listed = [vip('2001:db8::100/64'), vip('fe80::100/64')];
    const payload = encodeOwnAdvert(router6({ virtualAddresses: listed }), ip('fe80::1'), 100);
    expect(payload.slice(8, 24)).toEqual(addressBytes(ip('2001:db8::100')));
  });
  requirement('5.2.9-b', () => {
    const mixed = [vip('10.0.0.100/24'), vip('2001:db8::100/64')];
    const payload = encodeOwnAdvert(router({ virtualAddresses: mixed }), ip('10.0.0.1'), 100);
    expect(payload[3]).toBe(1);
    expect(payload.slice(8)).toEqual(addressBytes(ip('10.0.0.100')));
    const addresses = [ip('2001:db8::100')];
    expect(() => encodeAdvert({ ...router(), addresses }, envelope4)).toThrow('cannot carry');
    // An IPv4 list under an IPv6 header has another length than its count says.
    const fields = { ...router(), addresses: [ip('10.0.0.100')] };
    const bytes = encodeAdvert(fields, envelope4);
    expect(decodeAdvert(bytes, envelope6)).toMatchObject({ ok: false, code: 'BAD_LENGTH' });
  });
});

describe('section 7.1, receiving', () => {
  requirement('7.1-a', () => {
    for (const version of [0, 1, 4, 15]) {
      const forged = altered(claim(), (payload) => payload.set([version * 16 + 1]));
      expect(refusalOf(forged)).toBe('BAD_VERSION');
    }
    expect(refusalOf(claim({ version: 2 }))).toBe('WRONG_VERSION');
  });
  requirement('7.1-b', () => {
    const forged = altered(claim(), (payload) => payload.set([0x32]));
    expect(refusalOf(forged)).toBe('BAD_TYPE');
  });
  requirement('7.1-c', () => {
    const whole = claim();
    for (let length = 2; length < whole.payload.length; length += 1) {
      const refusal = refusalOf({ ...whole, payload: whole.payload.slice(0, length) });
      expect(refusal).toBe(length < 8 ? 'TOO_SHORT' : 'BAD_LENGTH');
    }
  });
  requirement('7.1-d', () => {
    const payload = claim().payload.slice();
    payload[7] = (payload[7] ?? 0) ^ 1;
    expect(refusalOf({ ...claim(), payload })).toBe('BAD_CHECKSUM');
  });
  requirement('7.1-e', () => {
    expect(refusalOf(claim({ virtualRouterId: 52 }))).toBe('otherRouterIds');
  });
  requirement('7.1-f', () => {
    const world = new VrrpWorld().becomeMaster();
    const before = world.visible();
    const steps = world.steps.length;
    for (const spoiled of [
      { ...claim(), ttl: 254 },
      { ...claim(), payload: claim().payload.slice(0, 9) },
      altered(claim(), (payload) => payload.set([0x32])),
      claim({ version: 2 }),
      claim({ virtualRouterId: 52 }),
    ]) {
      world.instance.receive(spoiled);
    }
    expect(world.visible()).toEqual(before);
    expect(world.steps.length).toBe(steps);
    expect(world.instance.state).toBe('MASTER');
  });
  requirement('7.1-g', () => {
    const world = new VrrpWorld().start();
    for (let count = 0; count < 500; count += 1) world.instance.receive({ ...claim(), ttl: 64 });
    const told = world.logged.filter(({ code }) => code === 'TTL_NOT_255');
    expect(told.map(({ level }) => level)).toEqual(['warn']);
  });
  requirement('7.1-h', () => {
    const world = new VrrpWorld().start();
    world.instance.receive(claim({ advertIntervalMs: 2000 }));
    expect(world.counter('remark.INTERVAL_DIFFERS')).toBe(1);
    expect(world.counter('advertsReceived')).toBe(1);
    expect(world.logged.map(({ code }) => code)).toContain('INTERVAL_DIFFERS');
  });
  requirement('7.1-i', () => {
    const world = new VrrpWorld().start();
    world.instance.receive(claim({ virtualAddresses: [vip('10.0.0.77/24')] }));
    expect(world.counter('remark.ADDRESS_LIST_MISMATCH')).toBe(1);
    expect(world.counter('advertsReceived')).toBe(1);
    expect(world.logged.map(({ code }) => code)).toContain('ADDRESS_LIST_MISMATCH');
  });
});

describe('section 7.2, sending', () => {
  requirement('7.2-a', () => {
    const world = new VrrpWorld(router({ priority: 120, advertIntervalMs: 250 })).becomeMaster();
    const { payload, destination } = world.sent[0] ?? {
      payload: new Uint8Array(),
      destination: ip('::'),
    };
    const decoded = decodeAdvert(payload, { source: ip('10.0.0.1'), destination });
    expect(decoded).toMatchObject({
      ok: true,
      advert: {
        version: 3,
        virtualRouterId: 51,
        priority: 120,
        advertIntervalMs: 250,
        addresses: [ip('10.0.0.100')],
      },
    });
  });
  requirement('7.2-c', () => {
    const address = (text: string, flags: number) =>
      ({ ifindex: 2, address: ip(text), prefixLength: 24, scope: 0, flags }) as never;
    const IFA_F_SECONDARY = 1;
    const found = [address('10.0.0.9', IFA_F_SECONDARY), address('10.0.0.1', 0)];
    expect(sourceAddress(found, 'inet', new Set())).toEqual(ip('10.0.0.1'));
    // And it is the one that the socket is told to send from: ip_mreqn, second field.
    const sender = optionOf('inet', linux.IPPROTO_IP, linux.IP_MULTICAST_IF);
    expect([...(sender as Uint8Array).slice(4, 8)]).toEqual([10, 0, 0, 1]);
  });
  requirement('7.2-d', () => {
    const address = (text: string, scope: number) =>
      ({ ifindex: 2, address: ip(text), prefixLength: 64, scope, flags: 0 }) as never;
    const RT_SCOPE_LINK = 253;
    const found = [address('2001:db8::1', 0), address('fe80::1', RT_SCOPE_LINK)];
    expect(sourceAddress(found, 'inet6', new Set())).toEqual(ip('fe80::1'));
    expect(sourceAddress(found.slice(0, 1), 'inet6', new Set())).toBeUndefined();
  });
  requirement('7.2-e', () => {
    expect(linux.IPPROTO_VRRP).toBe(112);
    const sent = (config: RouterConfig): readonly string[] =>
      new VrrpWorld(config).becomeMaster().sent.map(({ destination }) => destination.text);
    expect(new Set(sent(router()))).toEqual(new Set(['224.0.0.18']));
    expect(new Set(sent(router6()))).toEqual(new Set(['ff02::12']));
  });
});

describe('errata to section 7.1', () => {
  requirement('erratum-8298', () => {
    const world = new VrrpWorld(router({ priority: 255 })).start();
    world.takeDone();
    world.instance.receive(world.advert({ priority: 100 }));
    expect(world.counter('advertsReceived')).toBe(1);
    expect(world.takeDone()).toContain('send 255');
    world.instance.receive(world.advert({ priority: 255 }));
    expect(world.logged.map(({ code }) => code)).toContain('SECOND_OWNER');
    // The election decides between two owners: the greater address.
    expect(world.instance.state).toBe('BACKUP');
  });
  requirement('8.3.2', () => {
    const world = new VrrpWorld(router({ priority: 255, primaryAddress: ip('10.0.0.9') })).start();
    // A third would be a rogue that does not yield: keepalived's way out, rule 2.1.
    for (let count = 0; count < 2; count += 1) world.instance.receive(world.advert());
    expect(world.counter('remark.SECOND_OWNER')).toBe(2);
    expect(world.logged.filter(({ code }) => code === 'SECOND_OWNER')).toHaveLength(1);
    expect(world.instance.state).toBe('MASTER');
  });
  requirement('erratum-8299', () => {
    const empty = altered({ ...claim(), payload: claim().payload.slice(0, 8) }, (payload) =>
      payload.set([0], 3),
    );
    expect(refusalOf(empty)).toBe('NO_ADDRESSES');
  });
  requirement('erratum-8300', () => {
    const world = new VrrpWorld(router6()).start();
    world.instance.receive(world.advert({ virtualAddresses: [vip('2001:db8::100/64')] }));
    expect(world.counter('remark.FIRST_ADDRESS_NOT_LINK_LOCAL')).toBe(1);
    expect(world.counter('advertsReceived')).toBe(1);
    world.instance.receive(world.advert());
    expect(world.counter('remark.FIRST_ADDRESS_NOT_LINK_LOCAL')).toBe(1);
  });
  requirement('erratum-8301-a', () => {
    const zero = altered(claim(), (payload) => payload.set([0, 0], 4));
    expect(refusalOf(zero)).toBe('INTERVAL_ZERO');
    const onlyReserved = altered(claim(), (payload) => payload.set([0xf0, 0], 4));
    expect(refusalOf(onlyReserved)).toBe('INTERVAL_ZERO');
  });
  requirement('erratum-8301-b', () => {
    const encode = (advertIntervalMs: number): Uint8Array =>
      encodeOwnAdvert(router({ advertIntervalMs }), ip('10.0.0.1'), 100);
    expect([...encode(10).slice(4, 6)]).toEqual([0x00, 0x01]);
    expect([...encode(40_950).slice(4, 6)]).toEqual([0x0f, 0xff]);
    expect(() => encode(0)).toThrow('from 1 to 4095');
    expect(() => encode(40_960)).toThrow('from 1 to 4095');
  });
});
