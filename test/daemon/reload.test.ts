import { describe, expect, it } from 'vitest';
import type { LoadResult } from '../../src/config/load.ts';
import { decodeRequest } from '../../src/daemon/control-protocol.ts';
import { judgeFile, summarize } from '../../src/daemon/reload.ts';
import { TaskQueue } from '../../src/daemon/reload-queue.ts';
import {
  describePreview,
  planFirstTable,
  verdictsAtStart,
} from '../../src/daemon/table-preview.ts';
import { configWith } from '../fake/configs.ts';
import { checkedServers, nameOf } from '../health/configs.ts';
import { server, service } from '../ipvs/tables.ts';

const good: LoadResult = {
  diagnostics: [],
  config: configWith(),
  isLiftable: false,
  sources: new Map(),
};
const preflight = () => [];

describe('a file', () => {
  it('is refused when the daemon cannot read it', () => {
    const unreadable = { code: 'ABSENT', file: '/a', message: 'Cannot read /a' } as const;
    const { config: _, ...rest } = good;
    const judged = judgeFile({ ...rest, unreadable }, '/a', { color: false, preflight });
    expect(judged).toMatchObject({ ok: false, code: 'FILE_UNREADABLE' });
  });

  it('is refused when the machine has something against it, all of it said', () => {
    const problems = ['one', 'two'].map((message) => ({ code: 'X', message }));
    const judged = judgeFile(good, '/a', { color: false, preflight: () => problems });
    const message = 'one; two; the running configuration stays';
    expect(judged).toMatchObject({ ok: false, code: 'X', message });
  });

  it('is taken when nothing is wrong', () => {
    expect(judgeFile(good, '/a', { color: false, preflight }).ok).toBe(true);
  });
});

describe('what the processes answered', () => {
  it('is done when both have it', () => {
    const health = { ok: true, operations: 3, draining: 1 } as const;
    const rest = { vrrp: 'not-needed', health: 'not-needed', isBfdDone: true } as const;
    const done = { operations: 3, draining: 1, pending: [] };
    expect(summarize({ vrrp: [], health, isBfdDone: true })).toEqual(done);
    expect(summarize(rest).pending).toEqual([]);
  });

  it.each([
    [
      'a process that is away',
      { vrrp: undefined, health: undefined, isBfdDone: false },
      /vrrp.*bfd.*health/s,
    ],
    [
      'an instance on its way out',
      { vrrp: ['VI_2'], health: 'not-needed', isBfdDone: true },
      /VI_2/,
    ],
    [
      'a table that is not as wanted',
      { vrrp: [], health: { ok: false, code: 'X', detail: 'why' }, isBfdDone: true },
      /why/,
    ],
  ] as const)('is pending with %s', (_what, answers, expected) => {
    expect(summarize(answers).pending.join('\n')).toMatch(expected);
  });
});

it('tasks that come at once are done one after the other', async () => {
  const queue = new TaskQueue();
  const said: string[] = [];
  const task = (name: string) => async (): Promise<void> => {
    said.push(`${name} begins`);
    await Promise.resolve();
    said.push(`${name} ends`);
  };
  await Promise.all([queue.run(task('one')), queue.run(task('two'))]);
  expect(said).toEqual(['one begins', 'one ends', 'two begins', 'two ends']);
});

describe('a plan', () => {
  it('before there is a table counts what must be checked first as down', () => {
    const config = {
      ...configWith(),
      virtualServers: checkedServers(['10.0.0.1'], { alpha: true }),
    };
    expect(verdictsAtStart(config)(nameOf('10.0.0.1'))).toEqual({ isUp: false });
    const operations = planFirstTable(config, new Map(), new Set(), 0);
    expect(operations.map(({ text }) => text)).toEqual(['add service tcp 10.0.0.100:80']);
  });

  it('says of a server that leaves how long it is drained', () => {
    const destination = server('10.0.0.1', 80, { weight: 0 });
    const web = service('10.50.0.1', 80, [destination]);
    const operation = {
      kind: 'lowerWeight',
      service: web,
      destination,
      reason: 'weight 1 -> 0',
    } as const;
    const drain = {
      service: 'tcp 10.50.0.1:80',
      server: '10.0.0.1:80',
      cause: 'removed',
      sinceMs: 0,
      deadlineMs: 30_000,
      connections: 4,
    } as const;
    expect(describePreview({ operations: [operation], drains: [drain] }, 0)).toMatchObject([
      { reason: 'weight 1 -> 0: removed, drained for at most 30 s, then deleted' },
    ]);
  });
});

describe('a request about a file', () => {
  it.each(['reload', 'plan'] as const)('%s may name one, absolutely', (command) => {
    const decode = (rest: object) => decodeRequest(JSON.stringify({ id: 1, command, ...rest }));
    expect(decode({})).toEqual({ ok: true, request: { id: 1, command, color: false } });
    expect(decode({ file: '/a', color: true })).toMatchObject({
      ok: true,
      request: { file: '/a', color: true },
    });
    for (const file of ['a', 7, null]) {
      expect(decode({ file })).toMatchObject({ ok: false, response: { code: 'BAD_REQUEST' } });
    }
  });
});
