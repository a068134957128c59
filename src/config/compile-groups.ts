/** vrrp_sync_group, track_group, garp_group and other lists of names to the model. */
import { checkName, compileTrackers, type Surroundings } from './compile-trackers.ts';
import { compileNamed } from './compile-tracking.ts';
import { checkDeviceName } from './device-name.ts';
import type {
  GarpGroupConfig,
  InterfaceDelayConfig,
  NamedGroupConfig,
  NotifyScripts,
  SyncGroupConfig,
} from './model-vrrp.ts';
import { type Entry, type ReadBlock, readBlock } from './read-block.ts';
import { readNotifyScript } from './read-script.ts';
import { parseSeconds, reportTrailing } from './read-value.ts';
import { MAX_INTERFACE_DELAY_MS } from './schema-tracking.ts';
import { placeOf, spanOf, type Token } from './source.ts';

export function compileSyncGroups(
  entries: readonly Entry[],
  around: Surroundings,
): readonly SyncGroupConfig[] {
  const taken = new Map<string, { readonly group: string; readonly line: number }>();
  const { files } = around;
  return compileNamed(entries, 'vrrp_sync_group', files, (name, block) => {
    const words = membersOf(block.all('group'), around);
    for (const word of words) {
      const other = taken.get(word.text);
      if (other === undefined) taken.set(word.text, { group: name, line: word.line });
      else {
        const values = { name: word.text, other: other.group, line: other.line };
        files.report('syncMemberTwice', word, values);
      }
    }
    if (words.length === 1) files.report('syncSingleMember', block.placeOf('group'), {});
    const trackers = compileTrackers(block, false, around);
    const notify = compileNotify(block, around);
    return {
      name,
      span: spanOf(block.place),
      members: words.map(({ text }) => text),
      ...(trackers === undefined ? {} : { trackers }),
      ...(notify === undefined ? {} : { notify }),
      usesMemberWeights: block.flag('sync_group_tracking_weight'),
      notifiesPriorityChanges: block.flag('notify_priority_changes'),
    };
  });
}

export function compileTrackGroups(
  entries: readonly Entry[],
  around: Surroundings,
): readonly NamedGroupConfig[] {
  return compileNamed(entries, 'track_group', around.files, (name, block) => ({
    name,
    span: spanOf(block.place),
    members: membersOf(block.all('group'), around).map(({ text }) => text),
  }));
}

/** Instances that `group { … }` names, on one line or on many. */
function membersOf(entries: readonly Entry[], around: Surroundings): readonly Token[] {
  const words = wordsIn(entries);
  const [first] = entries;
  if (first !== undefined && words.length === 0) {
    around.files.report('emptyBlock', placeOf(first.statement.words), { keyword: 'group' });
  }
  for (const word of words) checkName('vrrp_instance', word, around);
  return words;
}

/** Every word of the blocks. */
function wordsIn(entries: readonly Entry[]): readonly Token[] {
  const statements = entries.flatMap(({ statement }) => statement.block?.statements ?? []);
  return statements.flatMap(({ words }) => words).filter(({ kind }) => kind !== 'opaque');
}

const NOTIFY_FIELDS: Readonly<Record<string, keyof NotifyScripts>> = {
  notify_master: 'master',
  notify_backup: 'backup',
  notify_fault: 'fault',
  notify_stop: 'stop',
  notify_deleted: 'deleted',
  notify_master_rx_lower_pri: 'masterRxLowerPri',
  notify: 'any',
};

/** Absent when nothing is to be told. */
export function compileNotify(block: ReadBlock, around: Surroundings): NotifyScripts | undefined {
  let notify: NotifyScripts | undefined;
  for (const [keyword, field] of Object.entries(NOTIFY_FIELDS)) {
    const command = readNotifyScript(block.entry(keyword), around.files);
    if (command !== undefined) notify = { ...notify, [field]: command };
  }
  return notify;
}

export function compileGarpGroups(
  entries: readonly Entry[],
  { files }: Surroundings,
): readonly GarpGroupConfig[] {
  return entries.map(({ statement }) => {
    const place = placeOf(statement.words);
    const statements = statement.block?.statements ?? [];
    const block = readBlock({ context: 'garp_group', place }, statements, files.report);
    const words = [...(block.entry('interface')?.words ?? []), ...wordsIn(block.all('interfaces'))];
    for (const word of words) checkDeviceName(word, files.report);
    if (words.length === 0) files.report('emptyBlock', place, { keyword: 'garp_group' });
    return {
      span: spanOf(place),
      garpIntervalMs: block.number('garp_interval') ?? 0,
      gnaIntervalMs: block.number('gna_interval') ?? 0,
      interfaces: words.map(({ text }) => text),
    };
  });
}

/** `IF DOWN [UP]`, one a line; keepalived's code takes 0 for an UP that is not written. */
export function compileInterfaceDelays(
  entries: readonly Entry[],
  { files }: Surroundings,
): readonly InterfaceDelayConfig[] {
  const statements = entries.flatMap(({ statement }) => statement.block?.statements ?? []);
  return statements.flatMap(({ words }): InterfaceDelayConfig[] => {
    const [device, down, up, ...rest] = words;
    if (device === undefined || device.kind === 'opaque') return [];
    checkDeviceName(device, files.report);
    reportTrailing([device], rest, files.report);
    const expected = `seconds from 0 to ${MAX_INTERFACE_DELAY_MS / 1000}`;
    if (down === undefined) {
      files.report('missingValue', device, { keyword: device.text, expected });
      return [];
    }
    const read = (word: Token | undefined): number => {
      if (word === undefined) return 0;
      const ms = parseSeconds(word.text);
      const values = { keyword: device.text, expected, found: word.text };
      if (ms === undefined) files.report('wrongType', word, values);
      else if (ms < 0 || ms > MAX_INTERFACE_DELAY_MS) files.report('outOfRange', word, values);
      return ms ?? 0;
    };
    return [{ interface: device.text, downMs: read(down), upMs: read(up) }];
  });
}
