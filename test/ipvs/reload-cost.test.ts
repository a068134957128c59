/**
 * A reload passes over services that are the very objects that were wanted. What is wanted and told then is
 * what comes of looking at all of them.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { VirtualServerConfig } from '../../src/config/model.ts';
import { serverName } from '../../src/config/names.ts';
import { Intent } from '../../src/ipvs/intent.ts';
import { configWith } from '../fake/configs.ts';
import { realServer, script, virtualServer } from './services.ts';

const HOSTS = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'];
const server = fc
  .record({
    host: fc.constantFrom(...HOSTS),
    weight: fc.integer({ min: 0, max: 2 }),
    tells: fc.boolean(),
  })
  .map(({ host, weight, tells }) =>
    realServer(host, {
      weight,
      ...(tells ? { notifyUp: script('/up'), notifyDown: script('/down') } : {}),
    }),
  );
const service = fc
  .record({
    address: fc.integer({ min: 1, max: 9 }),
    servers: fc.array(server, { maxLength: 4 }),
    backups: fc.array(server, { maxLength: 2 }),
    quorum: fc.integer({ min: 1, max: 3 }),
    omega: fc.boolean(),
    slowStartMs: fc.constantFrom(0, 5000),
  })
  .map(({ address, servers, backups, ...rest }) => {
    const commands = { quorumUp: script('/qup'), quorumDown: script('/qdown') };
    const pool = backups.length === 0 ? {} : { backupPool: backups };
    return virtualServer(`10.50.0.${address}`, servers, { ...rest, ...pool, ...commands });
  });
const step = fc.oneof(
  {
    weight: 2,
    arbitrary: fc.record({
      reload: fc.array(fc.nat(9), { maxLength: 7 }),
      rsInitNotifies: fc.boolean(),
    }),
  },
  fc.record({ address: fc.integer({ min: 0, max: 9 }), host: fc.nat(3), isUp: fc.boolean() }),
);

test('comes to the same as one that goes through all services', () => {
  let passedOver = 0;
  fc.assert(
    fc.property(
      fc.array(service, { minLength: 10, maxLength: 10 }),
      fc.array(step, { maxLength: 12 }),
      (pool, steps) => {
        const [quick, whole] = [new Intent(), new Intent()];
        let before: readonly VirtualServerConfig[] = [];
        for (const [turn, each] of steps.entries()) {
          if ('reload' in each) {
            const after = each.reload.flatMap((index) => pool[index] ?? []);
            passedOver += after.filter((one) => before.includes(one)).length;
            before = after;
            const base = configWith();
            const globalDefs = { ...base.globalDefs, rsInitNotifies: each.rsInitNotifies };
            const config = { ...base, globalDefs, virtualServers: after };
            const asked: string[][] = [[], []];
            for (const [index, intent] of [quick, whole].entries()) {
              intent.configure(index === 0 ? config : structuredClone(config), (name) => {
                asked[index]?.push(name);
                return { isUp: name.length % 2 === 0 };
              });
            }
            expect(asked[0]).toEqual(asked[1]);
          } else {
            const owner = virtualServer(`10.50.0.${each.address}`, []);
            const name = serverName(owner, realServer(HOSTS[each.host] ?? ''));
            const verdict = { isUp: each.isUp, sinceMs: turn * 1000 };
            for (const intent of [quick, whole]) intent.setVerdict(name, verdict, 'told');
          }
          expect(quick.wish(turn * 1000)).toEqual(whole.wish(turn * 1000));
          expect(quick.snapshot()).toEqual(whole.snapshot());
          expect(quick.copy().farewell()).toEqual(whole.copy().farewell());
        }
      },
    ),
    { numRuns: 600 },
  );
  expect(passedOver).toBeGreaterThan(100);
}, 60_000);
