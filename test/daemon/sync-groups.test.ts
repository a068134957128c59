/** Groups of real state machines, driven by the coordinator: together or not at all. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SyncGroups } from '../../src/daemon/sync-groups.ts';
import { initialState, step } from '../../src/vrrp/fsm.ts';
import type { Event, RouterConfig, State, TimerName } from '../../src/vrrp/machine.ts';
import { decide } from '../../src/vrrp/sync-group.ts';
import { ip, router } from '../vrrp/router.ts';

const NAMES = ['VI_1', 'VI_2'] as const;
type Name = (typeof NAMES)[number];
const span = { file: 'test.conf', line: 1, column: 1, endLine: 1, endColumn: 2 };

class Director {
  readonly states = new Map<string, State>();
  readonly said: string[] = [];
  readonly notices: string[] = [];
  /** How handovers ended. */
  readonly ended: string[] = [];
  readonly #configs = new Map<string, RouterConfig>();
  readonly #queue: (readonly [string, Event])[] = [];
  #isRunning = false;
  #nowMs = 0;
  readonly #groups = new SyncGroups({
    force: (member, order, by) => this.feed(member, { kind: 'groupForced', order, by }),
    onNotice: ({ name, state, priority }) => this.notices.push(`${name} ${state} ${priority}`),
  });

  /** The interface of `missing` is not there: its host says FAULT, and no instance stands. */
  constructor(priority = 100, missing?: Name) {
    this.#groups.configure([
      {
        name: 'G1',
        span,
        members: NAMES,
        usesMemberWeights: false,
        notifiesPriorityChanges: false,
      },
    ]);
    for (const name of NAMES) {
      const config = router({ name, priority, syncGroup: 'G1' });
      this.#configs.set(name, config);
      this.states.set(name, initialState(config));
    }
    this.#groups.batch(() => {
      for (const name of NAMES) {
        if (name === missing) this.#groups.hear(name, 'FAULT');
        else this.appear(name);
      }
    });
  }

  appear(name: Name): void {
    this.feed(name, { kind: 'started', isLinkUp: true, resumeAsMaster: false });
  }

  names(): readonly string[] {
    return NAMES.map((name) => this.states.get(name)?.name ?? '?');
  }

  feed(name: string, event: Event): void {
    this.#queue.push([name, event]);
    if (this.#isRunning) return;
    this.#isRunning = true;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      this.#run(...next);
    }
    this.#isRunning = false;
  }

  handOver(): void {
    for (const name of NAMES) this.feed(name, { kind: 'handoverRequested' });
  }

  hear(name: Name, priority: number): void {
    const source = ip('10.0.0.2');
    this.feed(name, { kind: 'advertReceived', source, priority, advertIntervalMs: 1000 });
  }

  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      const due = [...this.states]
        .flatMap(([name, { timers }]) =>
          (Object.entries(timers) as [TimerName, number][]).map((timer) => [name, timer] as const),
        )
        .sort(([, [, left]], [, [, right]]) => left - right)[0];
      if (due === undefined || due[1][1] > untilMs) break;
      const [name, [timer, deadlineMs]] = due;
      this.#nowMs = deadlineMs;
      this.feed(name, { kind: 'timerFired', timer, deadlineMs });
    }
    this.#nowMs = untilMs;
  }

  #run(name: string, event: Event): void {
    const [config, state] = [this.#configs.get(name), this.states.get(name)];
    if (config === undefined || state === undefined) return;
    const next = step(config, state, event, this.#nowMs);
    this.states.set(name, next.state);
    for (const action of next.actions) {
      if (action.kind === 'sendAdvert') this.said.push(`${name} prio ${action.priority}`);
      if (action.kind === 'announce') this.said.push(`${name} announces ${action.burst}`);
      if (action.kind === 'handedOver') {
        const { end } = action;
        this.ended.push(`${name} ${end.ok ? end.successor.text : end.code}`);
      }
      if (action.kind === 'tellGroup') this.#groups.hear(name, action.tells);
    }
  }
}

describe('a sync group of two', () => {
  it('becomes master together, and says so once', () => {
    const director = new Director();
    director.advance(2000);
    director.hear('VI_1', 200);
    director.advance(2000);
    expect(director.names()).toEqual(['BACKUP', 'BACKUP']);
    director.advance(2000);
    expect(director.names()).toEqual(['MASTER', 'MASTER']);
    expect(director.notices).toEqual(['G1 BACKUP 0', 'G1 MASTER 0']);
  });

  it('steps back together, the others make before break', () => {
    const director = new Director();
    director.advance(5000);
    director.hear('VI_1', 200);
    expect(director.names()).toEqual(['BACKUP', 'MASTER']);
    expect(director.said.at(-1)).toBe('VI_2 prio 0');
    director.hear('VI_2', 200);
    director.advance(20);
    expect(director.names()).toEqual(['BACKUP', 'BACKUP']);
    expect(director.notices.at(-1)).toBe('G1 BACKUP 0');
  });

  it('fails together and comes back together', () => {
    const director = new Director();
    director.advance(5000);
    director.feed('VI_2', { kind: 'linkChanged', isUp: false });
    expect(director.names()).toEqual(['FAULT', 'FAULT']);
    director.feed('VI_1', { kind: 'trackingChanged', priority: 100, faults: ['script chk'] });
    director.feed('VI_2', { kind: 'linkChanged', isUp: true });
    expect(director.names()).toEqual(['FAULT', 'FAULT']);
    director.feed('VI_1', { kind: 'trackingChanged', priority: 100, faults: [] });
    expect(director.names()).toEqual(['BACKUP', 'BACKUP']);
    director.advance(5000);
    expect(director.names()).toEqual(['MASTER', 'MASTER']);
  });

  it('is in FAULT while the interface of a member is missing, and begins when it comes', () => {
    const director = new Director(100, 'VI_2');
    director.advance(10_000);
    expect(director.names()).toEqual(['FAULT', 'INIT']);
    director.appear('VI_2');
    expect(director.names()).toEqual(['BACKUP', 'BACKUP']);
    director.advance(5000);
    expect(director.names()).toEqual(['MASTER', 'MASTER']);
  });

  it('of owners comes back from a fault as master, together', () => {
    const director = new Director(255);
    director.advance(1000);
    director.feed('VI_2', { kind: 'linkChanged', isUp: false });
    expect(director.names()).toEqual(['FAULT', 'FAULT']);
    director.feed('VI_2', { kind: 'linkChanged', isUp: true });
    director.advance(0);
    expect(director.names()).toEqual(['MASTER', 'MASTER']);
  });

  it('of owners is master at once, but together', () => {
    const director = new Director(255);
    director.advance(0);
    expect(director.names()).toEqual(['MASTER', 'MASTER']);
  });

  it('is handed over as a whole: the first member waits for the second', () => {
    const director = new Director();
    director.advance(5000);
    director.handOver();
    director.hear('VI_1', 50);
    director.advance(500);
    expect(director.names()).toEqual(['MASTER', 'MASTER']);
    director.hear('VI_2', 50);
    director.advance(20);
    expect(director.names()).toEqual(['BACKUP', 'BACKUP']);
    expect(director.ended).toEqual(['VI_1 10.0.0.2', 'VI_2 10.0.0.2']);
  });

  it('comes back as a whole when one member finds no successor', () => {
    const director = new Director();
    director.advance(5000);
    director.handOver();
    director.hear('VI_1', 50);
    director.said.length = 0;
    director.advance(2500);
    expect(director.names()).toEqual(['MASTER', 'MASTER']);
    expect(director.ended).toEqual(['VI_2 NO_SUCCESSOR', 'VI_1 NO_SUCCESSOR']);
    // The clients went to the successor of the first: they are fetched back before it lets go.
    const back = director.said.filter((line) => line.startsWith('VI_1'));
    expect(back).toEqual(['VI_1 announces master', 'VI_1 prio 100']);
  });

  it('fails as a whole in the middle of a handover', () => {
    const director = new Director();
    director.advance(5000);
    director.handOver();
    director.hear('VI_1', 50);
    director.advance(500);
    director.feed('VI_2', { kind: 'linkChanged', isUp: false });
    expect(director.names()).toEqual(['FAULT', 'FAULT']);
  });

  it('announces everything when one member meets a lower-priority master', () => {
    const director = new Director();
    director.advance(5000);
    director.said.length = 0;
    director.hear('VI_1', 50);
    expect(director.said).toContain('VI_1 announces lowerPriority');
    expect(director.said).toContain('VI_2 announces lowerPriority');
  });
});

describe('every history of a group', () => {
  const event = fc.oneof(
    fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(5000) }),
    fc.record({
      kind: fc.constant('hear' as const),
      name: fc.constantFrom(...NAMES),
      priority: fc.constantFrom(0, 50, 200),
    }),
    fc.record({
      kind: fc.constant('link' as const),
      name: fc.constantFrom(...NAMES),
      isUp: fc.boolean(),
    }),
  );

  it('ends, left alone, with both MASTER or both in FAULT', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        const director = new Director();
        for (const next of events) {
          if (next.kind === 'wait') director.advance(next.ms);
          else if (next.kind === 'hear') director.hear(next.name, next.priority);
          else director.feed(next.name, { kind: 'linkChanged', isUp: next.isUp });
          const names = director.names();
          if (names.includes('FAULT')) expect(names).toEqual(['FAULT', 'FAULT']);
        }
        director.advance(20_000);
        expect(new Set(director.names()).size, director.names().join()).toBe(1);
        expect(['MASTER', 'FAULT']).toContain(director.names()[0]);
      }),
      { numRuns: 300 },
    );
  });
});

describe('decisions', () => {
  it('nothing is decided while a member is not started', () => {
    expect(decide(new Map([['A', 'WANTS_MASTER'] as const, ['B', 'INIT'] as const]))).toEqual([]);
  });
});
