/** What the parts of an instance are compiled with. */
import type { Family, IpAddress } from '../base/address.ts';
import type { Surroundings } from './compile-trackers.ts';
import type { VrrpVersion } from './model.ts';
import type { VrrpInstanceOptions } from './model-vrrp.ts';

/** global_defs for instances that do not say. */
export interface InstanceDefaults
  extends Pick<
    VrrpInstanceOptions,
    | 'lowerPrioNoAdvert'
    | 'ownerIgnoresAdverts'
    | 'garpExtraInterface'
    | 'garpIntervalMs'
    | 'gnaIntervalMs'
  > {
  readonly isStrict: boolean;
  readonly downTimerAdverts: number;
  readonly higherPrioSendAdvert: boolean;
  readonly checksUnicastSource: boolean;
  readonly skipsAddressCheck: boolean;
  readonly checksumVersion3As2: boolean;
  readonly notifiesPriorityChanges: boolean;
  readonly multicastGroups: Readonly<Partial<Record<Family, IpAddress>>>;
  readonly hasSharedState: boolean;
}

export interface OptionsContext {
  readonly family: Family;
  readonly version: VrrpVersion;
  readonly priority: number;
  readonly advertIntervalMs: number;
  readonly defaults: InstanceDefaults;
  readonly around: Surroundings;
}
