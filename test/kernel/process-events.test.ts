/** The proc connector and /proc, with real processes. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import type { TrackProcessConfig } from '../../src/config/model-vrrp.ts';
import { ProcessTrackers } from '../../src/daemon/process-trackers.ts';
import { nodeTimers } from '../../src/daemon/timers.ts';
import { decodeProcessEvent, encodeListen } from '../../src/kernel/process-event-codec.ts';
import { openProcessEvents } from '../../src/kernel/process-events.ts';
import { readProcess } from '../../src/kernel/process-table.ts';
import type { TrackerState } from '../../src/vrrp/tracker-state.ts';
import { span } from '../fake/configs.ts';
import { eventually } from '../netns/segment.ts';

function event(what: number, ...words: number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(36 + 4 * words.length));
  view.setUint32(0, 1, true);
  view.setUint32(20, what, true);
  for (const [index, word] of words.entries()) view.setUint32(36 + 4 * index, word, true);
  return new Uint8Array(view.buffer);
}

describe('messages of the proc connector', () => {
  test('asking to listen', () => {
    expect(Buffer.from(encodeListen()).toString('hex')).toBe(
      '010000000100000000000000000000000400000001000000',
    );
  });

  test.each([
    [event(0, 0, 0), { kind: 'listening' }],
    [event(1, 10, 10, 11, 11), { kind: 'fork', parent: 10, pid: 11 }],
    [event(1, 10, 10, 11, 10), undefined],
    [event(2, 11, 11), { kind: 'changed', pid: 11 }],
    [event(0x200, 12, 11, 0, 0), undefined],
    [event(0x80000000, 11, 11, 0, 0), { kind: 'exit', pid: 11 }],
    [event(0x80000000, 12, 11, 0, 0), undefined],
    [event(0x40, 11, 11), undefined],
  ])('%#', (bytes, expected) => {
    expect(decodeProcessEvent(bytes)).toEqual(expected);
    for (let length = 0; length < bytes.length; length += 1) {
      expect(() => decodeProcessEvent(bytes.subarray(0, length))).not.toThrow();
    }
  });
});

test('a process is read with its name and words, and one that is gone is not', async () => {
  const child = spawn('sleep', ['600.25']);
  const pid = child.pid ?? 0;
  while ((await readProcess(pid, false))?.comm !== 'sleep') await setTimeout(5);
  expect(await readProcess(pid, true)).toEqual({ pid, comm: 'sleep', words: ['sleep', '600.25'] });
  child.kill();
  await once(child, 'exit');
  expect(await readProcess(pid, false)).toBeUndefined();
});

test('the connector either confirms and tells of processes, or says why not', async () => {
  const seen: string[] = [];
  const opened = openProcessEvents({
    onEvent: (each) => seen.push('pid' in each ? `${each.kind} ${each.pid}` : each.kind),
    onLost: () => {},
  });
  if (!opened.ok) {
    expect(opened.code).toMatch(/^E[A-Z]+$/);
    return;
  }
  await setTimeout(100);
  if (seen.includes('listening')) {
    const child = spawn('true');
    await eventually('its end is heard', () => seen.includes(`exit ${child.pid}`));
    expect(seen).toContain(`changed ${child.pid}`);
  } else {
    expect(seen).toEqual([]);
  }
  opened.close();
});

test('a tracked process that starts, forks and ends moves its tracker', async () => {
  const states: TrackerState[] = [];
  const config: TrackProcessConfig = {
    name: 'sleepers',
    span,
    command: 'sleep',
    args: [`600.${process.pid}`],
    match: 'exact',
    quorum: 2,
    forkDelayMs: 0,
    terminateDelayMs: 0,
    usesFullCommand: false,
    weight: 0,
    isReversed: false,
  };
  const trackers = new ProcessTrackers({
    clock: systemClock,
    log: silentLog,
    setTimer: nodeTimers,
    onState: (state) => states.push(state),
  });
  await trackers.configure([config]);
  expect(states.at(-1)).toMatchObject({ isUp: false, reason: '0 processes, at least 2 wanted' });
  const children = [1, 2].map(() => spawn('sleep', config.args));
  await eventually('both are seen', () => states.at(-1)?.isUp === true);
  children[0]?.kill();
  await eventually('one is missed', () => states.at(-1)?.isUp === false);
  expect(states.at(-1)?.reason).toBe('1 process, at least 2 wanted');
  children[1]?.kill();
  trackers.close();
});
