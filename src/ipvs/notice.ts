/**
 * What a service or a server tells the outside, in the words of keepalived's notify contract: for
 * scripts, FIFOs, trackers and the list of events. The health process only tells; the supervisor
 * runs things.
 */
import type { IpAddress } from '../base/address.ts';
import type { VirtualServerConfig } from '../config/model.ts';
import type { ScriptCommand } from '../config/model-vrrp.ts';

export interface LvsNotice {
  /** VS: its quorum; RS: the verdict on a server. */
  readonly object: 'VS' | 'RS';
  /** serviceName or serverName of the configuration. */
  readonly name: string;
  readonly state: 'UP' | 'DOWN';
  readonly reason: string;
  /** How things stand at the start, not a change. */
  readonly isInitial: boolean;
  /** What a FIFO is told, without the end of the line: `VS [10.0.0.1]:tcp:80 UP`. */
  readonly line: string;
  /** quorum_up, quorum_down, notify_up or notify_down, where it is to be run now. */
  readonly command?: ScriptCommand;
}

type Endpoint = { readonly address: IpAddress; readonly port: number };

/** `VS [10.0.0.1]:tcp:80 UP` (keepalived's notify_fifo_vs). */
export function serviceLine(service: VirtualServerConfig, state: LvsNotice['state']): string {
  return `VS ${describeService(service)} ${state}`;
}

/** `RS [10.0.0.2]:tcp:80 [10.0.0.1]:tcp:80 DOWN` (keepalived's notify_fifo_rs). */
export function serverLine(
  service: VirtualServerConfig,
  server: Endpoint,
  state: LvsNotice['state'],
): string {
  return `RS ${trio(server, service.protocol)} ${describeService(service)} ${state}`;
}

/** keepalived's format_vs: a group by its name, a mark as `FWM 7`. */
function describeService(service: VirtualServerConfig): string {
  if (service.kind === 'group') return service.group;
  return service.kind === 'fwmark' ? `FWM ${service.fwmark}` : trio(service, service.protocol);
}

function trio({ address, port }: Endpoint, protocol: string): string {
  return `[${address.text}]:${protocol}:${port}`;
}
