/** Laws that hold for every history; the rules themselves are in test/scenario/. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { faultCauses } from '../../src/vrrp/fault-state.ts';
import { initialState, step } from '../../src/vrrp/fsm.ts';
import type {
  Action,
  Event,
  GroupOrder,
  RouterConfig,
  State,
  TimerName,
} from '../../src/vrrp/machine.ts';
import { ip, router, vip } from './router.ts';

type Move =
  | Exclude<Event, { kind: 'timerFired' | 'configChanged' | 'addressesApplied' | 'started' }>
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'reload'; readonly changes: Partial<RouterConfig> }
  | { readonly kind: 'kernel'; readonly accepts: boolean };

const advert = fc.record({
  kind: fc.constant('advertReceived' as const),
  source: fc.constantFrom(ip('10.0.0.2'), ip('9.0.0.1')),
  priority: fc.constantFrom(0, 1, 99, 100, 101, 255),
  advertIntervalMs: fc.constantFrom(10, 1000, 40_950),
});
const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 4, arbitrary: advert },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(6000) }),
  },
  fc.record({ kind: fc.constant('linkChanged' as const), isUp: fc.boolean() }),
  fc.record({
    kind: fc.constant('addressRemoved' as const),
    address: fc.constant(ip('10.0.0.100')),
  }),
  fc.record({
    kind: fc.constant('trackingChanged' as const),
    priority: fc.integer({ min: 1, max: 254 }),
    faults: fc.subarray(['script chk', 'interface eth1']),
  }),
  fc.record({
    kind: fc.constant('groupForced' as const),
    order: fc.constantFrom<GroupOrder>('MASTER', 'BACKUP', 'FAULT', 'READY', 'ANNOUNCE'),
    by: fc.constant('VI_2'),
  }),
  fc.record({ kind: fc.constant('handoverRequested' as const) }),
  fc.record({ kind: fc.constant('serversChecked' as const) }),
  fc.record({
    kind: fc.constant('foreignMasterHeard' as const),
    source: fc.constant(ip('10.0.0.9')),
    code: fc.constant('WRONG_VERSION'),
  }),
  fc.record({ kind: fc.constant('kernel' as const), accepts: fc.boolean() }),
  fc.record({
    kind: fc.constant('reload' as const),
    changes: fc.constantFrom(
      { priority: 150 },
      { advertIntervalMs: 200 },
      { virtualAddresses: [vip('10.0.0.101/24')] },
      { preempt: false },
    ),
  }),
  { weight: 1, arbitrary: fc.constant({ kind: 'stopped' as const }) },
);
const starts = fc.constantFrom(
  { isLinkUp: true },
  { isLinkUp: false },
  { isLinkUp: true, awaitsChecks: true as const },
  { isLinkUp: false, awaitsChecks: true as const },
);
const configs = fc.constantFrom(
  router(),
  router({ priority: 255 }),
  router({ version: 2 }),
  router({ preempt: false, initialState: 'MASTER' }),
  router({ preemptDelayMs: 3000 }),
  router({ syncGroup: 'G1' }),
  router({ syncGroup: 'G1', priority: 255 }),
  router({ tracksInterface: false, downTimerAdverts: 5, timerExpiredBackup: 254 }),
  router({ excludedAddresses: [vip('10.0.0.110/24')], higherPrioSendAdvert: true }),
);

describe('every history', () => {
  it('keeps the laws of the states', () => {
    fc.assert(
      fc.property(configs, starts, fc.array(move, { maxLength: 60 }), (config, start, moves) => {
        const history = new History(config);
        history.feed({ kind: 'started', resumeAsMaster: false, ...start });
        for (const next of moves) history.make(next);
      }),
      { numRuns: 500 },
    );
  });
});

describe('what cannot happen throws', () => {
  it('a second start', () => {
    const config = router({ priority: 255 });
    const event = { kind: 'started', isLinkUp: true, resumeAsMaster: false } as const;
    const { state } = step(config, initialState(config), event, 0);
    expect(() => step(config, state, event, 0)).toThrow('Started in MASTER');
  });
});

class History {
  #config: RouterConfig;
  #state: State;
  #nowMs = 0;
  #accepts = true;
  #armed = new Map<TimerName, number>();
  #present = new Set<string>();
  #hasEnded = false;

  constructor(config: RouterConfig) {
    this.#config = config;
    this.#state = initialState(config);
  }

  make(next: Move): void {
    if (next.kind === 'wait') this.#wait(next.ms);
    else if (next.kind === 'kernel') this.#accepts = next.accepts;
    else if (next.kind === 'reload') {
      const previous = this.#config;
      this.#config = { ...previous, ...next.changes };
      this.feed({ kind: 'configChanged', previous });
    } else this.feed(next);
  }

  feed(event: Event): void {
    const before = this.#state;
    const { state, actions } = step(this.#config, this.#state, event, this.#nowMs);
    this.#state = state;
    if (event.kind === 'timerFired') this.#armed.delete(event.timer);
    for (const action of actions) this.#perform(action, before);
    const outcomes = actions.flatMap(({ kind }): Event[] => {
      if (kind === 'addAddresses') {
        return [{ kind: 'addressesApplied', wanted: 'present', ok: this.#accepts }];
      }
      if (kind !== 'removeAddresses') return [];
      return [{ kind: 'addressesApplied', wanted: 'absent', ok: true }];
    });
    for (const outcome of outcomes) this.feed(outcome);
    if (outcomes.length === 0) this.#check();
  }

  #wait(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (let fired = 0; fired < 5000; fired += 1) {
      const [due] = [...this.#armed].sort(([, a], [, b]) => a - b);
      if (due === undefined || due[1] > untilMs) break;
      this.#nowMs = Math.max(this.#nowMs, due[1]);
      this.feed({ kind: 'timerFired', timer: due[0], deadlineMs: due[1] });
    }
    this.#nowMs = untilMs;
  }

  #perform(action: Action, before: State): void {
    if (action.kind === 'setTimer') this.#armed.set(action.timer, action.deadlineMs);
    if (action.kind === 'clearTimer') this.#armed.delete(action.timer);
    if (action.kind === 'released') this.#hasEnded = true;
    if (action.kind === 'addAddresses' && this.#accepts) {
      for (const { address } of action.addresses) this.#present.add(address.text);
    }
    if (action.kind === 'removeAddresses') {
      for (const { address } of action.addresses) this.#present.delete(address.text);
    }
    if (action.kind === 'sendAdvert' && action.priority > 0) {
      expect([before.name, this.#state.name]).toContain('MASTER');
    }
  }

  #check(): void {
    const state = this.#state;
    expect(Object.fromEntries(this.#armed)).toEqual(state.timers);
    expect(Object.values(state.timers).every((deadlineMs) => deadlineMs >= this.#nowMs)).toBe(true);
    if (state.name === 'BACKUP') expect(state.timers.masterDown).toBeDefined();
    if (state.name === 'MASTER') {
      expect(state.timers[state.isReleasing ? 'release' : 'advert']).toBeDefined();
    } else {
      expect([...this.#present], `addresses in ${state.name}`).toEqual([]);
    }
    if (state.name !== 'INIT') {
      const isFault = faultCauses(this.#config, state).length > 0;
      const isEnding = state.name === 'MASTER' && state.releaseGoal === 'STOP';
      if (!isEnding) expect(state.name === 'FAULT', state.name).toBe(isFault);
    }
    if (this.#hasEnded) expect(state.name).toBe('INIT');
  }
}
