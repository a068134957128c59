/** Looks at the machine for preflight.ts; changes nothing. */
import { neededPorts } from '../bfd/sessions.ts';
import type { Config } from '../config/model.ts';
import { IpvsClient } from '../ipvs/client.ts';
import { wantedNames } from '../ipvs/desired.ts';
import { loadOwnership } from '../ipvs/ownership.ts';
import type { ServiceName, Table } from '../ipvs/types.ts';
import { openBfdListener } from '../kernel/bfd-socket.ts';
import { hasCapability } from '../kernel/capabilities.ts';
import { SysError } from '../kernel/libc.ts';
import { LinkTable } from '../kernel/links.ts';
import { tryFirewall } from './address-firewall.ts';
import { deniesOwnTraffic } from './placement.ts';
import type { Facts, IpvsFact } from './preflight.ts';

const NEEDED_CAPABILITIES = ['CAP_NET_ADMIN', 'CAP_NET_RAW'] as const;

/** `running`: what the daemon runs on; nothing of it at a start. */
export function gatherFacts(config: Config, ownershipFile: string, running?: Config): Facts {
  return {
    missingCapabilities: NEEDED_CAPABILITIES.filter((capability) => !hasCapability(capability)),
    interfaces: observeInterfaces(),
    ipvs: observeIpvs(config, ownershipFile),
    ...observeFirewall(config),
    ...observeBfd(config, running),
  };
}

/** The kernel's table and which of it is ours, for a plan before there is a health process. */
export function readTable(
  ownershipFile: string,
): { readonly table: Table; readonly owned: ReadonlySet<ServiceName> } | undefined {
  const ownership = loadOwnership(ownershipFile);
  const opened = IpvsClient.open();
  if (!opened.ok) return undefined;
  try {
    const read = opened.client.dump();
    if (!read.ok || !ownership.ok) return undefined;
    return { table: read.table, owned: ownership.names };
  } finally {
    opened.client.close();
  }
}

function observeFirewall(config: Config): Pick<Facts, 'refusedFirewall'> {
  if (!config.vrrpInstances.some(deniesOwnTraffic)) return {};
  const refused = tryFirewall();
  return refused === undefined ? {} : { refusedFirewall: refused };
}

/** Ports that are ours already cannot be tried. */
function observeBfd(
  { bfdInstances = [] }: Config,
  running: Config | undefined,
): Pick<Facts, 'refusedBfd'> {
  const ours = new Set(neededPorts(running?.bfdInstances ?? []).map(({ name }) => name));
  for (const { name, family, port } of neededPorts(bfdInstances)) {
    if (ours.has(name)) continue;
    try {
      openBfdListener(family, port, { onReceive: () => {}, onError: () => {} }).close();
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      return { refusedBfd: { port, code: error.code } };
    }
  }
  return {};
}

function observeInterfaces(): Facts['interfaces'] {
  const links = LinkTable.open({});
  try {
    return new Set(links.links().map(({ name }) => name));
  } finally {
    links.close();
  }
}

function observeIpvs(config: Config, ownershipFile: string): IpvsFact {
  if (config.virtualServers.length === 0) return { kind: 'not-needed' };
  const ownership = loadOwnership(ownershipFile);
  if (!ownership.ok) {
    return { kind: 'ownership-unreadable', path: ownershipFile, detail: ownership.detail };
  }
  const opened = IpvsClient.open();
  if (!opened.ok) return { kind: 'unavailable', code: opened.code, detail: opened.detail };
  try {
    // lvs_flush takes them away before anything is made.
    const unowned =
      config.globalDefs.flushesLvs === true
        ? []
        : wantedNames(config).filter((name) => !ownership.names.has(name));
    // Most reloads want no service that is not ours already: the kernel's list need not be read.
    if (unowned.length === 0) return { kind: 'available', foreign: [] };
    // Who they belong to is a matter of services: their servers are not asked for.
    const read = opened.client.services();
    if (!read.ok) return { kind: 'unavailable', code: read.code, detail: read.detail };
    return { kind: 'available', foreign: unowned.filter((name) => read.table.has(name)).sort() };
  } finally {
    opened.client.close();
  }
}
