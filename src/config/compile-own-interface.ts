/** `use_vmac` and `use_ipvlan`: words in any order, told apart by their form. */
import { IGNORES_IT } from './compat-text.ts';
import { checkDeviceName } from './device-name.ts';
import type { Report } from './diagnostics.ts';
import type { VirtualAddressConfig, VrrpInstanceConfig } from './model.ts';
import type { OwnInterfaceConfig, VrrpInstanceOptions } from './model-vrrp.ts';
import { compact } from './present.ts';
import type { Entry, ReadBlock } from './read-block.ts';
import { parsePrefix } from './read-prefix.ts';
import { reportTrailing } from './read-value.ts';
import type { Token } from './source.ts';

const MAC = /^[\da-f]{1,2}(?::[\da-f]{1,2}){5}$/i;
const IPVLAN_MODES: ReadonlySet<string> = new Set(['bridge', 'private', 'vepa']);
const NEEDS_VMAC = ['vmac_xmit_base', 'use_vmac_addr'];

export function compileOwnInterface(block: ReadBlock, report: Report): VrrpInstanceOptions {
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
  if (vrf !== undefined && vmac === undefined) {
    report('withoutVmac', block.placeOf('vrf'), { keyword: 'vrf' });
  }
  const ownInterface = ipvlan === undefined ? compileOne(vmac, report) : compileOne(ipvlan, report);
  return {
    ...(ownInterface === undefined ? {} : { ownInterface }),
    ...(block.has('vmac_xmit_base') || isUnicastVmac ? { vmacTransmitsOnBase: true } : {}),
    ...(block.has('use_vmac_addr') ? { usesVmacForAddresses: true } : {}),
    ...(vrf === undefined ? {} : { vrf }),
  };
}

const MAX_COPIES = 255;

/**
 * The name of the instance's own interface, made up where none is written (`vrrp.51`, `vrrp6.51` for
 * IPv6, `vrrp.51.2` for a second of the same number), and its addresses on it: those that name no other
 * interface.
 */
export function placeOnOwnInterface(
  instance: VrrpInstanceConfig,
  prefix: string,
  taken: Set<string>,
): VrrpInstanceConfig {
  const { ownInterface, family, virtualRouterId } = instance;
  if (ownInterface?.kind !== 'vmac') return instance;
  const stem = `${prefix}${family === 'inet' ? '' : '6'}.${virtualRouterId}`;
  const names = [stem, ...Array.from({ length: MAX_COPIES }, (_, index) => `${stem}.${index + 2}`)];
  const name = ownInterface.name ?? names.find((candidate) => !taken.has(candidate)) ?? stem;
  taken.add(name);
  const place = (address: VirtualAddressConfig): VirtualAddressConfig =>
    address.device === instance.interface ? { ...address, device: name } : address;
  const { excludedAddresses } = instance;
  return {
    ...instance,
    ownInterface: { ...ownInterface, name },
    virtualAddresses: instance.virtualAddresses.map(place),
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
    const address = kind === 'ipvlan' ? parsePrefix(text) : undefined;
    if (text === 'group') {
      index += 1;
      const group = entry.words[index]?.text;
      if (group !== undefined) {
        own = { ...own, group };
        if (kind === 'vmac') report('notSupportedYet', word, { what: `'group' of use_vmac` });
      } else {
        const values = { keyword: text, expected: 'a group', compat: IGNORES_IT };
        report('missingValue', word, values);
      }
    } else if (kind === 'vmac' && text === 'netlink_notify_msg') {
      own = { ...own, notifiesByNetlink: true };
    } else if (kind === 'vmac' && MAC.test(text)) own = { ...own, mac: text.toLowerCase() };
    else if (kind === 'ipvlan' && IPVLAN_MODES.has(text)) own = { ...own, ipvlanMode: text };
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
