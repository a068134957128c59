/** Configurations for tests, as the compiler would make them. */
import type { Config, SourceSpan, VrrpInstanceConfig } from '../../src/config/model.ts';

export const span: SourceSpan = {
  file: 'lvs.conf',
  line: 7,
  column: 1,
  endLine: 7,
  endColumn: 2,
};

/** `vrrp_instance VI_1` on eth0 with 1 s adverts and no address; `changes` over it. */
export function vrrpInstance(changes: Partial<VrrpInstanceConfig> = {}): VrrpInstanceConfig {
  return {
    name: 'VI_1',
    span,
    virtualRouterId: 51,
    interface: 'eth0',
    initialState: 'BACKUP',
    priority: 150,
    advertIntervalMs: 1_000,
    version: 3,
    family: 'inet',
    preempt: true,
    preemptDelayMs: 0,
    virtualAddresses: [],
    garp: {
      masterDelayMs: 5_000,
      masterRepeat: 5,
      masterRefreshMs: 0,
      masterRefreshRepeat: 1,
      lowerPrioDelayMs: 5_000,
      lowerPrioRepeat: 5,
    },
    ...changes,
  };
}

/** One file with these instances and no service. */
export function configWith(...vrrpInstances: readonly VrrpInstanceConfig[]): Config {
  return {
    globalDefs: { controlSocket: { path: '/run/lvsd/control.sock', mode: 0o660 } },
    vrrpInstances,
    virtualServers: [],
  };
}
