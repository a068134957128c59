/**
 * What the supervisor does for a vrrp process that cannot: says priority 0 for its instances, so that a
 * backup takes over after its skew, and takes the addresses off.
 */
import { systemClock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Config, VrrpInstanceConfig } from '../config/model.ts';
import { SysError } from '../kernel/libc.ts';
import { LinkTable } from '../kernel/links.ts';
import { PRIORITY_RESIGN } from '../vrrp/packet.ts';
import { addressSpec } from './instance-host.ts';
import { openTransport, TransportRefused } from './instance-transport.ts';
import type { Mastership } from './messages.ts';

/** Never throws: what fails is logged, and the rest is still done. */
export function giveUp(config: Config, masterships: readonly Mastership[], log: Log): void {
  if (masterships.length === 0) return;
  try {
    const links = LinkTable.open({});
    try {
      for (const mastership of masterships) {
        const instance = config.vrrpInstances.find(({ name }) => name === mastership.name);
        if (instance !== undefined) giveUpInstance(instance, mastership, links, log);
      }
    } finally {
      links.close();
    }
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    log.error({ code: error.code }, `virtual addresses stay: ${error.message}`);
  }
}

function giveUpInstance(
  instance: VrrpInstanceConfig,
  mastership: Mastership,
  links: LinkTable,
  log: Log,
): void {
  const said = sayGoodbye(instance, mastership, links);
  const addresses: string[] = [];
  for (const virtual of instance.virtualAddresses) {
    const link = links.byName(virtual.device);
    if (link === undefined) continue;
    const outcome = links.removeAddress(addressSpec(virtual, link.index));
    if (outcome.ok) addresses.push(virtual.address.text);
    else log.error({ instance: instance.name, ...outcome }, 'virtual address stays');
  }
  log.warn(
    { instance: instance.name, priority0: said, removed: addresses.join(' ') },
    'gave up for the vrrp process',
  );
}

/** `sent`, or why not. */
function sayGoodbye(
  instance: VrrpInstanceConfig,
  mastership: Mastership,
  links: LinkTable,
): string {
  const link = links.byName(instance.interface);
  if (link === undefined) return `interface ${instance.interface} is gone`;
  const { source } = mastership;
  try {
    const transport = openTransport({
      config: instance,
      link,
      source,
      realtimeMs: systemClock.realtimeMs,
      onReceive: () => {},
      onError: () => {},
      isSendOnly: true,
    });
    const outcome = transport.send({ config: instance, source, priority: PRIORITY_RESIGN });
    transport.close();
    return outcome.ok ? 'sent' : outcome.detail;
  } catch (error) {
    if (!(error instanceof SysError) && !(error instanceof TransportRefused)) throw error;
    return error.message;
  }
}
