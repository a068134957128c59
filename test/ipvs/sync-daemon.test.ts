import { expect, test } from 'vitest';
import { decodeDaemon, encodeSyncStep } from '../../src/ipvs/codec-settings.ts';
import { planDaemons, type SyncDaemon, wantedDaemons } from '../../src/ipvs/sync-daemon.ts';
import { address } from './tables.ts';

const config = { interface: 'eth0', instance: 'VI_1', syncId: 5 };
const master: SyncDaemon = { role: 'master', interface: 'eth0', syncId: 5 };
const backup: SyncDaemon = { ...master, role: 'backup' };

test.each([
  ['nothing without a configuration', undefined, 'master', []],
  ['nothing before the role is known', config, undefined, []],
  ['the side of the instance', config, 'backup', [backup]],
  ['both without an instance', { interface: 'eth0', syncId: 5 }, undefined, [master, backup]],
] as const)('wanted is %s', (_title, wish, role, daemons) => {
  expect(wantedDaemons(wish, role)).toEqual(daemons);
});

test.each([
  ['nothing where it runs', [master], [{ ...master, maxLength: 1460, port: 8848 }], []],
  [
    'a stop, then a start, at a change of the role',
    [master],
    [backup],
    ['stop backup', 'start master'],
  ],
  [
    'both at a change of the id',
    [{ ...master, syncId: 6 }],
    [master],
    ['stop master', 'start master'],
  ],
  [
    'both at a change of the port',
    [{ ...master, port: 1 }],
    [{ ...master, port: 2 }],
    ['stop master', 'start master'],
  ],
  ['a stop of what is not wanted', [], [backup], ['stop backup']],
] as const)('the plan is %s', (_title, wanted, actual, steps) => {
  const plan = planDaemons(wanted, actual);
  expect(plan.map(({ kind, daemon }) => `${kind.replace('Daemon', '')} ${daemon.role}`)).toEqual(
    steps,
  );
});

test.each([
  { ...master, maxLength: 1400, group: address('224.0.0.99'), port: 8848, ttl: 2 },
  { ...backup, group: address('ff02::99') },
  backup,
])('what is encoded is decoded to the same: %o', (daemon) => {
  const { command, attributes } = encodeSyncStep({ kind: 'startDaemon', daemon });
  expect(command).toBe(9);
  expect(decodeDaemon(attributes)).toEqual({ ok: true, value: daemon });
});
