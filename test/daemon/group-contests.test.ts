import { expect, test } from 'vitest';
import { GroupContests } from '../../src/daemon/group-contests.ts';
import { compareMembers, type MemberView } from '../../src/vrrp/group-contest.ts';

const span = { file: 'test.conf', line: 1, column: 1, endLine: 1, endColumn: 2 };
const GROUP = {
  name: 'G1',
  span,
  members: ['VI_1', 'VI_2'],
  usesMemberWeights: false,
  notifiesPriorityChanges: false,
};

function member(name: string, ours: number, theirs: number, lastHeardMs: number): MemberView {
  const peer = { address: '10.0.0.2', priority: theirs, lastHeardMs } as const;
  const peers = [{ ...peer, checksumForm: 'with pseudo-header', authentication: 'none' } as const];
  return { name, priority: ours, advertIntervalMs: 1000, peers } as unknown as MemberView;
}

const CONFIG = { vrrpSyncGroups: [GROUP] };

function hosting(views: readonly MemberView[]) {
  return new Map(views.map((view) => [view.name, { view: () => view }]));
}

const mixed = (nowMs: number): readonly MemberView[] => [
  member('VI_1', 150, 100, nowMs),
  member('VI_2', 100, 150, nowMs),
];

test('members that are better and worse than what they hear do not agree', () => {
  expect(compareMembers(mixed(0), 0)).toEqual({
    better: { name: 'VI_1', ours: 150, theirs: 100 },
    worse: { name: 'VI_2', ours: 100, theirs: 150 },
  });
});

test('what was heard long ago, or resigns, tells nothing; equal priorities are no contest', () => {
  expect(compareMembers(mixed(0), 3001)).toBeUndefined();
  expect(compareMembers([member('VI_1', 150, 0, 0), member('VI_2', 100, 150, 0)], 0)).toBe(
    'AGREED',
  );
  expect(compareMembers([member('VI_1', 150, 150, 0), member('VI_2', 100, 150, 0)], 0)).toBe(
    'AGREED',
  );
});

test('a contest that lasts is told once, with the fix, and again when it comes back', () => {
  const contests = new GroupContests();
  let nowMs = 0;
  const look = (views: readonly MemberView[]): number =>
    contests.look(CONFIG, hosting(views), nowMs).length;
  const told: number[] = [];
  for (nowMs = 0; nowMs < 8000; nowMs += 500) if (look(mixed(nowMs)) > 0) told.push(nowMs);
  expect(told).toEqual([3000]);
  // Silence is no agreement.
  nowMs = 9000;
  look([]);
  nowMs = 10_000;
  look(mixed(nowMs));
  expect(look(mixed(nowMs))).toBe(0);
  nowMs = 11_000;
  look([member('VI_1', 150, 100, nowMs), member('VI_2', 150, 100, nowMs)]);
  for (nowMs = 12_000; nowMs < 20_000; nowMs += 500) if (look(mixed(nowMs)) > 0) told.push(nowMs);
  expect(told).toEqual([3000, 15_000]);
});

test('a difference that tracking makes for a moment is none', () => {
  const contests = new GroupContests();
  const agreed = [member('VI_1', 150, 100, 2000), member('VI_2', 150, 100, 2000)];
  const views = [mixed(0), mixed(1000), agreed, mixed(3000), mixed(4000)];
  const told = views.map((view, index) => contests.look(CONFIG, hosting(view), index * 1000));
  expect(told.flat()).toEqual([]);
});

test('the report names the priorities to change', () => {
  const contests = new GroupContests();
  const at = (nowMs: number) => contests.look(CONFIG, hosting(mixed(nowMs)), nowMs);
  at(0);
  const [report] = at(3000);
  expect(report).toMatchObject({ name: 'groupContested', object: 'GROUP', instance: 'G1' });
  expect(report?.fields).toMatchObject({
    better: 'VI_1 (150 here, 100 there)',
    worse: 'VI_2 (100 here, 150 there)',
  });
  expect(report?.fields.fix).toContain('raise the priority of VI_2 above 150 here');
});
