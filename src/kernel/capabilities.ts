/** What this process is allowed to do (capabilities(7)). */
import { readFileSync } from 'node:fs';
import * as libc from './libc.ts';
import { PR_CAPBSET_DROP, PR_CAPBSET_READ } from './linux.ts';

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

export type LimitOutcome =
  | { readonly ok: true }
  | { readonly ok: false; readonly code: string; readonly detail: string };

/** linux/capability.h has 41; the kernel says EINVAL for what it does not know. */
const CAPABILITY_BITS_MAX = 64;

/**
 * Processes that this one starts from here on have at most the `kept` capabilities, also as root: the
 * others leave the bounding set of the calling thread, the one that forks. Our own stay as they are.
 * Refused without CAP_SETPCAP, as which a daemon that is not root has nothing to lose: ambient
 * capabilities are all that its children get.
 */
export function limitChildren(kept: readonly Capability[]): LimitOutcome {
  const keptBits = new Set<number>(kept.map((capability) => CAPABILITY_BITS[capability]));
  try {
    for (let bit = 0; bit < CAPABILITY_BITS_MAX; bit += 1) {
      if (!keptBits.has(bit) && isInBoundingSet(bit)) {
        libc.prctl(PR_CAPBSET_DROP, bit, 'PR_CAPBSET_DROP');
      }
    }
    return { ok: true };
  } catch (error) {
    if (!(error instanceof libc.SysError)) throw error;
    return { ok: false, code: error.code, detail: error.message };
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
  const mask = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  if (mask === undefined) throw new Error('The process status has no CapEff line');
  return BigInt(`0x${mask}`);
}
