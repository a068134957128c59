/** What this process, and what it starts, is allowed to do (capabilities(7)). */
import { readFileSync } from 'node:fs';
import * as libc from './libc.ts';
import {
  _LINUX_CAPABILITY_VERSION_3,
  PR_CAP_AMBIENT,
  PR_CAP_AMBIENT_CLEAR_ALL,
  PR_CAP_AMBIENT_IS_SET,
  PR_CAP_AMBIENT_RAISE,
  PR_CAPBSET_DROP,
  PR_CAPBSET_READ,
  PR_SET_NO_NEW_PRIVS,
} from './linux.ts';

/** Bit numbers from linux/capability.h: those lvsd has a use for. */
const CAPABILITY_BITS = {
  CAP_KILL: 5,
  CAP_NET_BIND_SERVICE: 10,
  CAP_NET_ADMIN: 12,
  CAP_NET_RAW: 13,
  CAP_SYS_NICE: 23,
} as const;

export type Capability = keyof typeof CAPABILITY_BITS;

/**
 * True when the capability is effective now, in the user namespace of the process: the kernel may
 * still refuse what belongs to another one.
 */
export function hasCapability(capability: Capability): boolean {
  const effective = effectiveCapabilities(readFileSync('/proc/self/status', 'utf8'));
  return ((effective >> BigInt(CAPABILITY_BITS[capability])) & 1n) === 1n;
}

/** All that the two children need: addresses, IPVS, raw and packet sockets, real-time priority. */
export const CHILD_CAPABILITIES = ['CAP_NET_ADMIN', 'CAP_NET_RAW', 'CAP_SYS_NICE'] as const;

export type LimitOutcome =
  | { readonly ok: true }
  | { readonly ok: false; readonly code: string; readonly detail: string };

/** linux/capability.h has 41; the kernel says EINVAL for what it does not know. */
const CAPABILITY_BITS_MAX = 64;

/**
 * Gives up, for good, all that is not in `kept`: in what this thread may do, in what a program that it
 * starts could gain (bounding set, no_new_privs). Threads and processes that it starts inherit that; so
 * it comes first. Without CAP_SETPCAP the bounding set stays as it is, and no_new_privs does its work.
 */
export function limitSelf(kept: readonly Capability[]): LimitOutcome {
  const keptMask = kept.reduce((mask, name) => mask | (1n << BigInt(CAPABILITY_BITS[name])), 0n);
  try {
    dropBounds(keptMask);
    const permitted = capabilityMask(readFileSync('/proc/self/status', 'utf8'), 'CapPrm');
    setCapabilities(permitted & keptMask);
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 'PR_SET_NO_NEW_PRIVS');
    return { ok: true };
  } catch (error) {
    if (!(error instanceof libc.SysError)) throw error;
    return { ok: false, code: error.code, detail: error.message };
  }
}

function dropBounds(keptMask: bigint): void {
  try {
    for (let bit = 0; bit < CAPABILITY_BITS_MAX; bit += 1) {
      const isKept = ((keptMask >> BigInt(bit)) & 1n) === 1n;
      if (!isKept && isInBoundingSet(bit)) libc.prctl(PR_CAPBSET_DROP, bit, 'PR_CAPBSET_DROP');
    }
  } catch (error) {
    if (!(error instanceof libc.SysError) || error.code !== 'EPERM') throw error;
  }
}

/**
 * struct __user_cap_header_struct { u32 version; int pid; } and two of
 * struct __user_cap_data_struct { u32 effective, permitted, inheritable; }, low words first. An empty
 * inheritable set empties the ambient one as well.
 */
function setCapabilities(mask: bigint): void {
  const header = new Uint32Array([_LINUX_CAPABILITY_VERSION_3, 0]);
  const low = Number(mask & 0xffff_ffffn);
  const high = Number(mask >> 32n);
  const data = new Uint32Array([low, low, 0, high, high, 0]);
  libc.capset(new Uint8Array(header.buffer), new Uint8Array(data.buffer));
}

/**
 * Runs `start` with an empty ambient set, so that a program started in it has none of the capabilities
 * that a daemon which is not root was given; then the set is as before.
 */
export function withoutAmbient<T>(start: () => T): T {
  const names = Object.keys(CAPABILITY_BITS) as Capability[];
  const what = 'PR_CAP_AMBIENT';
  const raised = names
    .map((name) => CAPABILITY_BITS[name])
    .filter((bit) => libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, what, bit) === 1);
  if (raised.length === 0) return start();
  libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, what);
  try {
    return start();
  } finally {
    for (const bit of raised) libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, what, bit);
  }
}

/** False for a bit that this kernel does not know. */
function isInBoundingSet(bit: number): boolean {
  try {
    return libc.prctl(PR_CAPBSET_READ, bit, 'PR_CAPBSET_READ') === 1;
  } catch (error) {
    if (error instanceof libc.SysError && error.code === 'EINVAL') return false;
    throw error;
  }
}

/** The CapEff mask in the text of /proc/PID/status; throws when the line is not there. */
export function effectiveCapabilities(status: string): bigint {
  return capabilityMask(status, 'CapEff');
}

function capabilityMask(status: string, set: 'CapEff' | 'CapPrm'): bigint {
  const mask = new RegExp(`^${set}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1];
  if (mask === undefined) throw new Error(`The process status has no ${set} line`);
  return BigInt(`0x${mask}`);
}
