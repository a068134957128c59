/** `lvsd handover`: of one instance, and of a sync group as a whole. */
import { describe, expect, it } from 'vitest';
import { parseAddress } from '../../src/base/address.ts';
import { type Handable, handOver } from '../../src/daemon/handover.ts';
import type { HandoverOutcome } from '../../src/daemon/messages.ts';
import type { HandoverEnd } from '../../src/vrrp/ports.ts';

type Obstacle = ReturnType<Handable['handoverObstacle']>;

class Member implements Handable {
  readonly config: Handable['config'];
  readonly #obstacle: Obstacle;
  /** Ends the handover that has begun. */
  end: ((end: HandoverEnd) => void) | undefined;

  constructor(name: string, syncGroup?: string, obstacle?: Obstacle) {
    this.config = syncGroup === undefined ? { name } : { name, syncGroup };
    this.#obstacle = obstacle;
  }

  handoverObstacle(): Obstacle {
    return this.#obstacle;
  }

  handOver(onEnd: (end: HandoverEnd) => void): void {
    this.end = onEnd;
  }
}

function begin(name: string, ...members: readonly Member[]) {
  const outcomes: HandoverOutcome[] = [];
  let nowMs = 1000;
  const clock = { monotonicMs: () => nowMs, realtimeMs: () => 0 };
  const hosts = new Map(members.map((member) => [member.config.name, member]));
  handOver(name, hosts, clock, (outcome) => outcomes.push(outcome));
  nowMs = 1250;
  return outcomes;
}

function successor(text: string): HandoverEnd {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`Not an address: ${text}`);
  return { ok: true, successor: address };
}

describe('of one instance', () => {
  it('says who took over and how long it took', () => {
    const member = new Member('VI_1');
    const outcomes = begin('VI_1', member, new Member('VI_2'));
    expect(outcomes).toEqual([]);
    member.end?.(successor('10.0.0.2'));
    expect(outcomes).toEqual([{ ok: true, successor: '10.0.0.2', tookMs: 250 }]);
  });

  it('leaves every other instance alone', () => {
    const other = new Member('VI_2');
    begin('VI_1', new Member('VI_1'), other);
    expect(other.end).toBeUndefined();
  });

  it('of a name that is none is refused', () => {
    expect(begin('VI_9', new Member('VI_1'))).toMatchObject([
      { ok: false, code: 'UNKNOWN_INSTANCE', message: expect.stringContaining('lvsd status') },
    ]);
  });

  it('that nobody takes over is told as that', () => {
    const member = new Member('VI_1');
    const outcomes = begin('VI_1', member);
    member.end?.({ ok: false, code: 'NO_SUCCESSOR' });
    expect(outcomes).toMatchObject([{ ok: false, code: 'NO_SUCCESSOR' }]);
  });
});

describe('of a sync group', () => {
  it('is over when its last member is, with the successor of the one that was named', () => {
    const [first, second] = [new Member('VI_1', 'G1'), new Member('VI_2', 'G1')];
    const outcomes = begin('VI_2', first, second);
    second.end?.(successor('10.0.1.2'));
    expect(outcomes).toEqual([]);
    first.end?.(successor('10.0.0.2'));
    expect(outcomes).toEqual([{ ok: true, successor: '10.0.1.2', tookMs: 250 }]);
  });

  it('fails when one member found no successor', () => {
    const [first, second] = [new Member('VI_1', 'G1'), new Member('VI_2', 'G1')];
    const outcomes = begin('VI_1', first, second);
    second.end?.({ ok: false, code: 'NO_SUCCESSOR' });
    first.end?.({ ok: false, code: 'NO_SUCCESSOR' });
    expect(outcomes).toMatchObject([{ ok: false, code: 'NO_SUCCESSOR' }]);
  });

  it.each<NonNullable<Obstacle>>(['NOT_MASTER', 'ADDRESS_OWNER', 'BUSY'])(
    'does not begin at all when a member says %s',
    (code) => {
      const [first, second] = [new Member('VI_1', 'G1'), new Member('VI_2', 'G1', code)];
      expect(begin('VI_1', first, second)).toMatchObject([{ ok: false, code }]);
      expect([first.end, second.end]).toEqual([undefined, undefined]);
    },
  );
});
