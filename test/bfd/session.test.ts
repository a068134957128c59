/** One session, moved by hand; a test for each MUST, with the section that says it. */
import { describe, expect, it } from 'vitest';
import type { ControlPacket, SessionState } from '../../src/bfd/packet.ts';
import {
  deadlineOf,
  detectionTimeMs,
  openSession,
  type Session,
  type SessionAction,
  type SessionConfig,
  type SessionEvent,
  step,
  transmitIntervalMs,
} from '../../src/bfd/session.ts';
import { packet } from './packets.ts';

const config: SessionConfig = {
  minTxMs: 10,
  minRxMs: 10,
  idleTxMs: 1_000,
  multiplier: 5,
  isPassive: false,
};
const OURS = 42;
const THEIRS = 0x0a0b0c0d;

/** A session and its time. `chance` 1: no jitter. */
class Stage {
  session: Session;
  nowMs = 0;
  chance = 1;
  readonly sent: { readonly atMs: number; readonly packet: ControlPacket }[] = [];
  readonly changes: string[] = [];

  constructor(changes: Partial<SessionConfig> = {}) {
    this.session = openSession({ ...config, ...changes }, OURS, { nowMs: 0, chance: 1 });
  }

  do(event: SessionEvent): readonly SessionAction[] {
    const { nowMs, chance } = this;
    const { session, actions } = step(this.session, event, { nowMs, chance });
    this.session = session;
    for (const action of actions) {
      if (action.kind === 'send') this.sent.push({ atMs: nowMs, packet: action.packet });
      else this.changes.push(`${action.from} ${action.to} ${action.diagnostic}`);
    }
    return actions;
  }

  /** What the neighbour says, now. */
  hear(state: SessionState, changes: Partial<ControlPacket> = {}): readonly SessionAction[] {
    const yourDiscriminator = state === 'Down' || state === 'AdminDown' ? 0 : OURS;
    const heard = packet({ state, yourDiscriminator, ...changes });
    return this.do({ kind: 'packet', packet: heard, receivedMs: this.nowMs });
  }

  /** Moves on to the next deadline, again and again, until `untilMs`. */
  run(untilMs: number): this {
    for (;;) {
      const deadlineMs = deadlineOf(this.session);
      if (deadlineMs === undefined || deadlineMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, deadlineMs);
      this.do({ kind: 'timer' });
    }
    this.nowMs = untilMs;
    return this;
  }

  /** Takes what was sent since. */
  take(): readonly ControlPacket[] {
    return this.sent.splice(0).map((each) => each.packet);
  }
}

/** Up, with the Poll Sequence of that behind it; the neighbour wants 3 x 20 ms. */
function up(changes: Partial<SessionConfig> = {}): Stage {
  const stage = new Stage(changes);
  stage.run(0);
  stage.hear('Down');
  stage.hear('Init', FAST);
  stage.run(10);
  stage.hear('Up', { ...FAST, isFinal: true });
  expect(stage.session.state).toBe('Up');
  expect(stage.session.poll).toBe('none');
  stage.take();
  return stage;
}

const FAST = { desiredMinTxUs: 20_000, requiredMinRxUs: 10_000 } as const;

describe('RFC 5880 6.8.6: the state machine', () => {
  const states: readonly SessionState[] = ['AdminDown', 'Down', 'Init', 'Up'];
  const table: Readonly<Record<'Down' | 'Init' | 'Up', readonly SessionState[]>> = {
    Down: ['Down', 'Init', 'Up', 'Down'],
    Init: ['Down', 'Init', 'Up', 'Up'],
    Up: ['Down', 'Down', 'Up', 'Up'],
  };
  const rows = Object.entries(table).flatMap(([from, expected]) =>
    states.map((received, index) => [from as SessionState, received, expected[index]] as const),
  );
  it.each(rows)('%s, received %s: %s', (from, received, to) => {
    const stage = new Stage();
    if (from !== 'Down') stage.hear('Down');
    if (from === 'Up') stage.hear('Init');
    expect(stage.session.state).toBe(from);
    stage.hear(received);
    expect(stage.session.state).toBe(to);
  });

  it('names the neighbour when that takes an Up session down: diagnostic 3', () => {
    const stage = up();
    stage.changes.length = 0;
    stage.hear('Down');
    expect(stage.changes).toEqual(['Up Down 3']);
    expect(stage.session.diagnostic).toBe(3);
  });

  it('discards everything in AdminDown', () => {
    const stage = up();
    stage.do({ kind: 'closed' });
    const before = stage.session;
    expect(stage.hear('Up', { isPoll: true })).toEqual([]);
    expect(stage.session).toBe(before);
  });
});

describe('RFC 5880 6.8.4: the detection time', () => {
  it('is the remote Detect Mult times the greater of our Required Min RX and its Desired Min TX', () => {
    expect(detectionTimeMs(up().session)).toBe(3 * 20);
    expect(detectionTimeMs(up({ minRxMs: 50 }).session)).toBe(3 * 50);
  });

  it('when it expires the session MUST go Down with diagnostic 1', () => {
    const stage = up();
    stage.changes.length = 0;
    const heardMs = stage.nowMs;
    stage.run(heardMs + 59.9);
    expect(stage.session.state).toBe('Up');
    stage.run(heardMs + 60);
    expect(stage.changes).toEqual(['Up Down 1']);
  });

  it('counts from the arrival of the last packet, not from when it was handed over', () => {
    const stage = up();
    stage.nowMs += 30;
    const arrivedMs = stage.nowMs - 4;
    const heard = packet({ state: 'Up', yourDiscriminator: OURS, ...FAST });
    stage.do({ kind: 'packet', packet: heard, receivedMs: arrivedMs });
    stage.run(arrivedMs + 59.9);
    expect(stage.session.state).toBe('Up');
    stage.run(arrivedMs + 60);
    expect(stage.session.state).toBe('Down');
  });

  it('takes an Init session down too', () => {
    const stage = new Stage();
    stage.hear('Down', { desiredMinTxUs: 20_000 });
    expect(stage.session.state).toBe('Init');
    stage.run(60);
    expect(stage.session.state).toBe('Down');
  });

  it('a timer that fires early does nothing', () => {
    const stage = up();
    stage.run(stage.nowMs);
    const before = stage.session;
    expect(stage.do({ kind: 'timer' })).toEqual([]);
    expect(stage.session).toBe(before);
  });
});

describe('RFC 5880 6.8.1: the discriminator of the neighbour', () => {
  it('goes into every packet once it is known', () => {
    expect(
      up()
        .run(30)
        .take()
        .map((each) => each.yourDiscriminator),
    ).toContain(THEIRS);
  });

  it('MUST be set to 0 after a detection time of silence, in any state', () => {
    const stage = up();
    stage.run(stage.nowMs + 60);
    expect(stage.session.remote.discriminator).toBe(0);
    const down = new Stage();
    down.hear('AdminDown', { desiredMinTxUs: 20_000 });
    expect(down.session.remote.discriminator).toBe(THEIRS);
    down.run(60);
    expect(down.session).toMatchObject({ state: 'Down', remote: { discriminator: 0 } });
  });
});

describe('RFC 5880 6.8.3: a session that is not Up', () => {
  it('MUST want no less than a second between packets, whatever min_tx and idle_tx say', () => {
    const stage = new Stage({ idleTxMs: 100 });
    stage.run(3_500);
    expect(stage.sent.map(({ atMs }) => atMs)).toEqual([0, 1_000, 2_000, 3_000]);
    expect(new Set(stage.take().map((each) => each.desiredMinTxUs))).toEqual(new Set([1_000_000]));
  });

  it('sends every idle_tx where that is longer', () => {
    const stage = new Stage({ idleTxMs: 2_500 });
    stage.run(5_000);
    expect(stage.sent.map(({ atMs }) => atMs)).toEqual([0, 2_500, 5_000]);
  });

  it('wants a second again when it went down', () => {
    const stage = up();
    stage.run(stage.nowMs + 60);
    expect(stage.take().at(-1)).toMatchObject({ state: 'Down', desiredMinTxUs: 1_000_000 });
    expect(transmitIntervalMs(stage.session)).toBe(1_000);
  });
});

describe('RFC 5880 6.8.3, 6.5: a change of intervals', () => {
  const slower: SessionConfig = { ...config, minTxMs: 200, minRxMs: 10 };

  it('MUST begin a Poll Sequence: on coming Up', () => {
    const stage = new Stage();
    stage.hear('Down');
    stage.hear('Init', FAST);
    expect(stage.take().at(-1)).toMatchObject({
      state: 'Up',
      isPoll: true,
      desiredMinTxUs: 10_000,
    });
  });

  it('MUST begin a Poll Sequence: by configuration, on the packets that are sent anyway', () => {
    const stage = up();
    expect(stage.do({ kind: 'configured', config: { ...config, minRxMs: 50 } })).toEqual([]);
    stage.run(stage.nowMs + 10);
    expect(stage.take()).toMatchObject([{ isPoll: true, requiredMinRxUs: 50_000 }]);
  });

  it('polls until the Final, and not after it', () => {
    const stage = up();
    stage.do({ kind: 'configured', config: { ...config, minRxMs: 50 } });
    stage.run(stage.nowMs + 30);
    expect(stage.take().map(({ isPoll }) => isPoll)).toEqual([true, true, true]);
    stage.hear('Up', { ...FAST, isFinal: true });
    stage.run(stage.nowMs + 20);
    expect(stage.take().map(({ isPoll }) => isPoll)).toEqual([false, false]);
  });

  it('to slower sending MUST NOT be used before the Poll Sequence ended', () => {
    const stage = up();
    stage.do({ kind: 'configured', config: slower });
    stage.run(stage.nowMs + 10);
    expect(stage.take()).toMatchObject([{ isPoll: true, desiredMinTxUs: 200_000 }]);
    expect(transmitIntervalMs(stage.session)).toBe(10);
    stage.hear('Up', { ...FAST, isFinal: true });
    expect(transmitIntervalMs(stage.session)).toBe(200);
  });

  it('to faster sending is used at once', () => {
    const stage = up({ minTxMs: 100 });
    stage.do({ kind: 'configured', config });
    expect(transmitIntervalMs(stage.session)).toBe(10);
  });

  it('to a smaller Required Min RX MUST NOT shorten the detection time before it ended', () => {
    const stage = up({ minRxMs: 100 });
    stage.do({ kind: 'configured', config: { ...config, minRxMs: 10 } });
    expect(detectionTimeMs(stage.session)).toBe(300);
    stage.run(stage.nowMs + 10);
    stage.hear('Up', { ...FAST, isFinal: true });
    expect(detectionTimeMs(stage.session)).toBe(60);
  });

  it('to a greater Required Min RX lengthens the detection time at once', () => {
    const stage = up();
    stage.do({ kind: 'configured', config: { ...config, minRxMs: 100 } });
    expect(detectionTimeMs(stage.session)).toBe(300);
  });

  it('during a Poll Sequence begins another one: the first Final is not about it', () => {
    const stage = up();
    stage.do({ kind: 'configured', config: { ...config, minRxMs: 50 } });
    stage.run(stage.nowMs + 10);
    stage.do({ kind: 'configured', config: slower });
    stage.hear('Up', { ...FAST, isFinal: true });
    expect(transmitIntervalMs(stage.session)).toBe(10);
    stage.run(stage.nowMs + 10);
    expect(stage.take().at(-1)).toMatchObject({ isPoll: true, desiredMinTxUs: 200_000 });
    stage.hear('Up', { ...FAST, isFinal: true });
    expect(transmitIntervalMs(stage.session)).toBe(200);
    expect(stage.session.poll).toBe('none');
  });

  it('is not ended by a Final that no Poll asked for', () => {
    const stage = up();
    stage.do({ kind: 'configured', config: slower });
    stage.hear('Up', { ...FAST, isFinal: true });
    expect(stage.session.poll).toBe('due');
    expect(transmitIntervalMs(stage.session)).toBe(10);
  });

  it('of the neighbour is honoured at once, also in the middle of an interval', () => {
    const stage = up({ minTxMs: 10 });
    stage.hear('Up', { ...FAST, requiredMinRxUs: 500_000 });
    expect(transmitIntervalMs(stage.session)).toBe(500);
    stage.run(stage.nowMs + 20);
    stage.take();
    stage.hear('Up', { ...FAST, requiredMinRxUs: 10_000 });
    stage.run(stage.nowMs + 1);
    expect(stage.take()).toHaveLength(1);
  });

  it('by a reload leaves the session Up', () => {
    const stage = up();
    stage.changes.length = 0;
    stage.do({ kind: 'configured', config: slower });
    stage.do({ kind: 'configured', config: { ...config, multiplier: 9 } });
    expect(stage.session.state).toBe('Up');
    expect(stage.changes).toEqual([]);
  });
});

describe('RFC 5880 6.8.7: packets', () => {
  it.each([
    [5, 0, 7.5],
    [5, 1, 10],
    [1, 0, 7.5],
    [1, 1, 9],
  ])('MUST be jittered: Detect Mult %d, chance %d: %d ms of 10', (multiplier, chance, gapMs) => {
    const stage = up({ multiplier });
    stage.chance = chance;
    stage.run(stage.nowMs + 10);
    const [sent] = stage.sent.slice(-1);
    expect((deadlineOf(stage.session) ?? 0) - (sent?.atMs ?? 0)).toBeCloseTo(gapMs, 6);
  });

  it('are as far apart as the greater of our Desired Min TX and its Required Min RX (6.8.2)', () => {
    const stage = up();
    expect(transmitIntervalMs(stage.session)).toBe(10);
    stage.hear('Up', { ...FAST, requiredMinRxUs: 70_000 });
    expect(transmitIntervalMs(stage.session)).toBe(70);
  });

  it('MUST NOT be sent periodically where the neighbour requires a Min RX of 0', () => {
    const stage = up();
    stage.hear('Up', { ...FAST, requiredMinRxUs: 0 });
    stage.run(stage.nowMs + 50);
    expect(stage.take()).toEqual([]);
  });

  it('MUST NOT be sent by a passive session before the neighbour is heard, and not after it is lost', () => {
    const stage = new Stage({ isPassive: true });
    stage.run(10_000);
    expect(stage.take()).toEqual([]);
    stage.hear('Down', { desiredMinTxUs: 20_000 });
    expect(stage.take()).toMatchObject([{ state: 'Init', yourDiscriminator: THEIRS }]);
    stage.run(stage.nowMs + 60);
    stage.take();
    stage.run(stage.nowMs + 10_000);
    expect(stage.take()).toEqual([]);
  });

  it('MUST NOT be sent periodically to a neighbour in Demand mode while both are Up', () => {
    const stage = up();
    stage.hear('Up', { ...FAST, isDemand: true });
    stage.run(stage.nowMs + 50);
    expect(stage.take()).toEqual([]);
  });

  it('go on to a neighbour in Demand mode for a Poll Sequence', () => {
    const stage = up();
    stage.hear('Up', { ...FAST, isDemand: true });
    stage.do({ kind: 'configured', config: { ...config, minRxMs: 50 } });
    stage.run(stage.nowMs + 10);
    expect(stage.take().length).toBeGreaterThan(0);
    stage.hear('Up', { ...FAST, isDemand: true, isFinal: true });
    stage.take();
    stage.run(stage.nowMs + 50);
    expect(stage.take()).toEqual([]);
  });

  it('answer a Poll at once, with F and without P, beside the periodic ones', () => {
    const stage = up();
    stage.nowMs += 3;
    const deadlineMs = deadlineOf(stage.session);
    stage.hear('Up', { ...FAST, isPoll: true });
    expect(stage.take()).toMatchObject([{ isFinal: true, isPoll: false }]);
    expect(deadlineOf(stage.session)).toBe(deadlineMs);
  });

  it('tell a change of state without waiting for the interval', () => {
    const stage = up();
    stage.nowMs += 3;
    stage.hear('Down');
    expect(stage.take()).toMatchObject([{ state: 'Down', diagnostic: 3 }]);
  });

  it('offer no echo, no demand mode, no authentication', () => {
    expect(up().run(30).take().at(-1)).toMatchObject({
      requiredMinEchoRxUs: 0,
      isDemand: false,
      hasAuthentication: false,
      isControlPlaneIndependent: false,
      detectMult: 5,
    });
  });
});

describe('RFC 5880 6.8.16: a session that is removed', () => {
  it('tells the neighbour AdminDown, diagnostic 7, and is silent then', () => {
    const stage = up();
    stage.do({ kind: 'closed' });
    expect(stage.take()).toMatchObject([
      { state: 'AdminDown', diagnostic: 7, yourDiscriminator: THEIRS, desiredMinTxUs: 1_000_000 },
    ]);
    stage.run(stage.nowMs + 5_000);
    expect(stage.take()).toEqual([]);
  });

  it('says nothing where it has not spoken yet: passive, and nobody heard', () => {
    const stage = new Stage({ isPassive: true });
    stage.do({ kind: 'closed' });
    expect(stage.take()).toEqual([]);
  });
});
