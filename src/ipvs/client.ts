/**
 * The IPVS table of the network namespace this process is in, through generic netlink. Synchronous:
 * the kernel does the work in the sender's context. Failures are values; errno has its meaning in
 * words.
 */
import { serviceName } from '../config/names.ts';
import { familyOfEndpoint } from '../config/service-endpoints.ts';
import { GenericNetlink } from '../kernel/genetlink.ts';
import { SysError } from '../kernel/libc.ts';
import { IPVS_GENL_NAME } from './abi.ts';
import {
  decodeInfo,
  encodeDestinationDump,
  encodeInfoRequest,
  encodeOperations,
  encodeServiceDump,
  type IpvsCommand,
  type IpvsInfo,
} from './codec.ts';
import { decodeDestination } from './codec-destination.ts';
import { decodeService } from './codec-service.ts';
import {
  decodeDaemon,
  decodeTimeouts,
  encodeDaemonDump,
  encodeFlush,
  encodeSyncStep,
  encodeTimeouts,
  encodeTimeoutsRequest,
  type Timeouts,
} from './codec-settings.ts';
import {
  decodeServerTraffic,
  decodeServiceTraffic,
  type ServerStatistics,
  type ServiceStatistics,
  type TableStatistics,
} from './codec-traffic.ts';
import { ListingFile, type ListingPiece } from './listing-file.ts';
import { describeOperation, type Operation } from './plan.ts';
import type { SyncDaemon, SyncStep } from './sync-daemon.ts';
import type {
  Destination,
  DestinationStatus,
  Service,
  ServiceKey,
  ServiceName,
  Table,
} from './types.ts';

export interface ClientRefusal {
  readonly ok: false;
  /**
   * IPVS_ABSENT: this kernel has no IPVS and could not load it. NO_PRIVILEGE: CAP_NET_ADMIN is
   * missing. Otherwise the errno's name, or a code of the netlink socket or of the codec.
   */
  readonly code: string;
  readonly detail: string;
}

export type DumpOutcome =
  | {
      readonly ok: true;
      /** What lvsd can manage; services of other protocols are not in it. */
      readonly table: Table;
      /** What the kernel counts, of each destination in the order of the table. */
      readonly status: ReadonlyMap<ServiceName, readonly DestinationStatus[]>;
    }
  | ClientRefusal;

export type ListOutcome = { readonly ok: true; readonly table: Table } | ClientRefusal;

export type ServersOutcome =
  | {
      readonly ok: true;
      readonly destinations: readonly Destination[];
      /** In the same order. */
      readonly status: readonly DestinationStatus[];
    }
  | ClientRefusal;

export type StatisticsOutcome = ({ readonly ok: true } & TableStatistics) | ClientRefusal;

export type DaemonsOutcome =
  | { readonly ok: true; readonly daemons: readonly SyncDaemon[] }
  | ClientRefusal;

export type CommandOutcome = { readonly ok: true } | ClientRefusal;

export type InfoOutcome = ({ readonly ok: true } & IpvsInfo) | ClientRefusal;

export type OpenOutcome = { readonly ok: true; readonly client: IpvsClient } | ClientRefusal;

export type OperationOutcome =
  | { readonly ok: true; readonly operation: Operation }
  | {
      readonly ok: false;
      readonly operation: Operation;
      readonly code: string;
      readonly detail: string;
    };

/** What the reconciler needs of the kernel. */
export interface IpvsPort {
  dump(): DumpOutcome;
  /** Services without their destinations. */
  services(): ListOutcome;
  /** The destinations of one service; none when there is no such service. */
  destinations(service: ServiceKey): ServersOutcome;
  /** The first or the next piece of the table as text; empty at its end. */
  readListing(isFirst: boolean): ListingPiece;
  /** One outcome for each operation, in order. */
  apply(operations: readonly Operation[]): readonly OperationOutcome[];
}

interface Failure {
  readonly code: string;
  readonly detail: string;
}

export class IpvsClient implements IpvsPort {
  readonly #channel: GenericNetlink;
  readonly #listing = new ListingFile();

  private constructor(channel: GenericNetlink) {
    this.#channel = channel;
  }

  /**
   * Finds the family, which makes the kernel load ip_vs where it has the module, and asks it for
   * its version, which needs the same privilege as everything else here.
   */
  static open(): OpenOutcome {
    const opened = openChannel();
    if (!opened.ok) return opened;
    const client = new IpvsClient(opened.channel);
    const info = client.info();
    if (info.ok) return { ok: true, client };
    client.close();
    return info;
  }

  /** Version and size of the kernel's IPVS. */
  info(): InfoOutcome {
    const { command, attributes } = encodeInfoRequest();
    const reply = this.#channel.request(command, attributes);
    if (!reply.ok) return clientRefusal(reply);
    const [answer] = reply.messages;
    if (answer === undefined) return noAnswer('IPVS_CMD_GET_INFO');
    const info = decodeInfo(answer.attributes);
    return info.ok ? { ok: true, ...info.value } : info;
  }

  /**
   * The whole table: services, then the destinations of each. Not one instant: entries may move.
   */
  dump(): DumpOutcome {
    const list = this.services();
    if (!list.ok) return list;
    const table = new Map<ServiceName, Service>();
    const status = new Map<ServiceName, readonly DestinationStatus[]>();
    for (const [name, service] of list.table) {
      const servers = this.destinations(service);
      if (!servers.ok) return servers;
      table.set(name, { ...service, destinations: servers.destinations });
      status.set(name, servers.status);
    }
    return { ok: true, table, status };
  }

  services(): ListOutcome {
    const { command, attributes } = encodeServiceDump();
    const reply = this.#channel.dump(command, attributes);
    if (!reply.ok) return clientRefusal(reply);
    const table = new Map<ServiceName, Service>();
    for (const message of reply.messages) {
      const service = decodeService(message.attributes);
      if (service.ok) table.set(serviceName(service.value), service.value);
      else if (service.code !== 'FOREIGN_KIND') return service;
    }
    return { ok: true, table };
  }

  destinations(service: ServiceKey): ServersOutcome {
    const { command, attributes } = encodeDestinationDump(service);
    const reply = this.#channel.dump(command, attributes);
    if (!reply.ok) return clientRefusal(reply);
    const destinations: Destination[] = [];
    const status: DestinationStatus[] = [];
    for (const message of reply.messages) {
      const decoded = decodeDestination(message.attributes, familyOfEndpoint(service));
      if (decoded.ok) {
        destinations.push(decoded.value.destination);
        status.push(decoded.value.status);
      } else if (decoded.code !== 'FOREIGN_KIND') return decoded;
    }
    return { ok: true, destinations, status };
  }

  readListing(isFirst: boolean): ListingPiece {
    return this.#listing.read(isFirst);
  }

  /** The whole table with what the kernel counts of services and servers, and its version. */
  statistics(): StatisticsOutcome {
    const info = this.info();
    if (!info.ok) return info;
    const list = this.#channel.dump(...requestOf(encodeServiceDump()));
    if (!list.ok) return clientRefusal(list);
    const services: ServiceStatistics[] = [];
    for (const message of list.messages) {
      const service = decodeService(message.attributes);
      if (!service.ok) continue;
      const read = this.#channel.dump(...requestOf(encodeDestinationDump(service.value)));
      if (!read.ok) return clientRefusal(read);
      const family = familyOfEndpoint(service.value);
      const servers = read.messages.flatMap(({ attributes }): ServerStatistics[] => {
        const decoded = decodeDestination(attributes, family);
        if (!decoded.ok) return [];
        return [{ ...decoded.value, traffic: decodeServerTraffic(attributes) }];
      });
      const traffic = decodeServiceTraffic(message.attributes);
      services.push({ service: service.value, servers, traffic });
    }
    return { ok: true, version: info.version, size: info.connectionTableSize, services };
  }

  /** In order and in batches; an operation that fails does not stop those after it. */
  apply(operations: readonly Operation[]): readonly OperationOutcome[] {
    if (operations.length === 0) return [];
    const outcomes = this.#channel.batch(encodeOperations(operations));
    return operations.map((operation, index): OperationOutcome => {
      const outcome = outcomes[index];
      if (outcome === undefined) throw new Error('A batch has one outcome for each message');
      if (outcome.ok) return { ok: true, operation };
      return { ok: false, operation, code: outcome.code, detail: meaning(operation, outcome) };
    });
  }

  daemons(): DaemonsOutcome {
    const { command, attributes } = encodeDaemonDump();
    const reply = this.#channel.dump(command, attributes);
    if (!reply.ok) return clientRefusal(reply);
    const daemons: SyncDaemon[] = [];
    for (const message of reply.messages) {
      const decoded = decodeDaemon(message.attributes);
      if (!decoded.ok) return decoded;
      daemons.push(decoded.value);
    }
    return { ok: true, daemons };
  }

  /** ENODEV: no such interface. EINVAL: one without multicast. EEXIST: that side runs already. */
  applyDaemon(step: SyncStep): CommandOutcome {
    const outcome = this.#command(encodeSyncStep(step));
    // A thread that is stopped before it ever ran ends with EINTR, which netlink_rcv_skb answers
    // with silence (net/netlink/af_netlink.c): it is gone.
    const isStopped = step.kind === 'stopDaemon' && !outcome.ok && outcome.code === 'NO_REPLY';
    return isStopped ? { ok: true } : outcome;
  }

  setTimeouts(timeouts: Timeouts): CommandOutcome {
    return this.#command(encodeTimeouts(timeouts));
  }

  timeouts(): ({ readonly ok: true } & Timeouts) | ClientRefusal {
    const { command, attributes } = encodeTimeoutsRequest();
    const reply = this.#channel.request(command, attributes);
    if (!reply.ok) return clientRefusal(reply);
    const [answer] = reply.messages;
    if (answer === undefined) return noAnswer('IPVS_CMD_GET_CONFIG');
    const decoded = decodeTimeouts(answer.attributes);
    return decoded.ok ? { ok: true, ...decoded.value } : decoded;
  }

  /** Empties the table: every service, whoever made it. */
  flush(): CommandOutcome {
    return this.#command(encodeFlush());
  }

  #command({ command, attributes }: IpvsCommand): CommandOutcome {
    const reply = this.#channel.request(command, attributes);
    return reply.ok ? { ok: true } : clientRefusal(reply);
  }

  close(): void {
    this.#listing.close();
    this.#channel.close();
  }
}

function requestOf({ command, attributes }: IpvsCommand): [number, Uint8Array] {
  return [command, attributes];
}

function openChannel(): ReturnType<typeof GenericNetlink.open> {
  try {
    const opened = GenericNetlink.open(IPVS_GENL_NAME);
    if (opened.ok) return opened;
    return opened.code === 'FAMILY_ABSENT' ? IPVS_ABSENT : clientRefusal(opened);
  } catch (error) {
    if (error instanceof SysError) return { ok: false, code: error.code, detail: error.message };
    throw error;
  }
}

const IPVS_ABSENT: ClientRefusal = {
  ok: false,
  code: 'IPVS_ABSENT',
  detail:
    'This kernel has no IPVS: load it with `modprobe ip_vs`, as root on the host itself ' +
    'when this is a container',
};

function clientRefusal({ code, detail }: Failure): ClientRefusal {
  if (code !== 'EPERM') return { ok: false, code, detail };
  const words =
    'The kernel does not let this process at IPVS: it needs the capability CAP_NET_ADMIN';
  return { ok: false, code: 'NO_PRIVILEGE', detail: words };
}

function noAnswer(command: string): ClientRefusal {
  return { ok: false, code: 'NO_REPLY', detail: `The kernel did not answer ${command}` };
}

/** What an errno of IPVS means for this operation (net/netfilter/ipvs/ip_vs_ctl.c). */
function meaning(operation: Operation, failure: Failure): string {
  const { scheduler } = operation.service;
  const isServer = 'destination' in operation;
  switch (failure.code) {
    case 'EEXIST':
      return isServer ? 'The server is there already' : 'The service is there already';
    case 'ESRCH':
      return `There is no service ${serviceName(operation.service)}`;
    case 'ENOENT':
      if (isServer) return 'There is no such server';
      return `The kernel has no scheduler "${scheduler}", and no module ip_vs_${scheduler} to load`;
    case 'EPERM':
      return clientRefusal(failure).detail;
    case 'ERANGE':
      return 'Weight or threshold is out of range: weight 0 to 2147483647, lower at most upper';
    case 'EINVAL':
      return `The kernel does not take it (EINVAL): ${describeOperation(operation)}`;
    default:
      return failure.detail;
  }
}
