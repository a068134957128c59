import { describe, expect, it } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import type { ChildDeath } from '../../src/daemon/child-handle.ts';
import type { FromVrrp, Mastership, ToVrrp } from '../../src/daemon/messages.ts';
import { type GuardPorts, VrrpGuard } from '../../src/daemon/vrrp-guard.ts';
import type { TrackerState } from '../../src/vrrp/tracker-state.ts';
import { configWith, vrrpInstance } from '../fake/configs.ts';
import { FakeTime } from '../fake/fake-time.ts';

const config = configWith(vrrpInstance());
const tracker: TrackerState = { kind: 'script', name: 'chk', isUp: false, reason: 'exit status 1' };

/** A child that does only what the test says; remembers what it was told. */
class FakeChild {
  readonly told: ToVrrp[] = [];
  isKilled = false;
  readonly say: (message: FromVrrp) => void;
  readonly #onDeath: (death: ChildDeath) => void;

  constructor(say: (message: FromVrrp) => void, onDeath: (death: ChildDeath) => void) {
    this.say = say;
    this.#onDeath = onDeath;
  }

  die(): void {
    this.#onDeath({ code: null, signal: 'SIGKILL' });
  }
}

function setUp({ awaitsChecks = false, isStarted = true } = {}) {
  const time = new FakeTime();
  const children: FakeChild[] = [];
  const givenUp: string[] = [];
  const heard: string[] = [];
  const ports: GuardPorts = {
    clock: time.clock,
    log: silentLog,
    setTimer: time.setTimer,
    afterPending: (then) => then(),
    giveUp: (_config, masterships) => givenUp.push(...masterships.map(({ name }) => name)),
    trackers: () => [tracker],
    onNotice: ({ name, state }) => heard.push(`${name} ${state}`),
    onReport: ({ name, instance }) => heard.push(`${instance} ${name}`),
    onRestart: (death) => heard.push(death),
    onFatal: () => {},
    spawn: ({ onMessage, onDeath }) => {
      const child = new FakeChild(onMessage, onDeath);
      children.push(child);
      return {
        pid: children.length,
        send: (message) => child.told.push(message),
        kill: () => {
          child.isKilled = true;
          child.die();
        },
      };
    },
  };
  const guard = new VrrpGuard(config, ports, awaitsChecks);
  if (isStarted) guard.start();
  const latest = (): FakeChild => {
    const child = children.at(-1);
    if (child === undefined) throw new Error('No child was started');
    return child;
  };
  const heldNow = (): Mastership[] => [
    { name: 'VI_1', source: { family: 'inet', text: '10.0.0.1' }, lastAdvertSentMs: time.nowMs },
  ];
  /** The latest child is up, holds VI_1 and has just adverted. */
  const becomeMaster = (): void => {
    latest().say({ kind: 'ready' });
    latest().say({ kind: 'heartbeat', masterships: heldNow() });
  };
  return { time, children, givenUp, heard, guard, latest, heldNow, becomeMaster };
}

describe('VrrpGuard', () => {
  it('starts the process with the configuration and nothing to resume', () => {
    const { latest } = setUp();
    expect(latest().told).toEqual([
      { kind: 'start', config, resumeAsMaster: [], trackers: [tracker], awaitsChecks: false },
    ]);
  });

  it('replaces a master that dies and lets the replacement resume', () => {
    const { time, children, givenUp, latest, becomeMaster } = setUp();
    becomeMaster();
    time.advance(400);
    latest().die();
    time.advance(0);
    expect(children).toHaveLength(2);
    expect(latest().told[0]).toMatchObject({ kind: 'start', resumeAsMaster: ['VI_1'] });
    time.advance(300);
    becomeMaster();
    time.advance(900);
    expect(givenUp).toEqual([]);
  });

  it('gives the VIP up when the replacement has not adverted two intervals after the last advert', () => {
    const { time, givenUp, children, latest, becomeMaster } = setUp();
    becomeMaster();
    time.advance(400);
    latest().die();
    time.advance(1_599);
    expect(givenUp).toEqual([]);
    time.advance(1);
    expect(givenUp).toEqual(['VI_1']);
    expect(children[1]?.isKilled).toBe(true);
  });

  it('gives the VIP up at once when the second death comes with a delay before the restart', () => {
    const { time, givenUp, children, latest, becomeMaster } = setUp();
    becomeMaster();
    latest().die();
    time.advance(0);
    becomeMaster();
    latest().die();
    time.advance(0);
    // Two deaths: the restart waits a second, still within the two intervals.
    expect(givenUp).toEqual([]);
    time.advance(1_000);
    becomeMaster();
    latest().die();
    expect(givenUp).toEqual(['VI_1']);
    time.advance(2_000);
    expect(children).toHaveLength(4);
    expect(latest().told[0]).toMatchObject({ resumeAsMaster: [] });
  });

  it('a backup that dies is replaced and nothing is given up', () => {
    const { time, children, givenUp, latest } = setUp();
    latest().say({ kind: 'ready' });
    latest().say({ kind: 'heartbeat', masterships: [] });
    latest().die();
    time.advance(0);
    expect(children).toHaveLength(2);
    expect(givenUp).toEqual([]);
  });

  it('kills a process that says nothing for half an interval, and only then', () => {
    const { time, latest, becomeMaster, children } = setUp();
    becomeMaster();
    time.advance(450);
    becomeMaster();
    time.advance(499);
    expect(children).toHaveLength(1);
    const silent = latest();
    time.advance(1);
    expect(silent.isKilled).toBe(true);
    time.advance(0);
    expect(latest().told[0]).toMatchObject({ resumeAsMaster: ['VI_1'] });
  });

  it('gives a process time to start before silence counts', () => {
    const { time, children } = setUp();
    time.advance(14_000);
    expect(children).toHaveLength(1);
    time.advance(2_000);
    expect(children).toHaveLength(2);
  });

  it('gives the next one twice as long, until one is ready', () => {
    const { time, children, latest } = setUp();
    time.advance(15_000);
    time.advance(0);
    expect(children).toHaveLength(2);
    time.advance(29_000);
    expect(children).toHaveLength(2);
    latest().say({ kind: 'ready' });
    latest().die();
    time.advance(1_000);
    expect(children).toHaveLength(3);
    time.advance(15_000);
    expect(children[2]?.isKilled).toBe(true);
  });

  it('stops in order and gives nothing up when the process has released everything', async () => {
    const { givenUp, guard, latest, becomeMaster } = setUp();
    becomeMaster();
    const stopped = guard.stop();
    expect(latest().told.at(-1)).toEqual({ kind: 'stop' });
    latest().say({ kind: 'stopped' });
    latest().die();
    await stopped;
    expect(givenUp).toEqual([]);
  });

  it('gives up for a process that dies or hangs while it should stop', async () => {
    const { time, givenUp, guard, becomeMaster } = setUp();
    becomeMaster();
    const stopped = guard.stop();
    time.advance(4_000);
    await stopped;
    expect(givenUp).toEqual(['VI_1']);
  });

  it('answers a snapshot with undefined when the process dies over it', async () => {
    const { guard, latest, becomeMaster } = setUp();
    becomeMaster();
    const snapshot = guard.snapshot();
    latest().die();
    await expect(snapshot).resolves.toBeUndefined();
  });

  it('a replacement gets the present states of the trackers with its start', () => {
    const { time, latest, becomeMaster } = setUp();
    becomeMaster();
    latest().die();
    time.advance(0);
    expect(latest().told[0]).toMatchObject({ resumeAsMaster: ['VI_1'], trackers: [tracker] });
  });

  it('passes on what is tracked, all of it before a new configuration', () => {
    const { guard, latest } = setUp();
    guard.tellTrackers([]);
    guard.reconfigure(config);
    expect(latest().told.slice(1)).toEqual([
      { kind: 'trackers', states: [] },
      { kind: 'trackers', states: [tracker] },
      { kind: 'reconfigure', id: 1, config },
    ]);
  });

  it('passes on notices, reports and deaths', () => {
    const { latest, heard } = setUp();
    const told = { object: 'INSTANCE', name: 'VI_1', priority: 100, reason: 'x' } as const;
    latest().say({ kind: 'notice', notice: { ...told, state: 'MASTER' } });
    const report = { name: 'splitBrainDetected', instance: 'VI_1', fields: {} } as const;
    latest().say({ kind: 'report', report });
    latest().die();
    expect(heard).toEqual(['VI_1 MASTER', 'VI_1 splitBrainDetected', 'signal SIGKILL']);
  });

  it('answers a handover with what the process says, and with undefined when it dies over it', async () => {
    const { guard, latest, becomeMaster } = setUp();
    becomeMaster();
    const outcome = { ok: true, successor: '10.0.0.2', tookMs: 12 } as const;
    const asked = guard.handover('VI_1');
    expect(latest().told.at(-1)).toEqual({ kind: 'handover', id: 1, instance: 'VI_1' });
    latest().say({ kind: 'handedOver', id: 1, outcome });
    await expect(asked).resolves.toEqual(outcome);
    const lost = guard.handover('VI_1');
    latest().die();
    await expect(lost).resolves.toBeUndefined();
    await expect(guard.handover('VI_1')).resolves.toBeUndefined();
  });

  it('lets the process wait for the first checks, also one that replaces it, until they are done', () => {
    const { guard, latest, time } = setUp({ awaitsChecks: true });
    expect(latest().told[0]).toMatchObject({ awaitsChecks: true });
    latest().die();
    time.advance(10_000);
    expect(latest().told).toMatchObject([{ kind: 'start', awaitsChecks: true }]);
    guard.serversChecked();
    guard.serversChecked();
    expect(latest().told.slice(1)).toEqual([{ kind: 'serversChecked' }]);
    latest().die();
    time.advance(10_000);
    expect(latest().told[0]).toMatchObject({ awaitsChecks: false });
  });

  it('has a process in reserve, which takes over from one that dies, and then another', () => {
    const { time, children, latest, givenUp, heldNow, becomeMaster } = setUp();
    const working = latest();
    becomeMaster();
    const keepBeating = (ms: number): void => {
      for (let passed = 0; passed < ms; passed += 100) {
        time.advance(100);
        working.say({ kind: 'heartbeat', masterships: heldNow() });
      }
    };
    keepBeating(5_000);
    expect(children).toHaveLength(2);
    const reserve = latest();
    expect(reserve.told).toEqual([]);
    working.die();
    time.advance(0);
    expect(children).toHaveLength(2);
    expect(reserve.told).toMatchObject([{ kind: 'start', resumeAsMaster: ['VI_1'] }]);
    becomeMaster();
    expect(givenUp).toEqual([]);
  });

  it('has the process serve on alone when this program goes, and no silence counts any more', async () => {
    const { time, children, guard, latest, becomeMaster, heldNow } = setUp();
    const working = latest();
    becomeMaster();
    for (let passed = 0; passed < 2_000; passed += 100) {
      time.advance(100);
      working.say({ kind: 'heartbeat', masterships: heldNow() });
    }
    const answer = guard.awaitSuccessor(30_000);
    expect(working.told.at(-1)).toEqual({ kind: 'awaitSuccessor', id: 1, graceMs: 30_000 });
    expect(children.map(({ isKilled }) => isKilled)).toEqual([false, true]);
    working.say({ kind: 'awaitsSuccessor', id: 1, masterships: heldNow() });
    await expect(answer).resolves.toEqual(heldNow());
    time.advance(20_000);
    expect(working.isKilled).toBe(false);
  });

  it('goes on with what a predecessor held until now, once its process is loaded', async () => {
    const { time, guard, latest, givenUp, heldNow, becomeMaster } = setUp({ isStarted: false });
    guard.prepare();
    let isLoaded = false;
    void guard.loaded().then(() => {
      isLoaded = true;
    });
    await Promise.resolve();
    expect([isLoaded, latest().told]).toEqual([false, []]);
    latest().say({ kind: 'loaded' });
    await guard.loaded();
    guard.start(heldNow());
    expect(latest().told).toMatchObject([{ kind: 'start', resumeAsMaster: ['VI_1'] }]);
    time.advance(1_900);
    becomeMaster();
    time.advance(200);
    expect(givenUp).toEqual([]);
  });

  it('gives up what its process does not go on with in time', () => {
    const { time, guard, latest, givenUp, heldNow } = setUp({ isStarted: false });
    guard.prepare();
    guard.start(heldNow());
    const late = latest();
    time.advance(2_000);
    expect(givenUp).toEqual(['VI_1']);
    expect(late.isKilled).toBe(true);
  });

  it('a reserve that dies is no death of the process, and ends with an orderly stop', async () => {
    const { time, children, latest, heard, guard, becomeMaster } = setUp();
    const working = latest();
    becomeMaster();
    for (let passed = 0; passed < 5_000; passed += 100) {
      time.advance(100);
      working.say({ kind: 'heartbeat', masterships: [] });
    }
    const reserve = latest();
    expect(reserve).not.toBe(working);
    reserve.die();
    expect(heard).toEqual([]);
    working.die();
    time.advance(0);
    expect(children).toHaveLength(3);
    const replacement = latest();
    replacement.say({ kind: 'ready' });
    for (let passed = 0; passed < 5_000; passed += 100) {
      time.advance(100);
      replacement.say({ kind: 'heartbeat', masterships: [] });
    }
    expect(children).toHaveLength(4);
    const stopped = guard.stop();
    expect(latest().isKilled).toBe(true);
    replacement.say({ kind: 'stopped' });
    replacement.die();
    await stopped;
  });
});
