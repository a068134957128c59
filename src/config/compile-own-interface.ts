/** `use_vmac` and `use_ipvlan`: words in any order, told apart by their form. */
import type { Family } from '../base/address.ts';
import { IGNORES_IT } from './compat-text.ts';
import { checkDeviceName } from './device-name.ts';
import type { Report } from './diagnostics.ts';
import type { VirtualAddressConfig, VrrpInstanceConfig } from './model.ts';
import type {
  AddressInterfaceConfig,
  OwnInterfaceConfig,
  VrrpInstanceOptions,
} from './model-vrrp.ts';
import { compact } from './present.ts';
import type { Entry, ReadBlock } from './read-block.ts';
import { parsePrefix } from './read-prefix.ts';
import { reportTrailing } from './read-value.ts';
import type { Token } from './source.ts';

const MAC = /^[\da-f]{1,2}(?::[\da-f]{1,2}){5}$/i;
const IPVLAN_MODES = ['bridge', 'private', 'vepa'] as const;
const NEEDS_VMAC = ['vmac_xmit_base', 'use_vmac_addr'];

export function compileOwnInterface(
  block: ReadBlock,
  family: Family,
  report: Report,
): VrrpInstanceOptions {
  const vmac = block.entry('use_vmac');
  const ipvlan = block.entry('use_ipvlan');
  if (vmac !== undefined && ipvlan !== undefined) {
    report('vmacContradiction', block.placeOf('use_ipvlan'), {});
  }
  for (const keyword of NEEDS_VMAC) {
    if (!block.has(keyword) || vmac !== undefined || keyword === 'use_vmac_addr') continue;
    report('withoutVmac', block.placeOf(keyword), { keyword });
  }
  // keepalived sets it as well, with an error: peers reach an address, and that is on the interface below.
  const isUnicastVmac =
    vmac !== undefined && block.has('unicast_peer') && !block.has('vmac_xmit_base');
  if (isUnicastVmac) report('unicastVmac', block.placeOf('use_vmac'), {});
  const vrf = block.text('vrf');
  if (vrf !== undefined && vmac === undefined && ipvlan === undefined) {
    report('withoutVmac', block.placeOf('vrf'), { keyword: 'vrf' });
  }
  const ownInterface = ipvlan === undefined ? compileOne(vmac, report) : compileOne(ipvlan, report);
  if (ipvlan !== undefined && vmac === undefined) {
    const given = ownInterface?.address?.address.family;
    // IPv6 can do without: adverts then come from the link-local address.
    if (given !== family && (given !== undefined || family === 'inet')) {
      const values = { family: family === 'inet' ? 'IPv4' : 'IPv6' };
      report('ipvlanWithoutAddress', block.placeOf('use_ipvlan'), values);
    }
  }
  return {
    ...(ownInterface === undefined ? {} : { ownInterface }),
    ...(block.has('vmac_xmit_base') || isUnicastVmac ? { vmacTransmitsOnBase: true } : {}),
    ...(block.has('use_vmac_addr') ? { usesVmacForAddresses: true } : {}),
    ...(vrf === undefined ? {} : { vrf }),
  };
}

const MAX_COPIES = 255;

/** Names of interfaces that are made: the prefix, and those given already. */
export interface MadeNames {
  readonly prefix: string;
  readonly taken: Set<string>;
}

/**
 * The name of the instance's own interface, made up where none is written (`vrrp.51`, `vrrp6.51` for
 * IPv6, `vrrp.51.2` for a second of the same number), and its addresses on it: those that name no other
 * interface. With `use_vmac_addr` the others are on macvlans of their own.
 */
export function placeOnOwnInterface(
  instance: VrrpInstanceConfig,
  names: MadeNames,
): VrrpInstanceConfig {
  const { ownInterface } = instance;
  if (ownInterface === undefined) return placeOnAddressInterfaces(instance, names);
  const name = ownInterface.name ?? makeName(instance.family, instance.virtualRouterId, names);
  names.taken.add(name);
  const mixes = instance.usesVmacForAddresses === true;
  const placed = mapAddresses(instance, (one) => {
    const isElsewhere = mixes && one.address.family !== instance.family;
    return one.device === instance.interface && !isElsewhere ? { ...one, device: name } : one;
  });
  return placeOnAddressInterfaces({ ...placed, ownInterface: { ...ownInterface, name } }, names);
}

/**
 * `use_vmac_addr`: a macvlan for each other interface and family of the addresses, with the virtual MAC
 * of that family, as keepalived makes them (vrrp1.7@eth1, vrrp6.7@eth1 beside vrrp.7@eth0).
 */
function placeOnAddressInterfaces(
  instance: VrrpInstanceConfig,
  names: MadeNames,
): VrrpInstanceConfig {
  if (instance.usesVmacForAddresses !== true) return instance;
  const made = new Map<string, AddressInterfaceConfig>();
  const placed = mapAddresses(instance, (one) => {
    const { family } = one.address;
    const isInPlace = one.device === instance.interface && family === instance.family;
    if (isInPlace || one.device === instance.ownInterface?.name) return one;
    const key = `${family} ${one.device}`;
    const known = made.get(key);
    const name = known?.name ?? makeName(family, instance.virtualRouterId, names);
    if (known === undefined) made.set(key, { name, parent: one.device, family });
    return { ...one, device: name };
  });
  return made.size === 0 ? placed : { ...placed, addressInterfaces: [...made.values()] };
}

function makeName(family: Family, virtualRouterId: number, { prefix, taken }: MadeNames): string {
  const stem = `${prefix}${family === 'inet' ? '' : '6'}.${virtualRouterId}`;
  const names = [stem, ...Array.from({ length: MAX_COPIES }, (_, index) => `${stem}.${index + 2}`)];
  const name = names.find((candidate) => !taken.has(candidate)) ?? stem;
  taken.add(name);
  return name;
}

function mapAddresses(
  instance: VrrpInstanceConfig,
  place: (address: VirtualAddressConfig) => VirtualAddressConfig,
): VrrpInstanceConfig {
  const { virtualAddresses, excludedAddresses } = instance;
  return {
    ...instance,
    virtualAddresses: virtualAddresses.map(place),
    ...(excludedAddresses === undefined ? {} : { excludedAddresses: excludedAddresses.map(place) }),
  };
}

function compileOne(entry: Entry | undefined, report: Report): OwnInterfaceConfig | undefined {
  if (entry === undefined) return undefined;
  const kind = entry.keyword.text === 'use_ipvlan' ? 'ipvlan' : 'vmac';
  const names: Token[] = [];
  let own: OwnInterfaceConfig = { kind, notifiesByNetlink: false };
  let index = 0;
  for (; index < entry.words.length; index += 1) {
    const word = entry.words[index];
    if (word === undefined || word.kind === 'opaque') break;
    const { text } = word;
    const mode = IPVLAN_MODES.find((known) => kind === 'ipvlan' && known === text);
    const address = kind === 'ipvlan' ? parsePrefix(text) : undefined;
    if (text === 'group') {
      index += 1;
      const group = entry.words[index]?.text;
      if (group !== undefined) {
        own = { ...own, group };
        report('notSupportedYet', word, { what: `'group' of ${entry.keyword.text}` });
      } else {
        const values = { keyword: text, expected: 'a group', compat: IGNORES_IT };
        report('missingValue', word, values);
      }
    } else if (kind === 'vmac' && text === 'netlink_notify_msg') {
      own = { ...own, notifiesByNetlink: true };
    } else if (kind === 'vmac' && MAC.test(text)) own = { ...own, mac: text.toLowerCase() };
    else if (mode !== undefined) own = { ...own, ipvlanMode: mode };
    else if (address !== undefined) own = { ...own, address };
    else names.push(word);
  }
  return { ...own, ...compileNames(entry.keyword, names, report) };
}

/** `[[NAME] IF]`: keepalived reads one word as the name, unless an interface has it. */
function compileNames(
  keyword: Token,
  [name, parent, ...rest]: readonly Token[],
  report: Report,
): Pick<OwnInterfaceConfig, 'name' | 'parent'> {
  reportTrailing([keyword], rest, report);
  const read = (word: Token | undefined): string | undefined =>
    word !== undefined && checkDeviceName(word, report, IGNORES_IT) ? word.text : undefined;
  return compact({ name: read(name), parent: read(parent) });
}
