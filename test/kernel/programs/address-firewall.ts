/** Denies and allows addresses. Commands: FirewallCommand. */
import { AddressFirewall } from '../../../src/daemon/address-firewall.ts';
import { addressOf, argument, hear, say } from './lines.ts';

export type FirewallCommand =
  | { readonly do: 'deny' | 'allow'; readonly address: string }
  | { readonly do: 'close' };

const ignore = (): void => {};
const firewall = new AddressFirewall(argument(0), {
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: (fields) => say({ refused: fields }),
});
firewall.prepare(argument(1) === 'needed');

hear<FirewallCommand>(
  (command) => {
    if (command.do === 'close') firewall.close();
    else firewall[command.do](addressOf(command.address));
    say({ result: 'done' });
  },
  () => {},
);
say({ ready: true });
