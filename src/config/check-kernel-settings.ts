/**
 * Where the ip_vs sysctls decide what clients feel, and the file leaves them so that it hurts
 * (Documentation/networking/ipvs-sysctl.rst). Each is said once, at the first line it is about.
 */
import type { Report } from './diagnostics.ts';
import type { VirtualServerConfig } from './model.ts';
import type { GlobalOptions } from './model-global.ts';
import type { Entry, ReadBlock } from './read-block.ts';
import { placeOf } from './source.ts';

/** `entries`: the virtual_server blocks of `services`, in whatever order. */
export function checkKernelSettings(
  globals: GlobalOptions,
  block: ReadBlock,
  {
    services,
    entries,
  }: {
    readonly services: readonly VirtualServerConfig[];
    readonly entries: readonly Entry[];
  },
  report: Report,
): void {
  const first = (isMeant: (service: VirtualServerConfig) => boolean): Entry | undefined => {
    const span = services.find(isMeant)?.span;
    return entries.find(({ statement }) => {
      const place = placeOf(statement.words);
      return place.source.file === span?.file && place.line === span.line;
    });
  };
  if (globals.expiresNodestConnections !== true) {
    const entry = first((service) => isUdp(service) && service.onePacket !== true);
    if (entry !== undefined) report('udpStays', placeOf(entry.statement.words), {});
  }
  if (globals.expiresQuiescentTemplates !== true) {
    const entry = first((service) => service.persistence !== undefined && isQuiesced(service));
    if (entry !== undefined) report('persistentStay', placeOf(entry.statement.words), {});
  }
  const mode = globals.connectionReuseMode;
  if (mode === undefined) return;
  const isBitten = services.some((service) => {
    const seesNoEnd = service.realServers.some(({ forwardingMethod: by }) => by !== 'masq');
    return !isUdp(service) && (mode === 0 || (mode === 1 && seesNoEnd));
  });
  if (isBitten) report('portReuse', block.placeOf('lvs_conn_reuse_mode'), { mode });
}

/** A stop policy that another line makes empty. */
export function checkStopPolicy(
  { lvsStopPolicy, flushesLvsOnStop }: GlobalOptions,
  block: ReadBlock,
  services: readonly VirtualServerConfig[],
  report: Report,
): void {
  if (lvsStopPolicy === 'keep' && flushesLvsOnStop !== undefined) {
    report('flushOfKept', block.placeOf('lvs_flush_on_stop'), {});
  }
  const waits = services.some(({ drainTimeoutMs }) => drainTimeoutMs !== undefined);
  if (lvsStopPolicy === 'drain' && services.length > 0 && !waits) {
    report('drainWithoutTime', block.placeOf('lvs_stop_policy'), {});
  }
}

function isUdp(service: VirtualServerConfig): boolean {
  return service.kind !== 'fwmark' && service.protocol === 'udp';
}

/** Whether servers stand at weight 0 while clients may still be led to them. */
function isQuiesced(service: VirtualServerConfig): boolean {
  if (service.drainTimeoutMs !== undefined || service.inhibitOnFailure === true) return true;
  return service.realServers.some(
    ({ inhibitOnFailure, weight }) => inhibitOnFailure === true || weight === 0,
  );
}
