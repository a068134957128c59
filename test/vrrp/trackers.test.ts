import { describe, expect, it } from 'vitest';
import { parseFileValue } from '../../src/vrrp/file-value.ts';
import {
  describeProcesses,
  initialProcessVerdict,
  judgeProcesses,
  matchesProcess,
  needsWords,
  type ProcessRules,
} from '../../src/vrrp/process-verdict.ts';

describe('parseFileValue', () => {
  it.each([
    ['5\n', 5],
    [' -20 what this is\n', -20],
    ['+3', 3],
    ['0x10', 16],
    ['010', 8],
    ['0', 0],
    ['-0', 0],
    ['', 0],
    ['\n', 0],
  ])('%j is %d', (text, value) => {
    expect(parseFileValue(text)).toEqual({ ok: true, value });
  });

  it.each(['up', '1.5', '5x', '- 5', '0x', '99999999999', '٣'])('%j is refused', (text) => {
    expect(parseFileValue(text)).toMatchObject({ ok: false });
  });
});

describe('matchesProcess', () => {
  const pattern = { command: 'nginx', args: [], match: 'exact', usesFullCommand: false } as const;
  const seen = (comm: string, ...words: string[]) => ({ comm, words });

  it('compares the kernel’s name, whole, when nothing else is asked', () => {
    expect(needsWords(pattern)).toBe(false);
    expect(matchesProcess(pattern, seen('nginx'))).toBe(true);
    expect(matchesProcess(pattern, seen('nginx-debug'))).toBe(false);
    expect(
      matchesProcess({ ...pattern, command: 'systemd-resolved' }, seen('systemd-resolve')),
    ).toBe(true);
  });

  it('compares the first word for full_command, arguments and a path', () => {
    const whole = { ...pattern, usesFullCommand: true };
    expect(matchesProcess(whole, seen('nginx', '/usr/sbin/nginx'))).toBe(false);
    const path = { ...pattern, command: '/usr/sbin/nginx' };
    expect(needsWords(path)).toBe(true);
    expect(matchesProcess(path, seen('nginx', '/usr/sbin/nginx', '-g'))).toBe(true);
    expect(matchesProcess(path, seen('[kthread]'))).toBe(false);
  });

  it.each([
    ['exact', ['-c', 'a'], true],
    ['exact', ['-c', 'a', '-x'], false],
    ['exact', ['-c'], false],
    ['partial', ['-c', 'a', '-x'], true],
    ['partial', ['-c', 'ab'], false],
    ['initial', ['-c', 'ab', '-x'], true],
    ['initial', ['-cc', 'ab'], false],
  ] as const)('%s: -c a matches %j: %s', (match, words, expected) => {
    const wanted = { ...pattern, args: ['-c', 'a'], match };
    expect(matchesProcess(wanted, seen('nginx', 'nginx', ...words))).toBe(expected);
  });
});

describe('judgeProcesses', () => {
  const rules: ProcessRules = { quorum: 2, quorumMax: 3, forkDelayMs: 0, terminateDelayMs: 0 };

  it.each([
    [1, false],
    [2, true],
    [3, true],
    [4, false],
  ])('with %d processes, 2 to 3 wanted: %s', (count, isUp) => {
    expect(initialProcessVerdict(rules, count).isUp).toBe(isUp);
    expect(judgeProcesses(rules, { isUp: !isUp, count: 0 }, count, 0)).toEqual({ isUp, count });
  });

  it('quorum_max 0 asks for none', () => {
    const none = { ...rules, quorum: 1, quorumMax: 0 };
    expect(initialProcessVerdict(none, 0).isUp).toBe(true);
    expect(initialProcessVerdict(none, 1).isUp).toBe(false);
    expect(describeProcesses(none, { isUp: false, count: 1 })).toBe('1 process, none wanted');
  });

  it('waits terminate_delay before it is down and fork_delay before it is up', () => {
    const slow = { quorum: 1, forkDelayMs: 100, terminateDelayMs: 500 };
    const up = initialProcessVerdict(slow, 1);
    const going = judgeProcesses(slow, up, 0, 1_000);
    expect(going).toEqual({ isUp: true, count: 0, turnsAtMs: 1_500 });
    expect(judgeProcesses(slow, going, 0, 1_499)).toEqual(going);
    expect(judgeProcesses(slow, going, 1, 1_499)).toEqual({ isUp: true, count: 1 });
    const gone = judgeProcesses(slow, going, 0, 1_500);
    expect(gone).toEqual({ isUp: false, count: 0 });
    const coming = judgeProcesses(slow, gone, 1, 2_000);
    expect(coming.turnsAtMs).toBe(2_100);
    expect(judgeProcesses(slow, coming, 1, 2_100).isUp).toBe(true);
  });
});
