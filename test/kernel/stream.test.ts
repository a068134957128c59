/** Connections of kernel/stream.ts over loopback: what its few lines must get right. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { SysError } from '../../src/kernel/libc.ts';
import { type StreamHandlers, StreamTarget, TcpStream } from '../../src/kernel/stream.ts';
import { closedPort } from '../health/closed-ports.ts';
import { ip } from '../health/configs.ts';
import { listenPerTest } from '../health/per-test.ts';
import { openDescriptors } from '../health/probing.ts';
import { pour, reset } from '../health/servers.ts';

const serve = listenPerTest();

function open(port: number, handlers: Partial<StreamHandlers>): TcpStream {
  const nothing = { onConnected() {}, onBytes() {}, onEnd() {}, onError() {} };
  const target = { connectAddress: ip('127.0.0.1'), connectPort: port };
  return new TcpStream(new StreamTarget(target), { ...nothing, ...handlers });
}

/** Resolves with what `begin` hands over, or rejects with an error of the connection. */
function outcomeOf<T>(
  port: number,
  begin: (done: (value: T) => void, stream: () => TcpStream) => Partial<StreamHandlers>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const stream: TcpStream = open(port, { onError: reject, ...begin(resolve, () => stream) });
  });
}

test('sends all of what does not fit at once, and is told what comes meanwhile', async () => {
  const size = 8 * 1024 * 1024;
  let received = 0;
  const { port } = await serve((socket: Socket) => {
    socket.pause();
    setTimeout(() => socket.resume(), 50);
    socket.on('data', (text) => {
      received += String(text).length;
      if (received === size) socket.end('all of it');
    });
    socket.write('early');
  });
  let heard = '';
  const text = await outcomeOf<string>(port, (done, stream) => ({
    onConnected: () => stream().write(Buffer.alloc(size, 'x')),
    onBytes: (bytes) => {
      heard += bytes.toString();
    },
    onEnd: () => done(heard),
  }));
  expect(text).toBe('earlyall of it');
});

test('reads all that came before it looked, and the end behind it', async () => {
  const sizes = [0, 5, 65_536, 300_000];
  for (const size of sizes) {
    const { port } = await serve((socket) => socket.end(Buffer.alloc(size, 'x')));
    let received = 0;
    const stream = await outcomeOf<TcpStream>(port, (done, opened) => ({
      onConnected: () => {
        // Nothing more is told of what is there by the end of this, the peer's end included.
        const cell = new Int32Array(new SharedArrayBuffer(4));
        Atomics.wait(cell, 0, 0, 20);
      },
      onBytes: (bytes) => {
        received += bytes.length;
      },
      onEnd: () => done(opened()),
    }));
    stream.close();
    expect(received).toBe(size);
  }
});

test('a flood does not keep timers from running', async () => {
  const { port } = await serve((socket) => pour(socket, 'x'.repeat(65_536)));
  let [reads, ticks] = [0, 0];
  const timer = setInterval(() => {
    ticks += 1;
  }, 1);
  await outcomeOf<void>(port, (done, stream) => ({
    onBytes: () => {
      reads += 1;
      if (reads < 2000) return;
      stream().close();
      done();
    },
  }));
  clearInterval(timer);
  expect(ticks).toBeGreaterThan(5);
});

test('says why there is no connection, and what broke one', async () => {
  const nobody = await closedPort();
  const refused = outcomeOf<SysError>(nobody, (done) => ({ onError: done }));
  expect(await refused).toMatchObject({ syscall: 'connect', code: 'ECONNREFUSED' });
  const { port } = await serve((socket) => socket.once('data', () => reset(socket)));
  const broken = outcomeOf<SysError>(port, (done, stream) => ({
    onConnected: () => stream().write(Buffer.from('x')),
    onError: done,
  }));
  expect(await broken).toMatchObject({ code: 'ECONNRESET' });
});

test('one that is closed hears nothing more, whatever was there for it', async () => {
  const { port } = await serve((socket) => socket.end('hello'));
  const before = openDescriptors();
  let told = 0;
  const streams = Array.from({ length: 50 }, (_, index) =>
    open(port, {
      onConnected: () => {
        // All that are ready in the same turn of the event loop, itself too.
        for (const other of streams.slice(index)) other.close();
        told += 1;
      },
      onBytes: () => {
        told += 1000;
      },
    }),
  );
  await expect.poll(() => told).toBe(1);
  expect(openDescriptors()).toBeLessThanOrEqual(before + 50);
  // Descriptors of closed ones are given again: their news is not taken for that of the old ones.
  const answers = Array.from({ length: 50 }, () =>
    outcomeOf<string>(port, (done) => ({ onBytes: (bytes) => done(bytes.toString()) })),
  );
  expect(new Set(await Promise.all(answers))).toEqual(new Set(['hello']));
  expect(told).toBe(1);
});

test('one that takes the place of another in the same turn does not hear what was meant for that', async () => {
  const { port } = await serve((socket) => socket.end('hello'));
  const nobody = await closedPort();
  const refusals: Promise<SysError>[] = [];
  const streams = Array.from({ length: 50 }, (_, index) =>
    open(port, {
      onConnected: () => {
        for (const other of streams.slice(index)) other.close();
        for (const _other of streams.slice(index)) {
          refusals.push(
            outcomeOf<SysError>(nobody, (done) => ({
              onConnected: () => done(new SysError('connect', 0)),
              onError: done,
            })),
          );
        }
      },
    }),
  );
  await expect.poll(() => refusals.length).toBe(50);
  const codes = new Set((await Promise.all(refusals)).map(({ code }) => code));
  expect(codes).toEqual(new Set(['ECONNREFUSED']));
});

test('a process without any left comes to its end', async () => {
  const { port } = await serve((socket) => socket.end());
  const program = `
    import { StreamTarget, TcpStream } from './src/kernel/stream.ts';
    const target = { connectAddress: { family: 'inet', text: '127.0.0.1' }, connectPort: ${port} };
    const nothing = { onBytes() {}, onEnd() {}, onError() {} };
    const handlers = { ...nothing, onConnected: () => stream.close() };
    const stream = new TcpStream(new StreamTarget(target), handlers);
  `;
  const words = ['--input-type=module', '--eval', program];
  const child = spawn(process.execPath, words, { cwd: new URL('../..', import.meta.url) });
  expect(await once(child, 'exit')).toEqual([0, null]);
});
