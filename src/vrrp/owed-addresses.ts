/**
 * Addresses that a reload took out of the configuration and that the kernel may still hold, because it
 * refuses to let go of them: they are tried again until it does, whatever state the instance is in.
 */
import type { VirtualAddressConfig } from '../config/model.ts';
import { heldAddresses } from './addresses.ts';
import type { RouterConfig, State } from './machine.ts';

/** `state` owing these. */
export function owing<Some extends State>(
  state: Some,
  owed: readonly VirtualAddressConfig[],
): Some {
  const { owed: _before, ...rest } = state;
  return (owed.length > 0 ? { ...rest, owed } : rest) as Some;
}

/** Everything that must not be on its interface in a state that is not MASTER. */
export function unwantedAddresses(
  config: RouterConfig,
  { owed = [] }: Pick<State, 'owed'>,
): readonly VirtualAddressConfig[] {
  return [...heldAddresses(config), ...owed];
}

/**
 * What is owed after a reload. An address that is wanted again where it was is not: its removal would
 * take the wanted one.
 */
export function owedAfterReload(
  config: RouterConfig,
  previous: RouterConfig,
  state: State,
): readonly VirtualAddressConfig[] {
  const { owed = [] } = state;
  const before = mayHoldAddresses(state) ? heldAddresses(previous) : [];
  const seen = new Set(heldAddresses(config).map(placeOf));
  return [...owed, ...before].filter((address) => {
    const place = placeOf(address);
    if (seen.has(place)) return false;
    seen.add(place);
    return true;
  });
}

/** Outside MASTER: a removal was refused, or a probe is under way. */
function mayHoldAddresses(state: State): boolean {
  if (state.name === 'MASTER' || state.timers.addressRetry !== undefined) return true;
  return state.name === 'FAULT' && state.areAddressesRefused;
}

function placeOf({ device, address }: VirtualAddressConfig): string {
  return `${device} ${address.text}`;
}
