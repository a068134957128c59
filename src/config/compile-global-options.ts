/** What global_defs says beyond the router's name, its socket and what instances inherit. */
import { isAbsolute } from 'node:path';
import { parseAddress } from '../base/address.ts';
import { IGNORES_IT } from './compat-text.ts';
import { compileSharedState } from './compile-shared-state.ts';
import { checkDeviceName } from './device-name.ts';
import type { Report } from './diagnostics.ts';
import type { FileCheck } from './file-facts.ts';
import { readOptions } from './line-options.ts';
import type {
  GlobalOptions,
  ListenEndpoint,
  LvsStopPolicy,
  NotifyFifoConfig,
  SyncDaemonConfig,
  TimedScript,
} from './model-global.ts';
import { compact } from './present.ts';
import type { Entry, ReadBlock } from './read-block.ts';
import { readNotifyScript } from './read-script.ts';
import { parseSeconds, reportTrailing } from './read-value.ts';
import type { Token } from './source.ts';

const DEFAULT_SCRIPT_TIMEOUT_MS = 10_000;
const MAX_TIMEOUT_MS = 31 * 24 * 3600 * 1000;
const PATHS = ['state_dir', 'reload_time_file', 'notify_fifo', 'vrrp_notify_fifo'].concat(
  'lvs_notify_fifo',
);

export function compileGlobalOptions(block: ReadBlock, files: FileCheck): GlobalOptions {
  const { report } = files;
  for (const keyword of PATHS) checkAbsolute(block, keyword, report);
  const failure = block.text('script_failure');
  const stopPolicy = block.text('lvs_stop_policy');
  const sharedState = compileSharedState(block.entry('shared_state'), files);
  const syncDaemon = compileSyncDaemon(block.entry('lvs_sync_daemon'), report);
  const lvsTimeouts = compileTimeouts(block.entry('lvs_timeouts'), report);
  return {
    ...compileTexts(block, files),
    ...compileSwitches(block),
    ...compileFifos(block, files),
    ...compileScripts(block, files),
    ...(failure === 'fail' || failure === 'ignore' ? { scriptFailure: failure } : {}),
    ...(isStopPolicy(stopPolicy) ? { lvsStopPolicy: stopPolicy } : {}),
    ...(block.has('http_listen') ? { httpListen: compileListen(block, report) } : {}),
    ...(sharedState === undefined ? {} : { sharedState }),
    ...(syncDaemon === undefined ? {} : { syncDaemon }),
    ...(lvsTimeouts === undefined ? {} : { lvsTimeouts }),
    ...compileSysctls(block),
    ...compileFlags(block, report),
  };
}

function isStopPolicy(word: string | undefined): word is LvsStopPolicy {
  return word === 'keep' || word === 'drain' || word === 'remove';
}

function checkAbsolute(block: ReadBlock, keyword: string, report: Report): void {
  const found = block.text(keyword);
  if (found === undefined || isAbsolute(found)) return;
  report('relativePath', block.placeOf(keyword), { keyword, found });
}

function compileTexts(block: ReadBlock, files: FileCheck): GlobalOptions {
  const [user, group] = block.entry('script_user')?.words ?? [];
  const compat = 'keepalived runs no script that names no user of its own';
  files.checkAccount('user', user, compat);
  files.checkAccount('group', group, compat);
  const stateDirectory = block.text('state_dir');
  const defaultInterface = block.text('default_interface');
  const nftablesTable = block.entry('nftables')?.words[0]?.text;
  const vmacPrefix = block.text('vmac_prefix');
  const reloadTimeFile = block.text('reload_time_file');
  const reloadFile = block.entry('reload_file')?.words[0]?.text;
  const scriptUser = {
    user: user?.text ?? '',
    ...(group === undefined ? {} : { group: group.text.replace(/^:/, '') }),
  };
  return {
    ...(user === undefined ? {} : { scriptUser }),
    ...(stateDirectory === undefined ? {} : { stateDirectory }),
    ...(defaultInterface === undefined ? {} : { defaultInterface }),
    ...(nftablesTable === undefined ? {} : { nftablesTable }),
    ...(vmacPrefix === undefined ? {} : { vmacPrefix }),
    ...(reloadTimeFile === undefined ? {} : { reloadTimeFile }),
    ...(reloadFile === undefined ? {} : { reloadFile }),
  };
}

function compileSwitches(block: ReadBlock): GlobalOptions {
  const startupDelayMs = block.number('vrrp_startup_delay') ?? 0;
  const delayAfterBootMs = block.number('vrrp_delay_after_boot') ?? 0;
  return {
    ...(block.flag('enable_script_security') ? { hasScriptSecurity: true } : {}),
    ...(block.flag('rs_init_notifies') ? { rsInitNotifies: true } : {}),
    ...(block.flag('log_unknown_vrids') ? { logsUnknownVrids: true } : {}),
    ...(block.flag('disable_local_igmp') ? { disablesLocalIgmp: true } : {}),
    ...(block.flag('fifo_write_vrrp_states_on_reload') ? { writesFifoOnReload: true } : {}),
    ...(block.flag('lvs_flush') ? { flushesLvs: true } : {}),
    ...(block.flag('reload_repeat') ? { repeatsReload: true } : {}),
    ...(startupDelayMs === 0 ? {} : { startupDelayMs }),
    ...(delayAfterBootMs === 0 ? {} : { delayAfterBootMs }),
  };
}

/** Absent is as the kernel has it, off is off. */
function compileSysctls(block: ReadBlock): GlobalOptions {
  const read = (keyword: string): boolean | undefined =>
    block.has(keyword) ? block.flag(keyword) : undefined;
  return compact({
    expiresNodestConnections: read('lvs_expire_nodest_conn'),
    expiresQuiescentTemplates: read('lvs_expire_quiescent_template'),
    connectionReuseMode: block.number('lvs_conn_reuse_mode'),
  });
}

/** Keywords with one optional word. */
function compileFlags(block: ReadBlock, report: Report): GlobalOptions {
  const read = (keyword: string, word: string): boolean | undefined => {
    const entry = block.entry(keyword);
    if (entry === undefined) return undefined;
    const [first, ...rest] = entry.words;
    const isWritten = first?.text === word;
    reportTrailing([entry.keyword], isWritten ? rest : entry.words, report);
    return isWritten;
  };
  const mayChange = read('dynamic_interfaces', 'allow_if_changes');
  const isOwn = read('lvs_flush_on_stop', 'VS');
  return {
    ...(mayChange === undefined ? {} : { dynamicInterfaces: mayChange ? 'mayChange' : 'fixed' }),
    ...(isOwn === undefined ? {} : { flushesLvsOnStop: isOwn ? 'own' : 'all' }),
  };
}

const FIFOS = {
  notify_fifo: 'notifyFifo',
  vrrp_notify_fifo: 'vrrpNotifyFifo',
  lvs_notify_fifo: 'lvsNotifyFifo',
} as const;

function compileFifos(block: ReadBlock, files: FileCheck): GlobalOptions {
  let options: GlobalOptions = {};
  for (const [keyword, field] of Object.entries(FIFOS)) {
    const path = block.text(keyword);
    const script = readNotifyScript(block.entry(`${keyword}_script`), files);
    if (!block.has(keyword) && script !== undefined) {
      files.report('fifoScriptAlone', block.placeOf(`${keyword}_script`), { keyword });
    }
    if (path === undefined) continue;
    const fifo: NotifyFifoConfig = { path, ...(script === undefined ? {} : { script }) };
    options = { ...options, [field]: fifo };
  }
  return options;
}

function compileScripts(block: ReadBlock, files: FileCheck): GlobalOptions {
  const read = (keyword: string): TimedScript | undefined => {
    const command = readNotifyScript(block.entry(keyword), files);
    const timeoutMs = block.number(`${keyword}_timeout`) ?? DEFAULT_SCRIPT_TIMEOUT_MS;
    return command === undefined ? undefined : { command, timeoutMs };
  };
  const startupScript = read('startup_script');
  const shutdownScript = read('shutdown_script');
  return {
    ...(startupScript === undefined ? {} : { startupScript }),
    ...(shutdownScript === undefined ? {} : { shutdownScript }),
  };
}

function compileListen(block: ReadBlock, report: Report): readonly ListenEndpoint[] {
  return (block.entry('http_listen')?.words ?? []).flatMap((word) => {
    if (word.kind === 'opaque') return [];
    const [, host = '', digits = ''] = /^(.*):(\d{1,5})$/.exec(word.text) ?? [];
    const address = parseAddress(host.replace(/^\[(.*)\]$/, '$1'));
    const port = Number(digits);
    if (address !== undefined && port >= 1 && port <= 65_535) return [{ address, port }];
    const expected = 'ADDRESS:PORT, an IPv6 address in [ ]';
    report('wrongType', word, { keyword: 'http_listen', expected, found: word.text });
    return [];
  });
}

function compileSyncDaemon(entry: Entry | undefined, report: Report): SyncDaemonConfig | undefined {
  const [device, ...words] = entry?.words ?? [];
  if (device === undefined || device.kind === 'opaque') return undefined;
  if (!checkDeviceName(device, report, IGNORES_IT)) return undefined;
  const [second] = words;
  const table = new Map([
    ['id', { kind: 'integer', min: 0, max: 255 } as const],
    ['maxlen', { kind: 'integer', min: 1, max: 65_507 } as const],
    ['port', { kind: 'integer', min: 1, max: 65_535 } as const],
    ['ttl', { kind: 'integer', min: 1, max: 255 } as const],
    ['group', { kind: 'address' } as const],
  ]);
  const instance = second === undefined || table.has(second.text) ? undefined : second.text;
  const rest = instance === undefined ? words : words.slice(1);
  const options = readOptions(rest, {
    list: 'lvs_sync_daemon',
    table,
    report,
    withoutValue: IGNORES_IT,
  });
  const syncId = options.number('id');
  const maxLength = options.number('maxlen');
  const port = options.number('port');
  const ttl = options.number('ttl');
  const group = options.address('group');
  return {
    interface: device.text,
    ...(instance === undefined ? {} : { instance }),
    ...(syncId === undefined ? {} : { syncId }),
    ...(maxLength === undefined ? {} : { maxLength }),
    ...(port === undefined ? {} : { port }),
    ...(ttl === undefined ? {} : { ttl }),
    ...(group === undefined ? {} : { group }),
  };
}

const TIMEOUTS = { tcp: 'tcpMs', tcpfin: 'tcpFinMs', udp: 'udpMs' } as const;

function compileTimeouts(entry: Entry | undefined, report: Report): GlobalOptions['lvsTimeouts'] {
  if (entry === undefined) return undefined;
  let timeouts: NonNullable<GlobalOptions['lvsTimeouts']> = {};
  for (let index = 0; index < entry.words.length; index += 2) {
    const word = entry.words[index];
    const value = entry.words[index + 1];
    if (word === undefined) break;
    const field = Object.entries(TIMEOUTS).find(([name]) => name === word.text)?.[1];
    if (field === undefined) {
      const expected = 'tcp, tcpfin or udp, each with seconds';
      report('wrongType', word, { keyword: 'lvs_timeouts', expected, found: word.text });
      break;
    }
    const ms = readTimeout(word, value, report);
    if (ms !== undefined) timeouts = { ...timeouts, [field]: ms };
  }
  return timeouts;
}

function readTimeout(word: Token, value: Token | undefined, report: Report): number | undefined {
  const expected = `seconds from 1 to ${MAX_TIMEOUT_MS / 1000}`;
  if (value === undefined) {
    report('missingValue', word, { keyword: word.text, expected, compat: IGNORES_IT });
    return undefined;
  }
  const ms = parseSeconds(value.text);
  const values = { keyword: word.text, expected, found: value.text };
  if (ms === undefined) report('wrongType', value, values);
  else if (ms < 1000 || ms > MAX_TIMEOUT_MS) report('outOfRange', value, values);
  return ms;
}
