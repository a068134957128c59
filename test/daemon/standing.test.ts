/**
 * How real daemons stand, as `lvsd status` tells it and `ip` sees it: a sync group of one mind, two masters
 * that refuse one another, a start that waits, an instance that gets another name.
 */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { InstanceSnapshot } from '../../src/vrrp/snapshot.ts';
import { ended, eventually, type Host, Segment } from '../netns/segment.ts';

const VIP = '10.64.0.188';
const SECOND_VIP = '10.64.0.189';

let segment: Segment;
let directory: string;

beforeEach(() => {
  segment = new Segment();
  directory = mkdtempSync(join(tmpdir(), 'lvsd-standing-'));
});

afterEach(() => {
  segment.close();
  rmSync(directory, { recursive: true, force: true });
});

class Director {
  readonly host: Host;
  readonly #file: string;
  readonly socket: string;

  constructor(name: string, address: string) {
    this.host = segment.addHost(name, `${address}/24`);
    this.#file = join(directory, `${name}.conf`);
    this.socket = join(directory, `${name}.sock`);
  }

  write(configuration: string): void {
    writeFileSync(this.#file, configuration);
  }

  start(): ChildProcess {
    const words = ['run', '-f', this.#file, '--socket', this.socket];
    const child = segment.spawn(this.host, 'bin/lvsd', ...words);
    child.stdout?.resume();
    child.stderr?.resume();
    return child;
  }

  instances(): readonly InstanceSnapshot[] {
    try {
      return (JSON.parse(this.ask('status', '--json')) as { vrrp: InstanceSnapshot[] }).vrrp;
    } catch {
      return [];
    }
  }

  /** As an operator sees it. */
  text(): string {
    return this.ask('status');
  }

  events(): string {
    return this.ask('events', '--json');
  }

  holds(vip: string): boolean {
    return segment.addresses(this.host).includes(vip);
  }

  ask(...words: readonly string[]): string {
    return execFileSync('bin/lvsd', [...words, '--socket', this.socket], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  }
}

interface Lines {
  readonly name?: string;
  readonly id?: number;
  readonly priority?: number;
  readonly vip?: string;
  readonly more?: string;
}

function instance({ name = 'VI_1', id = 51, priority = 100, vip = VIP, more = '' }: Lines): string {
  return `vrrp_instance ${name} {
interface eth0
virtual_router_id ${id}
priority ${priority}
advert_int 1
virtual_ipaddress {
${vip}/32
}
${more}
}
`;
}

describe('a sync group', () => {
  it('is told whole: who holds it, and which member keeps it in FAULT', {
    timeout: 60_000,
  }, async () => {
    const director = new Director('one', '10.64.0.1');
    const ip = (...words: readonly string[]): string => segment.run(director.host, 'ip', ...words);
    ip('link', 'add', 'eth1', 'type', 'veth', 'peer', 'name', 'far');
    for (const device of ['eth1', 'far']) ip('link', 'set', device, 'up');
    const watched = 'track_interface {\neth1\n}';
    director.write(
      `global_defs {\nvrrp_version 3\n}\nvrrp_sync_group both {\ngroup {\nVI_1\nVI_2\n}\n}\n${instance({})}` +
        instance({ name: 'VI_2', id: 52, vip: SECOND_VIP, more: watched }),
    );
    director.start();
    const states = (): string =>
      director
        .instances()
        .map(({ state }) => state)
        .join(' ');
    await eventually('both are master', () => states() === 'MASTER MASTER');
    expect(director.instances().map(({ syncGroup }) => syncGroup)).toEqual(['both', 'both']);

    ip('link', 'set', 'eth1', 'down');
    await eventually('both are in FAULT', () => states() === 'FAULT FAULT');
    expect([director.holds(VIP), director.holds(SECOND_VIP)]).toEqual([false, false]);
    const text = director.text();
    expect(text).toMatch(/^VI_1 is held in FAULT by .*VI_2/m);
    expect(text).toMatch(/^VI_2 is held in FAULT by interface eth1/m);

    ip('link', 'set', 'eth1', 'up');
    await eventually('both are master again', () => states() === 'MASTER MASTER');
    expect(director.text()).not.toContain('FAULT');
  });
});

describe('two masters that refuse one another', () => {
  it('each tells the split brain, and that it is over', { timeout: 60_000 }, async () => {
    const [one, two] = [new Director('one', '10.64.0.1'), new Director('two', '10.64.0.2')];
    one.write(instance({ more: 'version 3' }));
    two.write(instance({ more: 'version 2' }));
    const [, second] = [one.start(), two.start()];
    const splitBrain = (director: Director) => director.instances()[0]?.splitBrain;
    await eventually('both know', () => [one, two].every((director) => splitBrain(director)));
    expect([one.holds(VIP), two.holds(VIP)]).toEqual([true, true]);
    expect(splitBrain(one)).toMatchObject({ peer: '10.64.0.2', refused: 'WRONG_VERSION' });
    expect(splitBrain(two)).toMatchObject({ peer: '10.64.0.1', refused: 'WRONG_VERSION' });
    expect(one.text()).toMatch(/^VI_1 SPLIT BRAIN: 10\.64\.0\.2 .*is master too$/m);

    second.kill('SIGTERM');
    await eventually('it is over', () => splitBrain(one) === undefined);
    expect(one.events()).toMatch(/splitBrainDetected[\s\S]*splitBrainHealed/);
    expect(one.text()).not.toContain('SPLIT BRAIN');
  });
});

describe('vrrp_startup_delay', () => {
  it('no instance begins before it is over', { timeout: 60_000 }, async () => {
    const director = new Director('one', '10.64.0.1');
    const delayMs = 3_000;
    director.write(
      `global_defs {\nvrrp_version 3\nvrrp_startup_delay ${delayMs / 1000}\n}\n` +
        instance({ priority: 255, more: 'state MASTER' }),
    );
    const startedMs = performance.now();
    director.start();
    // An owner is master at once: without the delay this takes as long as the daemon needs to start.
    await eventually('it is master', () => director.holds(VIP));
    expect(performance.now() - startedMs).toBeGreaterThan(delayMs);
    expect(director.instances()).toMatchObject([{ name: 'VI_1', state: 'MASTER' }]);
  });
});

describe('a restart in place', () => {
  const file = instance({ more: 'version 3' }).replace('advert_int 1', 'advert_int 0.2');
  interface Status {
    readonly pid: number;
    readonly startedAt: string;
    readonly processes: { readonly vrrp: { readonly pid: number } };
  }

  /** A master, and a backup that would take over after 0.8 s. */
  async function pair(more = '') {
    const [one, two] = [new Director('one', '10.64.0.1'), new Director('two', '10.64.0.2')];
    one.write(file.replace('priority 100', `priority 200\n${more}`));
    two.write(file);
    const first = one.start();
    await eventually('it is master', () => one.instances()[0]?.state === 'MASTER');
    two.start();
    const heard = (): unknown => two.instances()[0]?.masterAddress;
    await eventually('the backup hears it', () => heard() === '10.64.0.1');
    return { one, two, first };
  }

  const status = (director: Director): Status => JSON.parse(director.ask('status', '--json'));

  function childrenOf(pid: number): readonly string[] {
    const words = ['--ppid', String(pid), '-o', 'pid=,stat=,comm='];
    return execFileSync('ps', words, { encoding: 'utf8' }).trim().split('\n');
  }

  it('goes on as master in the same process: no address is off, no backup takes over', {
    timeout: 90_000,
  }, async () => {
    const { one, two } = await pair();
    const before = status(one);
    const [backup] = two.instances();
    const monitor = segment.spawn(one.host, 'ip', '-o', 'monitor', 'address');
    let seen = '';
    monitor.stdout?.on('data', (chunk) => {
      seen += String(chunk);
    });
    for (let times = 0; times < 3; times += 1) one.ask('restart');
    const after = status(one);
    expect(after.pid).toBe(before.pid);
    expect(after.startedAt).not.toBe(before.startedAt);
    expect(after.processes.vrrp.pid).not.toBe(before.processes.vrrp.pid);
    expect(one.instances()).toMatchObject([{ state: 'MASTER' }]);
    expect(one.events()).toContain('restarted with');
    expect(seen).not.toContain(VIP);
    expect(two.instances()).toMatchObject([{ state: 'BACKUP', sinceMs: backup?.sinceMs }]);
    expect(two.instances()[0]?.counters.priorityZeroReceived ?? 0).toBe(0);
    // The one that works and the one in reserve; what was before has been waited for.
    await eventually('two children are left', () => childrenOf(after.pid).length === 2);
    expect(childrenOf(after.pid).join('\n')).not.toContain('Z');
  });

  it('is refused where the file has an error, and nothing is touched', {
    timeout: 60_000,
  }, async () => {
    const { one } = await pair();
    const before = status(one);
    one.write(file.replace('priority 100', 'priority 1000'));
    expect(() => one.ask('restart')).toThrow('Command failed');
    expect(status(one)).toMatchObject({ pid: before.pid, startedAt: before.startedAt });
    expect(one.instances()).toMatchObject([{ state: 'MASTER' }]);
  });

  it('that fails after all hands over: the backup has the address after its skew', {
    timeout: 60_000,
  }, async () => {
    const script = join(directory, 'wait.sh');
    const flag = join(directory, 'go');
    writeFileSync(script, `#!/bin/sh\nuntil [ -e ${flag} ]; do sleep 0.05; done\n`, {
      mode: 0o755,
    });
    const { one, two, first } = await pair(`notify_master "${script}" root root`);
    let log = '';
    first.stderr?.on('data', (chunk) => {
      log += String(chunk);
    });
    // Until the script has ended nothing is replaced; meanwhile the file breaks.
    const asked = segment.spawn(one.host, 'bin/lvsd', 'restart', '--socket', one.socket);
    await eventually('it is under way', () => log.includes('restarting in place'));
    one.write('vrrp_instance {');
    writeFileSync(flag, '');
    expect(await ended(first)).toBe(1);
    await eventually('the backup is master', () => two.holds(VIP) && !one.holds(VIP));
    expect(two.instances()[0]?.counters.priorityZeroReceived).toBe(1);
    asked.kill();
  });
});

describe('an instance with another name after a reload', () => {
  it('goes on as master: its address is never off, and it says no priority 0', {
    timeout: 60_000,
  }, async () => {
    const director = new Director('one', '10.64.0.1');
    director.write(instance({ more: 'version 3' }));
    const daemon = director.start();
    await eventually('it is master', () => director.instances()[0]?.state === 'MASTER');
    const before = director.instances()[0];
    const monitor = segment.spawn(director.host, 'ip', '-o', 'monitor', 'address');
    let seen = '';
    monitor.stdout?.on('data', (chunk) => {
      seen += String(chunk);
    });
    await eventually('the monitor listens', () => {
      segment.run(director.host, 'ip', 'addr', 'add', '192.0.2.1/32', 'dev', 'lo');
      segment.run(director.host, 'ip', 'addr', 'del', '192.0.2.1/32', 'dev', 'lo');
      return seen.includes('192.0.2.1');
    });

    director.write(instance({ name: 'web', more: 'version 3' }));
    daemon.kill('SIGHUP');
    await eventually('it has its new name', () => director.instances()[0]?.name === 'web');
    const sent = (): number => director.instances()[0]?.counters.advertsSent ?? 0;
    const until = sent() + 2;
    await eventually('it goes on', () => sent() >= until);
    expect(director.instances()).toMatchObject([{ state: 'MASTER', sinceMs: before?.sinceMs }]);
    expect(director.instances()[0]?.counters.priorityZeroSent ?? 0).toBe(0);
    expect(seen).not.toContain(VIP);
  });
});
