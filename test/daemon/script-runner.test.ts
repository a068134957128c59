/** Real programs, started as the daemon starts them. */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { ScriptRunner } from '../../src/daemon/script-runner.ts';
import { nodeTimers } from '../../src/daemon/timers.ts';
import { eventually } from '../netns/segment.ts';

let directory: string;
let runner: ScriptRunner;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lvsd-scripts-'));
  chmodSync(directory, 0o777);
  runner = new ScriptRunner({ clock: systemClock, setTimer: nodeTimers, limit: 2 });
});

afterEach(() => {
  runner.killAll();
  rmSync(directory, { recursive: true, force: true });
});

function script(name: string, body: string, mode = 0o755): string {
  const path = join(directory, name);
  writeFileSync(path, body);
  chmodSync(path, mode);
  return path;
}

const shell = (name: string, body: string): string => script(name, `#!/bin/sh\n${body}\n`);

const run = (path: string, args: string[] = [], timeoutMs = 10_000, rules = {}, user?: string) =>
  runner.run({ path, args, ...(user === undefined ? {} : { user }) }, { rules, timeoutMs });

const outcomeOf = async (started: ReturnType<typeof run>) => (await started.result).outcome;

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

describe('ScriptRunner', () => {
  it('gives the exit status, and the first KiB of what was said on stderr', async () => {
    const path = shell('fails', 'printf %2000s x | tr " " e >&2; exit 7');
    const { outcome, stderr } = await run(path).result;
    expect(outcome).toEqual({ kind: 'exited', code: 7 });
    expect(stderr).toBe('e'.repeat(1024));
  });

  it('passes words as they are, with no shell in between, and finds a command in the PATH', async () => {
    const out = join(directory, 'out');
    const path = shell('words', `for word; do echo "<$word>"; done > ${out}`);
    await run(path, ['a b', '$HOME', '*', '']).result;
    expect(readFileSync(out, 'utf8')).toBe('<a b>\n<$HOME>\n<*>\n<>\n');
    expect(await outcomeOf(run('true'))).toEqual({ kind: 'exited', code: 0 });
  });

  it('runs with nothing of ours open, in a session of its own, without LD_*', async () => {
    const out = join(directory, 'out');
    process.env.LD_LVSD_TEST = 'x';
    const path = shell('look', `exec > ${out}; ls /proc/$$/fd; ps -o sid= -p $$; echo $$; env`);
    await run(path).result;
    delete process.env.LD_LVSD_TEST;
    const text = readFileSync(out, 'utf8');
    // 0, 1 and 2, and the descriptor that sh reads the script from.
    expect(text.split('\n').filter((line) => /^\d{1,2}$/.test(line)).length).toBeLessThanOrEqual(4);
    const [sid, pid] = text.split('\n').filter((line) => /^ *\d{3,}$/.test(line));
    expect(sid?.trim()).toBe(pid);
    expect(text).not.toContain('LD_LVSD_TEST');
    expect(text).toContain('PATH=/usr/local/sbin:');
  });

  it.each([
    ['does not exist', () => join(directory, 'absent'), /absent does not exist/],
    ['is in no directory of the PATH', () => 'lvsd-no-such-command', /does not exist/],
    ['is not executable', () => script('plain', '#!/bin/sh\n', 0o644), /is not executable/],
    ['names an interpreter that is not there', () => script('bad', '#!/no/such\n'), /interpreter/],
  ])('a script that %s cannot be run, and says so', async (_what, make, reason) => {
    expect(await outcomeOf(run(make()))).toEqual({
      kind: 'cannotRun',
      reason: expect.stringMatching(reason),
    });
  });

  it('a script without a #! line is run by sh, as execvp(3) does, where keepalived leaves it out', async () => {
    expect(await outcomeOf(run(script('bare', 'exit 3\n')))).toEqual({ kind: 'exited', code: 3 });
  });

  it('kills the whole group of a script that takes too long, also what ignores TERM', async () => {
    const pids = join(directory, 'pids');
    const path = shell('slow', `trap "" TERM; sleep 600 & echo $! $$ > ${pids}; wait; sleep 600`);
    const started = run(path, [], 300);
    expect(await outcomeOf(started)).toEqual({ kind: 'timedOut', afterMs: 300 });
    for (const pid of readFileSync(pids, 'utf8').trim().split(' ').map(Number)) {
      await eventually(`${pid} is gone`, () => !isAlive(pid));
    }
  });

  it('does not wait for a daemon that a script leaves behind with its stderr', async () => {
    const pid = join(directory, 'pid');
    const path = shell('leaves', `sleep 600 & echo $! > ${pid}`);
    expect(await outcomeOf(run(path))).toEqual({ kind: 'exited', code: 0 });
    const left = Number(readFileSync(pid, 'utf8'));
    expect(isAlive(left)).toBe(true);
    process.kill(left, 'SIGKILL');
  });

  it('runs no more than its limit at once, in order, and all of them', async () => {
    const out = join(directory, 'out');
    const path = shell(
      'job',
      `ls ${directory}/run.* 2>/dev/null | wc -l >> ${out}.n
touch ${directory}/run.$1; sleep 0.05; rm ${directory}/run.$1; echo $1 >> ${out}`,
    );
    const names = ['1', '2', '3', '4', '5', '6'];
    await Promise.all(names.map((name) => run(path, [name]).result));
    expect(readFileSync(out, 'utf8').trim().split('\n').sort()).toEqual(names);
    const beside = readFileSync(`${out}.n`, 'utf8').trim().split('\n').map(Number);
    expect(Math.max(...beside)).toBeLessThanOrEqual(1);
  });

  it('a run that is killed before its turn never starts', async () => {
    const out = join(directory, 'out');
    const path = shell('touch', `sleep 0.1; touch ${out}.$1`);
    const runs = ['1', '2', '3'].map((name) => run(path, [name]));
    runs[2]?.kill();
    await Promise.all(runs.map(({ result }) => result));
    expect(existsSync(`${out}.1`)).toBe(true);
    expect(existsSync(`${out}.3`)).toBe(false);
  });

  describe.runIf(process.getuid?.() === 0)('as root', () => {
    it('becomes the user, with its group and no other', async () => {
      const out = join(directory, 'out');
      const path = shell('id', `id -u > ${out}; id -G >> ${out}`);
      await run(path, [], 10_000, {}, 'nobody').result;
      expect(readFileSync(out, 'utf8')).toBe('65534\n65534\n');
    });

    it('refuses what others can change with enable_script_security', async () => {
      const path = shell('open', 'exit 0');
      const secured = { hasScriptSecurity: true };
      expect(await outcomeOf(run(path, [], 10_000, secured))).toMatchObject({ kind: 'cannotRun' });
      expect(await outcomeOf(run(path, [], 10_000, secured, 'nobody'))).toMatchObject({ code: 0 });
    });
  });
});
