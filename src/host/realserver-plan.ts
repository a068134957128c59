/**
 * The real-server side of LVS-DR, decided: the VIP lives on lo, so that the server accepts packets for
 * it, and ARP for it stays silent, so that only the director is found. What was there before is
 * remembered, so that taking the last VIP down restores it. Pure; realserver.ts reads and writes.
 *
 * Kernel: Documentation/networking/ip-sysctl.rst. arp_ignore=1 answers ARP only for addresses of the
 * interface that was asked; arp_announce=2 never uses the VIP as the source of our own ARP requests. The
 * larger of `all` and the interface holds, so `all` covers the interface that faces the network.
 */
import type { IpAddress } from '../base/address.ts';

export interface SysctlSetting {
  /** Below /proc/sys, with slashes. */
  readonly path: string;
  readonly value: string;
}

export const REALSERVER_SYSCTLS: readonly SysctlSetting[] = [
  { path: 'net/ipv4/conf/all/arp_ignore', value: '1' },
  { path: 'net/ipv4/conf/lo/arp_ignore', value: '1' },
  { path: 'net/ipv4/conf/all/arp_announce', value: '2' },
  { path: 'net/ipv4/conf/lo/arp_announce', value: '2' },
];

/** What was changed on this machine; kept in a file between `up` and `down`. */
export interface RealserverRecord {
  readonly version: 1;
  /** VIPs that `up` put on lo. */
  readonly vips: readonly string[];
  /** Values the sysctls had before the first `up`, by path. */
  readonly previous: Readonly<Record<string, string>>;
}

export const emptyRecord: RealserverRecord = { version: 1, vips: [], previous: {} };

export interface RealserverPresent {
  /** Addresses on lo, as text. */
  readonly loAddresses: ReadonlySet<string>;
  /** Sysctl values by path; absent where the kernel has no such file. */
  readonly sysctls: ReadonlyMap<string, string>;
}

export type RealserverStep =
  | { readonly kind: 'set-sysctl'; readonly path: string; readonly value: string }
  | { readonly kind: 'add-address'; readonly address: IpAddress }
  | { readonly kind: 'remove-address'; readonly address: IpAddress };

export interface RealserverPlan {
  readonly steps: readonly RealserverStep[];
  readonly record: RealserverRecord;
}

/** Sysctls first: the VIP must never be on lo while ARP for it is answered. */
export function planUp(
  vips: readonly IpAddress[],
  present: RealserverPresent,
  record: RealserverRecord,
): RealserverPlan {
  const steps: RealserverStep[] = [];
  const previous: Record<string, string> = { ...record.previous };
  if (vips.some((vip) => vip.family === 'inet')) {
    for (const { path, value } of REALSERVER_SYSCTLS) {
      const found = present.sysctls.get(path);
      if (found === value) continue;
      if (found !== undefined && !(path in previous)) previous[path] = found;
      steps.push({ kind: 'set-sysctl', path, value });
    }
  }
  const ours = new Set(record.vips);
  for (const vip of vips) {
    if (present.loAddresses.has(vip.text)) continue;
    ours.add(vip.text);
    steps.push({ kind: 'add-address', address: vip });
  }
  return { steps, record: { version: 1, vips: [...ours], previous } };
}

/** Addresses first; the sysctls go back when the last VIP of ours is off. */
export function planDown(
  vips: readonly IpAddress[],
  present: RealserverPresent,
  record: RealserverRecord,
): RealserverPlan {
  const steps: RealserverStep[] = [];
  const ours = new Set(record.vips);
  for (const vip of vips) {
    ours.delete(vip.text);
    if (present.loAddresses.has(vip.text)) steps.push({ kind: 'remove-address', address: vip });
  }
  if (ours.size > 0) return { steps, record: { ...record, vips: [...ours] } };
  for (const [path, value] of Object.entries(record.previous)) {
    if (present.sysctls.get(path) !== value) steps.push({ kind: 'set-sysctl', path, value });
  }
  return { steps, record: emptyRecord };
}

export interface RealserverFinding {
  readonly what: string;
  readonly ok: boolean;
  readonly found: string;
  readonly expected: string;
}

/** What a director relies on, line by line: is it so? */
export function examine(
  vips: readonly IpAddress[],
  present: RealserverPresent,
): readonly RealserverFinding[] {
  const addresses = vips.map((vip) => {
    const ok = present.loAddresses.has(vip.text);
    return { what: `${vip.text} on lo`, ok, found: ok ? 'present' : 'absent', expected: 'present' };
  });
  if (!vips.some((vip) => vip.family === 'inet')) return addresses;
  const sysctls = REALSERVER_SYSCTLS.map(({ path, value }) => {
    const found = present.sysctls.get(path) ?? 'unreadable';
    return { what: path.replaceAll('/', '.'), ok: found === value, found, expected: value };
  });
  return [...addresses, ...sysctls];
}

/** The record as read from its file; undefined when it is not one that this version wrote. */
export function parseRecord(text: string): RealserverRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { version, vips, previous } = value as Partial<RealserverRecord>;
  if (version !== 1 || !Array.isArray(vips) || typeof previous !== 'object') return undefined;
  const known = new Set(REALSERVER_SYSCTLS.map(({ path }) => path));
  const isSound =
    vips.every((vip) => typeof vip === 'string') &&
    Object.entries(previous).every(([path, old]) => known.has(path) && /^\d+$/.test(old));
  return isSound ? { version, vips, previous } : undefined;
}
