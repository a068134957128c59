/**
 * A segment for tests: hosts in network namespaces of their own, each with `eth0` on one bridge that has
 * a namespace too, so that nothing of it is on the machine itself. Needs root.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';

export interface Host {
  readonly name: string;
  readonly namespace: string;
  readonly address: string;
}

let segments = 0;

export class Segment {
  readonly #prefix: string;
  readonly #bridge: string;
  readonly #hosts: Host[] = [];
  readonly #children: ChildProcess[] = [];

  constructor() {
    segments += 1;
    this.#prefix = `lvsdt-${process.pid}-${segments}`;
    this.#bridge = `${this.#prefix}-br`;
    ip('netns', 'add', this.#bridge);
    ip('-n', this.#bridge, 'link', 'add', 'br0', 'type', 'bridge', 'mcast_snooping', '0');
    ip('-n', this.#bridge, 'link', 'set', 'br0', 'up');
  }

  /** A host with `eth0` up and these addresses (with prefix length) on it. */
  addHost(name: string, ...addresses: readonly string[]): Host {
    const namespace = `${this.#prefix}-${name}`;
    ip('netns', 'add', namespace);
    ip('-n', namespace, 'link', 'set', 'lo', 'up');
    const host = { name, namespace, address: addresses[0]?.split('/')[0] ?? '' };
    this.#hosts.push(host);
    this.connect(host, 'eth0', ...addresses);
    return host;
  }

  /** Connects a host, of another segment too, by `device` with these addresses: one device a host. */
  connect({ name, namespace }: Host, device: string, ...addresses: readonly string[]): void {
    const port = portOf(name);
    ip('-n', namespace, 'link', 'add', device, 'type', 'veth', 'peer', port, 'netns', this.#bridge);
    ip('-n', this.#bridge, 'link', 'set', port, 'master', 'br0', 'up');
    for (const address of addresses) {
      ip('-n', namespace, 'addr', 'add', address, 'dev', device, 'nodad');
    }
    // While the link-local address is tentative, up to two seconds, nothing is sent from it.
    ip('netns', 'exec', namespace, 'sysctl', '-qw', `net.ipv6.conf.${device}.accept_dad=0`);
    ip('-n', namespace, 'link', 'set', device, 'addrgenmode', 'eui64', 'up');
  }

  /** Plugs a host's cable in, or out: its end and the bridge's both lose the carrier. */
  setCable(host: Host, state: 'up' | 'down'): void {
    ip('-n', this.#bridge, 'link', 'set', portOf(host.name), state);
  }

  /** Starts a program on a host; it is killed with the segment at the latest. */
  spawn(host: Host, command: string, ...args: readonly string[]): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', host.namespace, command, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#children.push(child);
    return child;
  }

  /** Runs a program on a host to its end; throws when it fails. */
  run(host: Host, command: string, ...args: readonly string[]): string {
    return ip('netns', 'exec', host.namespace, command, ...args);
  }

  /** Runs a program on a host to its end, however it ends. */
  runAnyway({ namespace }: Host, command: string, ...args: readonly string[]): void {
    spawnSync('ip', ['netns', 'exec', namespace, command, ...args]);
  }

  /** Addresses on a device of the host, as `ip` sees them. */
  addresses({ namespace }: Host, device = 'eth0'): readonly string[] {
    const links = JSON.parse(ip('-n', namespace, '-j', 'addr', 'show', 'dev', device)) as {
      addr_info: { local: string }[];
    }[];
    return links.flatMap((link) => link.addr_info.map(({ local }) => local));
  }

  /** Kills every process on a host: nothing of it can say a word any more. */
  killAll({ namespace }: Pick<Host, 'namespace'>): void {
    const pids = spawnSync('ip', ['netns', 'pids', namespace], { encoding: 'utf8' }).stdout;
    const all = pids.split('\n').filter((text) => text !== '');
    // Stopped first: none may tidy up after another.
    for (const signal of ['SIGSTOP', 'SIGKILL'] as const) {
      for (const pid of all) {
        try {
          process.kill(Number(pid), signal);
        } catch {
          // Gone by itself meanwhile.
        }
      }
    }
  }

  /** Ends every process in the namespaces and removes them. */
  close(): void {
    for (const host of this.#hosts) {
      this.killAll(host);
      spawnSync('ip', ['netns', 'del', host.namespace]);
    }
    for (const child of this.#children) child.kill('SIGKILL');
    spawnSync('ip', ['netns', 'del', this.#bridge]);
  }
}

function portOf(name: string): string {
  return `p-${name}`.slice(0, 15);
}

function ip(...args: readonly string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

const POLL_MS = 20;

/** Resolves as soon as `claim` holds; rejects with `what` when it does not within `withinMs`. */
export async function eventually(
  what: string,
  claim: () => boolean,
  withinMs = 15_000,
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!claim()) {
    if (performance.now() > deadline) throw new Error(`Not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Resolves with the exit status when the process has ended. */
export function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => child.once('exit', (code) => resolve(code)));
}

/** Resolves when the program has written `text` to its standard error: when it is ready, usually. */
export function said(child: ChildProcess, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let heard = '';
    child.stderr?.on('data', (chunk) => {
      heard += String(chunk);
      if (heard.includes(text)) resolve();
    });
    child.once('exit', () => reject(new Error(`Ended without saying "${text}": ${heard}`)));
  });
}
