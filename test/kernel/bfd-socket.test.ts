import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isRoot, Namespace, type Program, ROOT_REASON } from './namespace.ts';

const PORT = '3784';

describe.runIf(isRoot)(`BFD sockets across a veth pair (${ROOT_REASON})`, () => {
  let left: Namespace;
  let right: Namespace;
  let programs: Program[];

  beforeEach(() => {
    programs = [];
    left = Namespace.create();
    right = Namespace.create();
    left.connect('left', right, 'right');
    for (const [namespace, device, last] of [
      [left, 'left', 1],
      [right, 'right', 2],
    ] as const) {
      namespace.ip('addr', 'add', `10.9.0.${last}/24`, 'dev', device);
      namespace.ip('addr', 'add', `fd09::${last}/64`, 'dev', device, 'nodad');
    }
    left.ip('addr', 'add', '10.9.0.11/24', 'dev', 'left');
    left.ip('addr', 'add', 'fd09::11/64', 'dev', 'left', 'nodad');
  });

  afterEach(async () => {
    for (const program of programs) await program.kill();
    left.remove();
    right.remove();
  });

  async function start(namespace: Namespace, ...args: readonly string[]): Promise<Program> {
    const program = namespace.start('bfd-endpoint', { arguments: args });
    programs.push(program);
    expect(await program.next('ready')).toEqual({ ready: [65_535, 49_152] });
    return program;
  }

  test.each([
    ['10.9.0.1', '10.9.0.2', '10.9.0.11'],
    ['fd09::1', 'fd09::2', 'fd09::11'],
  ])('from %s to %s: TTL, addresses and arrival are told', async (ours, theirs, other) => {
    const receiver = await start(right, ours, PORT, '255');
    const sender = await start(left, theirs, PORT, '255', other);
    expect(await sender.ask({ send: '0102' })).toEqual({ ok: true });
    const heard = await receiver.next('received');
    expect(heard).toMatchObject({ received: '0102', from: other, destination: theirs, ttl: 255 });
    expect(Math.abs(Number(heard.ageMs))).toBeLessThan(1_000);
  });

  test.each([
    ['10.9.0.1', '10.9.0.2', '10.9.0.77'],
    ['fd09::1', 'fd09::2', 'fd09::77'],
  ])(
    'a lower TTL is sent and told; a source that is not here is an error: %s',
    async (ours, theirs, absent) => {
      const receiver = await start(right, ours, PORT, '255');
      const sender = await start(left, theirs, PORT, '9');
      expect(await sender.ask({ send: '03' })).toEqual({ ok: true });
      expect(await receiver.next('received')).toMatchObject({ received: '03', ttl: 9 });
      await sender.kill();
      const lost = await start(left, theirs, PORT, '255', absent);
      expect(await lost.ask({ send: '04' })).toMatchObject({ ok: false });
    },
  );

  test('closes in order, and says so when it is used afterwards', async () => {
    const program = await start(left, '10.9.0.2', PORT, '255');
    const ended = program.next('afterClose');
    await program.end();
    expect((await ended).afterClose).toMatchObject({ ok: false, code: 'CLOSED' });
  });
});
