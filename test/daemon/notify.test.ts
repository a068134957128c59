import { describe, expect, it } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import type { ScriptOutcome } from '../../src/base/script-result.ts';
import { Notifier } from '../../src/daemon/notify.ts';
import { type NotifySource, planNotice } from '../../src/daemon/notify-plan.ts';
import { NotifyQueue } from '../../src/daemon/notify-queue.ts';
import { EventLog } from '../../src/observe/events.ts';
import type { NoticeState } from '../../src/vrrp/notice.ts';
import { FakeTime } from '../fake/fake-time.ts';

const command = (path: string, ...args: string[]) => ({ path, args });
const source: NotifySource = {
  notify: {
    master: command('/m', 'one'),
    backup: command('/b'),
    fault: command('/f'),
    stop: command('/s'),
    deleted: command('/d'),
    masterRxLowerPri: command('/rx'),
    any: command('/any', '-v'),
  },
  notifiesPriorityChanges: true,
};

describe('planNotice (reference 2.7)', () => {
  const plan = (state: NoticeState, of: NotifySource = source): string[] => {
    const notice = { object: 'INSTANCE', name: 'VI 1', state, priority: 150, reason: 'x' } as const;
    const { runs, line } = planNotice(notice, of);
    return [
      ...runs.map((run) => [run.command.path, ...run.command.args, ...run.args].join('|')),
      ...(line === undefined ? [] : [line]),
    ];
  };

  it.each([
    ['MASTER', ['/m|one', '/any|-v|INSTANCE|VI 1|MASTER|150', 'INSTANCE "VI 1" MASTER 150\n']],
    ['BACKUP', ['/b', '/any|-v|INSTANCE|VI 1|BACKUP|150', 'INSTANCE "VI 1" BACKUP 150\n']],
    ['FAULT', ['/f', '/any|-v|INSTANCE|VI 1|FAULT|150', 'INSTANCE "VI 1" FAULT 150\n']],
    ['STOP', ['/s', '/any|-v|INSTANCE|VI 1|STOP|150', 'INSTANCE "VI 1" STOP 150\n']],
    ['DELETED', ['/d', '/any|-v|INSTANCE|VI 1|DELETED|150', 'INSTANCE "VI 1" DELETED 150\n']],
    ['MASTER_RX_LOWER_PRI', ['/rx', 'INSTANCE "VI 1" MASTER_RX_LOWER_PRI 150\n']],
    ['MASTER_PRIORITY', ['INSTANCE "VI 1" MASTER_PRIORITY 150\n']],
    ['BACKUP_PRIORITY', ['INSTANCE "VI 1" BACKUP_PRIORITY 150\n']],
  ] as const)('%s', (state, expected) => {
    expect(plan(state)).toEqual(expected);
  });

  it('tells priority changes only where that is asked for', () => {
    expect(plan('MASTER_PRIORITY', {})).toEqual([]);
  });

  it('a removed instance without notify_deleted is told as FAULT', () => {
    const notify = { fault: command('/f') };
    expect(plan('DELETED', { notify })).toEqual(['/f', 'INSTANCE "VI 1" FAULT 150\n']);
  });

  it('a group has priority 0 and its own word', () => {
    const notice = {
      object: 'GROUP',
      name: 'G1',
      state: 'BACKUP',
      priority: 0,
      reason: '',
    } as const;
    expect(planNotice(notice, {}).line).toBe('GROUP "G1" BACKUP 0\n');
  });
});

describe('NotifyQueue', () => {
  it('gives one at a time, in order, and leaves out the oldest beyond its bound', () => {
    const queue = new NotifyQueue<string>(2);
    expect(queue.isIdle).toBe(true);
    queue.push('a');
    expect(queue.next()).toBe('a');
    expect([queue.push('b'), queue.push('c'), queue.push('d')]).toEqual([
      undefined,
      undefined,
      'b',
    ]);
    expect(queue.next()).toBeUndefined();
    expect([queue.length, queue.dropped, queue.isIdle]).toEqual([2, 1, false]);
    queue.ended();
    expect(queue.next()).toBe('c');
    queue.ended();
    expect(queue.next()).toBe('d');
    queue.ended();
    expect([queue.next(), queue.isIdle]).toEqual([undefined, true]);
  });
});

describe('Notifier', () => {
  function setUp() {
    const time = new FakeTime();
    const seen: string[] = [];
    const ends: ((outcome: ScriptOutcome) => void)[] = [];
    const notifier = new Notifier({
      clock: time.clock,
      log: silentLog,
      setTimer: time.setTimer,
      run: ({ command: { path } }) => {
        seen.push(`run ${path}`);
        const { promise, resolve } = Promise.withResolvers<ScriptOutcome>();
        ends.push(resolve);
        const result = promise.then((outcome) => ({ outcome, tookMs: 3, stderr: 'words' }));
        return { result, kill: () => {} };
      },
      onResult: (object, { script, outcome }) => seen.push(`${object} ${script}: ${outcome}`),
    });
    const end = async (outcome: ScriptOutcome = { kind: 'exited', code: 0 }): Promise<void> => {
      ends.shift()?.(outcome);
      for (let turn = 0; turn < 8; turn += 1) await Promise.resolve();
    };
    const job = (path: string, state = 'MASTER') => ({ command: command(path), args: [], state });
    return { time, notifier, seen, end, job };
  }

  it('runs an object’s scripts one after the other and those of others beside them', async () => {
    const { notifier, seen, end, job } = setUp();
    notifier.notify('INSTANCE A', [job('/a1'), job('/a2')]);
    notifier.notify('INSTANCE B', [job('/b1')]);
    notifier.notify('INSTANCE A', [job('/a3', 'BACKUP')]);
    expect(seen.splice(0)).toEqual(['run /a1', 'run /b1']);
    await end({ kind: 'timedOut', afterMs: 60_000 });
    expect(seen.splice(0)).toEqual(['INSTANCE A /a1: no end within 60 s, killed', 'run /a2']);
    await end();
    await end();
    expect(seen.splice(0)).toEqual([
      'INSTANCE B /b1: exit status 0',
      'INSTANCE A /a2: exit status 0',
      'run /a3',
    ]);
  });

  it('remembers the last results', async () => {
    const { notifier, end, job } = setUp();
    for (let index = 0; index < 10; index += 1) {
      notifier.notify('INSTANCE A', [job(`/${index}`)]);
      await end();
    }
    const [status] = notifier.status();
    expect(status?.results.map(({ script }) => script)).toEqual(
      [2, 3, 4, 5, 6, 7, 8, 9].map((index) => `/${index}`),
    );
    expect(status?.results[0]).toMatchObject({ state: 'MASTER', tookMs: 3, stderr: 'words' });
  });

  it('can be waited for, within a bound', async () => {
    const { time, notifier, end, job } = setUp();
    const done: string[] = [];
    await notifier.settled(1_000);
    notifier.notify('INSTANCE A', [job('/a')]);
    void notifier.settled(1_000).then(() => done.push('bound'));
    void notifier.settled(9_000).then(() => done.push('idle'));
    time.advance(1_000);
    await end();
    expect(done).toEqual(['bound', 'idle']);
  });
});

describe('EventLog', () => {
  const event = { kind: 'vrrp', object: 'INSTANCE', name: 'VI_1', text: '', fields: {} } as const;

  it('numbers events, forgets the oldest, and says how many were missed', () => {
    const log = new EventLog(3);
    for (let index = 0; index < 5; index += 1) log.add({ ...event, text: `${index}` }, 'now');
    expect(log.since(0)).toMatchObject({ lastSeq: 5, missed: 2 });
    expect(log.since(0).events.map(({ text }) => text)).toEqual(['2', '3', '4']);
    expect(log.since(4)).toMatchObject({ events: [{ seq: 5, at: 'now' }], missed: 0 });
    expect(log.since(5)).toEqual({ events: [], lastSeq: 5, missed: 0 });
  });

  it('a number from before a restart gets everything', () => {
    const log = new EventLog();
    log.add(event, 'now');
    expect(log.since(700)).toMatchObject({ events: [{ seq: 1 }], lastSeq: 1, missed: 0 });
  });

  it('answers long histories in pages', () => {
    const log = new EventLog(2_000);
    for (let index = 0; index < 1_500; index += 1) log.add(event, 'now');
    const first = log.since(0);
    expect(first).toMatchObject({ lastSeq: 1_000, missed: 0 });
    expect(log.since(first.lastSeq).events).toHaveLength(500);
  });
});
