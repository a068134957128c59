/** The daemon with scripts, trackers and a FIFO, on a host of its own; `lvsd` itself is the reader. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readIdentity } from '../../src/kernel/process-table.ts';
import type { DaemonStatus } from '../../src/observe/status.ts';
import { ended, eventually, Segment } from '../netns/segment.ts';

let segment: Segment;
let directory: string;

beforeEach(() => {
  segment = new Segment();
  directory = mkdtempSync(join(tmpdir(), 'lvsd-scripts-'));
});

afterEach(() => {
  segment.close();
  rmSync(directory, { recursive: true, force: true });
});

function shell(name: string, body: string): string {
  const path = join(directory, name);
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
  return path;
}

it('runs what the file names, shows what came of it, and ends it all', async () => {
  const host = segment.addHost('d1', '10.63.0.1/24');
  const at = (name: string): string => join(directory, name);
  const log = at('log');
  shell('start', `echo started >> ${log}`);
  shell('stop', `echo stopped >> ${log}`);
  shell('reader', `echo reader $1 >> ${log}; exec sleep 600`);
  shell('good', 'exit 0');
  shell('bad', 'echo no route >&2; exit 3');
  const file = at('lvs.conf');
  writeFileSync(
    file,
    `global_defs {
  script_user root
  startup_script ${at('start')}
  shutdown_script ${at('stop')}
  vrrp_notify_fifo ${at('fifo')}
  vrrp_notify_fifo_script ${at('reader')}
}
vrrp_script good { script ${at('good')} }
vrrp_script bad { script ${at('bad')} }
track_file load {
  file ${at('load')}
  init_file 7
}
vrrp_track_process none { process lvsd-none }
vrrp_instance VI_1 {
  interface eth0
  virtual_router_id 63
  virtual_ipaddress { 10.63.0.188/32 }
}
`
      .replace(/\{ script (\S+) \}/g, '{\n  script $1\n}')
      .replace('{ process lvsd-none }', '{\n  process lvsd-none\n}'),
  );
  const socket = at('control.sock');
  const daemon = segment.spawn(host, 'bin/lvsd', 'run', '-f', file, '--socket', socket);
  const lvsd = (...args: string[]) => {
    return spawnSync('bin/lvsd', [...args, '--socket', socket], { encoding: 'utf8' });
  };
  const status = (): DaemonStatus | undefined => {
    const { status: code, stdout } = lvsd('status', '--json');
    return code === 0 ? (JSON.parse(stdout) as DaemonStatus) : undefined;
  };
  await eventually('it runs', () => status()?.vrrp.length === 1);
  const trackers = status()?.trackers.map(({ kind, name, isUp, value, reason }) => ({
    what: `${kind} ${name}`,
    isUp,
    value,
    reason,
  }));
  const reasons = new Map(trackers?.map(({ what, ...rest }) => [what, rest]));
  expect(reasons.get('script good')).toMatchObject({ isUp: true, reason: 'exit status 0' });
  expect(reasons.get('script bad')).toMatchObject({ isUp: false, reason: 'exit status 3' });
  expect(reasons.get('file load')).toMatchObject({ isUp: true, value: 7 });
  expect(reasons.get('process none')).toMatchObject({ isUp: false });
  expect(status()?.notify.fifos).toMatchObject([{ script: { isRunning: true, restarts: 0 } }]);
  expect(lvsd('status').stdout).toContain('exit status 3: no route');
  const events = lvsd('events').stdout;
  expect(events).toContain(`started with ${file}`);
  expect(events).toContain('script bad is down: exit status 3');
  expect(lvsd('handover', 'VI_9')).toMatchObject({
    status: 1,
    stderr: 'lvsd: No vrrp_instance is called VI_9: VI_1\n',
  });
  expect(execFileSync('stat', ['-c', '%F %a', at('fifo')], { encoding: 'utf8' })).toBe(
    'fifo 644\n',
  );
  process.kill(status()?.pid ?? 0, 'SIGTERM');
  expect(await ended(daemon)).toBe(0);
  const ran = readFileSync(log, 'utf8').trim().split('\n');
  // The script of the FIFO is started beside startup_script, shutdown_script after everything.
  expect(ran.slice(0, 2).sort()).toEqual([`reader ${at('fifo')}`, 'started']);
  expect(ran.slice(2)).toEqual(['stopped']);
  await eventually('the reader is gone', () => {
    const { stdout } = spawnSync('pgrep', ['-f', directory], { encoding: 'utf8' });
    return stdout === '';
  });
}, 60_000);

it('ends, at the next start, the scripts of a daemon that was killed', async () => {
  const host = segment.addHost('d1', '10.63.0.1/24');
  const at = (name: string): string => join(directory, name);
  const file = at('lvs.conf');
  shell('reader', `echo $$ >> ${at('readers')}; exec sleep 600`);
  writeFileSync(
    file,
    `global_defs {
  script_user root
  vrrp_notify_fifo ${at('fifo')}
  vrrp_notify_fifo_script ${at('reader')}
}
vrrp_instance VI_1 {
  interface eth0
  virtual_router_id 63
  virtual_ipaddress { 10.63.0.188/32 }
}
`,
  );
  const readers = (): readonly number[] => {
    const { stdout } = spawnSync('cat', [at('readers')], { encoding: 'utf8' });
    return stdout.split('\n').filter(Boolean).map(Number);
  };
  const running = (): number => readers().filter((pid) => readIdentity(pid) !== undefined).length;
  const run = () =>
    segment.spawn(host, 'bin/lvsd', 'run', '-f', file, '--socket', at('control.sock'));
  const killed = run();
  await eventually('the reader runs', () => readers().length === 1);
  // It may run before it is written down: what is killed in between leaves nothing to know it by.
  await eventually('it is written down', () => existsSync(at('scripts-running.json')));
  killed.kill('SIGKILL');
  await ended(killed);
  expect(running()).toBe(1);
  const daemon = run();
  await eventually('a second reader runs', () => readers().length === 2);
  await eventually('the first has been ended', () => running() === 1);
  daemon.kill('SIGTERM');
  expect(await ended(daemon)).toBe(0);
  await eventually('no reader is left', () => running() === 0);
}, 60_000);
