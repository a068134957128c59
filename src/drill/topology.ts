/**
 * The lab in network namespaces: one for the bridge, one for each node, a veth pair as each node's
 * cable. Nothing is made in the namespace the drill was started in. Names carry the drill's process id
 * (`lvsd-PID-director1`), so that drills do not meet and what a killed one left can be told apart.
 */

import { nowMs, run, runOnOrder, runSync } from './command.ts';
import {
  LAB_INTERFACE,
  LAB_PREFIX_LENGTH,
  NODE_NAMES,
  type NodeName,
  nodeAddress,
  nodeMac,
} from './lab.ts';

const BRIDGE = 'bridge';
const NAMESPACE_PATTERN = /^lvsd-(\d+)-[a-z0-9]+$/;

/** A director that redirected clients to the servers would take itself out of the path. */
const DIRECTOR_SYSCTLS = ['all', 'default', LAB_INTERFACE].map(
  (scope) => `net/ipv4/conf/${scope}/send_redirects`,
);

export class Topology {
  readonly #prefix = `lvsd-${process.pid}-`;

  /** Removes what dead drills left, then makes bridge, nodes and cables. */
  async create(): Promise<void> {
    removeStaleLabs();
    const bridge = this.#namespace(BRIDGE);
    await run(['ip', 'netns', 'add', bridge]);
    await run([
      ...['ip', '-n', bridge, 'link', 'add', BRIDGE, 'type', 'bridge'],
      ...['stp_state', '0', 'mcast_snooping', '0'],
    ]);
    await run(['ip', '-n', bridge, 'link', 'set', BRIDGE, 'up']);
    for (const node of NODE_NAMES) {
      await this.#createNode(node);
      await this.plug(node);
    }
  }

  namespace(node: NodeName): string {
    return this.#namespace(node);
  }

  /** The arguments in front of a program that make it run on this node. */
  on(node: NodeName): readonly string[] {
    return ['ip', 'netns', 'exec', this.namespace(node)];
  }

  /** Pulls the node's cable at the bridge: its own interface loses carrier, as a real one does. */
  async unplug(node: NodeName): Promise<void> {
    await run(['ip', '-n', this.#namespace(BRIDGE), 'link', 'set', node, 'down']);
  }

  /**
   * Makes ready to pull a cable, and returns what pulls it, within a millisecond: the program that does
   * it has been started and waits for its order, for starting one takes 40 to 200 ms in a lab kernel.
   */
  #readyToUnplug(node: NodeName): () => Promise<void> {
    const argv = ['ip', '-n', this.#namespace(BRIDGE), '-batch', '-'];
    const { order, done } = runOnOrder(argv);
    return async () => {
      order(`link set ${node} down\n`);
      await done;
    };
  }

  async plug(node: NodeName): Promise<void> {
    await run(['ip', '-n', this.#namespace(BRIDGE), 'link', 'set', node, 'up']);
  }

  /** A machine after a reboot: no process, address or IPVS entry of before; its cable still pulled. */
  async reboot(node: NodeName): Promise<void> {
    await this.killAll(node);
    await run(['ip', 'netns', 'delete', this.#namespace(node)]);
    // The kernel takes a namespace apart in its own time; the cable's other end goes with it.
    while (runSync(['ip', '-n', this.#namespace(BRIDGE), 'link', 'show', node]).ok) {
      runSync(['ip', '-n', this.#namespace(BRIDGE), 'link', 'delete', node]);
    }
    await this.#createNode(node);
  }

  async writeSysctl(node: NodeName, path: string, value: string): Promise<void> {
    await run([...this.on(node), 'tee', `/proc/sys/${path}`], value);
  }

  /** Processes whose network is this node's. */
  async processes(node: NodeName): Promise<readonly number[]> {
    return parsePids(await run(['ip', 'netns', 'pids', this.namespace(node)]));
  }

  /** SIGKILL to every process of a node, until none is left. */
  async killAll(node: NodeName): Promise<void> {
    for (;;) {
      const pids = await this.processes(node);
      if (pids.length === 0) return;
      for (const pid of pids) sendKill(pid);
    }
  }

  /**
   * The machine dies: its cable is pulled and every process of it gets SIGKILL. In this order, for a
   * dead director whose cable is in goes on forwarding, and the client would not feel it. Returns the
   * time just before (CLOCK_MONOTONIC, ms).
   */
  async crash(node: NodeName): Promise<number> {
    const unplug = this.#readyToUnplug(node);
    const pids = await this.processes(node);
    const crashedAtMs = nowMs();
    await unplug();
    for (const pid of pids) sendKill(pid);
    await this.killAll(node);
    return crashedAtMs;
  }

  /** Ends every process of the lab and removes its namespaces. Blocking, and safe to call twice. */
  destroy(): void {
    for (const name of listNamespaces()) if (name.startsWith(this.#prefix)) removeNamespace(name);
  }

  async #createNode(node: NodeName): Promise<void> {
    const namespace = this.#namespace(node);
    const ip = ['ip', '-n', namespace];
    await run(['ip', 'netns', 'add', namespace]);
    await run([
      ...[...ip, 'link', 'add', LAB_INTERFACE, 'address', nodeMac(node), 'type', 'veth'],
      ...['peer', 'name', node, 'netns', this.#namespace(BRIDGE)],
    ]);
    await run(['ip', '-n', this.#namespace(BRIDGE), 'link', 'set', node, 'master', BRIDGE]);
    await run([
      ...[...ip, 'address', 'add', `${nodeAddress(node)}/${LAB_PREFIX_LENGTH}`],
      ...['brd', '+', 'dev', LAB_INTERFACE],
    ]);
    await run([...ip, 'link', 'set', 'lo', 'up']);
    await run([...ip, 'link', 'set', LAB_INTERFACE, 'up']);
    if (!node.startsWith('director')) return;
    for (const path of DIRECTOR_SYSCTLS) await this.writeSysctl(node, path, '0');
  }

  #namespace(name: string): string {
    return `${this.#prefix}${name}`;
  }
}

/** Removes the labs of drills that are gone (killed with SIGKILL, power cut of the lab kernel). */
function removeStaleLabs(): void {
  for (const name of listNamespaces()) {
    const pid = Number(NAMESPACE_PATTERN.exec(name)?.[1] ?? process.pid);
    if (pid === process.pid || !isAlive(pid)) {
      if (NAMESPACE_PATTERN.test(name)) removeNamespace(name);
    }
  }
}

function listNamespaces(): readonly string[] {
  const { stdout } = runSync(['ip', 'netns', 'list']);
  return stdout.split('\n').flatMap((line) => line.split(' ')[0] || []);
}

function removeNamespace(name: string): void {
  for (const pid of parsePids(runSync(['ip', 'netns', 'pids', name]).stdout)) sendKill(pid);
  runSync(['ip', 'netns', 'delete', name]);
}

function parsePids(text: string): readonly number[] {
  return text.split('\n').flatMap((line) => (/^\d+$/.test(line.trim()) ? [Number(line)] : []));
}

function sendKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself meanwhile.
  }
}

/** Whether a process of this id exists, ours or not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
