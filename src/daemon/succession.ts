/**
 * The daemon begins anew in its own process (`lvsd restart`): execve(2) keeps the pid, so whoever supervises it
 * sees no end, and the vrrp process serves on until its successor is loaded. No VIP moves, no table goes.
 *
 *   supervisor ── awaitSuccessor ──▶ vrrp process A       says what it holds, adverts on
 *       │ execve
 *   supervisor, anew ── fork ──▶ vrrp process B           loads
 *       │            ── table adopted, B is loaded
 *       │            ── SIGKILL ──▶ A                      its addresses stay
 *       └─────────── ── start, resumeAsMaster ──▶ B        adverts within two intervals
 *
 * B goes on as after the death of a vrrp process (dead-mans-switch.ts). Where the new start fails, A hands over.
 */
import { readFileSync } from 'node:fs';
import type { Log } from '../base/log.ts';
import type { Config } from '../config/model.ts';
import { closeAllOnExec } from '../kernel/descriptors.ts';
import { SysError, waitpid } from '../kernel/libc.ts';
import { LinkTable } from '../kernel/links.ts';
import { heldAddresses } from '../vrrp/addresses.ts';
import type { AddressView } from './leftovers.ts';
import { LET_GO_SIGNAL, type Mastership } from './messages.ts';

/** The vrrp process serves on alone for so long, ms: a new start that needs longer has failed. */
export const SUCCESSION_GRACE_MS = 30_000;

/**
 * Instances that a succession can tell of: a word of the environment has at most 128 KiB (MAX_ARG_STRLEN), and a
 * longer one would end the program at its execve.
 */
export const SUCCESSION_MASTERSHIPS_MAX = 500;

/** Our own word to the program that takes our place. */
const VARIABLE = 'LVSD_SUCCEEDS';

/** How often children of the program that was are asked for, until the last has ended. */
const REAP_EVERY_MS = 100;

export const TOO_MANY_HELD = {
  ok: false,
  code: 'TOO_MANY_HELD',
  message:
    `A restart in place can take over ${SUCCESSION_MASTERSHIPS_MAX} instances that are master, and there are more: ` +
    'stop lvsd and start it again, the other director takes over meanwhile',
} as const;

/** What a program leaves to its successor in the same process. */
export interface Succession {
  /** Serves on alone; absent when there was none. */
  readonly vrrpPid?: number;
  /** What it held when it was asked. */
  readonly masterships: readonly Mastership[];
  /** Every child, for the successor to wait for. */
  readonly children: readonly number[];
}

/** Replaces this program by its next start; returns only by throwing, with nothing done. */
export function succeedSelf(succession: Succession): never {
  const { execve } = process;
  if (execve === undefined) throw new Error('This Node.js has no process.execve');
  closeAllOnExec();
  const words = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const environment = { ...process.env, [VARIABLE]: JSON.stringify(succession) };
  execve(process.execPath, words, environment);
  throw new Error('execve returned');
}

/** What the program before this one in this process left; takes it out of the environment. */
export function takeSuccession(environment: NodeJS.ProcessEnv): Succession | undefined {
  const text = environment[VARIABLE];
  delete environment[VARIABLE];
  if (text === undefined) return undefined;
  try {
    // Of this same program, maybe of another version of it.
    const { vrrpPid, masterships, children } = JSON.parse(text) as Partial<Succession>;
    if (!Array.isArray(masterships) || !Array.isArray(children)) return undefined;
    const known = { masterships, children };
    return typeof vrrpPid === 'number' ? { ...known, vrrpPid } : known;
  } catch {
    return undefined;
  }
}

/** No successor of its vrrp process comes: it hands over in order. */
export function letGoOf(succession: Succession | undefined): void {
  const vrrpPid = succession?.vrrpPid;
  if (vrrpPid !== undefined && isChildOfOurs(vrrpPid)) process.kill(vrrpPid, LET_GO_SIGNAL);
}

/** The vrrp process of the program that was, from its successor's side. */
export class Predecessor {
  readonly #succession: Succession;
  readonly #log: Log;
  /** The pid may be another's from here on. */
  #isOver = false;

  constructor(succession: Succession, log: Log) {
    this.#succession = succession;
    this.#log = log;
    const reaping = setInterval(() => {
      if (succession.children.filter(isStillOurs).length === 0) clearInterval(reaping);
    }, REAP_EVERY_MS);
    reaping.unref();
  }

  /** Ends it as a kill does, and resolves with what it held to the end: its addresses stay. */
  async end(config: Config, nowMs: () => number): Promise<readonly Mastership[]> {
    const { vrrpPid, masterships } = this.#succession;
    const isThere = !this.#isOver && vrrpPid !== undefined && isChildOfOurs(vrrpPid);
    this.#isOver = true;
    if (!isThere) return [];
    process.kill(vrrpPid, 'SIGKILL');
    // Nothing survives it, so this ends.
    while (isStillOurs(vrrpPid)) await new Promise((resolve) => setImmediate(resolve));
    const endedMs = nowMs();
    const held = stillHeld(config, masterships, endedMs);
    this.#log.info({ held: held.map(({ name }) => name).join(' ') }, 'going on where we were');
    return held;
  }

  letGo(): void {
    if (!this.#isOver) letGoOf(this.#succession);
    this.#isOver = true;
  }
}

/** Those whose addresses are all where they should be: a mastership that was lost meanwhile took them off. */
function stillHeld(
  config: Config,
  masterships: readonly Mastership[],
  endedMs: number,
): readonly Mastership[] {
  const links = LinkTable.open({});
  try {
    return (
      masterships
        .filter(({ name }) => hasItsAddresses(config, name, links))
        // It adverted until it was ended.
        .map((mastership) => ({ ...mastership, lastAdvertSentMs: endedMs }))
    );
  } finally {
    links.close();
  }
}

export function hasItsAddresses(config: Config, name: string, view: AddressView): boolean {
  const instance = config.vrrpInstances.find((one) => one.name === name);
  if (instance === undefined) return false;
  const present = new Set(
    view
      .addresses()
      .map(({ ifindex, address }) => `${view.byIndex(ifindex)?.name} ${address.text}`),
  );
  return heldAddresses(instance).every(({ device, address }) =>
    present.has(`${device} ${address.text}`),
  );
}

/** proc(5): the parent is the fourth field; the second, in parentheses, may hold anything. */
function isChildOfOurs(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return Number(parent) === process.pid;
  } catch {
    return false;
  }
}

/** Whether a child of ours has not ended; one that has is gone after this. */
function isStillOurs(pid: number): boolean {
  try {
    return !waitpid(pid);
  } catch (error) {
    // ECHILD: waited for already, or never ours.
    if (error instanceof SysError) return false;
    throw error;
  }
}
