import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isRoot, Namespace, type Program, ROOT_REASON } from './namespace.ts';

/** VRRPv3, vrid 51, priority 100, 1 s, with one address; the checksum is not ours to judge. */
const ADVERT = '313364010064000000000000';
const ADVERT_V6 = '3133640100640000fe800000000000000000000000000001';
const MAC = '02 00 00 00 00 01'.replaceAll(' ', '');

describe.runIf(isRoot)(`across a veth pair (${ROOT_REASON})`, () => {
  let left: Namespace;
  let right: Namespace;
  let programs: Program[];

  beforeEach(() => {
    programs = [];
    left = Namespace.create();
    right = Namespace.create();
    left.connect('left', right, 'right');
    left.ip('addr', 'add', '10.9.0.1/24', 'dev', 'left');
    left.ip('addr', 'add', '10.9.0.11/24', 'dev', 'left');
    right.ip('addr', 'add', '10.9.0.2/24', 'dev', 'right');
    left.ip('addr', 'add', 'fe80::1/64', 'dev', 'left', 'nodad');
    right.ip('addr', 'add', 'fe80::2/64', 'dev', 'right', 'nodad');
  });

  afterEach(async () => {
    for (const program of programs) await program.kill();
    left.remove();
    right.remove();
  });

  async function endpoint(
    namespace: Namespace,
    device: string,
    source: string,
    ...[group, ttl]: readonly string[]
  ): Promise<Program> {
    const isV6 = source.includes(':');
    const program = namespace.start('vrrp-endpoint', {
      arguments: [
        device,
        isV6 ? 'inet6' : 'inet',
        group ?? (isV6 ? 'ff02::12' : '224.0.0.18'),
        source,
        ...(ttl === undefined ? [] : [ttl]),
      ],
    });
    programs.push(program);
    await program.next('ready');
    return program;
  }

  test('an IPv4 advert arrives with TTL 255, its group and the chosen source', async () => {
    const receiver = await endpoint(right, 'right', '10.9.0.2');
    const sender = await endpoint(left, 'left', '10.9.0.11');
    expect(await sender.ask({ send: ADVERT })).toEqual({ ok: true });
    expect(await receiver.next('received')).toEqual({
      received: ADVERT,
      source: '10.9.0.11',
      destination: '224.0.0.18',
      ttl: 255,
      isOurInterface: true,
    });
  });

  test.each([
    ['10.9.0.1', '10.9.0.2', ADVERT],
    ['fe80::1', 'fe80::2', ADVERT_V6],
  ])('warming the way of a send from %s sends nothing', async (from, to, advert) => {
    const receiver = await endpoint(right, 'right', to);
    const sender = await endpoint(left, 'left', from);
    expect(await sender.ask({ warm: true })).toEqual({ ok: true });
    expect(await sender.ask({ send: advert })).toEqual({ ok: true });
    // What comes first is the advert: a datagram of the warming would have come before it.
    expect(await receiver.next('received')).toMatchObject({
      source: from,
      received: expect.stringMatching(new RegExp(`^.{${advert.length}}$`)),
    });
  });

  test('an IPv6 advert arrives with hop limit 255, its group and the local source', async () => {
    const receiver = await endpoint(right, 'right', 'fe80::2');
    const sender = await endpoint(left, 'left', 'fe80::1');
    expect(await sender.ask({ send: ADVERT_V6 })).toEqual({ ok: true });
    const line = await receiver.next('received');
    expect(line).toMatchObject({
      source: 'fe80::1',
      destination: 'ff02::12',
      ttl: 255,
      isOurInterface: true,
    });
    // All but the checksum, which the kernel filled in.
    expect(String(line.received).slice(0, 12)).toBe(ADVERT_V6.slice(0, 12));
    expect(String(line.received).slice(12, 16)).not.toBe('0000');
  });

  test.each([
    ['10.9.0.1', '10.9.0.2', ADVERT],
    ['fe80::1', 'fe80::2', ADVERT_V6],
  ])('nobody hears itself: %s hears only %s', async (ours, theirs, advert) => {
    const us = await endpoint(left, 'left', ours);
    const them = await endpoint(right, 'right', theirs);
    await us.ask({ send: advert });
    await them.next('received');
    await them.ask({ send: advert });
    expect(await us.next('received')).toMatchObject({ source: theirs });
    expect(us.waiting('received')).toEqual([]);
  });

  test.each([
    ['10.9.0.11', '10.9.0.2', '10.9.0.2', ADVERT],
    ['fd09::11', 'fd09::2', 'fd09::2', ADVERT_V6],
    ['fe80::1', 'fe80::2', 'fe80::2', ADVERT_V6],
  ])(
    'unicast from %s to %s arrives with its own source and TTL',
    async (ours, theirs, to, advert) => {
      left.ip('addr', 'add', 'fd09::1/64', 'dev', 'left', 'nodad');
      left.ip('addr', 'add', 'fd09::11/64', 'dev', 'left', 'nodad');
      right.ip('addr', 'add', 'fd09::2/64', 'dev', 'right', 'nodad');
      const receiver = await endpoint(right, 'right', theirs, '-');
      const sender = await endpoint(left, 'left', ours, '-', '64');
      expect(await sender.ask({ send: advert, to })).toEqual({ ok: true });
      expect(await receiver.next('received')).toMatchObject({
        source: ours,
        destination: theirs,
        ttl: 64,
        isOurInterface: true,
      });
    },
  );

  test('an endpoint without a group hears no group', async () => {
    const receiver = await endpoint(right, 'right', '10.9.0.2', '-');
    const sender = await endpoint(left, 'left', '10.9.0.1');
    await sender.ask({ send: ADVERT });
    await sender.ask({ send: ADVERT, to: '10.9.0.2' });
    expect(await receiver.next('received')).toMatchObject({ destination: '10.9.0.2' });
    expect(receiver.waiting('received')).toEqual([]);
  });

  test('draining delivers before it returns what came while the loop stood still', async () => {
    const receiver = await endpoint(right, 'right', '10.9.0.2');
    const sender = await endpoint(left, 'left', '10.9.0.1');
    const directory = mkdtempSync(join(tmpdir(), 'lvsd-kernel-'));
    const file = join(directory, 'go-on');
    receiver.send({ stallUntil: file });
    await receiver.next('stalled');
    for (let count = 0; count < 100; count++) await sender.ask({ send: ADVERT });
    writeFileSync(file, '');
    expect(await receiver.next('drained')).toEqual({ drained: 100 });
    rmSync(directory, { recursive: true });
  });

  test('tcpdump sees class 0xc0 and no DF, and decodes the IPv6 checksum as right', async () => {
    const tcpdump = right.spawn('tcpdump', '-nvvl', '-i', 'right', 'proto 112 or ip6 proto 112');
    programs.push(tcpdump);
    await tcpdump.next('stderr', ({ stderr }) => String(stderr).includes('listening'));
    const v4 = await endpoint(left, 'left', '10.9.0.1');
    await v4.ask({ send: ADVERT });
    const header = await tcpdump.next('text');
    expect(header.text).toMatch(/tos 0xc0, ttl 255, .*flags \[none\], proto VRRP/);
    await tcpdump.next('text');
    const v6 = await endpoint(left, 'left', 'fe80::1');
    await v6.ask({ send: ADVERT_V6 });
    const { text } = await tcpdump.next('text');
    expect(text).toMatch(/class 0xc0, .*hlim 255, .*fe80::1 > ff02::12: VRRPv3/);
    expect(text).not.toContain('bad');
  });

  test('a send that the kernel refuses is an outcome', async () => {
    const sender = await endpoint(left, 'left', '10.9.0.1');
    left.ip('link', 'set', 'left', 'down');
    const outcome = await sender.ask({ send: ADVERT });
    expect(outcome).toMatchObject({ ok: false, code: expect.stringMatching(/^ENET|^ENODEV/) });
  });

  test('an endpoint that is closed lets the program end', async () => {
    const sender = await endpoint(left, 'left', '10.9.0.1');
    expect(await sender.end()).toBe(0);
  });

  test('a gratuitous ARP is seen by tcpdump as sent', async () => {
    const tcpdump = right.spawn('tcpdump', '-nel', '-i', 'right', 'arp host 10.9.0.100');
    programs.push(tcpdump);
    await tcpdump.next('stderr', ({ stderr }) => String(stderr).includes('listening'));
    const arp = `0001 0800 06 04 0001 ${MAC} 0a090064 ffffffffffff 0a090064`.replaceAll(' ', '');
    const words = [String(left.ifindex('left')), `ffffffffffff${MAC}0806${arp}`];
    const sender = left.start('frame-sender', { arguments: words });
    programs.push(sender);
    expect((await sender.next('result')).result).toEqual({ ok: true });
    expect((await tcpdump.next('text')).text).toMatch(
      /02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff, ethertype ARP .*10\.9\.0\.100.* tell 10\.9\.0\.100/,
    );
    expect((await sender.next('afterClose')).afterClose).toMatchObject({ code: 'CLOSED' });
    await sender.end();
  });
});
