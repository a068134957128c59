/** Real processes, as a supervisor that was killed leaves them. */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import { LaunchedScripts, signalGroup } from '../../src/daemon/launched-scripts.ts';
import { readIdentity } from '../../src/kernel/process-table.ts';
import { eventually } from '../netns/segment.ts';

let directory: string;
let file: string;
let started: number[];
let timers: (() => void)[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lvsd-launched-'));
  file = join(directory, 'run', 'scripts-running.json');
  started = [];
  timers = [];
});

afterEach(() => {
  for (const pid of started) signalGroup(pid, 'SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});

const daemon = (): LaunchedScripts =>
  new LaunchedScripts({
    path: () => file,
    log: silentLog,
    setTimer: (_afterMs, onTime) => {
      timers.push(onTime);
      return () => {};
    },
  });

/** A program in a group of its own that an earlier daemon wrote down. */
async function leftover(body: string): Promise<number> {
  const child = spawn('/bin/sh', ['-c', `${body}\necho ready; sleep 600 & wait`], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const pid = child.pid ?? 0;
  started.push(pid);
  await new Promise((resolve) => child.stdout.once('data', resolve));
  daemon().started(pid, '/etc/lvsd/master');
  return pid;
}

const isAlive = (pid: number): boolean => readIdentity(pid) !== undefined;

function rewrite(change: (text: string) => string): void {
  writeFileSync(file, change(readFileSync(file, 'utf8')));
}

it('ends what an earlier daemon left running, and forgets it', async () => {
  const pid = await leftover('');
  const next = daemon();
  next.endLeftovers();
  await eventually('it is gone', () => !isAlive(pid));
  for (const fire of timers) fire();
  expect(existsSync(file)).toBe(false);
});

it('kills, when the grace is over, what ignores TERM', async () => {
  const pid = await leftover("trap '' TERM");
  daemon().endLeftovers();
  expect(isAlive(pid)).toBe(true);
  for (const fire of timers) fire();
  await eventually('it is gone', () => !isAlive(pid));
});

it('has no file when the last script has ended', async () => {
  const scripts = daemon();
  scripts.started(await leftover(''), 'a');
  scripts.started(await leftover(''), 'b');
  const [first = 0, second = 0] = started;
  scripts.ended(first);
  expect(existsSync(file)).toBe(true);
  scripts.ended(second);
  expect(existsSync(file)).toBe(false);
});

it.each<[string, () => void]>([
  ['another process has its pid by now', () => rewrite((t) => t.replace(/"startTicks":"/, '$&9'))],
  ['it was written before the last boot', () => rewrite((t) => t.replace(/"bootId":"/, '$&0'))],
  ['others could have changed the file', () => chmodSync(file, 0o666)],
  ['the file is cut short', () => rewrite((t) => t.slice(0, -3))],
  ['the file is of another kind', () => rewrite(() => '{"bootId":1,"scripts":{}}')],
])('ends nothing when %s', async (_why, spoil) => {
  const pid = await leftover('');
  spoil();
  daemon().endLeftovers();
  expect(timers).toEqual([]);
  expect(isAlive(pid)).toBe(true);
});
