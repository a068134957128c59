/** MISC_CHECK from the probe to real programs and back: all but the channel between the two processes. */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import type { GlobalDefs } from '../../src/config/model.ts';
import type { MiscCheckConfig } from '../../src/config/model-lvs.ts';
import { CheckScripts } from '../../src/daemon/check-scripts.ts';
import { HealthOutside } from '../../src/daemon/health-outside.ts';
import type { ScriptRules } from '../../src/daemon/script-launch.ts';
import { ScriptRunner } from '../../src/daemon/script-runner.ts';
import { nodeTimers } from '../../src/daemon/timers.ts';
import type { ProbeResult } from '../../src/health/probe.ts';
import { miscCheck } from '../health/configs.ts';
import { ask, openDescriptors } from '../health/probing.ts';
import { eventually } from '../netns/segment.ts';

const LIMIT = 4;
const NOTHING = { vrrpInstances: [], virtualServers: [] };
const globalDefs = { controlSocket: { path: '/run/lvsd/control.sock', mode: 0o660 } } as GlobalDefs;

let directory: string;
let scripts: CheckScripts;
let outside: HealthOutside;
let rules: ScriptRules;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lvsd-checks-'));
  chmodSync(directory, 0o777);
  rules = {};
  const runner = new ScriptRunner({ clock: systemClock, setTimer: nodeTimers, limit: LIMIT });
  scripts = new CheckScripts({
    runner,
    setTimer: nodeTimers,
    rules: () => rules,
    onEnd: (id, result) => outside.scriptEnded(id, result),
  });
  outside = new HealthOutside((message) => {
    if (message.kind === 'killScript') scripts.kill(message.id);
    else scripts.run(message.id, message.command, message.timeoutMs);
  });
});

afterEach(() => {
  scripts.killAll();
  rmSync(directory, { recursive: true, force: true });
});

function script(body: string, mode = 0o755): string {
  const path = join(directory, 'check');
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, mode);
  return path;
}

function start(path: string, changes: Partial<MiscCheckConfig> = {}) {
  const config = miscCheck({ command: { path, args: [] }, ...changes });
  return ask(config, { ports: { outside } });
}

function check(path: string, changes: Partial<MiscCheckConfig> = {}): Promise<ProbeResult> {
  return start(path, changes).result;
}

describe('MISC_CHECK', () => {
  it('passes with exit status 0, and fails with any other, in the words of the script', async () => {
    expect(await check(script('exit 0'))).toMatchObject({ kind: 'pass' });
    expect(await check(script('echo no route >&2; exit 3'))).toMatchObject({
      kind: 'fail',
      reason: 'SCRIPT_FAILED',
      detail: expect.stringMatching(/check: exit status 3: no route$/),
    });
  });

  it.each([
    [0, { kind: 'pass', advice: { weight: { kind: 'add', points: 0 } } }],
    [1, { kind: 'fail', reason: 'SCRIPT_FAILED' }],
    [2, { kind: 'pass', advice: { weight: { kind: 'set', weight: 0 } } }],
    [255, { kind: 'pass', advice: { weight: { kind: 'set', weight: 253 } } }],
  ])('with misc_dynamic exit status %i is %o', async (code, result) => {
    expect(await check(script(`exit ${code}`), { isDynamic: true })).toMatchObject(result);
  });

  it('hands arguments over as they are', async () => {
    const command = {
      path: script(`[ "$1" = 'a b' ] && [ "$2" = '$HOME' ]`),
      args: ['a b', '$HOME'],
    };
    expect(await check('', { command })).toMatchObject({ kind: 'pass' });
  });

  it('fails at its deadline and kills the whole group, also one that ignores TERM', async () => {
    const pid = join(directory, 'pid');
    const path = script(`trap '' TERM; sleep 300 & echo $! > ${pid}; wait; sleep 300`);
    const result = await check(path, { timeoutMs: 400 });
    expect(result).toMatchObject({ kind: 'fail', reason: 'TIMEOUT' });
    expect(result.durationMs).toBeLessThan(2000);
    const child = Number(readFileSync(pid, 'utf8'));
    await eventually('the group is gone', () => !existsSync(`/proc/${child}`));
  });

  it.each<[string, () => string]>([
    ['is missing', () => join(directory, 'absent')],
    ['is not executable', () => script('exit 0', 0o644)],
    [
      'names no interpreter that there is',
      () => {
        const path = script('');
        writeFileSync(path, '#!/no/such/interpreter\n');
        return path;
      },
    ],
  ])('fails when the script %s', async (_what, path) => {
    expect(await check(path())).toMatchObject({ kind: 'fail', reason: 'CANNOT_RUN' });
  });

  it('passes when it cannot be run only with script_failure ignore', async () => {
    const path = join(directory, 'absent');
    outside.configure({ globalDefs: { ...globalDefs, scriptFailure: 'ignore' }, ...NOTHING });
    expect(await check(path)).toMatchObject({ kind: 'pass' });
    expect(await check(script('exit 1'))).toMatchObject({ kind: 'fail' });
    outside.configure({ globalDefs, ...NOTHING });
    expect(await check(path)).toMatchObject({ kind: 'fail', reason: 'CANNOT_RUN' });
  });

  it('fails when its user is not there, and when the script is insecure', async () => {
    const command = { path: script('exit 0', 0o777), args: [] };
    const asNobodyKnown = { ...command, user: 'no-such-user' };
    expect(await check('', { command: asNobodyKnown })).toMatchObject({ reason: 'CANNOT_RUN' });
    rules = { hasScriptSecurity: true };
    const asRoot = { ...command, user: 'root' };
    expect(await check('', { command: asRoot })).toMatchObject({ reason: 'CANNOT_RUN' });
  });

  it.runIf(process.getuid?.() === 0)('runs as root only when the file says so', async () => {
    const path = script('[ "$(id -u)" -ne 0 ]');
    expect(await check(path)).toMatchObject({ kind: 'pass' });
    const command = { path, args: [], user: 'root' };
    expect(await check('', { command })).toMatchObject({ kind: 'fail' });
    rules = { scriptUser: { user: 'root' } };
    expect(await check(path)).toMatchObject({ kind: 'fail' });
  });

  it('is killed when it is withdrawn', async () => {
    const pid = join(directory, 'pid');
    const run = start(script(`echo $$ > ${pid}; exec sleep 300`));
    await eventually('it runs', () => existsSync(pid) && readFileSync(pid, 'utf8') !== '');
    run.withdraw();
    await run.result;
    const process = Number(readFileSync(pid, 'utf8'));
    await eventually('it is gone', () => !existsSync(`/proc/${process}`));
  });

  it('that waits for its turn does not lose time of its own', async () => {
    const path = script('sleep 0.3');
    const runs = Array.from({ length: 3 * LIMIT }, () => check(path, { timeoutMs: 800 }));
    for (const result of await Promise.all(runs)) expect(result).toMatchObject({ kind: 'pass' });
  });

  it('leaves nothing behind of 60 runs', async () => {
    const path = script('exit 0');
    await check(path);
    const before = openDescriptors();
    for (let round = 0; round < 5; round += 1) {
      await Promise.all(Array.from({ length: 12 }, () => check(path)));
    }
    await eventually('all is closed', () => openDescriptors() <= before);
  });
});
