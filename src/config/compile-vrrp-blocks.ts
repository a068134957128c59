/** Everything of the VRRP side that stands outside instances. */
import { compileBfdInstances, namesForOne } from './compile-bfd.ts';
import {
  compileGarpGroups,
  compileInterfaceDelays,
  compileSyncGroups,
  compileTrackGroups,
} from './compile-groups.ts';
import { compileRoutes, compileRules } from './compile-route.ts';
import { checkName, type KnownNames, type Surroundings } from './compile-trackers.ts';
import {
  compileNamed,
  compileScript,
  compileTrackFile,
  compileTrackProcess,
} from './compile-tracking.ts';
import { compileVirtualAddresses } from './compile-virtual-address.ts';
import type { FileCheck } from './file-facts.ts';
import type { Config, GlobalDefs, VirtualServerConfig } from './model.ts';
import type { VrrpBlocks } from './model-vrrp.ts';
import { trackedName } from './names.ts';
import type { Entry, ReadBlock } from './read-block.ts';

/** keepalived's, for static addresses without `dev`. */
const DEFAULT_INTERFACE = 'eth0';

/** Who is there to be named, whether or not what is written about it is right. */
export function knownNames(root: ReadBlock, services: readonly VirtualServerConfig[]): KnownNames {
  const namesOf = (keyword: string): ReadonlySet<string> =>
    new Set(root.all(keyword).flatMap(({ value }) => (typeof value === 'string' ? [value] : [])));
  return {
    vrrp_script: namesOf('vrrp_script'),
    track_file: namesOf('track_file'),
    vrrp_track_process: namesOf('vrrp_track_process'),
    bfd_instance: namesOf('bfd_instance'),
    vrrp_instance: namesOf('vrrp_instance'),
    track_group: namesOf('track_group'),
    virtual_server: new Set(services.map(trackedName)),
    bfdForCheckers: namesForOne(root.all('bfd_instance'), 'checker'),
  };
}

type Blocks = VrrpBlocks & Pick<Config, 'staticAddresses'>;

export function compileVrrpBlocks(
  root: ReadBlock,
  globals: ReadBlock,
  around: Surroundings,
): Blocks {
  const { files } = around;
  checkSyncDaemon(globals.entry('lvs_sync_daemon'), around);
  const staticAddresses = compileVirtualAddresses(root.all('static_ipaddress'), {
    keyword: 'static_ipaddress',
    defaultDevice: globals.text('default_interface') ?? DEFAULT_INTERFACE,
    isOneFamily: false,
    around,
  }).map(({ config }) => config);
  return {
    ...compileTrackerBlocks(root, files),
    ...filled({
      vrrpSyncGroups: compileSyncGroups(root.all('vrrp_sync_group'), around),
      trackGroups: compileTrackGroups(root.all('track_group'), around),
      garpGroups: compileGarpGroups(root.all('garp_group'), around),
      staticRoutes: compileRoutes(root.all('static_routes'), around),
      staticRules: compileRules(root.all('static_rules'), around),
      interfaceDelays: compileInterfaceDelays(root.all('interface_up_down_delays'), around),
      staticAddresses,
    }),
    ...compileProcess(root),
  };
}

function compileTrackerBlocks(root: ReadBlock, files: FileCheck): VrrpBlocks {
  return filled({
    vrrpScripts: compileNamed(root.all('vrrp_script'), 'vrrp_script', files, (name, block) =>
      compileScript(name, block, files),
    ),
    trackFiles: compileNamed(root.all('track_file'), 'track_file_block', files, (name, block) =>
      compileTrackFile(name, block, files),
    ),
    trackProcesses: compileNamed(
      root.all('vrrp_track_process'),
      'vrrp_track_process',
      files,
      (name, block) => compileTrackProcess(name, block, files),
    ),
    bfdInstances: compileBfdInstances(root.all('bfd_instance'), files),
  });
}

/** Without the lists that are empty. */
function filled<T extends Readonly<Record<string, readonly unknown[]>>>(lists: T): Partial<T> {
  const kept = Object.entries(lists).filter(([, list]) => list.length > 0);
  return Object.fromEntries(kept) as Partial<T>;
}

function compileProcess(root: ReadBlock): VrrpBlocks {
  const netNamespace = root.text('net_namespace');
  const ipvs = root.entry('net_namespace_ipvs');
  const instanceName = root.text('instance');
  const childWaitTimeMs = root.number('child_wait_time');
  return {
    ...(netNamespace === undefined ? {} : { netNamespace }),
    ...(ipvs === undefined ? {} : { netNamespaceIpvs: ipvs.words[0]?.text ?? '' }),
    ...(instanceName === undefined ? {} : { instanceName }),
    ...(childWaitTimeMs === undefined ? {} : { childWaitTimeMs }),
  };
}

const SYNC_OPTIONS: ReadonlySet<string> = new Set(['id', 'maxlen', 'port', 'ttl', 'group']);

function checkSyncDaemon(entry: Entry | undefined, around: Surroundings): void {
  const word = entry?.words[1];
  if (word === undefined || SYNC_OPTIONS.has(word.text)) return;
  checkName('vrrp_instance', word, around);
}

/** `lvs_sync_daemon_interface` of an instance: keepalived's old way to say lvs_sync_daemon. */
export function compileOldSyncDaemon(root: ReadBlock): Pick<GlobalDefs, 'syncDaemon'> {
  for (const { statement, value } of root.all('vrrp_instance')) {
    const words = statement.block?.statements
      .map((inner) => inner.words)
      .find(([first]) => first?.text === 'lvs_sync_daemon_interface');
    const device = words?.[1];
    if (device === undefined || typeof value !== 'string') continue;
    return { syncDaemon: { interface: device.text, instance: value } };
  }
  return {};
}
