import { describe, expect, it } from 'vitest';
import { inherit, notResumed } from '../../src/daemon/dead-mans-switch.ts';
import type { Mastership } from '../../src/daemon/messages.ts';

function mastership(name: string, lastAdvertSentMs: number): Mastership {
  return { name, source: { family: 'inet', text: '10.0.0.1' }, lastAdvertSentMs };
}

const everySecond = (): number => 1_000;

describe('inherit', () => {
  it('has nothing to pass on when nothing was held', () => {
    expect(inherit([], everySecond, 5_000)).toMatchObject({ resume: [], letGo: [] });
  });

  it('lets the replacement resume within two advert intervals of the last advert', () => {
    expect(inherit([mastership('VI_1', 10_000)], everySecond, 10_700)).toEqual({
      resume: ['VI_1'],
      letGo: [],
      deadlineMs: 12_000,
    });
  });

  it('gives up at once what is overdue when the death is noticed', () => {
    const inheritance = inherit([mastership('VI_1', 10_000)], everySecond, 12_000);
    expect(inheritance).toMatchObject({ resume: [], letGo: ['VI_1'] });
  });

  it('keeps the earliest deadline of several instances', () => {
    const intervals = new Map([
      ['slow', 1_000],
      ['fast', 100],
    ]);
    const held = [mastership('slow', 10_000), mastership('fast', 10_000)];
    const inheritance = inherit(held, (name) => intervals.get(name), 10_050);
    expect(inheritance).toEqual({ resume: ['slow', 'fast'], letGo: [], deadlineMs: 10_200 });
  });

  it('gives up an instance that the configuration no longer has', () => {
    expect(inherit([mastership('gone', 10_000)], () => undefined, 10_001)).toMatchObject({
      letGo: ['gone'],
    });
  });
});

describe('notResumed', () => {
  it('names those that have not adverted since the death', () => {
    const now = [mastership('a', 10_500), mastership('b', 9_900)];
    expect(notResumed(['a', 'b', 'c'], now, 10_000)).toEqual(['b', 'c']);
  });
});
