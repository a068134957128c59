/**
 * What the supervisor does for a vrrp process that cannot: says priority 0 for its instances, so that a
 * backup takes over after its skew, and takes rules, routes and addresses off.
 */
import { systemClock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Config, VrrpInstanceConfig } from '../config/model.ts';
import { SysError } from '../kernel/libc.ts';
import { LinkTable } from '../kernel/links.ts';
import { RoutingTable } from '../kernel/routing.ts';
import { readRoutingNames } from '../kernel/routing-names.ts';
import { addressSpec, heldAddresses } from '../vrrp/addresses.ts';
import { PRIORITY_RESIGN } from '../vrrp/packet.ts';
import { routeSpec, ruleSpec } from '../vrrp/route-specs.ts';
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
  try {
    removeFollowers(instance, links, log);
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    log.error({ instance: instance.name, code: error.code }, 'routes and rules stay');
  }
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

/** Rules first, then routes: as the instance itself lets go (placement.ts). */
function removeFollowers(instance: VrrpInstanceConfig, links: LinkTable, log: Log): void {
  const { name, routes = [], rules = [] } = instance;
  if (routes.length + rules.length === 0) return;
  const names = readRoutingNames();
  const context = { names, ifindex: (device: string) => links.byName(device)?.index };
  const table = RoutingTable.open();
  const outcomes = [
    ...rules.map((rule) => {
      const result = ruleSpec(rule, context);
      return result.ok ? table.removeRule(result.spec) : result;
    }),
    ...routes.map((route) => {
      const result = routeSpec(route, context);
      return result.ok ? table.removeRoute(result.spec) : result;
    }),
  ];
  table.close();
  for (const outcome of outcomes) {
    if (!outcome.ok) log.error({ instance: name, detail: outcome.detail }, 'route or rule stays');
  }
}

/** The interface that the instance's adverts leave by: those of `use_vmac` and `use_ipvlan` from the instance's own. */
function carrierName({ ownInterface, vmacTransmitsOnBase, ...one }: VrrpInstanceConfig): string {
  const isOwn = ownInterface !== undefined && vmacTransmitsOnBase !== true;
  return isOwn ? (ownInterface.name ?? one.interface) : one.interface;
}

/** `sent`, or why not. */
function sayGoodbye(
  instance: VrrpInstanceConfig,
  mastership: Mastership,
  links: LinkTable,
): string {
  const device = carrierName(instance);
  const link = links.byName(device);
  if (link === undefined) return `interface ${device} is gone`;
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
