/**
 * A probe ends at its deadline, with its socket: real probes of real servers that never come to an end, in
 * time that moves only when told. By how many milliseconds it does so in real time is measured by the bench.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeTime } from '../fake/time.ts';
import { type Authority, makeAuthority } from './certificates.ts';
import { type Endless, endlessServers } from './endless-servers.ts';
import { ask, openDescriptors } from './probing.ts';

const DEADLINE_MS = 3000;
const NAMES = [...endlessServers({ certFile: '', keyFile: '', cert: '', key: '' }).keys()];
const PATIENCE = { timeout: 10_000, interval: 5 };

let authority: Authority;
let servers: ReturnType<typeof endlessServers>;

beforeAll(() => {
  authority = makeAuthority();
  servers = endlessServers(authority.sign('web', 'DNS:web.test,IP:127.0.0.1', 90));
});

afterAll(() => authority.remove());

function startProbe({ config }: Endless) {
  const time = new FakeTime();
  const checker = { ...config, connectTimeoutMs: DEADLINE_MS };
  return { time, run: ask(checker, { ports: { clock: time, timers: time } }) };
}

describe.each(NAMES)('%s', (name) => {
  it('goes on until the deadline, and is over at it, with its socket', async () => {
    const server = await servers.get(name)?.();
    if (server === undefined) throw new Error('There is no such server');
    try {
      const before = openDescriptors();
      const { time, run } = startProbe(server);
      let isOver = false;
      void run.result.then(() => {
        isOver = true;
      });
      await expect.poll(server.isAsked, PATIENCE).toBe(true);
      await time.advance(DEADLINE_MS - 1);
      expect(isOver).toBe(false);
      // No more than this: the grace that a probe gets to settle after its deadline is not used up.
      await time.advance(1);
      expect(isOver).toBe(true);
      expect(await run.result).toMatchObject({
        kind: 'fail',
        reason: expect.stringMatching(/TIMEOUT$/),
      });
      expect(time.armedTimers).toBe(0);
      await expect
        .poll(() => openDescriptors() - server.open(), PATIENCE)
        .toBeLessThanOrEqual(before);
    } finally {
      await server.close();
    }
  });
});
