/** A real FIFO, with and without somebody who reads it. */
import { chownSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import { Fifo } from '../../src/daemon/fifo.ts';
import { FakeTime } from '../fake/fake-time.ts';

let directory: string;
let path: string;
let fifo: Fifo | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lvsd-fifo-'));
  path = join(directory, 'notify');
});

afterEach(() => {
  fifo?.close();
  rmSync(directory, { recursive: true, force: true });
});

function setUp(withScript = false) {
  const time = new FakeTime();
  const runs: string[] = [];
  let end = (): void => {};
  const script = { path: '/bin/reader', args: ['-x'] };
  const opened = new Fifo(withScript ? { path, script } : { path }, {
    clock: time.clock,
    log: silentLog,
    setTimer: time.setTimer,
    run: ({ command, args }) => {
      runs.push([command.path, ...command.args, ...args].join(' '));
      const { promise, resolve } = Promise.withResolvers<void>();
      end = resolve;
      const outcome = { kind: 'exited', code: 1 } as const;
      return {
        result: promise.then(() => ({ outcome, tookMs: 1, stderr: '' })),
        kill: () => runs.push('killed'),
      };
    },
  });
  fifo = opened;
  const died = async (): Promise<void> => {
    end();
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
  };
  return { time, fifo: opened, runs, died };
}

async function readAll(): Promise<string> {
  const reader = await open(path, 'r+');
  const { bytesRead, buffer } = await reader.read(Buffer.alloc(256 * 1024), 0, 256 * 1024);
  await reader.close();
  return buffer.subarray(0, bytesRead).toString();
}

it('is made with mode 0644, and lines wait in it for a reader', async () => {
  const { fifo } = setUp();
  expect(statSync(path).isFIFO()).toBe(true);
  expect(statSync(path).mode & 0o777).toBe(0o644);
  fifo.write('INSTANCE "VI_1" MASTER 100\n');
  fifo.write('VS [10.0.0.1]:tcp:80 UP\n\0');
  expect(await readAll()).toBe('INSTANCE "VI_1" MASTER 100\nVS [10.0.0.1]:tcp:80 UP\n\0');
  expect(fifo.status()).toEqual({ path, written: 2, waiting: 0, lost: 0 });
});

it('when nobody reads, lines wait; what is left out beyond that is counted', async () => {
  const { time, fifo } = setUp();
  const line = (index: number): string => `INSTANCE "${index}" ${'x'.repeat(80)}\n`;
  for (let index = 0; index < 4_000; index += 1) fifo.write(line(index));
  const { written, waiting, lost } = fifo.status();
  expect(waiting).toBe(1_024);
  expect(written + waiting + lost).toBe(4_000);
  expect(lost).toBeGreaterThan(0);
  const first = await readAll();
  expect(first.startsWith(line(0))).toBe(true);
  time.advance(200);
  while (fifo.status().waiting > 0) {
    await readAll();
    time.advance(200);
  }
  expect(fifo.status()).toMatchObject({ written: 4_000 - lost, waiting: 0, lost });
});

it('takes a FIFO that is there, and refuses what is none', () => {
  setUp().fifo.close();
  expect(setUp().fifo.status().problem).toBeUndefined();
  fifo?.close();
  rmSync(path);
  writeFileSync(path, 'precious');
  const { fifo: refused } = setUp(true);
  refused.write('x\n');
  expect(refused.status()).toMatchObject({ problem: `${path} is there and is no FIFO: remove it` });
  expect(readFileSync(path, 'utf8')).toBe('precious');
});

it.runIf(process.getuid?.() === 0)('refuses a FIFO of somebody else (needs root)', () => {
  setUp().fifo.close();
  chownSync(path, 65_534, 65_534);
  expect(setUp().fifo.status().problem).toContain('belongs to user 65534');
});

it('starts its script with the path as the last word, and again when it dies', async () => {
  const { time, fifo, runs, died } = setUp(true);
  expect(runs).toEqual([`/bin/reader -x ${path}`]);
  await died();
  time.advance(0);
  expect(runs).toHaveLength(2);
  await died();
  time.advance(999);
  expect(runs).toHaveLength(2);
  time.advance(1);
  expect(runs).toHaveLength(3);
  expect(fifo.status().script).toEqual({
    path: '/bin/reader',
    isRunning: true,
    restarts: 2,
    lastOutcome: 'exit status 1',
  });
  fifo.close();
  expect(runs.at(-1)).toBe('killed');
});
