/** What sessions mean to trackers and checks, and the life of the process, with a child that is ours. */
import { beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import type { SessionState } from '../../src/bfd/packet.ts';
import type { SessionReport } from '../../src/bfd/snapshot.ts';
import type { BfdInstanceConfig } from '../../src/config/model-vrrp.ts';
import { BfdGuard } from '../../src/daemon/bfd-guard.ts';
import type { ChildDeath } from '../../src/daemon/child-handle.ts';
import type { NamedBfdReading } from '../../src/daemon/messages.ts';
import type { FromBfd, ToBfd } from '../../src/daemon/messages-bfd.ts';
import type { TrackerState } from '../../src/vrrp/tracker-state.ts';
import { bfdInstance } from '../fake/bfd-instances.ts';
import { FakeTime } from '../fake/fake-time.ts';

const CRASH: ChildDeath = { code: 1, signal: null };

let time: FakeTime;
let children: { say: (message: FromBfd) => void; die: (death: ChildDeath) => void }[];
let told: ToBfd[];
let kills: number;
let tracked: TrackerState[];
let checked: NamedBfdReading[];
let events: SessionReport[];
let guard: BfdGuard;

beforeEach(() => {
  time = new FakeTime();
  children = [];
  told = [];
  kills = 0;
  tracked = [];
  checked = [];
  events = [];
  guard = new BfdGuard({
    clock: time.clock,
    log: silentLog,
    setTimer: time.setTimer,
    spawn: ({ onMessage, onDeath }) => {
      const child = { say: onMessage, die: onDeath };
      children.push(child);
      return {
        pid: children.length,
        send: (message) => {
          told.push(message);
          if (message.kind === 'configure') onMessage({ kind: 'configured', id: message.id });
        },
        kill: () => {
          kills += 1;
          onDeath({ code: null, signal: 'SIGKILL' });
        },
      };
    },
    afterPending: (then) => then(),
    onTracked: (state) => tracked.push(state),
    onChecked: (reading) => checked.push(reading),
    onSession: (report) => events.push(report),
    onRestart: () => {},
  });
});

function report(state: SessionState, changes: Partial<SessionReport> = {}): void {
  const hasBeenUp = state === 'Up';
  const said = { name: 'peer', state, hasBeenUp, reason: `it is ${state}`, ...changes };
  children.at(-1)?.say({ kind: 'report', report: said });
}

/** Lets time pass while the process lives. */
function live(forMs: number): void {
  for (let passed = 0; passed < forMs; passed += 100) {
    time.advance(100);
    children.at(-1)?.say({ kind: 'heartbeat' });
  }
}

const start = (...instances: readonly BfdInstanceConfig[]): Promise<boolean> =>
  guard.configure(instances.length === 0 ? [bfdInstance()] : instances);

describe('a session', () => {
  it('that is up is up for both', async () => {
    await start();
    report('Up');
    expect(tracked).toMatchObject([{ kind: 'bfd', name: 'peer', isUp: true }]);
    expect(checked.at(-1)).toEqual({ name: 'peer', state: 'up', reason: 'it is Up' });
    expect(events).toHaveLength(1);
  });

  it('that was up and is not is down for both, at once', async () => {
    await start();
    report('Up');
    report('Down', { hasBeenUp: true });
    expect(tracked.at(-1)).toMatchObject({ isUp: false });
    expect(checked.at(-1)).toMatchObject({ state: 'down' });
    expect(events.map(({ state }) => state)).toEqual(['Up', 'Down']);
  });

  it('that is new to a daemon that runs has 5 s to come up; then it is down', async () => {
    await start();
    report('Down');
    report('Init');
    live(4_900);
    expect(tracked).toEqual([]);
    expect(checked.at(-1)).toMatchObject({ state: 'unknown' });
    live(200);
    expect(tracked).toMatchObject([{ isUp: false }]);
    expect(checked.at(-1)).toMatchObject({ state: 'down' });
  });

  it.each([
    ['vrrp', { isForVrrp: true, isForChecker: false }, [1, 0]],
    ['checker', { isForVrrp: false, isForChecker: true }, [0, 1]],
  ] as const)('for %s alone is told to nobody else', async (_use, use, counts) => {
    await start(bfdInstance(use));
    report('Up');
    expect([tracked.length, checked.length]).toEqual(counts);
  });
});

describe('a start', () => {
  it('waits for what is tracked to come up', async () => {
    void start();
    let isDone = false;
    const done = guard.firstStandings().then(() => {
      isDone = true;
    });
    report('Down');
    await Promise.resolve();
    expect(isDone).toBe(false);
    report('Up');
    await done;
    expect(tracked.map(({ isUp }) => isUp)).toEqual([true]);
  });

  it('counts as down what is not up after 3 s', async () => {
    void start();
    const done = guard.firstStandings();
    report('Down');
    live(3_000);
    await done;
    expect(tracked.at(-1)).toMatchObject({ name: 'peer', isUp: false });
  });

  it('waits for nothing without sessions of VRRP', async () => {
    void start(bfdInstance({ isForVrrp: false }));
    await guard.firstStandings();
    expect(tracked).toEqual([]);
  });
});

describe('a process that dies', () => {
  it('moves nothing while it is replaced and its sessions come up again', async () => {
    await start();
    report('Up');
    tracked.length = 0;
    children.at(-1)?.die(CRASH);
    expect(checked.at(-1)).toMatchObject({ state: 'unknown' });
    time.advance(0);
    expect(children).toHaveLength(2);
    expect(told.at(-1)).toMatchObject({ kind: 'configure', instances: [{ name: 'peer' }] });
    report('Down');
    live(2_000);
    report('Up');
    expect(tracked.map(({ isUp }) => isUp)).toEqual([true]);
    expect(checked.at(-1)).toMatchObject({ state: 'up' });
    expect(guard.restarts).toBe(1);
  });

  it('and does not come back: trackers are down after 5 s, checks never fail of it', async () => {
    await start();
    report('Up');
    for (let deaths = 0; deaths < 6; deaths += 1) {
      children.at(-1)?.die(CRASH);
      time.advance(1_000);
    }
    expect(tracked.at(-1)).toMatchObject({ isUp: false });
    expect(checked.filter(({ state }) => state === 'down')).toEqual([]);
    expect(checked.at(-1)).toMatchObject({ state: 'unknown' });
  });

  it('is killed and replaced when it is silent for a second', async () => {
    await start();
    live(3_000);
    expect(kills).toBe(0);
    time.advance(1_100);
    expect(kills).toBe(1);
    expect(children).toHaveLength(2);
  });
});

describe('our own trouble', () => {
  it('is no failure of a server, but a tracker fails closed', async () => {
    await start();
    report('Down', { trouble: 'UDP port 3784 cannot be opened' });
    live(5_100);
    expect(tracked.at(-1)).toMatchObject({ isUp: false });
    expect(checked.at(-1)).toMatchObject({ state: 'unknown' });
  });
});

describe('a reload', () => {
  it('without a bfd_instance ends the process; with one again starts it', async () => {
    await start();
    const gone = guard.configure([]);
    expect(told.at(-1)).toEqual({ kind: 'stop' });
    children.at(-1)?.die({ code: 0, signal: null });
    await gone;
    expect(guard.isNeeded).toBe(false);
    expect(guard.restarts).toBe(0);
    await start();
    expect(children).toHaveLength(2);
  });

  it('that turns a session over to checkers tells them how it stands', async () => {
    await start(bfdInstance({ isForChecker: false }));
    report('Up');
    await start(bfdInstance({ isForVrrp: false }));
    expect(checked).toMatchObject([{ name: 'peer', state: 'up' }]);
  });
});
