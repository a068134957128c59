import { expect, it } from 'vitest';
import { fail, pass } from '../fake/probes.ts';
import { checkedServers, nameOf } from './configs.ts';
import { Stage } from './stage.ts';

const A = '10.0.0.1';
const B = '10.0.0.2';

it('a suspended server is not asked, keeps its verdict, and is asked at once afterwards', async () => {
  const stage = new Stage();
  await stage.start(checkedServers([A, B]));
  await stage.time.advance(5_000);
  stage.engine.suspend(new Set([nameOf(A)]));
  stage.tell(A, fail());
  await stage.time.advance(50_000);
  expect(stage.servers.timesOf(`${A}:80`)).toEqual([0]);
  expect(stage.servers.timesOf(`${B}:80`)).toHaveLength(6);
  expect(stage.engine.snapshot().map(({ isUp, isSuspended }) => [isUp, isSuspended])).toEqual([
    [true, true],
    [true, undefined],
  ]);
  stage.engine.suspend(new Set());
  await stage.time.settle();
  expect(stage.servers.timesOf(`${A}:80`)).toEqual([0, 55_000]);
});

it('the result of a check that was under way does not count', async () => {
  const stage = new Stage();
  stage.tell(A, 'hang');
  await stage.start(checkedServers([A]));
  stage.engine.suspend(new Set([nameOf(A)]));
  await stage.time.advance(30_000);
  expect(stage.servers.running).toBe(0);
  expect(stage.changes).toEqual([]);
});

it('a reload starts no check of a suspended server, also of one that is new', async () => {
  const stage = new Stage();
  stage.engine.suspend(new Set([nameOf(A), nameOf(B)]));
  await stage.start(checkedServers([A], { alpha: true }));
  await stage.reload(checkedServers([A, B], { delayLoopMs: 2_000, alpha: true }));
  await stage.time.advance(30_000);
  expect(stage.servers.started).toEqual([]);
  expect(stage.isUp(B)).toBe(false);
});

it('a start goes on from the verdicts of a predecessor until the first check', async () => {
  const stage = new Stage(() => 0.5);
  stage.tell(A, pass);
  stage.engine.start(
    checkedServers([A, B], { alpha: true, warmupMs: 10_000 }),
    new Map([[nameOf(A), true]]),
  );
  expect([stage.isUp(A), stage.isUp(B)]).toEqual([true, false]);
  stage.tell(A, fail());
  await stage.time.advance(20_000);
  expect(stage.isUp(A)).toBe(false);
});

it('a check that another server shares goes on, and rests when both are suspended', async () => {
  const stage = new Stage();
  const shared = checkedServers([A]);
  const twice = [...shared, ...shared.map((one) => ({ ...one, port: 81 }))];
  await stage.start(twice);
  const names = stage.engine.snapshot().map(({ name }) => name);
  expect(new Set(names).size).toBe(2);
  stage.engine.suspend(new Set([names[0] ?? '']));
  await stage.time.advance(20_000);
  const asked = stage.servers.timesOf(`${A}:80`).length;
  expect(asked).toBeGreaterThan(1);
  stage.engine.suspend(new Set(names));
  await stage.time.advance(60_000);
  expect(stage.servers.timesOf(`${A}:80`)).toHaveLength(asked);
});
