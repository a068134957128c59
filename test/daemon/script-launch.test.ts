import { describe, expect, it } from 'vitest';
import { describeOutcome, hasPassed } from '../../src/base/script-result.ts';
import type { FileFact } from '../../src/config/file-facts.ts';
import { findAccount } from '../../src/daemon/accounts.ts';
import { type LaunchFacts, planLaunch, scriptEnvironment } from '../../src/daemon/script-launch.ts';

const accounts = {
  passwd: 'root:x:0:0:root:/root:/bin/sh\nweb:x:33:34::/var/www:/bin/false\nodd:x:abc:1::\n',
  group: 'root:x:0:\nadm:x:4:web\n',
};
const fact: FileFact = {
  exists: true,
  isReadable: true,
  isExecutable: true,
  isWritableByOthers: false,
};
const facts: LaunchFacts = { accounts, ownUid: 0, found: { path: '/usr/bin/check', fact } };
const command = { path: 'check', args: [] };

describe('findAccount', () => {
  it('gives a user with its own group, or with the one named', () => {
    expect(findAccount(accounts, 'web', undefined)).toEqual({
      ok: true,
      account: { uid: 33, gid: 34 },
    });
    expect(findAccount(accounts, 'web', 'adm')).toEqual({
      ok: true,
      account: { uid: 33, gid: 4 },
    });
  });

  it.each([
    ['nobody', undefined, 'there is no user nobody in /etc/passwd'],
    ['odd', undefined, 'there is no user odd in /etc/passwd'],
    ['we', undefined, 'there is no user we in /etc/passwd'],
    ['web', 'staff', 'there is no group staff in /etc/group'],
  ])('refuses %s with group %s', (user, group, reason) => {
    expect(findAccount(accounts, user, group)).toEqual({ ok: false, reason });
  });
});

describe('planLaunch', () => {
  const plan = (
    rules: Parameters<typeof planLaunch>[1],
    changes: Partial<LaunchFacts> = {},
    user?: string,
  ) =>
    planLaunch(user === undefined ? command : { ...command, user }, rules, {
      ...facts,
      ...changes,
    });

  it('takes the user of the command before script_user, that before keepalived_script, that before root', () => {
    const scriptUser = { user: 'web', group: 'adm' };
    const withOwn = { ...accounts, passwd: `${accounts.passwd}keepalived_script:x:99:99::/:\n` };
    expect(plan({}, {}, 'web')).toMatchObject({ identity: { uid: 33, gid: 34 } });
    expect(plan({ scriptUser })).toMatchObject({ identity: { uid: 33, gid: 4 } });
    expect(plan({ scriptUser }, {}, 'root')).toMatchObject({ identity: { uid: 0, gid: 0 } });
    expect(plan({}, { accounts: withOwn })).toMatchObject({ identity: { uid: 99, gid: 99 } });
    expect(plan({})).toEqual({ ok: true, file: '/usr/bin/check', identity: { uid: 0, gid: 0 } });
  });

  it('runs as the daemon when that is not root and the file names nobody else', () => {
    expect(plan({}, { ownUid: 500 })).toEqual({ ok: true, file: '/usr/bin/check' });
    expect(plan({}, { ownUid: 33 }, 'web')).toEqual({ ok: true, file: '/usr/bin/check' });
    expect(plan({}, { ownUid: 500 }, 'web')).toMatchObject({ identity: { uid: 33 } });
  });

  it.each([
    [{ exists: false }, 'check does not exist'],
    [{ isExecutable: false }, '/usr/bin/check is not executable'],
  ])('refuses a file of which %j', (change, reason) => {
    const found = { path: '/usr/bin/check', fact: { ...fact, ...change } };
    expect(plan({}, { found })).toEqual({ ok: false, reason });
  });

  it('refuses a command that no directory has and a user that does not exist', () => {
    expect(plan({}, { found: undefined })).toMatchObject({ ok: false });
    expect(plan({}, {}, 'nobody')).toMatchObject({ ok: false });
  });

  it('with enable_script_security refuses what others can write to be run as root, and only that', () => {
    const found = { path: '/tmp/check', fact: { ...fact, isWritableByOthers: true } };
    expect(plan({}, { found })).toMatchObject({ ok: true });
    const secured = { hasScriptSecurity: true };
    expect(plan(secured, { found })).toMatchObject({ ok: false });
    expect(plan(secured, { found }, 'web')).toMatchObject({ ok: true });
    expect(plan(secured)).toMatchObject({ ok: true });
  });
});

describe('scriptEnvironment', () => {
  it('leaves out LD_* and IFS and sets the PATH', () => {
    const own = {
      LD_PRELOAD: 'x',
      LD_LIBRARY_PATH: 'x',
      IFS: ',',
      PATH: '/tmp',
      TZ: 'UTC',
      A: undefined,
    };
    expect(scriptEnvironment(own, '/bin')).toEqual({ TZ: 'UTC', PATH: '/bin' });
  });
});

describe('the outcome of a run', () => {
  const cannotRun = { kind: 'cannotRun', reason: 'x does not exist' } as const;

  it.each([
    [{ kind: 'exited', code: 0 }, true, 'exit status 0'],
    [{ kind: 'exited', code: 3 }, false, 'exit status 3'],
    [{ kind: 'signalled', signal: 'SIGSEGV' }, false, 'killed by SIGSEGV'],
    [{ kind: 'timedOut', afterMs: 1500 }, false, 'no end within 1.5 s, killed'],
    [cannotRun, false, 'cannot be run: x does not exist'],
  ] as const)('%j passes: %s', (outcome, passes, words) => {
    expect(hasPassed(outcome, false)).toBe(passes);
    expect(describeOutcome(outcome)).toBe(words);
  });

  it('script_failure ignore lets a script that cannot be run pass, and no other', () => {
    expect(hasPassed(cannotRun, true)).toBe(true);
    expect(hasPassed({ kind: 'timedOut', afterMs: 1 }, true)).toBe(false);
    expect(hasPassed({ kind: 'exited', code: 1 }, true)).toBe(false);
  });
});
