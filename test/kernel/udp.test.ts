import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isRoot, Namespace, type Program, ROOT_REASON } from './namespace.ts';

const ADVERT = '313364010064000000000000';
const PORT = '50112';

describe.runIf(isRoot)(`adverts by UDP across a veth pair (${ROOT_REASON})`, () => {
  let left: Namespace;
  let right: Namespace;
  let programs: Program[];

  beforeEach(() => {
    programs = [];
    left = Namespace.create();
    right = Namespace.create();
    left.connect('left', right, 'right');
    left.ip('addr', 'add', '10.9.0.1/24', 'dev', 'left');
    right.ip('addr', 'add', '10.9.0.2/24', 'dev', 'right');
    left.ip('addr', 'add', 'fe80::1/64', 'dev', 'left', 'nodad');
    right.ip('addr', 'add', 'fe80::2/64', 'dev', 'right', 'nodad');
  });

  afterEach(async () => {
    for (const program of programs) await program.kill();
    left.remove();
    right.remove();
  });

  function start(namespace: Namespace, device: string, source: string, port = PORT): Program {
    const program = namespace.start('udp-endpoint', { arguments: [source, port, PORT, device] });
    programs.push(program);
    return program;
  }

  async function pair(ours: string, theirs: string): Promise<readonly [Program, Program]> {
    const receiver = start(right, 'right', theirs);
    const sender = start(left, 'left', ours);
    await receiver.next('ready');
    await sender.next('ready');
    return [sender, receiver];
  }

  test.each([
    ['10.9.0.1', '10.9.0.2'],
    ['fe80::1', 'fe80::2'],
  ])('from %s to %s: both addresses are told, and no TTL', async (ours, theirs) => {
    const [sender, receiver] = await pair(ours, theirs);
    expect(await sender.ask({ send: ADVERT, to: theirs })).toEqual({ ok: true });
    expect(await receiver.next('received')).toEqual({
      received: ADVERT,
      source: ours,
      destination: theirs,
      hasTtl: false,
    });
  });

  test('settling hears all that came while the loop stood still', async () => {
    const [sender, receiver] = await pair('10.9.0.1', '10.9.0.2');
    const directory = mkdtempSync(join(tmpdir(), 'lvsd-kernel-'));
    const file = join(directory, 'go-on');
    receiver.send({ stallUntil: file });
    await receiver.next('stalled');
    for (let sent = 0; sent < 100; sent++) await sender.ask({ send: ADVERT, to: '10.9.0.2' });
    writeFileSync(file, '');
    expect(await receiver.next('settled')).toEqual({ settled: 100 });
    rmSync(directory, { recursive: true });
  });

  test('a port that is taken and an address that is not there are refused by name', async () => {
    const first = start(left, 'left', '10.9.0.1');
    await first.next('ready');
    expect(await start(left, 'left', '10.9.0.1').next('refused')).toEqual({
      refused: 'EADDRINUSE',
    });
    expect(await start(left, 'left', '10.9.0.77').next('refused')).toEqual({
      refused: 'EADDRNOTAVAIL',
    });
    expect(await start(left, 'left', '10.9.0.1', '0').next('ready')).toEqual({ ready: true });
  });

  test('a send that the kernel refuses is the outcome of the next, and a closed socket lets the program end', async () => {
    const [sender] = await pair('10.9.0.1', '10.9.0.2');
    await sender.ask({ send: ADVERT, to: '203.0.113.1' });
    const outcome = await sender.ask({ send: ADVERT, to: '10.9.0.2' });
    expect(outcome).toMatchObject({ ok: false, code: 'ENETUNREACH' });
    expect(await sender.end()).toBe(0);
    expect(await sender.next('afterClose')).toMatchObject({ afterClose: { code: 'CLOSED' } });
  });
});
