/** Which instance somebody means: its name, that of its sync group, or a virtual address of it. Pure. */
import type { Config } from '../config/model.ts';

export type FoundInstance =
  | { readonly ok: true; readonly name: string }
  | { readonly ok: false; readonly code: string; readonly message: string };

export function findInstance(config: Config, given: string): FoundInstance {
  const names = config.vrrpInstances.map(({ name }) => name);
  if (names.includes(given)) return { ok: true, name: given };
  const group = config.vrrpSyncGroups?.find(({ name }) => name === given);
  // What is done to one member is done to all.
  const [member] = group?.members ?? [];
  if (member !== undefined) return { ok: true, name: member };
  const holders = config.vrrpInstances.filter(({ virtualAddresses, excludedAddresses = [] }) =>
    [...virtualAddresses, ...excludedAddresses].some(({ address }) => address.text === given),
  );
  const [holder, ...others] = holders;
  if (holder !== undefined && others.length === 0) return { ok: true, name: holder.name };
  const listed = (candidates: readonly string[]): string =>
    candidates.length === 0 ? 'there is none' : candidates.join(', ');
  if (holder !== undefined) {
    const message = `${given} is an address of several instances: ${listed(holders.map(({ name }) => name))}`;
    return { ok: false, code: 'AMBIGUOUS_NAME', message };
  }
  const groups = (config.vrrpSyncGroups ?? []).map(({ name }) => name);
  const message = `No vrrp_instance is called ${given}: ${listed([...names, ...groups])}`;
  return { ok: false, code: 'UNKNOWN_INSTANCE', message };
}
