/** Real files in a directory of their own. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import type { TrackFileConfig } from '../../src/config/model-vrrp.ts';
import { FileTrackers, type FollowedFiles } from '../../src/daemon/file-trackers.ts';
import { nodeTimers } from '../../src/daemon/timers.ts';
import type { TrackerState } from '../../src/vrrp/tracker-state.ts';
import { span } from '../fake/configs.ts';
import { eventually } from '../netns/segment.ts';

let directory: string;
let path: string;
let states: TrackerState[];
let trackers: FileTrackers;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lvsd-files-'));
  path = join(directory, 'weight');
  states = [];
  const onState = (state: TrackerState): void => void states.push(state);
  trackers = new FileTrackers({ log: silentLog, setTimer: nodeTimers, onState });
});

afterEach(() => {
  trackers.close();
  rmSync(directory, { recursive: true, force: true });
});

const file = (changes: Partial<TrackFileConfig> = {}): TrackFileConfig => ({
  name: 'f',
  span,
  path,
  weight: 1,
  isReversed: false,
  ...changes,
});
const start = (config = file(), isStart = true, ignoresFailure = false): Promise<void> =>
  trackers.configure([config], { isStart, ignoresFailure });
const last = (): TrackerState | undefined => states.at(-1);
const becomes = (value: number): Promise<void> =>
  eventually(`the value is ${value}`, () => last()?.value === value);

it('reads a number and follows what is written, moved over it and removed', async () => {
  writeFileSync(path, '5\n');
  await start();
  expect(last()).toMatchObject({ kind: 'file', name: 'f', isUp: true, value: 5 });
  writeFileSync(path, '-20\n');
  await becomes(-20);
  writeFileSync(`${path}.new`, '7\n');
  renameSync(`${path}.new`, path);
  await becomes(7);
  rmSync(path);
  await becomes(0);
  expect(last()).toMatchObject({ isUp: true });
});

it('a file in a directory that is not there yet counts as 0 until it is', async () => {
  path = join(directory, 'late', 'weight');
  await start();
  expect(last()).toMatchObject({ isUp: true, value: 0 });
  mkdirSync(join(directory, 'late'));
  writeFileSync(path, '3');
  await becomes(3);
});

it.each([
  [false, false],
  [true, true],
])(
  'what is no number is down; with script_failure ignore (%s) it is up: %s',
  async (ignore, isUp) => {
    writeFileSync(path, 'broken');
    await start(file(), true, ignore);
    expect(last()).toMatchObject({ isUp, value: 0 });
  },
);

it('what cannot be read is down', async () => {
  mkdirSync(path);
  await start();
  expect(last()).toMatchObject({ isUp: false, reason: `${path} cannot be read (EISDIR)` });
});

it('init_file writes where nothing is, and over what is there only with overwrite at a start', async () => {
  const initial = { value: 10, overwrites: false };
  await start(file({ initial }));
  expect(readFileSync(path, 'utf8')).toBe('10\n');
  writeFileSync(path, '2\n');
  await start(file({ initial }));
  expect(last()?.value).toBe(2);
  await start(file({ initial: { value: 10, overwrites: true } }), false);
  expect(last()?.value).toBe(2);
  await start(file({ initial: { value: 11, overwrites: true } }));
  expect(last()?.value).toBe(11);
});

it('what is no longer tracked is no longer read', async () => {
  await start();
  await trackers.configure([], { isStart: false, ignoresFailure: false });
  expect(existsSync(path)).toBe(false);
  expect(states).toHaveLength(1);
});

/** A file whose readings end when they are told to, and timers that fire when they are told to. */
async function followedByHand() {
  const readings: ((text: string) => void)[] = [];
  const timers = new Map<number, () => void>();
  let changes: (name: string | null) => void = () => {};
  const files: FollowedFiles = {
    read: () => new Promise((resolve) => readings.push((text) => resolve(Buffer.from(text)))),
    watch: (_directory, onEvent) => {
      changes = onEvent;
      return { on: () => {}, close: () => {} };
    },
  };
  const onState = (state: TrackerState): void => void states.push(state);
  const setTimer = (delayMs: number, onExpire: () => void) => {
    timers.set(delayMs, onExpire);
    return () => void timers.delete(delayMs);
  };
  trackers = new FileTrackers({ log: silentLog, setTimer, onState, files });
  const started = start();
  await eventually('it is read', () => readings.length === 1);
  const answer = async (text: string): Promise<void> => {
    readings.shift()?.(text);
    await new Promise<void>((resolve) => setImmediate(resolve));
  };
  const fire = async (delayMs: number): Promise<void> => {
    const onExpire = timers.get(delayMs);
    timers.delete(delayMs);
    onExpire?.();
    await eventually('it is read', () => readings.length === 1);
  };
  return { started, timers, answer, fire, change: () => changes('weight') };
}

it('reads again at once when the file changed while it was being read', async () => {
  const { started, timers, answer, fire, change } = await followedByHand();
  change();
  await answer('1');
  await started;
  expect(last()).toMatchObject({ value: 1 });
  expect([...timers.keys()]).toEqual([20]);
  await fire(20);
  await answer('2');
  expect(last()).toMatchObject({ value: 2 });
  expect([...timers.keys()]).toEqual([1000]);
});

it('reads a file that is written all the time', async () => {
  const { started, timers, answer, fire, change } = await followedByHand();
  await answer('1');
  await started;
  change();
  const pending = timers.get(20);
  change();
  change();
  expect(timers.get(20)).toBe(pending);
  await fire(20);
  await answer('3');
  expect(last()).toMatchObject({ value: 3 });
});
