/** What a process that has a configuration already is told of the next one. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Config, VirtualServerConfig } from '../../src/config/model.ts';
import { changedConfig, changeOf } from '../../src/daemon/config-change.ts';
import { configWith } from '../fake/configs.ts';
import { realServer, virtualServer } from '../ipvs/services.ts';

function config(services: readonly VirtualServerConfig[], routerId = 'a'): Config {
  const base = configWith();
  return { ...base, globalDefs: { ...base.globalDefs, routerId }, virtualServers: services };
}

/** Over the channel between the two. */
const sent = <T>(message: T): T => JSON.parse(JSON.stringify(message));

test('of ten thousand servers only those of the service that changed are told', () => {
  const services = Array.from({ length: 100 }, (_, index) =>
    virtualServer(
      `10.50.0.${index}`,
      Array.from({ length: 100 }, (_each, host) => realServer(`10.0.${index}.${host}`)),
    ),
  );
  const changed = virtualServer('10.50.0.7', [realServer('10.0.7.1')]);
  const after = config(services.with(7, changed));
  const change = changeOf(config(services), after, Object.is);
  expect(change.services.filter((each) => typeof each !== 'number')).toEqual([changed]);
  expect(JSON.stringify(change).length).toBeLessThan(2000);
});

test('a service that only moved is not told, and stays the object that it was', () => {
  const [before, moved] = [virtualServer('10.50.0.1', []), virtualServer('10.50.0.1', [])];
  const change = changeOf(config([before]), config([moved]), () => true);
  expect(changedConfig(config([before]), sent(change)).virtualServers[0]).toBe(before);
});

test('whatever changes, it comes to the new configuration', () => {
  const services = fc.array(
    fc
      .record({ host: fc.nat(5), port: fc.integer({ min: 80, max: 82 }), servers: fc.nat(2) })
      .map(({ host, port, servers }) => ({
        ...virtualServer(
          `10.50.0.${host}`,
          Array.from({ length: servers }, (_, index) => realServer(`10.0.0.${index}`)),
        ),
        port,
      })),
    { maxLength: 6 },
  );
  fc.assert(
    fc.property(services, services, fc.array(fc.nat(5)), (first, others, kept) => {
      const before = config(first);
      const after = config([...others, ...kept.flatMap((index) => first[index] ?? [])], 'b');
      const change = sent(changeOf(before, after, Object.is));
      expect(changedConfig(sent(before), change)).toEqual(sent(after));
    }),
  );
});
