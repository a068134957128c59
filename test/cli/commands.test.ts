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

function file(text: string, name = 'lvs.conf'): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

describe('lvsd', () => {
  it('--help lists the commands that exist, and every one of them has a help of its own', () => {
    const { stdout, status } = lvsd('--help');
    expect(status).toBe(0);
    const commands = [...stdout.matchAll(/^ {2}([a-z]+) /gm)].map((match) => match[1]);
    expect(commands).toEqual([
      'run',
      'check',
      'plan',
      'reload',
      'restart',
      'keywords',
      'status',
      'ipvs',
      'events',
      'handover',
      'realserver',
      'drill',
      'help',
    ]);
    for (const command of commands.slice(0, -1))
      expect(lvsd('help', String(command)).status).toBe(0);
  }, 60_000);

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

/** One mistake on which keepalived starts. */
const LIFTABLE = `vrrp_instance A {
  interface eth0
  virtual_router_id 5
  priorty 150
  virtual_ipaddress {
    10.0.0.1/24
  }
}
`;

describe('lvsd check --compat', () => {
  it('is what the last line of a refusal names, and then accepts the file', () => {
    const path = file(LIFTABLE);
    const strict = lvsd('check', path);
    expect(strict.status).toBe(1);
    expect(strict.stdout.trim().split('\n').at(-1)).toContain('--compat');
    const { status, stdout, stderr } = lvsd('check', path, '--compat');
    expect(status).toBe(0);
    expect(stderr).toContain(': warning LVS1020: ');
    expect(stderr).toContain('= compat: keepalived logs it and goes on');
    expect(stdout).not.toContain('--compat');
    expect(stdout).toContain('0 errors, 1 warning; 1 instance');
  });

  it('is not named where keepalived would end too', () => {
    const { status, stdout } = lvsd('check', file(LIFTABLE.replace(/priorty.*/, 'priority')));
    expect(status).toBe(1);
    expect(stdout).not.toContain('--compat');
  });

  it('--json shows the severity that counts', () => {
    const severities = (...args: string[]) =>
      (JSON.parse(lvsd('check', file(LIFTABLE), '--json', ...args).stdout) as object[]).map(
        (one) => 'severity' in one && one.severity,
      );
    expect(severities()).toEqual(['error']);
    expect(severities('--compat')).toEqual(['warning']);
  });

  it('is named by lvsd run as well', () => {
    const { status, stderr } = lvsd('run', '-f', file(LIFTABLE));
    expect(status).toBe(1);
    expect(stderr.trim().split('\n').at(-1)).toContain('--compat');
  });
});

describe('lvsd check --dump', () => {
  it('prints the model with its defaults, and spans only when asked', () => {
    const { status, stdout } = lvsd('check', 'conf/lvs.conf', '-i', 'director1', '--dump');
    expect(status).toBe(0);
    const dump = JSON.parse(stdout) as { vrrpInstances: object[] };
    expect(dump.vrrpInstances[0]).toMatchObject({ name: 'VI_1', garp: { masterRepeat: 5 } });
    expect(stdout).not.toContain('endColumn');
    const spans = lvsd('check', 'conf/lvs.conf', '-i', 'director1', '--dump', '--spans');
    expect(spans.stdout).toContain('endColumn');
  });

  it('prints nothing of a file with errors', () => {
    const { status, stdout, stderr } = lvsd('check', file(LIFTABLE), '--dump');
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toContain('LVS1020');
  });
});

describe('lvsd plan', () => {
  const GOOD = LIFTABLE.replace('priorty', 'priority');

  it('says in words and as JSON what would change', () => {
    const before = file(GOOD, 'before.conf');
    const after = file(GOOD.replace('150', '200'), 'after.conf');
    const { status, stdout } = lvsd('plan', before, after);
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: 'vrrp_instance A changed: priority 150 -> 200\n',
    });
    expect(JSON.parse(lvsd('plan', before, after, '--json').stdout)).toEqual([
      {
        kind: 'changed',
        what: 'vrrp_instance',
        name: 'A',
        fields: [{ field: 'priority', before: 150, after: 200 }],
      },
    ]);
    expect(lvsd('plan', before, before).stdout).toBe('nothing changes\n');
  });

  it('ends with 1 when the new file has errors, with 2 when one cannot be read', () => {
    const before = file(GOOD, 'before.conf');
    const refused = lvsd('plan', before, file(LIFTABLE, 'after.conf'));
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain('LVS1020');
    expect(lvsd('plan', before, join(directory, 'absent.conf')).status).toBe(2);
  });
});

describe('without a daemon', () => {
  it.each([
    ['plan', /two files are compared by `lvsd plan OLD NEW`/],
    ['reload', /start it with `lvsd run`/],
    ['ipvs', /start it with `lvsd run`/],
  ])('lvsd %s says so in one sentence, and as JSON', (command, hint) => {
    const socket = join(directory, 'absent.sock');
    const { status, stderr, stdout } = lvsd(command, '--socket', socket);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/^lvsd: No lvsd is running on .*\n$/);
    expect(stderr).toMatch(hint);
    const json = lvsd(command, '--socket', socket, '--json').stdout;
    expect(JSON.parse(json)).toMatchObject({ ok: false, code: 'NOT_REACHABLE' });
  });

  it('lvsd plan wants the switches of two files with two files', () => {
    const { status, stderr } = lvsd('plan', '--compat');
    expect(status).toBe(1);
    expect(stderr).toContain('--config-id and --compat are of two files');
  });
});

describe('lvsd keywords', () => {
  it('says all about one word, once for each block that it stands in', () => {
    const { status, stdout } = lvsd('keywords', 'advert_int');
    expect(status).toBe(0);
    expect(stdout).toContain('advert_int: Time between two adverts');
    expect(stdout).toContain('vrrp_instance');
    expect(stdout).toMatch(/default: 1$/m);
    expect(stdout).toMatch(/support +works$/m);
  });

  it('lists all of them by block, and as JSON', () => {
    expect(lvsd('keywords').stdout).toMatch(/^vrrp_instance:$/m);
    const all = JSON.parse(lvsd('keywords', '--json').stdout) as { keyword: string }[];
    expect(all.length).toBeGreaterThan(300);
  });

  it('suggests a word for one that is not known, and ends with 1', () => {
    const { status, stderr } = lvsd('keywords', 'priorty');
    expect(status).toBe(1);
    expect(stderr).toContain("did you mean 'priority'?");
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
