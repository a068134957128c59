/**
 * What of IPVS holds for all services: timeouts, sysctls and the sync daemon. Applied at the start,
 * at a reload and when the role changes. Failures are told and never stop the table: a director
 * without connection synchronisation still serves.
 */
import type { Log } from '../base/log.ts';
import type { GlobalDefs } from '../config/model.ts';
import { readSysctl, writeSysctl } from '../kernel/sysctl.ts';
import type { ClientRefusal } from './client.ts';
import type { Timeouts } from './codec-settings.ts';
import type { SyncStep } from './sync-daemon.ts';
import { planDaemons, type SyncDaemon, type SyncRole, wantedDaemons } from './sync-daemon.ts';

export interface SettingsPort {
  daemons(): { readonly ok: true; readonly daemons: readonly SyncDaemon[] } | ClientRefusal;
  applyDaemon(step: SyncStep): { readonly ok: true } | ClientRefusal;
  setTimeouts(timeouts: Timeouts): { readonly ok: true } | ClientRefusal;
}

const SYSCTL_ROOT = 'net/ipv4/vs';

export class IpvsSettings {
  readonly #client: SettingsPort;
  readonly #log: Log;
  #globals: GlobalDefs | undefined;
  readonly #roles = new Map<string, SyncRole>();
  /** A daemon of ours may run: one that was never configured is somebody else's. */
  #hasSynced = false;

  constructor(client: SettingsPort, log: Log) {
    this.#client = client;
    this.#log = log;
  }

  configure(globals: GlobalDefs): void {
    this.#globals = globals;
    this.#setTimeouts(globals);
    for (const [name, value] of wantedSysctls(globals)) this.#setSysctl(name, value);
    this.#synchronise();
  }

  /** An instance became master, or is not any more. */
  setRole(instance: string, role: SyncRole): void {
    this.#roles.set(instance, role);
    if (this.#globals?.syncDaemon?.instance === instance) this.#synchronise();
  }

  /** Orderly stop: our daemons end, timeouts and sysctls stay. */
  withdraw(): void {
    this.#globals = undefined;
    this.#synchronise();
  }

  #setTimeouts({ lvsTimeouts }: GlobalDefs): void {
    if (lvsTimeouts === undefined) return;
    const seconds = (ms: number | undefined): number => Math.round((ms ?? 0) / 1000);
    const { tcpMs, tcpFinMs, udpMs } = lvsTimeouts;
    const timeouts = { tcpS: seconds(tcpMs), tcpFinS: seconds(tcpFinMs), udpS: seconds(udpMs) };
    const outcome = this.#client.setTimeouts(timeouts);
    if (!outcome.ok) {
      this.#log.error({ code: outcome.code }, `cannot set lvs_timeouts: ${outcome.detail}`);
    }
  }

  #setSysctl(name: string, value: string): void {
    const path = `${SYSCTL_ROOT}/${name}`;
    if (readSysctl(path) === value) return;
    const outcome = writeSysctl(path, value);
    if (outcome.ok) this.#log.info({ sysctl: `net.ipv4.vs.${name}`, value }, 'sysctl set');
    else this.#log.error({ code: outcome.code, sysctl: name }, outcome.detail);
  }

  #synchronise(): void {
    const config = this.#globals?.syncDaemon;
    if (config === undefined && !this.#hasSynced) return;
    this.#hasSynced = true;
    const role = config?.instance === undefined ? undefined : this.#roles.get(config.instance);
    const running = this.#client.daemons();
    if (!running.ok) {
      this.#log.error({ code: running.code }, `cannot read sync daemons: ${running.detail}`);
      return;
    }
    for (const step of planDaemons(wantedDaemons(config, role), running.daemons)) {
      const { role: side, interface: device, syncId } = step.daemon;
      const fields = { step: step.kind, role: side, interface: device, syncId };
      const outcome = this.#client.applyDaemon(step);
      if (outcome.ok) this.#log.info(fields, 'connection synchronisation');
      else this.#log.error({ ...fields, code: outcome.code }, `sync daemon: ${outcome.detail}`);
    }
  }
}

/** Of those that the file names; the others stay as the kernel has them. */
export function wantedSysctls(globals: GlobalDefs): readonly (readonly [string, string])[] {
  const wanted: readonly (readonly [string, number | boolean | undefined])[] = [
    ['expire_nodest_conn', globals.expiresNodestConnections],
    ['expire_quiescent_template', globals.expiresQuiescentTemplates],
    ['conn_reuse_mode', globals.connectionReuseMode],
  ];
  return wanted.flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(Number(value))] as const],
  );
}
