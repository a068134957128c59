/** A director of the bench: lvsd or keepalived, started as a user would, from the same file. */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ended, eventually, type Host, type Segment } from '../../test/netns/segment.ts';

export const DAEMONS = ['lvsd', 'keepalived'] as const;
export type Daemon = (typeof DAEMONS)[number];

export interface Role {
  readonly state: 'MASTER' | 'BACKUP';
  readonly priority: number;
  readonly advertIntervalMs: number;
  readonly vip: string;
  /**
   * With a virtual server, so that lvsd has a health process, to be stopped; without IPVS in the kernel lvsd is
   * put together by stalled-director.ts.
   */
  readonly isChecking?: boolean;
}

const MS_PER_SECOND = 1000;
/** User-mode Linux on a busy machine is slow to start. */
const LISTEN_TIMEOUT_MS = 60_000;
const STALLED_DIRECTOR = join(import.meta.dirname, 'stalled-director.ts');
const HEALTH_PROGRAM = 'health-process';
/** 224.0.0.18 as /proc/net/igmp writes it: joined, so that adverts are heard. */
const GROUP_IN_IGMP = '120000E0';

export class Director {
  readonly host: Host;
  readonly daemon: Daemon;
  readonly #segment: Segment;
  readonly #directory: string;
  readonly #child: ChildProcess;

  constructor(segment: Segment, host: Host, daemon: Daemon, role: Role, directory: string) {
    this.#segment = segment;
    this.host = host;
    this.daemon = daemon;
    this.#directory = directory;
    const file = join(directory, `${host.name}.conf`);
    writeFileSync(file, configuration(host.name, role));
    const path = (name: string): string => join(directory, `${host.name}-${name}`);
    const isPutTogether = role.isChecking === true && !existsSync('/proc/net/ip_vs');
    const words: Readonly<Record<Daemon, readonly string[]>> = {
      lvsd: isPutTogether
        ? [process.execPath, STALLED_DIRECTOR, file]
        : ['bin/lvsd', 'run', '-f', file, '--socket', path('socket'), '--log-level', 'warn'],
      keepalived: [
        ...['keepalived', '--dont-fork', '--log-console', '--vrrp', '--use-file', file],
        ...['--pid', path('pid'), '--vrrp_pid', path('vrrp-pid')],
      ],
    };
    const [command = '', ...rest] = words[daemon];
    this.#child = segment.spawn(host, command, ...rest);
    this.#child.stdout?.resume();
    this.#child.stderr?.resume();
  }

  /** Resolves when the daemon hears adverts. */
  async listens(): Promise<void> {
    await eventually(
      `${this.daemon} joins 224.0.0.18`,
      () => this.#segment.run(this.host, 'cat', '/proc/net/igmp').includes(GROUP_IN_IGMP),
      LISTEN_TIMEOUT_MS,
    );
  }

  /** The process that speaks VRRP. */
  vrrpPid(): number {
    const socket = join(this.#directory, `${this.host.name}-socket`);
    if (this.daemon === 'keepalived') {
      const file = join(this.#directory, `${this.host.name}-vrrp-pid`);
      return Number(readFileSync(file, 'utf8'));
    }
    const words = ['status', '--json', '--socket', socket];
    const status = JSON.parse(execFileSync('bin/lvsd', words, { encoding: 'utf8' })) as {
      processes: { vrrp: { pid: number } };
    };
    return status.processes.vrrp.pid;
  }

  /** Every process of the daemon, children first: a parent that is gone makes a child hand over. */
  pids(): readonly number[] {
    const text = execFileSync('ip', ['netns', 'pids', this.host.namespace], { encoding: 'utf8' });
    const pids = text.split('\n').filter((line) => line !== '');
    return pids.map(Number).sort((a, b) => b - a);
  }

  /** The process that checks servers, none in keepalived's turns: it is started without. */
  healthPid(): number | undefined {
    return this.pids().find((pid) => commandOf(pid).includes(HEALTH_PROGRAM));
  }

  terminate(): void {
    this.#child.kill('SIGTERM');
  }

  /** Ends what is left of it, at once, and takes off what it leaves behind. */
  async clear(vip: string): Promise<void> {
    killAll(this.pids());
    await ended(this.#child);
    // A supervisor may have forked between the list and its death.
    killAll(this.pids());
    try {
      this.#segment.run(this.host, 'ip', 'addr', 'del', `${vip}/32`, 'dev', 'eth0');
    } catch {
      // It was not there.
    }
  }
}

export function killAll(pids: readonly number[], signal: NodeJS.Signals = 'SIGKILL'): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // Gone by itself meanwhile.
    }
  }
}

function configuration(name: string, role: Role): string {
  return `global_defs {
  router_id ${name}
  vrrp_version 3
}
vrrp_instance VI_1 {
  state ${role.state}
  interface eth0
  virtual_router_id 51
  priority ${role.priority}
  advert_int ${role.advertIntervalMs / MS_PER_SECOND}
  virtual_ipaddress {
    ${role.vip}/32
  }
}
${role.isChecking === true ? virtualServer(role.vip) : ''}`;
}

/** Its real servers are nowhere: every check waits for its timeout. */
function virtualServer(vip: string): string {
  const servers = ['10.62.0.21', '10.62.0.22'].map(
    (address) => `  real_server ${address} 80 {
    TCP_CHECK {
      connect_timeout 1
    }
  }`,
  );
  return `virtual_server ${vip} 80 {
  lb_algo rr
  lb_kind DR
  protocol TCP
  delay_loop 1
${servers.join('\n')}
}
`;
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    // It has ended meanwhile.
    return '';
  }
}
