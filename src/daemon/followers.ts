/**
 * Routes and rules that follow a master, or the daemon itself: puts them, takes them, puts back what
 * somebody took away, and changes only what a reload changed. What is wanted and in which order is
 * decided in vrrp/followers.ts.
 *
 *   reload ─▶ reconfigure ─┐                             ┌─▶ RoutingTable
 *   master ─▶ put, take ───┼─▶ planFollowing, in order ──┤
 *   kernel ─▶ lost ────────┘   (again after 50 ms)       └─▶ log, once per line and reason
 */
import type { Log } from '../base/log.ts';
import type { RouteConfig, RuleConfig } from '../config/model-vrrp.ts';
import { type RouteIdentity, type RouteSpec, routeKey } from '../kernel/routes.ts';
import type { RoutingOutcome, RoutingTable } from '../kernel/routing.ts';
import {
  type FollowingRoute,
  type FollowingRule,
  type FollowOperation,
  NOTHING_FOLLOWS,
  planFollowing,
} from '../vrrp/followers.ts';
import { type RoutingContext, routeSpec, ruleSpec } from '../vrrp/route-specs.ts';

/** Between two attempts to put back what somebody takes away: two programs must not spin. */
const RESTORE_GAP_MS = 50;

export interface FollowersConfig {
  readonly routes?: readonly RouteConfig[];
  readonly rules?: readonly RuleConfig[];
}

export interface FollowersOptions {
  readonly table: RoutingTable;
  readonly context: () => RoutingContext;
  readonly log: Log;
  /** Whose they are: `VI_1`, or `static`. */
  readonly owner: string;
  readonly onRestored: (what: string) => void;
  /** Those of these track groups are not all there, whatever was tried. */
  readonly onMissing?: (trackGroups: ReadonlySet<string>) => void;
}

export class Followers {
  readonly #options: FollowersOptions;
  #config: FollowersConfig;
  #isWanted = false;
  #routes: readonly FollowingRoute[] = [];
  #rules: readonly FollowingRule[] = [];
  readonly #missing = new Set<string>();
  readonly #logged = new Set<string>();
  #retry: NodeJS.Timeout | undefined;

  constructor(config: FollowersConfig, options: FollowersOptions) {
    this.#config = config;
    this.#options = options;
  }

  get isEmpty(): boolean {
    return (this.#config.routes ?? []).length + (this.#config.rules ?? []).length === 0;
  }

  /** Puts what is not there: all of it the first time. */
  put(): void {
    this.#isWanted = true;
    this.#settle();
  }

  /** Takes all of it, also what an earlier process left. */
  take(): void {
    this.#isWanted = false;
    clearTimeout(this.#retry);
    this.#retry = undefined;
    if (this.#routes.length + this.#rules.length === 0) {
      // Nothing that we put; what a dead predecessor put goes all the same.
      const { routes, rules } = this.#wanted();
      this.#routes = routes;
      this.#rules = rules;
    }
    this.#settle();
    this.#logged.clear();
  }

  reconfigure(config: FollowersConfig): void {
    this.#config = config;
    this.#logged.clear();
    if (this.#isWanted) this.#settle();
  }

  /** The kernel told that a route with our mark is gone. */
  routeGone(gone: RouteIdentity): void {
    const name = nameOf(gone);
    this.#lose(this.#routes.filter(({ spec }) => nameOf(spec) === name));
  }

  ruleGone(): void {
    const gone = this.#rules.filter(({ spec }) => !this.#options.table.hasRule(spec));
    const kept = gone.filter(({ isTracked }) => isTracked);
    if (kept.length === 0) return;
    this.#rules = this.#rules.filter((rule) => !kept.includes(rule));
    this.#restoreSoon(`${kept.length} rules`);
  }

  /**
   * A link or an address came or went, or events were lost: what the kernel may have dropped without
   * a word is put again. What is there stays as it is.
   */
  doubt(): void {
    if (!this.#isWanted || this.#routes.length + this.#missing.size === 0) return;
    const protocols = new Set(this.#routes.map(({ spec }) => spec.protocol));
    const present = new Set(
      [...protocols].flatMap((protocol) => this.#options.table.routesOf(protocol)).map(nameOf),
    );
    this.#routes = this.#routes.filter(
      ({ isTracked, spec }) => !isTracked || present.has(nameOf(spec)),
    );
    this.#settle();
  }

  close(): void {
    clearTimeout(this.#retry);
  }

  #lose(gone: readonly FollowingRoute[]): void {
    const tracked = gone.filter(({ isTracked }) => isTracked);
    if (tracked.length === 0) return;
    this.#routes = this.#routes.filter((route) => !tracked.includes(route));
    const [first] = tracked;
    const { address, prefixLength } = first?.spec.destination ?? { address: { text: '' } };
    this.#restoreSoon(`route ${address.text}/${prefixLength ?? 0}`);
  }

  /** Not from within the event: several go at once, and what we did ourselves is told to us too. */
  #restoreSoon(what: string): void {
    if (!this.#isWanted) return;
    this.#options.onRestored(what);
    if (this.#retry !== undefined) return;
    this.#settle();
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      if (this.#isWanted) this.#settle();
    }, RESTORE_GAP_MS);
  }

  #settle(): void {
    const present = { routes: this.#routes, rules: this.#rules };
    const wanted = this.#isWanted ? this.#wanted() : NOTHING_FOLLOWS;
    for (const operation of planFollowing(present, wanted)) this.#perform(operation);
    this.#options.onMissing?.(this.#missing);
  }

  #wanted(): { routes: readonly FollowingRoute[]; rules: readonly FollowingRule[] } {
    const context = this.#options.context();
    this.#missing.clear();
    const routes = (this.#config.routes ?? []).flatMap((route): FollowingRoute[] => {
      const result = routeSpec(route, context);
      if (!result.ok) this.#refuse(route, result.detail);
      return result.ok ? [{ spec: result.spec, mode: result.mode, ...trackingOf(route) }] : [];
    });
    const rules = (this.#config.rules ?? []).flatMap((rule): FollowingRule[] => {
      const result = ruleSpec(rule, context);
      if (!result.ok) this.#refuse(rule, result.detail);
      return result.ok ? [{ spec: result.spec, ...trackingOf(rule) }] : [];
    });
    return { routes, rules };
  }

  #perform(operation: FollowOperation): void {
    const { table } = this.#options;
    switch (operation.kind) {
      case 'addRoute':
      case 'replaceRoute': {
        const { route } = operation;
        const { spec } = route;
        const isReplacing = operation.kind === 'replaceRoute';
        const outcome = table.addRoute(spec, isReplacing ? 'replace' : route.mode);
        if (!this.#accept(outcome, `route to ${spec.destination.address.text}`, route)) return;
        const key = routeKey(spec);
        const others = isReplacing
          ? this.#routes.filter((other) => routeKey(other.spec) !== key)
          : this.#routes;
        this.#routes = [...others, route];
        return;
      }
      case 'addRule': {
        const { rule } = operation;
        const what = `rule ${rule.spec.priority ?? ''}`.trim();
        if (this.#accept(table.addRule(rule.spec), what, rule))
          this.#rules = [...this.#rules, rule];
        return;
      }
      case 'removeRule':
        this.#rules = this.#rules.filter((rule) => rule !== operation.rule);
        this.#accept(table.removeRule(operation.rule.spec), 'removal of a rule', {});
        return;
      case 'removeRoute':
        this.#routes = this.#routes.filter((route) => route !== operation.route);
        this.#accept(table.removeRoute(operation.route.spec), 'removal of a route', {});
        return;
      default:
        operation satisfies never;
    }
  }

  #accept(outcome: RoutingOutcome, what: string, item: { readonly trackGroup?: string }): boolean {
    if (outcome.ok) return true;
    if (item.trackGroup !== undefined) this.#missing.add(item.trackGroup);
    this.#logOnce(`${what} ${outcome.code}`, { what, code: outcome.code, detail: outcome.detail });
    return false;
  }

  #refuse(item: RouteConfig | RuleConfig, detail: string): void {
    if (item.trackGroup !== undefined) this.#missing.add(item.trackGroup);
    const line = `${item.span.file}:${item.span.line}`;
    this.#logOnce(`${line} ${detail}`, { line, detail });
  }

  #logOnce(name: string, fields: Readonly<Record<string, string>>): void {
    if (this.#logged.has(name)) return;
    this.#logged.add(name);
    const { owner } = this.#options;
    this.#options.log.warn({ instance: owner, ...fields }, 'a route or rule is not as configured');
  }
}

function nameOf(route: RouteSpec | RouteIdentity): string {
  return `${route.family} ${routeKey(route)}`;
}

function trackingOf({ isTracked, trackGroup }: RouteConfig | RuleConfig): {
  isTracked: boolean;
  trackGroup?: string;
} {
  return { isTracked, ...(trackGroup === undefined ? {} : { trackGroup }) };
}
