/**
 * A reload passes over services that are the very objects that are watched. What comes of it is what comes of
 * looking at all of them.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { VirtualServerConfig } from '../../src/config/model.ts';
import { fail, pass } from '../fake/probes.ts';
import { ip, realServer, service, tcpCheck } from './configs.ts';
import { Stage } from './stage.ts';

const ADDRESSES = ['10.0.0.1', '10.0.0.2', '10.0.0.3'];
/** The same check on servers of different services is one. */
const CHECKS = [
  {},
  { delayLoopMs: 4000 },
  { alpha: true },
  { connectPort: 81 },
  { warmupMs: 3000 },
  { connectTimeoutMs: 2000 },
];

const server = fc
  .record({
    address: fc.constantFrom(...ADDRESSES),
    checks: fc.array(fc.constantFrom(...CHECKS), { maxLength: 2 }),
    weight: fc.integer({ min: 1, max: 2 }),
  })
  .map(({ address, checks, weight }) => ({
    ...realServer(
      address,
      checks.map((check) => tcpCheck({ connectAddress: ip(address), ...check })),
    ),
    weight,
  }));
const virtualServer = fc
  .record({ port: fc.integer({ min: 1, max: 9 }), servers: fc.array(server, { maxLength: 3 }) })
  .map(
    ({ port, servers }): VirtualServerConfig =>
      ({ ...service(servers), port }) as VirtualServerConfig,
  );
const pick = fc.oneof(
  { weight: 3, arbitrary: fc.uniqueArray(fc.nat(7), { maxLength: 6 }) },
  fc.array(fc.nat(7), { maxLength: 6 }),
);
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ reload: pick }) },
  fc.record({
    address: fc.constantFrom(...ADDRESSES),
    behaviour: fc.constantFrom(pass, fail(), 'hang' as const),
  }),
  fc.record({ suspended: fc.constantFrom([], ['tcp 10.0.0.100:1/10.0.0.1:80']) }),
  { weight: 2, arbitrary: fc.record({ ms: fc.integer({ min: 0, max: 12_000 }) }) },
);

const inOrder = (items: readonly unknown[]): readonly string[] =>
  items.map((item) => JSON.stringify(item)).sort();

it('comes to the same as one that goes through all services', async () => {
  let passedOver = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(virtualServer, { minLength: 8, maxLength: 8 }),
      fc.array(step, { maxLength: 12 }),
      async (pool, steps) => {
        const [quick, whole] = [new Stage(() => 0.5), new Stage(() => 0.5)];
        let before: readonly VirtualServerConfig[] = pool.slice(0, 3);
        await quick.start(before);
        await whole.start(structuredClone(before));
        for (const each of steps) {
          if ('reload' in each) {
            const after = each.reload.flatMap((index) => pool[index] ?? []);
            passedOver += after.filter((one) => before.includes(one)).length;
            before = after;
            await quick.reload(after);
            await whole.reload(structuredClone(after));
          }
          for (const stage of [quick, whole]) {
            if ('address' in each) stage.tell(each.address, each.behaviour);
            if ('suspended' in each) stage.engine.suspend(new Set(each.suspended));
            if ('ms' in each) await stage.time.advance(each.ms);
            await stage.time.settle();
          }
          expect(quick.engine.snapshot()).toEqual(whole.engine.snapshot());
          // Servers that share a check are told in another order.
          expect(inOrder(quick.changes)).toEqual(inOrder(whole.changes));
          expect(inOrder(quick.servers.started)).toEqual(inOrder(whole.servers.started));
        }
        await Promise.all([quick.engine.close(), whole.engine.close()]);
      },
    ),
    { numRuns: 600 },
  );
  expect(passedOver).toBeGreaterThan(100);
}, 60_000);
