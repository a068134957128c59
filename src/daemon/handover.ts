/**
 * `lvsd handover NAME`: an instance, or every member of its sync group, lets another router be master. A
 * group goes as a whole or not at all: nothing begins where a member cannot, and members that have found a
 * successor wait for the others (vrrp/sync-group.ts).
 */
import type { IpAddress } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import type { HandoverEnd } from '../vrrp/ports.ts';
import type { HandoverOutcome } from './messages.ts';

export interface Handable {
  readonly config: { readonly name: string; readonly syncGroup?: string };
  handoverObstacle(): Extract<HandoverEnd, { ok: false }>['code'] | undefined;
  handOver(onEnd: (end: HandoverEnd) => void): void;
}

type Refusal = Extract<HandoverOutcome, { ok: false }>['code'];

const SENTENCES: Readonly<Record<Refusal, (name: string) => string>> = {
  UNKNOWN_INSTANCE: (name) => `There is no vrrp_instance ${name}; \`lvsd status\` lists them`,
  NOT_MASTER: (name) => `${name} is not master on this director: run the handover where it is`,
  ADDRESS_OWNER: (name) =>
    `${name} has priority 255 and would win again at once; stop lvsd here, or lower the priority`,
  NO_SUCCESSOR: (name) => `No other router took ${name} over; this director goes on as master`,
  BUSY: (name) => `${name} is being handed over or stopped already`,
};

/** Calls back once, when the last member is through; the first failure is the outcome. */
export function handOver(
  name: string,
  hosts: ReadonlyMap<string, Handable>,
  clock: Clock,
  onOutcome: (outcome: HandoverOutcome) => void,
): void {
  const host = hosts.get(name);
  const refuse = (code: Refusal): void =>
    onOutcome({ ok: false, code, message: SENTENCES[code](name) });
  if (host === undefined) {
    refuse('UNKNOWN_INSTANCE');
    return;
  }
  const { syncGroup } = host.config;
  const members =
    syncGroup === undefined
      ? [host]
      : [...hosts.values()].filter(({ config }) => config.syncGroup === syncGroup);
  const obstacle = members
    .map((member) => member.handoverObstacle())
    .find((code) => code !== undefined);
  if (obstacle !== undefined) {
    refuse(obstacle);
    return;
  }
  const startedMs = clock.monotonicMs();
  let waiting = members.length;
  let failure: Refusal | undefined;
  let successor: IpAddress | undefined;
  for (const member of members) {
    member.handOver((end) => {
      waiting -= 1;
      if (!end.ok) failure ??= end.code;
      else if (member === host) successor = end.successor;
      if (waiting > 0) return;
      if (failure !== undefined || successor === undefined) refuse(failure ?? 'NO_SUCCESSOR');
      else {
        const tookMs = clock.monotonicMs() - startedMs;
        onOutcome({ ok: true, successor: successor.text, tookMs });
      }
    });
  }
}
