/**
 * `preempt_delay` beside Debian's keepalived, in both directions: the better router leaves the lesser master
 * alone until the delay is over, and then takes over. tcpdump's stamps are the independent clock.
 */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ended, eventually, type Host, Segment, said } from '../netns/segment.ts';

const VIP = '10.68.0.188';
const DELAY_S = 3;
const ROUTERS = { lvsd: '10.68.0.1', keepalived: '10.68.0.2' } as const;
type RouterName = keyof typeof ROUTERS;

let segment: Segment;
let hosts: Readonly<Record<RouterName, Host>>;
let directory: string;
const at = (name: string): string => join(directory, name);

beforeEach(() => {
  segment = new Segment();
  directory = mkdtempSync(join(tmpdir(), 'lvsd-preempt-delay-'));
  hosts = {
    lvsd: segment.addHost('lvsd', `${ROUTERS.lvsd}/24`),
    keepalived: segment.addHost('keepalived', `${ROUTERS.keepalived}/24`),
  };
});

afterEach(() => {
  segment.close();
  rmSync(directory, { recursive: true, force: true });
});

function start(name: RouterName, priority: number, more: string): ChildProcess {
  const file = at(`${name}.conf`);
  writeFileSync(
    file,
    `global_defs {
vrrp_version 3
}
vrrp_instance VI_1 {
state BACKUP
interface eth0
virtual_router_id 51
priority ${priority}
advert_int 0.1
${more}
virtual_ipaddress {
${VIP}/32
}
}
`,
  );
  const pids = ['--pid', at('parent.pid'), '--vrrp_pid', at('vrrp.pid')];
  const words = {
    lvsd: ['bin/lvsd', 'run', '-f', file, '--socket', at('control.sock')],
    keepalived: ['keepalived', '-n', '--log-console', '--vrrp', '--use-file', file, ...pids],
  } as const;
  const [command, ...args] = words[name];
  const child = segment.spawn(hosts[name], command, ...args);
  child.stdout?.resume();
  child.stderr?.resume();
  return child;
}

const holds = (name: RouterName): Promise<void> =>
  eventually(`the VIP is with ${name} alone`, () => {
    const holders = Object.values(hosts).filter((host) => segment.addresses(host).includes(VIP));
    return holders.length === 1 && holders[0] === hosts[name];
  });

/** Seconds of the first advert from `source` with this priority; undefined when there is none. */
function firstAdvert(capture: string, source: string, priority: number): number | undefined {
  const text = execFileSync('tcpdump', ['-n', '-tt', '-r', capture], {
    encoding: 'utf8',
    stdio: 'pipe',
  });
  const line = text
    .split('\n')
    .find((one) => one.includes(` ${source} > `) && one.includes(`prio ${priority},`));
  return line === undefined ? undefined : Number(line.split(' ')[0]);
}

describe.each([
  { better: 'lvsd', lesser: 'keepalived' },
  { better: 'keepalived', lesser: 'lvsd' },
] as const)(
  '$better with preempt_delay comes to a master that is $lesser',
  ({ better, lesser }) => {
    it('takes over when the delay is over, not before, and at once from a dead one', {
      timeout: 60_000,
    }, async () => {
      const capture = at('wire.pcap');
      const options = ['-U', '--immediate-mode', '-i', 'eth0', '-w', capture];
      const tcpdump = segment.spawn(hosts[lesser], 'tcpdump', ...options, 'proto', '112');
      await said(tcpdump, 'listening on');
      const first = start(lesser, 100, '');
      await holds(lesser);
      const bornS = Date.now() / 1000;
      const second = start(better, 200, `preempt_delay ${DELAY_S}`);
      await holds(better);
      second.kill('SIGTERM');
      await ended(second);
      await holds(lesser);
      first.kill('SIGTERM');
      await ended(first);
      tcpdump.kill('SIGTERM');
      await ended(tcpdump);
      // The clock of the delay starts at the first advert that the better one hears: after its start.
      const tookOverS = firstAdvert(capture, ROUTERS[better], 200);
      expect(tookOverS).toBeGreaterThan(bornS + DELAY_S);

      // Nobody is preempted where the master is dead: the down interval alone.
      const dead = start(lesser, 100, '');
      await holds(lesser);
      start(better, 200, 'preempt_delay 1000');
      await eventually('the better one hears it', () =>
        segment.run(hosts[better], 'cat', '/proc/net/igmp').includes('120000E0'),
      );
      segment.killAll(hosts[lesser]);
      segment.run(hosts[lesser], 'ip', 'addr', 'flush', 'to', VIP);
      await ended(dead);
      await holds(better);
    });
  },
);
