import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseAddress } from '../../src/base/address.ts';
import { isRoot, Namespace, type Program, ROOT_REASON } from './namespace.ts';
import type { LinkTableCommand } from './programs/link-table.ts';

const PROTOCOL = 0x77;

describe.runIf(isRoot)(`a link table (${ROOT_REASON})`, () => {
  let namespace: Namespace;
  let table: Program;
  let ifindex: number;

  beforeEach(async () => {
    namespace = Namespace.create();
    namespace.connect('left', namespace, 'right');
    namespace.ip('addr', 'add', '10.9.0.1/24', 'dev', 'left');
    ifindex = namespace.ifindex('left');
    table = namespace.start('link-table');
    await table.next('ready');
  });

  afterEach(async () => {
    await table.kill();
    namespace.remove();
  });

  const ask = (command: LinkTableCommand): Promise<unknown> => table.ask({ ...command });

  function spec(text: string, prefixLength: number, more: object = {}) {
    const address = parseAddress(text);
    if (address === undefined) throw new Error(text);
    return { ifindex, address, prefixLength, scope: 0, protocol: PROTOCOL, ...more };
  }

  const local = (text: string) =>
    namespace.addresses('left').find((address) => address.local === text);

  test('adds an IPv4 address as `ip addr` sees it, and holds it at once', async () => {
    const vip = spec('10.9.0.100', 32, { label: 'left:vip', scope: 253 });
    expect(await ask({ do: 'add', spec: vip })).toEqual({
      ok: true,
      changed: true,
      isListed: true,
    });
    expect(local('10.9.0.100')).toMatchObject({
      prefixlen: 32,
      label: 'left:vip',
      scope: 'link',
    });
    // Debian 12's `ip` does not show who set an address: a table of its own has to read it.
    const reader = namespace.start('link-table');
    const addresses = await reader.ask({ do: 'addresses', ifindex });
    const seen = expect.objectContaining({ address: vip.address, protocol: PROTOCOL, scope: 253 });
    expect(addresses).toContainEqual(seen);
    await reader.end();
  });

  test('adds a broadcast address', async () => {
    const vip = spec('10.9.5.1', 24, { broadcast: parseAddress('10.9.5.255') });
    expect(await ask({ do: 'add', spec: vip })).toMatchObject({ ok: true, changed: true });
    expect(local('10.9.5.1')).toMatchObject({ prefixlen: 24, broadcast: '10.9.5.255' });
  });

  test('adds an IPv6 address without DAD, and does not report its own change', async () => {
    const vip = spec('fd00::5', 128, { noDad: true });
    expect(await ask({ do: 'add', spec: vip })).toEqual({
      ok: true,
      changed: true,
      isListed: true,
    });
    expect(local('fd00::5')).toMatchObject({ prefixlen: 128, scope: 'global', nodad: true });
    // What a stranger does next is reported; our own address, whose event came first, was not.
    namespace.ip('addr', 'add', '10.9.0.50/32', 'dev', 'left');
    const { address } = await table.next('address');
    expect(address).toMatchObject({ address: { text: '10.9.0.50' } });
    expect(table.waiting('address')).toEqual([]);
  });

  test('finds nothing to do the second time, for adding and for removing', async () => {
    for (const vip of [spec('10.9.0.100', 32), spec('fd00::5', 128, { noDad: true })]) {
      await ask({ do: 'add', spec: vip });
      const again = await ask({ do: 'add', spec: vip });
      expect(again).toEqual({ ok: true, changed: false, isListed: true });
      const gone = await ask({ do: 'remove', spec: vip });
      expect(gone).toEqual({ ok: true, changed: true, isListed: false });
      expect(local(vip.address.text)).toBeUndefined();
      const goneAgain = await ask({ do: 'remove', spec: vip });
      expect(goneAgain).toEqual({ ok: true, changed: false, isListed: false });
    }
  });

  test('an address under another label is removed all the same', async () => {
    namespace.ip('addr', 'add', '10.9.0.77/32', 'dev', 'left', 'label', 'left:x');
    const vip = spec('10.9.0.77', 32, { label: 'left:y' });
    expect(await ask({ do: 'remove', spec: vip })).toMatchObject({ ok: true, changed: true });
    expect(local('10.9.0.77')).toBeUndefined();
  });

  test('names the reason when the kernel refuses', async () => {
    const vip = { ...spec('10.9.0.100', 32), ifindex: 9999 };
    expect(await ask({ do: 'add', spec: vip })).toMatchObject({
      ok: false,
      code: 'ENODEV',
      detail: expect.stringContaining('Cannot add 10.9.0.100/32 on interface 9999'),
    });
    expect(await ask({ do: 'remove', spec: vip })).toMatchObject({ ok: true, changed: false });
    const bad = spec('10.9.0.100', 33);
    expect(await ask({ do: 'add', spec: bad })).toMatchObject({ ok: false, code: 'BAD_ADDRESS' });
  });

  test('reports an address that another program removes', async () => {
    await ask({ do: 'add', spec: spec('10.9.0.100', 32) });
    namespace.ip('addr', 'del', '10.9.0.100/32', 'dev', 'left');
    expect(await table.next('address')).toMatchObject({
      address: { address: { text: '10.9.0.100' }, prefixLength: 32, protocol: PROTOCOL },
      present: false,
    });
  });

  test('reports what goes as a consequence of its own removal', async () => {
    await ask({ do: 'add', spec: spec('10.9.7.1', 24) });
    await ask({ do: 'add', spec: spec('10.9.7.2', 24) });
    await ask({ do: 'remove', spec: spec('10.9.7.1', 24) });
    expect(await table.next('address')).toMatchObject({
      address: { address: { text: '10.9.7.2' } },
      present: false,
    });
    expect(table.waiting('address')).toEqual([]);
    expect(local('10.9.7.2')).toBeUndefined();
  });

  test('sees the carrier go when the other end of the cable goes down, and come back', async () => {
    expect(await ask({ do: 'link', name: 'left' })).toMatchObject({ isUp: true, hasCarrier: true });
    namespace.ip('link', 'set', 'right', 'down');
    const isLeft = (line: object) => 'ifindex' in line && line.ifindex === ifindex;
    const lost = await table.next('link', isLeft);
    expect(lost.link).toMatchObject({ name: 'left', isUp: true, hasCarrier: false });
    namespace.ip('link', 'set', 'right', 'up');
    const back = await table.next('link', isLeft);
    expect(back.link).toMatchObject({ isUp: true, hasCarrier: true });
  });

  test('sees a link go down and its IPv6 addresses go with it', async () => {
    await ask({ do: 'add', spec: spec('fd00::5', 128, { noDad: true }) });
    namespace.ip('link', 'set', 'left', 'down');
    const down = await table.next('link', (line) => line.ifindex === ifindex);
    expect(down.link).toMatchObject({ isUp: false, hasCarrier: false });
    const isVip = (line: object) => JSON.stringify(line).includes('fd00::5');
    expect(await table.next('address', isVip)).toMatchObject({ present: false });
  });

  test('sees a link appear, be renamed and vanish', async () => {
    namespace.ip('link', 'add', 'new0', 'type', 'bridge');
    const { link } = await table.next('link');
    expect(link).toMatchObject({ name: 'new0', isUp: false });
    namespace.ip('link', 'set', 'new0', 'name', 'new1');
    expect((await table.next('link')).link).toMatchObject({ name: 'new1' });
    namespace.ip('link', 'del', 'new1');
    expect((await table.next('link')).link).toBeNull();
    expect(await ask({ do: 'link', name: 'new1' })).toBeNull();
  });

  test('a port that leaves its bridge is still a link', async () => {
    namespace.ip('link', 'add', 'br0', 'type', 'bridge');
    namespace.ip('link', 'set', 'left', 'master', 'br0');
    namespace.ip('link', 'set', 'left', 'nomaster');
    namespace.ip('link', 'del', 'br0');
    await table.next('link', (line) => line.link === null);
    expect(await ask({ do: 'link', name: 'left' })).toMatchObject({ name: 'left' });
  });

  test('reads everything again after more events than its buffer holds', async () => {
    const storm = namespace.start('event-storm', { arguments: ['left'] });
    expect(await storm.next('refused')).toEqual({ refused: 0 });
    expect(await storm.next('overflow')).toEqual({ overflow: 'ENOBUFS' });
    const { addresses, changes } = await storm.next('addresses');
    expect(addresses).toContain('10.9.1.2');
    expect(addresses).not.toContain('10.9.1.1');
    expect(addresses).not.toContain('10.9.0.1');
    // One came and one went; what came and went in between is not told.
    expect(changes).toBe(2);
    await storm.end();
  });

  test('lets the program end when it is closed', async () => {
    expect(await table.end()).toBe(0);
  });
});
