import { describe, expect, it } from 'vitest';
import { initialState, step } from '../../src/vrrp/fsm.ts';
import type { Event, RouterConfig } from '../../src/vrrp/machine.ts';
import {
  decodeRecording,
  encodeStep,
  type RecordedStep,
  replay,
} from '../../src/vrrp/recording.ts';
import { ip, router } from './router.ts';

function record(
  config: RouterConfig,
  events: readonly (readonly [number, Event])[],
): RecordedStep[] {
  let state = initialState(config);
  return events.map(([atMs, event]) => {
    const next = step(config, state, event, atMs);
    state = next.state;
    return { atMs, config, event, actions: next.actions };
  });
}

function encode(steps: readonly RecordedStep[]): string {
  return steps.map((one, index) => encodeStep(one, steps[index - 1]?.config)).join('');
}

const takeover = record(router(), [
  [5000.25, { kind: 'started', isLinkUp: true, resumeAsMaster: false }],
  [6000, { kind: 'advertReceived', source: ip('10.0.0.2'), priority: 150, advertIntervalMs: 1000 }],
  [9609.375, { kind: 'timerFired', timer: 'masterDown', deadlineMs: 9609.375 }],
]);

describe('a recording', () => {
  it('says the configuration once and then a line for every step', () => {
    const lines = encode(takeover).trimEnd().split('\n');
    expect(lines.map((line) => Object.keys(JSON.parse(line)).join(' '))).toEqual([
      'config',
      'atMs event actions',
      'atMs event actions',
      'atMs event actions',
    ]);
  });

  it('comes back as it was, and replays to the same actions', () => {
    const decoded = decodeRecording(encode(takeover));
    expect(decoded).toEqual({ ok: true, steps: takeover });
    expect(replay(takeover)).toBeUndefined();
  });

  it('shows the step from which on the machine decides otherwise', () => {
    const changed = takeover.map((one, index) => (index === 2 ? { ...one, actions: [] } : one));
    expect(replay(changed)).toMatchObject({ index: 2, recorded: [] });
  });

  it('never holds a password, not even in the configuration before a reload', () => {
    const secret = { authentication: { type: 'PASS', password: 'hunter2' } };
    const config = { ...router(), ...secret } as unknown as RouterConfig;
    const event: Event = { kind: 'configChanged', previous: config };
    const text = encodeStep({ atMs: 1, config, event, actions: [] });
    expect(text).toContain('configChanged');
    expect(text).not.toContain('hunter2');
  });

  it.each([
    ['{', 1, 'no configuration before it'],
    ['{"atMs":1,"event":{},"actions":[]}', 1, 'no configuration before it'],
    ['{"config":{}}\n\n7', 3, 'neither step nor config'],
    ['{"config":{}}\nnull', 2, 'neither step nor config'],
  ])('with %j in it is refused at its line', (text, line, message) => {
    expect(decodeRecording(text)).toEqual({ ok: false, line, message });
  });
});
