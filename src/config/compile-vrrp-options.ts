/** What an instance says beyond the election, with the defaults of global_defs filled in. */
import { IGNORES_IT } from './compat-text.ts';
import { compileHmac, compilePassword } from './compile-authentication.ts';
import { compileNotify } from './compile-groups.ts';
import { compileOwnInterface } from './compile-own-interface.ts';
import { compileRoutes, compileRules } from './compile-route.ts';
import { compileTrackers, type Surroundings } from './compile-trackers.ts';
import { compileTransport, isEnforced } from './compile-transport.ts';
import type { Report } from './diagnostics.ts';
import type { InstanceDefaults, OptionsContext } from './instance-context.ts';
import type { VrrpInstanceOptions } from './model-vrrp.ts';
import type { Entry, ReadBlock } from './read-block.ts';
import { parseSeconds, reportTrailing } from './read-value.ts';

const OWNER_PRIORITY = 255;
const TIMER_EXPIRED_PRIORITY = 254;
const DEFAULT_DOWN_TIMER_ADVERTS = 3;

export function compileDefaults(block: ReadBlock, report: Report): InstanceDefaults {
  const isStrict = block.flag('vrrp_strict');
  const group4 = block.address('vrrp_mcast_group4');
  const group6 = block.address('vrrp_mcast_group6');
  const lowerPrio = block.has('vrrp_lower_prio_no_advert')
    ? block.flag('vrrp_lower_prio_no_advert')
    : undefined;
  const garpExtraInterface = compileGarpExtra(block.entry('vrrp_garp_extra_if'), report);
  return {
    isStrict,
    downTimerAdverts: block.number('vrrp_down_timer_adverts') ?? DEFAULT_DOWN_TIMER_ADVERTS,
    ...(lowerPrio === undefined ? {} : { lowerPrioNoAdvert: lowerPrio }),
    higherPrioSendAdvert: block.flag('vrrp_higher_prio_send_advert'),
    ownerIgnoresAdverts: block.flag('vrrp_owner_ignore_adverts'),
    checksUnicastSource: block.flag('vrrp_check_unicast_src'),
    skipsAddressCheck: block.flag('vrrp_skip_check_adv_addr'),
    checksumVersion3As2: block.flag('v3_checksum_as_v2'),
    notifiesPriorityChanges: block.flag('vrrp_notify_priority_changes'),
    multicastGroups: {
      ...(group4 === undefined ? {} : { inet: group4 }),
      ...(group6 === undefined ? {} : { inet6: group6 }),
    },
    ...(garpExtraInterface === undefined ? {} : { garpExtraInterface }),
    ...written('garpIntervalMs', block.number('vrrp_garp_interval')),
    ...written('gnaIntervalMs', block.number('vrrp_gna_interval')),
    hasSharedState: block.has('shared_state'),
  };
}

/** A field for a value that is there and is not 0. */
function written<Name extends string>(
  name: Name,
  value: number | undefined,
): Partial<Record<Name, number>> {
  return value === undefined || value === 0 ? {} : ({ [name]: value } as Record<Name, number>);
}

export function compileOptions(block: ReadBlock, context: OptionsContext): VrrpInstanceOptions {
  const { defaults, around, priority } = context;
  const { report } = around.files;
  const isOwner = priority === OWNER_PRIORITY;
  const isStrict = block.has('strict_mode') ? block.flag('strict_mode') : defaults.isStrict;
  if (isStrict) checkStrict(block, isOwner, report);
  const skipsCheck = block.has('skip_check_adv_addr')
    ? block.flag('skip_check_adv_addr')
    : defaults.skipsAddressCheck;
  const bufferBytes = block.number('kernel_rx_buf_size');
  if (block.has('witness') && !defaults.hasSharedState) {
    report('witnessWithoutState', block.placeOf('witness'), {});
  }
  return {
    ...compileElection(block, isStrict, context),
    ...compilePassword(block, context.version, report),
    ...compileHmac(block, context),
    ...compileTransport(block, context),
    ...compileFollowers(block, isOwner, around),
    ...compileOwnInterface(block, context.family, report),
    ...compileGarpOptions(block, defaults, report),
    ...(isStrict ? { isStrict } : {}),
    ...(skipsCheck ? { skipsAddressCheck: true } : {}),
    ...(bufferBytes === undefined ? {} : { receiveBufferBytes: bufferBytes }),
    ...compileAccept(block, isStrict && !isOwner),
    ...(block.has('promote_secondaries') ? { promotesSecondaries: true } : {}),
    ...(block.has('witness') ? { hasWitness: true } : {}),
  };
}

/** `accept` wins over what strict mode makes of it. */
function compileAccept(
  block: ReadBlock,
  isRefusedByStrict: boolean,
): Pick<VrrpInstanceOptions, 'accepts'> {
  const isRefused = block.has('no_accept') || (isRefusedByStrict && !block.has('accept'));
  return isRefused ? { accepts: false } : {};
}

/** The keywords that RFC strictness rules out (keepalived vrrp.c, chk_strict). */
const STRICT_FORBIDS = [
  'authentication',
  'unicast_peer',
  'preempt_delay',
  'garp_lower_prio_repeat',
];

function checkStrict(block: ReadBlock, isOwner: boolean, report: Report): void {
  for (const keyword of STRICT_FORBIDS) {
    if (block.has(keyword)) report('strictForbids', block.placeOf(keyword), { keyword });
  }
  if (block.has('auth_hmac') && !isEnforced(block)) {
    const keyword = 'auth_hmac without mode enforce';
    report('strictForbids', block.placeOf('auth_hmac'), { keyword });
  }
  if (isOwner || block.has('accept') || block.has('no_accept')) return;
  report('strictDropsTraffic', block.place, {});
}

function compileElection(
  block: ReadBlock,
  isStrict: boolean,
  { defaults, around }: OptionsContext,
): VrrpInstanceOptions {
  const choose = (keyword: string, inherited: boolean): boolean =>
    block.has(keyword) ? block.flag(keyword) : inherited;
  const expired = block.entry('timer_expired_backup');
  const checksum = choose('v3_checksum_as_v2', defaults.checksumVersion3As2);
  const notifies = choose('notify_priority_changes', defaults.notifiesPriorityChanges);
  return {
    downTimerAdverts: block.number('down_timer_adverts') ?? defaults.downTimerAdverts,
    lowerPrioNoAdvert: choose('lower_prio_no_advert', defaults.lowerPrioNoAdvert ?? isStrict),
    higherPrioSendAdvert: choose('higher_prio_send_advert', defaults.higherPrioSendAdvert),
    // keepalived forces this on at priority 255: two owners then never heal. Here, only as written.
    ownerIgnoresAdverts: choose('owner_ignore_adverts', defaults.ownerIgnoresAdverts ?? false),
    ...(checksum ? { checksumVersion3As2: true } : {}),
    ...(notifies ? { notifiesPriorityChanges: true } : {}),
    ...(expired === undefined
      ? {}
      : { timerExpiredBackup: compileExpired(expired, around.files.report) }),
  };
}

function compileExpired({ keyword, words }: Entry, report: Report): number {
  const [word, ...rest] = words;
  if (word === undefined) return TIMER_EXPIRED_PRIORITY;
  reportTrailing([keyword, word], rest, report);
  const priority = /^\d{1,3}$/.test(word.text) ? Number(word.text) : 0;
  if (priority >= 1 && priority < OWNER_PRIORITY) return priority;
  const expected = 'a whole number from 1 to 254';
  report('wrongType', word, { keyword: keyword.text, expected, found: word.text });
  return TIMER_EXPIRED_PRIORITY;
}

/** What moves with the instance, and what it depends on. */
function compileFollowers(
  block: ReadBlock,
  isOwner: boolean,
  around: Surroundings,
): VrrpInstanceOptions {
  const trackers = compileTrackers(block, isOwner, around);
  const notify = compileNotify(block, around);
  const routes = compileRoutes(block.all('virtual_routes'), around);
  const rules = compileRules(block.all('virtual_rules'), around);
  return {
    ...(trackers === undefined ? {} : { trackers }),
    ...(notify === undefined ? {} : { notify }),
    ...(routes.length === 0 ? {} : { routes }),
    ...(rules.length === 0 ? {} : { rules }),
    ...(block.has('dont_track_primary') ? { tracksInterface: false } : {}),
  };
}

function compileGarpOptions(
  block: ReadBlock,
  defaults: InstanceDefaults,
  report: Report,
): VrrpInstanceOptions {
  const extra = compileGarpExtra(block.entry('garp_extra_if'), report);
  const garpExtraInterface = extra ?? defaults.garpExtraInterface;
  const { garpIntervalMs, gnaIntervalMs } = defaults;
  return {
    ...(garpExtraInterface === undefined ? {} : { garpExtraInterface }),
    ...(garpIntervalMs === undefined ? {} : { garpIntervalMs }),
    ...(gnaIntervalMs === undefined ? {} : { gnaIntervalMs }),
  };
}

const MAX_EXTRA_MS = 86_400_000;

/** `[all] SECONDS`. */
function compileGarpExtra(
  entry: Entry | undefined,
  report: Report,
): VrrpInstanceOptions['garpExtraInterface'] {
  if (entry === undefined) return undefined;
  const isForAll = entry.words[0]?.text === 'all';
  const [word, ...rest] = isForAll ? entry.words.slice(1) : entry.words;
  const { keyword } = entry;
  const expected = `seconds from 0 to ${MAX_EXTRA_MS / 1000}`;
  if (word === undefined) {
    if (isForAll) {
      report('missingValue', keyword, { keyword: keyword.text, expected, compat: IGNORES_IT });
    }
    return undefined;
  }
  reportTrailing([keyword, word], rest, report);
  const intervalMs = parseSeconds(word.text);
  const values = { keyword: keyword.text, expected, found: word.text };
  if (intervalMs === undefined) report('wrongType', word, values);
  else if (intervalMs < 0 || intervalMs > MAX_EXTRA_MS) report('outOfRange', word, values);
  return intervalMs === undefined || intervalMs <= 0 ? undefined : { isForAll, intervalMs };
}
