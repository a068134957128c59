/**
 * Routes and rules of this network namespace: the way to change them, and the news when somebody else
 * takes one of ours away. Nothing of the kernel's table is kept: a router may have a million routes.
 *
 * What the kernel drops by itself it does not always tell: IPv4 routes go without a word with their
 * link or their source address. Whoever holds such routes puts them again on those events.
 */
import type { Family } from '../base/address.ts';
import { EEXIST, ENOENT, ESRCH } from './errno.ts';
import {
  NETLINK_ROUTE,
  type NetlinkMessage,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REPLACE,
} from './netlink.ts';
import { type AckOutcome, NetlinkSocket } from './netlink-socket.ts';
import { type Watch, watchReadable } from './poller.ts';
import {
  decodeRoute,
  encodeIdentityRemoval,
  encodeRoute,
  encodeRouteQuery,
  encodeRouteRemoval,
  type RouteIdentity,
  type RouteSpec,
  RTM_DELROUTE,
  RTM_GETROUTE,
  RTM_NEWROUTE,
  RTMGRP_IPV4_ROUTE,
  RTMGRP_IPV6_ROUTE,
  routeKey,
} from './routes.ts';
import {
  encodeRule,
  encodeRuleQuery,
  isRuleOf,
  protocolOfRule,
  RTM_DELRULE,
  RTM_GETRULE,
  RTM_NEWRULE,
  RTMGRP_IPV4_RULE,
  RTMGRP_IPV6_RULE,
  type RuleSpec,
} from './rules.ts';
import {
  ACCEPT,
  attachFilter,
  type Instruction,
  jumpIfEqual,
  loadByte,
  REFUSE,
} from './socket-filter.ts';

export type RoutingOutcome =
  /** `changed` is false where there was nothing to do. */
  | { readonly ok: true; readonly changed: boolean }
  /** FOREIGN: somebody else's route stands there. Otherwise the errno's name. */
  | { readonly ok: false; readonly code: string; readonly detail: string };

export interface RoutingEvents {
  /** Somebody, or we ourselves, took away a route of this protocol. */
  readonly onRouteGone: (route: RouteIdentity) => void;
  readonly onRuleGone: (family: Family) => void;
  /** Events were lost: anything may be gone. */
  readonly onEventsLost: () => void;
}

const GROUPS = RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE | RTMGRP_IPV4_RULE | RTMGRP_IPV6_RULE;
const FAMILIES: readonly Family[] = ['inet', 'inet6'];
const RTM_PROTOCOL_OFFSET = 5;
const NLMSG_HDRLEN = 16;
const AF_INET = 2;

const NEW_ROUTE_FLAGS = {
  add: NLM_F_CREATE | NLM_F_EXCL,
  append: NLM_F_CREATE | NLM_F_APPEND,
  prepend: NLM_F_CREATE,
  replace: NLM_F_CREATE | NLM_F_REPLACE,
} as const;

export type NewRouteMode = keyof typeof NEW_ROUTE_FLAGS;

export class RoutingTable {
  readonly #requests: NetlinkSocket;
  #events: { readonly socket: NetlinkSocket; readonly watch: Watch } | undefined;

  private constructor(requests: NetlinkSocket) {
    this.#requests = requests;
  }

  /** Throws SysError. */
  static open(): RoutingTable {
    return new RoutingTable(NetlinkSocket.open(NETLINK_ROUTE, { isStrict: true }));
  }

  /** From now on tells what of `protocol` is taken away; once. Throws SysError. */
  watch(protocol: number, events: RoutingEvents): void {
    if (this.#events !== undefined) return;
    const socket = NetlinkSocket.open(NETLINK_ROUTE, { groups: GROUPS });
    try {
      attachFilter(socket.fd, lossesOf(protocol));
    } catch (error) {
      socket.close();
      throw error;
    }
    const take = (message: NetlinkMessage): void => tell(message, protocol, events);
    const watch = watchReadable(socket.fd, () => {
      if (!socket.drain(take).ok) events.onEventsLost();
    });
    this.#events = { socket, watch };
  }

  /** Needs CAP_NET_ADMIN. A route of ours that stands there already counts as put. */
  addRoute(spec: RouteSpec, mode: NewRouteMode): RoutingOutcome {
    const flags = NEW_ROUTE_FLAGS[mode];
    const outcome = this.#send(RTM_NEWROUTE, flags, encodeRoute(spec));
    if (outcome.ok || outcome.errno !== EEXIST) return asOutcome(outcome);
    const key = routeKey(spec);
    const isOurs = this.routesOf(spec.protocol).some((route) => routeKey(route) === key);
    if (isOurs) return { ok: true, changed: false };
    return {
      ok: false,
      code: 'FOREIGN',
      detail: `a route to ${spec.destination.address.text}/${spec.destination.prefixLength} of somebody else is there`,
    };
  }

  /** One that is not there is removed already. */
  removeRoute(spec: RouteSpec): RoutingOutcome {
    return asRemoval(this.#send(RTM_DELROUTE, 0, encodeRouteRemoval(spec)));
  }

  /** Takes away every route of `protocol` but those of `kept`; how many there were. */
  removeRoutesOf(protocol: number, kept: readonly RouteSpec[]): number {
    const keys = new Set(kept.map((route) => `${route.family} ${routeKey(route)}`));
    return this.routesOf(protocol).filter((route) => {
      if (keys.has(`${route.family} ${routeKey(route)}`)) return false;
      return this.#send(RTM_DELROUTE, 0, encodeIdentityRemoval(route)).ok;
    }).length;
  }

  addRule(spec: RuleSpec): RoutingOutcome {
    if (this.hasRule(spec)) return { ok: true, changed: false };
    return asOutcome(this.#send(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, encodeRule(spec)));
  }

  removeRule(spec: RuleSpec): RoutingOutcome {
    return asRemoval(this.#send(RTM_DELRULE, 0, encodeRule(spec)));
  }

  hasRule(spec: RuleSpec): boolean {
    const wanted = encodeRule(spec);
    return this.#rules(spec.family).some((payload) => isRuleOf(wanted, payload));
  }

  /** Of both families; empty where the kernel has no such routes or cannot say. */
  routesOf(protocol: number): readonly RouteIdentity[] {
    return FAMILIES.flatMap((family) => {
      const reply = this.#requests.dump({
        type: RTM_GETROUTE,
        payload: encodeRouteQuery(family, protocol),
      });
      const messages = reply.ok ? reply.messages : [];
      return messages.flatMap(({ payload }) => {
        // A kernel before 4.20 does not filter.
        const route = payload[RTM_PROTOCOL_OFFSET] === protocol ? decodeRoute(payload) : undefined;
        return route === undefined ? [] : [route];
      });
    });
  }

  /** Takes away every rule of `protocol` but those of `kept`; how many there were. */
  removeRulesOf(protocol: number, kept: readonly RuleSpec[]): number {
    const wanted = kept.map(encodeRule);
    let removed = 0;
    for (const family of FAMILIES) {
      for (const payload of this.#rules(family)) {
        if (protocolOfRule(payload) !== protocol) continue;
        if (wanted.some((rule) => isRuleOf(rule, payload))) continue;
        // What a dump says of a rule is what removes it.
        if (this.#send(RTM_DELRULE, 0, payload).ok) removed += 1;
      }
    }
    return removed;
  }

  close(): void {
    this.#events?.watch.close();
    this.#events?.socket.close();
    this.#events = undefined;
    this.#requests.close();
  }

  #rules(family: Family): readonly Uint8Array[] {
    const reply = this.#requests.dump({ type: RTM_GETRULE, payload: encodeRuleQuery(family) });
    return reply.ok ? reply.messages.map(({ payload }) => payload) : [];
  }

  #send(type: number, flags: number, payload: Uint8Array): AckOutcome {
    return this.#requests.request({ type, flags, payload });
  }
}

/**
 * A router's table is in motion all day: only what is taken away of `protocol` may wake us, and news of
 * rules. One message a datagram; nlmsg_type (its low byte) is at 4, rtm_protocol at 16 + 5.
 */
function lossesOf(protocol: number): readonly Instruction[] {
  return [
    loadByte(4),
    jumpIfEqual(RTM_NEWROUTE, 4, 0),
    jumpIfEqual(RTM_DELROUTE, 0, 2),
    loadByte(NLMSG_HDRLEN + RTM_PROTOCOL_OFFSET),
    jumpIfEqual(protocol, 0, 1),
    ACCEPT,
    REFUSE,
  ];
}

function tell(message: NetlinkMessage, protocol: number, events: RoutingEvents): void {
  const { type, payload } = message;
  if (type === RTM_DELROUTE) {
    // Looked at before it is decoded: a router's other routes come and go by the thousand.
    if (payload[RTM_PROTOCOL_OFFSET] !== protocol) return;
    const route = decodeRoute(payload);
    if (route !== undefined) events.onRouteGone(route);
  } else if (type === RTM_DELRULE && protocolOfRule(payload) === protocol) {
    events.onRuleGone(payload[0] === AF_INET ? 'inet' : 'inet6');
  }
}

function asOutcome(outcome: AckOutcome): RoutingOutcome {
  if (outcome.ok) return { ok: true, changed: true };
  return { ok: false, code: outcome.code, detail: outcome.detail };
}

const ABSENT: ReadonlySet<number> = new Set([ESRCH, ENOENT]);

function asRemoval(outcome: AckOutcome): RoutingOutcome {
  if (!outcome.ok && ABSENT.has(outcome.errno)) return { ok: true, changed: false };
  return asOutcome(outcome);
}
