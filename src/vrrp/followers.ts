/**
 * Routes and rules that follow something: a master, or the running daemon. What is there, what is
 * wanted, and the way from one to the other, in the order in which it must be done:
 *
 *   there      wanted                       =  operation
 *   -          route                           add route
 *   route      same key, something else        replace route, so that there is no moment without
 *   -          rule                            add rule: its table is filled by then
 *   rule       -                               remove rule: nothing is sent into an empty table
 *   route      -                               remove route
 */
import type { IpAddress } from '../base/address.ts';
import { type RouteSpec, routeKey } from '../kernel/routes.ts';
import type { RuleSpec } from '../kernel/rules.ts';
import type { RouteMode } from './route-specs.ts';

export interface FollowingRoute {
  readonly spec: RouteSpec;
  readonly mode: RouteMode;
  /** False: `no_track`. */
  readonly isTracked: boolean;
  readonly trackGroup?: string;
}

export interface FollowingRule {
  readonly spec: RuleSpec;
  readonly isTracked: boolean;
  readonly trackGroup?: string;
}

export interface Following {
  readonly routes: readonly FollowingRoute[];
  readonly rules: readonly FollowingRule[];
}

export const NOTHING_FOLLOWS: Following = { routes: [], rules: [] };

export type FollowOperation =
  | { readonly kind: 'addRoute' | 'replaceRoute' | 'removeRoute'; readonly route: FollowingRoute }
  | { readonly kind: 'addRule' | 'removeRule'; readonly rule: FollowingRule };

/** Law: `planFollowing(x, x)` is empty. */
export function planFollowing(present: Following, wanted: Following): readonly FollowOperation[] {
  const isIn = (list: readonly { spec: unknown }[], spec: unknown): boolean =>
    list.some((other) => isSameSpec(other.spec, spec));
  const newRoutes = wanted.routes.filter(({ spec }) => !isIn(present.routes, spec));
  const oldRoutes = present.routes.filter(({ spec }) => !isIn(wanted.routes, spec));
  const replaced = new Set<FollowingRoute>();
  const putting = newRoutes.map((route): FollowOperation => {
    const old = oldRoutes.find(
      (other) => !replaced.has(other) && routeKey(other.spec) === routeKey(route.spec),
    );
    if (old === undefined || route.mode !== 'add') return { kind: 'addRoute', route };
    replaced.add(old);
    return { kind: 'replaceRoute', route };
  });
  const newRules = wanted.rules.filter(({ spec }) => !isIn(present.rules, spec));
  const oldRules = present.rules.filter(({ spec }) => !isIn(wanted.rules, spec));
  return [
    ...putting,
    ...newRules.map((rule): FollowOperation => ({ kind: 'addRule', rule })),
    ...oldRules.toReversed().map((rule): FollowOperation => ({ kind: 'removeRule', rule })),
    ...oldRoutes
      .filter((route) => !replaced.has(route))
      .toReversed()
      .map((route): FollowOperation => ({ kind: 'removeRoute', route })),
  ];
}

/** Routes that the kernel drops without a word when this address goes. */
export function routesFrom(following: Following, address: IpAddress): readonly FollowingRoute[] {
  return following.routes.filter(({ spec }) => spec.source?.text === address.text);
}

function isSameSpec(a: unknown, b: unknown): boolean {
  return comparable(a) === comparable(b);
}

function comparable(spec: unknown): string {
  return JSON.stringify(spec, (_, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  );
}
