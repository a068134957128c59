/** What this process is allowed to do (capabilities(7)). */
import { readFileSync } from 'node:fs';

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

/** The CapEff mask in the text of /proc/PID/status; throws when the line is not there. */
export function effectiveCapabilities(status: string): bigint {
  const mask = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  if (mask === undefined) throw new Error('The process status has no CapEff line');
  return BigInt(`0x${mask}`);
}
