/** vrrp_instance blocks to the model, and what instances must not have in common. */
import type { Family } from '../base/address.ts';
import type { CompiledGlobals } from './compile-global.ts';
import { placeOnOwnInterface } from './compile-own-interface.ts';
import type { Surroundings } from './compile-trackers.ts';
import {
  compileVirtualAddresses,
  describeFamily,
  type PlacedAddress,
} from './compile-virtual-address.ts';
import { compileOptions } from './compile-vrrp-options.ts';
import { checkDeviceName } from './device-name.ts';
import type { Report } from './diagnostics.ts';
import type { GarpConfig, VrrpInstanceConfig, VrrpVersion } from './model.ts';
import { type Entry, type ReadBlock, readBlock } from './read-block.ts';
import { parseSeconds } from './read-value.ts';
import { placeOf, spanOf } from './source.ts';

const OWNER_PRIORITY = 255;
const VMAC_PREFIX = 'vrrp';
const DEFAULT_PRIORITY = 100;
const DEFAULT_ADVERT_INTERVAL_MS = 1000;

/** What one instance may not share with another, with the line it was met at. */
interface Met {
  readonly names: Map<string, number>;
  readonly groups: Map<string, { readonly name: string; readonly line: number }>;
  readonly addresses: Map<string, MetAddress>;
  /** Names of macvlans. */
  readonly interfaces: Set<string>;
}

interface MetAddress {
  readonly line: number;
  readonly instance: string;
  readonly device: string;
  readonly isExcluded: boolean;
}

export function compileInstances(
  entries: readonly Entry[],
  globals: CompiledGlobals,
  around: Surroundings,
): readonly VrrpInstanceConfig[] {
  const { report } = around.files;
  const met: Met = {
    names: new Map(),
    groups: new Map(),
    addresses: new Map(),
    interfaces: new Set(),
  };
  return entries.flatMap((entry) => {
    const place = placeOf(entry.statement.words);
    const statements = entry.statement.block?.statements ?? [];
    const block = readBlock({ context: 'vrrp_instance', place }, statements, report);
    const addresses = compileAddresses(block, around);
    const excluded = compileExcluded(block, around);
    const compiled = compileInstance(entry, block, addresses, { globals, report, around });
    const isNew = checkUnique(compiled, block, met, report);
    const { name: instance, version } = compiled;
    for (const address of addresses) {
      checkAddress(address, { instance, isExcluded: false }, met, report);
    }
    for (const address of excluded) {
      checkAddress(address, { instance, isExcluded: true }, met, report);
    }
    checkCount(block, addresses.length, version, report);
    if (compiled.isStrict === true) checkLinkLocal(addresses[0], report);
    // An advert carries one address at least.
    if (!isNew || instance === '' || addresses.length === 0) return [];
    const named = compiled.virtualAddresses.slice(0, MAX_ADDRESSES);
    const unnamed = compiled.virtualAddresses.slice(MAX_ADDRESSES);
    const excludedAddresses = [...unnamed, ...excluded.map(({ config }) => config)];
    const whole =
      excludedAddresses.length === 0
        ? compiled
        : { ...compiled, virtualAddresses: named, excludedAddresses };
    return [
      placeOnOwnInterface(whole, {
        prefix: globals.globalDefs.vmacPrefix ?? VMAC_PREFIX,
        taken: met.interfaces,
      }),
    ];
  });
}

interface InstanceContext {
  readonly globals: CompiledGlobals;
  readonly report: Report;
  readonly around: Surroundings;
}

function compileInstance(
  entry: Entry,
  block: ReadBlock,
  addresses: readonly PlacedAddress[],
  { globals, report, around }: InstanceContext,
): VrrpInstanceConfig {
  const name = typeof entry.value === 'string' ? entry.value : '';
  const virtualAddresses = addresses.map(({ config }) => config);
  const family = virtualAddresses[0]?.address.family ?? 'inet';
  const version = compileVersion(block, family, { globals, report, around });
  const preempts = compilePreemption(block, report);
  const advertIntervalMs = compileAdvertInterval(block, version, report);
  return {
    name,
    span: spanOf(block.place),
    virtualRouterId: block.number('virtual_router_id') ?? 0,
    interface: block.text('interface') ?? '',
    ...preempts,
    advertIntervalMs,
    version,
    family,
    virtualAddresses,
    garp: compileGarp(block, globals.garp, report),
    ...compileOptions(block, {
      family,
      version,
      priority: preempts.priority,
      advertIntervalMs,
      defaults: globals.defaults,
      around,
    }),
  };
}

function compileAddresses(block: ReadBlock, around: Surroundings): readonly PlacedAddress[] {
  const { report } = around.files;
  const interfaceWord = block.entry('interface')?.words[0];
  if (interfaceWord !== undefined) checkDeviceName(interfaceWord, report);
  const lists = block.all('virtual_ipaddress');
  const isEmpty = lists.every(({ statement }) => statement.block?.statements.length === 0);
  if (isEmpty && !block.has('no_virtual_ipaddress')) report('noVirtualAddresses', block.place, {});
  return compileVirtualAddresses(lists, {
    keyword: 'virtual_ipaddress',
    defaultDevice: block.text('interface') ?? '',
    isOneFamily: true,
    around,
  });
}

function compileExcluded(block: ReadBlock, around: Surroundings): readonly PlacedAddress[] {
  return compileVirtualAddresses(block.all('virtual_ipaddress_excluded'), {
    keyword: 'virtual_ipaddress_excluded',
    defaultDevice: block.text('interface') ?? '',
    isOneFamily: false,
    around,
  });
}

/** The count is 8 bits wide; RFC 2338 5.3.5 routers expect no more than 20. */
const MAX_ADDRESSES = 255;
const MAX_CONVENTIONAL_ADDRESSES = 20;

function checkCount(block: ReadBlock, count: number, version: VrrpVersion, report: Report): void {
  const place = block.placeOf('virtual_ipaddress');
  if (count > MAX_ADDRESSES) {
    report('tooManyAddresses', place, { count, limit: MAX_ADDRESSES });
  } else if (version === 2 && count > MAX_CONVENTIONAL_ADDRESSES) {
    report('manyAddresses', place, { count, limit: MAX_CONVENTIONAL_ADDRESSES });
  }
}

/** RFC 9568 5.2.9: the link-local address comes first. */
function checkLinkLocal(first: PlacedAddress | undefined, report: Report): void {
  const address = first?.config.address;
  if (first === undefined || address?.family !== 'inet6') return;
  if (/^fe[89ab]/.test(address.text)) return;
  report('firstNotLinkLocal', first.place, { address: address.text });
}

/** IPv6 is always version 3, whatever the global default; a version written here must fit. */
function compileVersion(
  block: ReadBlock,
  family: Family,
  { globals, report }: InstanceContext,
): VrrpVersion {
  const written = block.number('version');
  if (written === 2 && family === 'inet6') report('version2WithIpv6', block.placeOf('version'), {});
  if (family === 'inet6') return 3;
  if (written === undefined) return globals.vrrpVersion;
  return written === 3 ? 3 : 2;
}

type Preemption = Pick<
  VrrpInstanceConfig,
  'initialState' | 'priority' | 'preempt' | 'preemptDelayMs'
>;

/** keepalived: MASTER without a priority is the owner; the owner without a state is MASTER. */
function compilePreemption(block: ReadBlock, report: Report): Preemption {
  const state = block.text('state');
  const writtenPriority = block.number('priority');
  const isOwnerByState = state === 'MASTER' && !block.has('priority');
  if (isOwnerByState) report('ownerByState', block.placeOf('state'), {});
  const priority = writtenPriority ?? (isOwnerByState ? OWNER_PRIORITY : DEFAULT_PRIORITY);
  const isMaster = state === undefined ? priority === OWNER_PRIORITY : state === 'MASTER';
  const isMasterWritten = state === 'MASTER';
  checkPreemption(block, { isMasterWritten, priority }, report);
  // Where two contradict each other, what keepalived makes of it.
  const cannotHold = isMasterWritten || priority === OWNER_PRIORITY;
  const preempt = cannotHold || !isNopreemptLast(block);
  const isDelayed = preempt && !isMasterWritten;
  return {
    initialState: isMaster ? 'MASTER' : 'BACKUP',
    priority,
    preempt,
    preemptDelayMs: isDelayed ? (block.number('preempt_delay') ?? 0) : 0,
  };
}

function isNopreemptLast(block: ReadBlock): boolean {
  const [written, other] = [block.entry('nopreempt'), block.entry('preempt')];
  if (written === undefined) return false;
  return other === undefined || written.keyword.line > other.keyword.line;
}

function checkPreemption(
  block: ReadBlock,
  found: { readonly isMasterWritten: boolean; readonly priority: number },
  report: Report,
): void {
  const hasDelay = (block.number('preempt_delay') ?? 0) > 0;
  if (block.has('nopreempt')) {
    const place = block.placeOf('nopreempt');
    if (found.isMasterWritten) report('nopreemptWithMaster', place, {});
    else if (found.priority === OWNER_PRIORITY) report('nopreemptWithOwner', place, {});
    if (block.has('preempt')) {
      report('preemptContradiction', place, { keyword: 'nopreempt', other: 'preempt' });
    }
  }
  if (!hasDelay) return;
  const other = block.has('nopreempt') ? 'nopreempt' : 'state MASTER';
  if (!block.has('nopreempt') && !found.isMasterWritten) return;
  report('preemptContradiction', block.placeOf('preempt_delay'), {
    keyword: 'preempt_delay',
    other,
  });
}

/**
 * Version 2 sends whole seconds in 8 bits, version 3 centiseconds in 12 (RFC 3768 5.3.7, RFC 9568
 * 5.2.7).
 */
function compileAdvertInterval(block: ReadBlock, version: VrrpVersion, report: Report): number {
  const word = block.entry('advert_int')?.words[0];
  if (word === undefined || word.kind === 'opaque') return DEFAULT_ADVERT_INTERVAL_MS;
  const found = word.text;
  const intervalMs = parseSeconds(found);
  if (intervalMs === undefined) {
    report('wrongType', word, { keyword: 'advert_int', expected: 'seconds', found });
    return DEFAULT_ADVERT_INTERVAL_MS;
  }
  const { stepMs, maxSteps } =
    version === 3 ? { stepMs: 10, maxSteps: 4095 } : { stepMs: 1000, maxSteps: 255 };
  const steps = intervalMs / stepMs;
  if (Number.isInteger(steps) && steps >= 1 && steps <= maxSteps) return intervalMs;
  if (version === 3) report('advertIntervalVersion3', word, { found });
  else report('advertIntervalVersion2', word, { found });
  return Math.min(Math.max(Math.round(steps), 1), maxSteps) * stepMs;
}

function compileGarp(block: ReadBlock, globals: GarpConfig, report: Report): GarpConfig {
  const refreshMs = block.number('garp_master_refresh') ?? globals.masterRefreshMs;
  if (block.has('garp_master_refresh_repeat') && refreshMs === 0) {
    report('refreshRepeatAlone', block.placeOf('garp_master_refresh_repeat'), {
      keyword: 'garp_master_refresh_repeat',
      other: 'garp_master_refresh',
    });
  }
  return {
    masterDelayMs: block.number('garp_master_delay') ?? globals.masterDelayMs,
    masterRepeat: block.number('garp_master_repeat') ?? globals.masterRepeat,
    masterRefreshMs: refreshMs,
    masterRefreshRepeat: block.number('garp_master_refresh_repeat') ?? globals.masterRefreshRepeat,
    lowerPrioDelayMs: block.number('garp_lower_prio_delay') ?? globals.lowerPrioDelayMs,
    lowerPrioRepeat: block.number('garp_lower_prio_repeat') ?? globals.lowerPrioRepeat,
  };
}

/** False when there is one of that name already. */
function checkUnique(
  instance: VrrpInstanceConfig,
  block: ReadBlock,
  met: Met,
  report: Report,
): boolean {
  const { name, span } = instance;
  const sameName = met.names.get(name);
  if (name !== '' && sameName !== undefined) {
    report('duplicateInstance', block.place, { name, line: sameName });
    return false;
  }
  met.names.set(name, span.line);
  checkGroup(instance, block, met, report);
  return true;
}

function checkGroup(
  instance: VrrpInstanceConfig,
  block: ReadBlock,
  met: Met,
  report: Report,
): void {
  const { virtualRouterId: vrid, interface: device, family } = instance;
  if (vrid === 0 || device === '') return;
  const key = `${family} ${vrid} ${device}`;
  const other = met.groups.get(key);
  if (other === undefined) {
    met.groups.set(key, { name: instance.name, line: instance.span.line });
    return;
  }
  report('duplicateVirtualRouterId', block.placeOf('virtual_router_id'), {
    vrid,
    interface: device,
    family: describeFamily(family),
    other: other.name,
    line: other.line,
  });
}

function checkAddress(
  { config, place }: PlacedAddress,
  here: { readonly instance: string; readonly isExcluded: boolean },
  met: Met,
  report: Report,
): void {
  const { address, device, span } = config;
  const other = met.addresses.get(address.text);
  if (other === undefined) {
    met.addresses.set(address.text, { ...here, line: span.line, device });
    return;
  }
  const { line } = other;
  const isHere = other.instance === here.instance;
  if (isHere && other.isExcluded !== here.isExcluded) {
    report('addressAlsoExcluded', place, { address: address.text, line });
  } else if (other.device === device) {
    report('duplicateVirtualAddress', place, { address: address.text, device, line });
  } else if (!isHere) {
    report('addressInTwoInstances', place, {
      address: address.text,
      other: other.instance,
      line,
      device: other.device,
    });
  }
}
