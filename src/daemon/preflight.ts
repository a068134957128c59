/**
 * What must be true of the machine before the daemon touches it: judged whole, so that every problem is
 * told at once, each in one sentence with its fix. Pure: the facts are gathered by preflight-facts.ts.
 */
import type { Config } from '../config/model.ts';
import type { ServiceName } from '../ipvs/types.ts';

export interface Facts {
  /** CAP_NET_ADMIN and CAP_NET_RAW of this process. */
  readonly missingCapabilities: readonly string[];
  /** Names of the interfaces that there are. */
  readonly interfaces: ReadonlySet<string>;
  readonly ipvs: IpvsFact;
  /** Why nf_tables cannot be used; absent when it can, or is not needed. */
  readonly refusedFirewall?: { readonly code: string; readonly detail: string };
  /** A port that BFD needs and does not get; absent when it does, has it, or needs none. */
  readonly refusedBfd?: { readonly port: number; readonly code: string };
}

export type IpvsFact =
  | { readonly kind: 'not-needed' }
  | { readonly kind: 'unavailable'; readonly code: string; readonly detail: string }
  | {
      readonly kind: 'available';
      /** Services of the configuration that are in the kernel and that lvsd did not put there. */
      readonly foreign: readonly ServiceName[];
    }
  | { readonly kind: 'ownership-unreadable'; readonly path: string; readonly detail: string };

export interface Problem {
  readonly code: string;
  /** One sentence: what is wrong and what to do about it. */
  readonly message: string;
}

/** All that stands in the way of running `config` on this machine; empty when nothing does. */
export function judgePreflight(config: Config, facts: Facts, adopt: boolean): readonly Problem[] {
  return [
    ...judgePrivileges(facts),
    ...judgeInterfaces(config, facts),
    ...judgeFirewall(facts),
    ...judgeBfd(facts),
    ...judgeIpvs(facts.ipvs, adopt),
  ];
}

function judgePrivileges(facts: Facts): readonly Problem[] {
  if (facts.missingCapabilities.length === 0) return [];
  return [
    {
      code: 'NO_PRIVILEGE',
      message: `This process lacks ${facts.missingCapabilities.join(' and ')}: run lvsd as root, or give it these capabilities (systemd: AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW)`,
    },
  ];
}

/** `no_accept` and strict mode are made of nf_tables; without it the addresses would accept in silence. */
function judgeFirewall({
  refusedFirewall: refused,
  missingCapabilities,
}: Facts): readonly Problem[] {
  if (refused === undefined || missingCapabilities.length > 0) return [];
  return [
    {
      code: 'NO_NF_TABLES',
      message: `no_accept and strict mode need nf_tables, which the kernel refuses (${refused.code}: ${refused.detail}): load it with \`modprobe nf_tables\`, or write 'accept' into the instances`,
    },
  ];
}

/**
 * An interface without an address is no problem here: at boot it may get one in a moment. The instance
 * waits for it in FAULT and says so. With `dynamic_interfaces` it waits for the interface as well.
 */
function judgeInterfaces(config: Config, facts: Facts): readonly Problem[] {
  if (config.globalDefs.dynamicInterfaces !== undefined) return [];
  const present = [...facts.interfaces].join(', ');
  const problems: Problem[] = [];
  const unknown = (name: string, owner: string, where: string): void => {
    problems.push({
      code: 'UNKNOWN_INTERFACE',
      message: `${where}: ${owner} names interface ${name}, which this machine does not have (it has ${present}): correct the name, or create the interface first`,
    });
  };
  for (const instance of config.vrrpInstances) {
    const where = `${instance.span.file}:${instance.span.line}`;
    const owner = `vrrp_instance ${instance.name}`;
    if (!facts.interfaces.has(instance.interface)) unknown(instance.interface, owner, where);
    for (const address of instance.virtualAddresses) {
      // The instance's own interface is made for it.
      const { ownInterface, addressInterfaces = [] } = instance;
      const made = addressInterfaces.find(({ name }) => name === address.device);
      const device = made?.parent ?? address.device;
      if ([instance.interface, ownInterface?.name].includes(device) || facts.interfaces.has(device))
        continue;
      unknown(
        device,
        `virtual address ${address.address.text}`,
        `${address.span.file}:${address.span.line}`,
      );
    }
  }
  return problems;
}

/** Another BFD daemon of this host has the port: FRR's bfdd, keepalived, BIRD. */
function judgeBfd({ refusedBfd: refused }: Facts): readonly Problem[] {
  if (refused === undefined) return [];
  return [
    {
      code: 'BFD_PORT_TAKEN',
      message: `UDP port ${refused.port}, where bfd_instance hears its neighbours, cannot be opened (${refused.code}): stop the other BFD daemon of this host (\`ss -ulpn sport = :${refused.port}\` names it), or remove the bfd_instance`,
    },
  ];
}

function judgeIpvs(ipvs: IpvsFact, adopt: boolean): readonly Problem[] {
  switch (ipvs.kind) {
    case 'not-needed':
      return [];
    case 'unavailable':
      return ipvs.code === 'NO_PRIVILEGE' ? [] : [{ code: ipvs.code, message: ipvs.detail }];
    case 'ownership-unreadable':
      return [
        {
          code: 'OWNERSHIP_UNREADABLE',
          message: `${ipvs.path}, which records the IPVS services that lvsd created, cannot be read (${ipvs.detail}): repair or remove it`,
        },
      ];
    case 'available':
      if (adopt) return [];
      return ipvs.foreign.map((name) => ({
        code: 'FOREIGN_SERVICE',
        message: `${name} is already an IPVS service that lvsd did not create: remove it with \`ipvsadm -D ${ipvsadmService(name)}\`, or take it over with \`lvsd run --adopt\``,
      }));
    default:
      return ipvs satisfies never;
  }
}

/** `-t 10.0.0.1:80`: how ipvsadm is told which service is meant. */
function ipvsadmService(name: ServiceName): string {
  const [protocol = '', endpoint = '', family] = name.split(' ');
  if (protocol === 'fwmark') return `-f ${endpoint}${family === undefined ? '' : ' -6'}`;
  const flags: Record<string, string> = { tcp: '-t', udp: '-u', sctp: '--sctp-service' };
  return `${flags[protocol] ?? '-t'} ${endpoint}`;
}
