/**
 * What the supervisor does for a vrrp process that cannot: says priority 0 for its instances, so that a
 * backup takes over after its skew, and takes the addresses off.
 */
import type { Log } from '../base/log.ts';
import type { Config, VrrpInstanceConfig } from '../config/model.ts';
import { openVrrpEndpoint } from '../kernel/datagram.ts';
import { SysError } from '../kernel/libc.ts';
import { LinkTable } from '../kernel/links.ts';
import { addressSpec, heldAddresses } from '../vrrp/addresses.ts';
import { encodeGoodbye } from '../vrrp/goodbye.ts';
import { vrrpGroup } from '../vrrp/packet.ts';
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
  for (const virtual of heldAddresses(instance)) {
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
  try {
    const endpoint = openVrrpEndpoint({
      ifindex: link.index,
      ifname: link.name,
      family: instance.family,
      group: vrrpGroup(instance.family),
      source: mastership.source,
      onReceive: () => {},
      onError: () => {},
    });
    const outcome = endpoint.send(encodeGoodbye(instance, mastership.source));
    endpoint.close();
    return outcome.ok ? 'sent' : outcome.detail;
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    return error.message;
  }
}
