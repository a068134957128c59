/** Real files in a directory of their own, and one whose every reading and change is the test's. */
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
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import type { TrackFileConfig } from '../../src/config/model-vrrp.ts';
import { type FileSource, FileTrackers } from '../../src/daemon/file-trackers.ts';
import { nodeTimers } from '../../src/daemon/timers.ts';
import type { TrackerState } from '../../src/vrrp/tracker-state.ts';
import { span } from '../fake/configs.ts';
import { FakeTime } from '../fake/fake-time.ts';
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

/** A file whose readings end when the test says so. */
class HeldFile implements FileSource {
  readonly readings: ((text: string) => void)[] = [];
  change = (): void => {};

  read(): Promise<Uint8Array> {
    const { promise, resolve } = Promise.withResolvers<Uint8Array>();
    this.readings.push((text) => resolve(Buffer.from(text)));
    return promise;
  }

  watch(_directory: string, onChange: (name: string) => void): { close(): void } {
    this.change = () => onChange('weight');
    return { close: () => {} };
  }

  /** The last reading finds this. */
  async finds(text: string): Promise<void> {
    this.readings.at(-1)?.(text);
    await new Promise(setImmediate);
  }
}

describe('a change', () => {
  let time: FakeTime;
  let held: HeldFile;

  beforeEach(async () => {
    time = new FakeTime();
    held = new HeldFile();
    const onState = (state: TrackerState): void => void states.push(state);
    trackers = new FileTrackers({
      log: silentLog,
      setTimer: time.setTimer,
      source: held,
      onState,
    });
    const started = start();
    await new Promise(setImmediate);
    await held.finds('5');
    await started;
    expect([last()?.value, held.readings.length]).toEqual([5, 1]);
  });

  it('is read when it has settled, and then once each second', async () => {
    held.change();
    time.advance(19);
    held.change();
    time.advance(19);
    expect(held.readings).toHaveLength(1);
    time.advance(1);
    await held.finds('6');
    expect([last()?.value, held.readings.length]).toEqual([6, 2]);
    time.advance(999);
    expect(held.readings).toHaveLength(2);
    time.advance(1);
    await held.finds('7');
    expect([last()?.value, held.readings.length]).toEqual([7, 3]);
  });

  it('in the course of a reading has another follow it, and what was read then is not meant', async () => {
    time.advance(1_000);
    held.change();
    await held.finds('');
    expect([last()?.value, states.length]).toEqual([5, 1]);
    time.advance(20);
    await held.finds('6');
    expect([last()?.value, held.readings.length]).toEqual([6, 3]);
  });

  it('that settles in the course of a reading is read when that ends', async () => {
    time.advance(1_000);
    held.change();
    time.advance(20);
    expect(held.readings).toHaveLength(2);
    await held.finds('');
    expect(held.readings).toHaveLength(3);
    await held.finds('6');
    expect(states.map(({ value }) => value)).toEqual([5, 6]);
  });

  it('after the other is read once a second all the same', async () => {
    const keepChanging = (): void => {
      for (let ms = 0; ms < 1_100; ms += 10) {
        held.change();
        time.advance(10);
      }
    };
    keepChanging();
    expect(held.readings).toHaveLength(2);
    held.change();
    await held.finds('6');
    expect(last()?.value).toBe(6);
    keepChanging();
    await held.finds('7');
    expect(last()?.value).toBe(7);
  });
});
