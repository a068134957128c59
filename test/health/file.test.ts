import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import type { FileCheckConfig } from '../../src/config/model-lvs.ts';
import { probeFile } from '../../src/health/file.ts';
import { type FileReading, NOTHING_OUTSIDE } from '../../src/health/outside.ts';
import { fileCheck } from './configs.ts';

function judge(reading: FileReading | undefined, changes: Partial<FileCheckConfig> = {}) {
  const outside = { ...NOTHING_OUTSIDE, fileReading: () => reading };
  const io = { signal: new AbortController().signal, clock: systemClock, outside };
  return probeFile(fileCheck(changes), io);
}

function holds(value: number, block: Partial<FileReading> = {}): FileReading {
  return { isUp: true, value, reason: `it holds ${value}`, weight: 1, isReversed: false, ...block };
}

describe('FILE_CHECK', () => {
  it.each<[what: string, FileReading, Partial<FileCheckConfig>, points: number]>([
    ['the number', holds(5), {}, 5],
    ['the number times the weight of the track_file', holds(5, { weight: 3 }), {}, 15],
    ['the number times its own weight', holds(5, { weight: 3 }), { weight: -2 }, -10],
    ['the other way round with reverse', holds(5), { weight: 2, isReversed: true }, -10],
    ['nothing for 0, reversed or not', holds(0), { weight: 2, isReversed: true }, 0],
    ['the last that is up', holds(-253), {}, -253],
    ['nothing for 0 with weight 0', holds(0), { weight: 0 }, 0],
  ])('adds %s', async (_what, reading, changes, points) => {
    const advice = { weight: { kind: 'add', points } };
    expect(await judge(reading, changes)).toMatchObject({ kind: 'pass', advice });
  });

  it.each<[string, FileReading, Partial<FileCheckConfig>]>([
    ['-254', holds(-254), {}],
    ['far below', holds(-3), { weight: 1000 }],
    ['any number with weight 0', holds(1), { weight: 0 }],
  ])('is down at %s', async (_what, reading, changes) => {
    expect(await judge(reading, changes)).toMatchObject({ kind: 'fail', reason: 'FILE_DOWN' });
  });

  it('fails closed when the file cannot be read', async () => {
    const reading = holds(0, { isUp: false, reason: '/run/weight cannot be read (EACCES)' });
    expect(await judge(reading)).toMatchObject({
      kind: 'fail',
      reason: 'FILE_UNREADABLE',
      detail: '/run/weight cannot be read (EACCES)',
    });
  });

  it('says nothing of the server before the file was looked at', async () => {
    expect(await judge(undefined)).toMatchObject({ kind: 'inconclusive', reason: 'NOT_READ' });
  });
});
