/** What a configuration would do to the kernel's table, before anybody does it. */
import type { Config } from '../config/model.ts';
import { serverName, serviceName } from '../config/names.ts';
import type { Drain } from '../ipvs/drain.ts';
import { Intent } from '../ipvs/intent.ts';
import { describeOperation, destinationName, type Operation, planTable } from '../ipvs/plan.ts';
import type { Preview } from '../ipvs/reconciler.ts';
import type { ServiceName, Table } from '../ipvs/types.ts';
import type { PlannedOperation } from './messages.ts';

/** Servers that are not checked yet count as up, unless one of their checks is `alpha`. */
export function verdictsAtStart(
  config: Config,
): (serverName: string) => { readonly isUp: boolean } {
  const down = new Set<string>();
  for (const service of config.virtualServers) {
    for (const server of [...service.realServers, ...(service.backupPool ?? [])]) {
      const waits = server.checkers.some((checker) => 'alpha' in checker && checker.alpha);
      if (waits) down.add(serverName(service, server));
    }
  }
  return (name) => ({ isUp: !down.has(name) });
}

/** With a daemon that has no table yet: from what the kernel has. */
export function planFirstTable(
  config: Config,
  actual: Table,
  owned: ReadonlySet<ServiceName>,
  nowMs: number,
): readonly PlannedOperation[] {
  const intent = new Intent();
  intent.configure(config, verdictsAtStart(config));
  const { table } = intent.wish(nowMs);
  return describePreview({ operations: planTable(table, actual, owned), drains: [] }, nowMs);
}

export function describePreview(
  { operations, drains }: Preview,
  nowMs: number,
): readonly PlannedOperation[] {
  const drainOf = new Map(drains.map((drain) => [`${drain.service} ${drain.server}`, drain]));
  return operations.map((operation): PlannedOperation => {
    const { kind } = operation;
    const service = serviceName(operation.service);
    const text = describeOperation(operation);
    if (!('destination' in operation)) return { kind, service, text, reason: operation.reason };
    const server = destinationName(operation.destination);
    const drain = drainOf.get(`${service} ${server}`);
    return { kind, service, server, text, reason: reasonOf(operation, drain, nowMs) };
  });
}

function reasonOf({ reason }: Operation, drain: Drain | undefined, nowMs: number): string {
  if (drain === undefined) return reason;
  const seconds = Math.max(0, Math.round((drain.deadlineMs - nowMs) / 1000));
  return `${reason}: ${drain.cause}, drained for at most ${seconds} s, then deleted`;
}
