/**
 * The notify contract with the real daemon: the same file, the same things done to it, once under lvsd and
 * once under Debian's keepalived. FIFO lines and what the scripts were called with must be the same.
 */
import { type ChildProcess, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ended, eventually, type Host, Segment } from '../netns/segment.ts';

type Program = 'lvsd' | 'keepalived';

/** What a program told, object by object, in its order. */
interface Told {
  readonly fifo: Readonly<Record<string, readonly string[]>>;
  /** keepalived runs scripts side by side: in no order. */
  readonly scripts: readonly string[];
  /** In the order in which they ran. */
  readonly scriptsOf: Readonly<Record<string, readonly string[]>>;
}

/** One each: they would be each other's routers. */
let segments: Readonly<Record<Program, Segment>>;
let root: string;

beforeEach(() => {
  segments = { lvsd: new Segment(), keepalived: new Segment() };
  root = mkdtempSync(join(tmpdir(), 'lvsd-contract-'));
});

afterEach(() => {
  for (const segment of Object.values(segments)) segment.close();
  rmSync(root, { recursive: true, force: true });
});

const STATES = ['master', 'backup', 'fault', 'stop'] as const;

function configText(at: (name: string) => string): string {
  const notify = (name: string): string =>
    [
      ...STATES.map((state) => `  notify_${state} "${at('own')} ${name} ${state}"`),
      `  notify ${at('any')}`,
    ].join('\n');
  const instance = (name: string, id: number, lines: string): string => `vrrp_instance ${name} {
  state BACKUP
  interface eth0
  virtual_router_id ${id}
  priority 100
  advert_int 0.1
  virtual_ipaddress {
    10.64.0.${id}/32
  }
${lines}
${notify(name)}
}
`;
  return `global_defs {
  vrrp_version 3
  script_user root
  vrrp_notify_fifo ${at('fifo')}
}
vrrp_script check {
  script ${at('check')}
  interval 1
  fall 2
  rise 2
}
track_file load {
  file ${at('load')}
}
vrrp_sync_group G1 {
  group {
    VI_1
    VI_2
  }
${notify('G1')}
}
${instance('VI_1', 71, '  track_script {\n    check\n  }')}${instance('VI_2', 72, '')}${instance(
  'VI_3',
  73,
  '  notify_priority_changes\n  track_file {\n    load weight 1\n  }',
)}`;
}

function start(program: Program, host: Host, at: (name: string) => string): ChildProcess {
  const segment = segments[program];
  if (program === 'lvsd') {
    const options = ['-f', at('conf'), '--socket', at('control.sock')];
    return segment.spawn(host, 'bin/lvsd', 'run', ...options);
  }
  const pids = ['--pid', at('parent.pid'), '--vrrp_pid', at('vrrp.pid')];
  const options = ['--dont-fork', '--log-console', '--vrrp', '--use-file', at('conf')];
  return segment.spawn(host, 'keepalived', ...options, ...pids);
}

async function told(program: Program): Promise<Told> {
  const directory = join(root, program);
  mkdirSync(directory);
  const at = (name: string): string => join(directory, name);
  const shell = (name: string, body: string): void => {
    writeFileSync(at(name), `#!/bin/sh\n${body}\n`);
    chmodSync(at(name), 0o755);
  };
  // One write a call: lines of scripts that run side by side do not mix.
  shell('own', `echo "$1 own $*" >> ${at('scripts')}`);
  shell('any', `echo "$2 any $*" >> ${at('scripts')}`);
  shell('check', `test ! -e ${at('bad')}`);
  for (const name of ['scripts', 'lines']) writeFileSync(at(name), '');
  writeFileSync(at('load'), '0\n');
  writeFileSync(at('conf'), configText(at));
  spawnSync('mkfifo', [at('fifo')]);
  const segment = segments[program];
  const host = segment.addHost('d1', '10.64.0.1/24');
  const reader = segment.spawn(host, 'sh', '-c', `exec cat ${at('fifo')} > ${at('lines')}`);

  const lines = (name: string): readonly string[] =>
    readFileSync(at(name), 'utf8').split('\n').slice(0, -1);
  const says = (line: string, times = 1): Promise<void> =>
    eventually(`${program} says ${line}, ${times} times`, () => {
      return lines('lines').filter((each) => each === line).length >= times;
    });
  const daemon = start(program, host, at);
  daemon.stdout?.resume();
  daemon.stderr?.resume();
  await says('GROUP "G1" MASTER 0');
  await says('INSTANCE "VI_3" MASTER 100');
  writeFileSync(at('load'), '10\n');
  await says('INSTANCE "VI_3" MASTER_PRIORITY 110');
  writeFileSync(at('bad'), '');
  await says('GROUP "G1" FAULT 0');
  await says('INSTANCE "VI_2" FAULT 100');
  rmSync(at('bad'));
  await says('GROUP "G1" MASTER 0', 2);
  await says('INSTANCE "VI_1" MASTER 100', 2);
  await says('INSTANCE "VI_2" MASTER 100', 2);
  daemon.kill('SIGTERM');
  await ended(daemon);
  await ended(reader);
  const fifo = lines('lines');
  const stops = (): number => lines('scripts').filter((line) => line.includes(' stop')).length;
  await eventually(`${program}: each object stopped`, () => stops() === OBJECTS.length);
  const scripts = lines('scripts');
  return {
    fifo: byObject(fifo, (name) => (line) => line.includes(` "${name}" `)),
    scripts: scripts.toSorted(),
    scriptsOf: byObject(scripts, (name) => (line) => line.startsWith(`${name} `)),
  };
}

const OBJECTS = ['G1', 'VI_1', 'VI_2', 'VI_3'] as const;

function byObject(
  lines: readonly string[],
  isOf: (name: string) => (line: string) => boolean,
): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(OBJECTS.map((name) => [name, lines.filter(isOf(name))]));
}

it('FIFO lines and script calls are those of keepalived, in order for each object', {
  timeout: 120_000,
}, async () => {
  const [ours, theirs] = await Promise.all([told('lvsd'), told('keepalived')]);
  expect(ours.fifo).toEqual(theirs.fifo);
  expect(ours.scripts).toEqual(theirs.scripts);
  for (const name of OBJECTS) {
    // Ours run one after the other, in the order in which the FIFO tells; notify_… before notify.
    const state = (line: string): string | undefined => line.split(' ')[2];
    const states = (ours.fifo[name] ?? []).map(state).filter((each) => each !== 'MASTER_PRIORITY');
    const kind = name === 'G1' ? 'GROUP' : 'INSTANCE';
    const wanted = states.flatMap((each) => [
      `${name} own ${name} ${each?.toLowerCase()}`,
      expect.stringContaining(`${name} any ${kind} ${name} ${each} `),
    ]);
    expect(ours.scriptsOf[name]).toEqual(wanted);
  }
});
