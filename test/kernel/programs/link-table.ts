/** A link table: says what it reports, does what it is told. Commands: LinkTableCommand. */
import { type AddressSpec, LinkTable } from '../../../src/kernel/links.ts';
import { hear, say } from './lines.ts';

export type LinkTableCommand =
  | { readonly do: 'add' | 'remove'; readonly spec: AddressSpec }
  | { readonly do: 'addresses'; readonly ifindex: number }
  | { readonly do: 'link'; readonly name: string };

const table = LinkTable.open({
  onLinkChange: (link, ifindex) => say({ link: link ?? null, ifindex }),
  onAddressChange: (address, present) => say({ address, present }),
  onError: (error) => say({ error: error.message }),
});

/** With an addition comes what the table holds right after it: nothing turns in between. */
function obey(command: LinkTableCommand): unknown {
  switch (command.do) {
    case 'add':
    case 'remove': {
      const { spec } = command;
      const outcome = command.do === 'add' ? table.addAddress(spec) : table.removeAddress(spec);
      const isListed = table
        .addresses(spec.ifindex)
        .some(
          ({ address, prefixLength }) =>
            address.text === spec.address.text && prefixLength === spec.prefixLength,
        );
      return { ...outcome, isListed };
    }
    case 'addresses':
      return table.addresses(command.ifindex);
    case 'link':
      return table.byName(command.name) ?? null;
  }
}

hear<LinkTableCommand>(
  (command) => say({ result: obey(command) }),
  () => table.close(),
);
say({ ready: true });
