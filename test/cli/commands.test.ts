/** The commands as a user meets them: exit status, what goes to stdout, what goes to stderr. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lvsd-cli-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

function lvsd(...args: readonly string[]) {
  return spawnSync('bin/lvsd', args, { encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } });
}

function file(text: string): string {
  const path = join(directory, 'lvs.conf');
  writeFileSync(path, text);
  return path;
}

describe('lvsd', () => {
  it('--help lists the commands that exist, and every one of them has a help of its own', () => {
    const { stdout, status } = lvsd('--help');
    expect(status).toBe(0);
    const commands = [...stdout.matchAll(/^ {2}([a-z]+) /gm)].map((match) => match[1]);
    expect(commands).toEqual(['run', 'check', 'status', 'realserver', 'drill', 'help']);
    for (const command of commands.slice(0, -1))
      expect(lvsd('help', String(command)).status).toBe(0);
  });

  it.each([['reboot'], ['run', '--nonsense'], ['realserver', 'up']])(
    'ends a wrong command line (%s) with 2 and says where help is',
    (...args) => {
      const { status, stderr, stdout } = lvsd(...args);
      expect(status).toBe(2);
      expect(stderr).toContain('--help');
      expect(stdout).toBe('');
    },
  );
});

describe('lvsd check', () => {
  it('accepts the shipped configuration for both directors without a warning', () => {
    for (const id of ['director1', 'director2']) {
      const { status, stdout, stderr } = lvsd('check', 'conf/lvs.conf', '-i', id);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout).toContain(
        '0 errors, 0 warnings; 1 instance, 1 virtual server, 2 real servers',
      );
    }
  });

  it('points at the mistake, suggests the word, and ends with 1', () => {
    const path = file('global_defs {\n  routr_id x\n}\n');
    const { status, stderr } = lvsd('check', path);
    expect(status).toBe(1);
    expect(stderr).toContain(`${path}:2:3: error`);
    expect(stderr).toContain('  routr_id x');
    expect(stderr).toContain('^');
    expect(stderr).toContain("did you mean 'router_id'?");
  });

  it('--json is one array on stdout with the documented fields', () => {
    const { status, stdout } = lvsd('check', file('weird {\n}\n'), '--json');
    expect(status).toBe(1);
    const [first] = JSON.parse(stdout) as Record<string, unknown>[];
    expect(Object.keys(first ?? {})).toEqual(
      expect.arrayContaining(['code', 'severity', 'message', 'file', 'line', 'column', 'endLine']),
    );
  });

  it('--strict makes warnings errors', () => {
    const path = file('global_defs {\n  notification_email_from x@example.org\n}\n');
    expect(lvsd('check', path).status).toBe(0);
    expect(lvsd('check', path, '--strict').status).toBe(1);
  });

  it('ends with 2 and one sentence when the file cannot be read', () => {
    const { status, stderr } = lvsd('check', join(directory, 'absent.conf'));
    expect(status).toBe(2);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});

describe('lvsd status', () => {
  it('says that no daemon is running, where it looked, and what to do', () => {
    const { status, stderr } = lvsd('status', '--socket', join(directory, 'control.sock'));
    expect(status).toBe(1);
    expect(stderr).toContain('No lvsd is running on');
    expect(stderr).toContain('--socket');
  });
});
