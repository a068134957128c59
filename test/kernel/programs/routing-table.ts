/** Routes and rules: does what it is told, says what was taken away. Commands: RoutingCommand. */

import type { RouteConfig, RuleConfig } from '../../../src/config/model-vrrp.ts';
import { LinkTable } from '../../../src/kernel/links.ts';
import { RoutingTable } from '../../../src/kernel/routing.ts';
import { readRoutingNames } from '../../../src/kernel/routing-names.ts';
import { ROUTE_PROTOCOL, routeSpec, ruleSpec } from '../../../src/vrrp/route-specs.ts';
import { hear, say } from './lines.ts';

export type RoutingCommand =
  | { readonly do: 'addRoute' | 'removeRoute' | 'replaceRoute'; readonly route: RouteConfig }
  | { readonly do: 'addRule' | 'removeRule' | 'hasRule'; readonly rule: RuleConfig }
  | { readonly do: 'ours' };

const table = RoutingTable.open();
const links = LinkTable.open({});
const context = {
  names: readRoutingNames(),
  ifindex: (name: string) => links.byName(name)?.index,
};
table.watch(ROUTE_PROTOCOL, {
  onRouteGone: (route) => say({ routeGone: route.destination.address.text }),
  onRuleGone: (family) => say({ ruleGone: family }),
  onEventsLost: () => say({ lost: true }),
});

function obey(command: RoutingCommand): unknown {
  if (command.do === 'ours') return table.routesOf(ROUTE_PROTOCOL);
  if ('route' in command) {
    const result = routeSpec(command.route, context);
    if (!result.ok) return result;
    if (command.do === 'removeRoute') return table.removeRoute(result.spec);
    return table.addRoute(result.spec, command.do === 'replaceRoute' ? 'replace' : result.mode);
  }
  const result = ruleSpec(command.rule, context);
  if (!result.ok) return result;
  if (command.do === 'hasRule') return table.hasRule(result.spec);
  return command.do === 'addRule' ? table.addRule(result.spec) : table.removeRule(result.spec);
}

hear<RoutingCommand>(
  (command) => say({ result: obey(command) }),
  () => {
    table.close();
    links.close();
  },
);
say({ ready: true });
