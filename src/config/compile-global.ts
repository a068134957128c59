/** global_defs to what holds for the whole daemon, and the defaults it gives to instances. */
import { compileGlobalOptions } from './compile-global-options.ts';
import { compileDefaults } from './compile-vrrp-options.ts';
import type { Report } from './diagnostics.ts';
import { FileCheck, type FileFacts } from './file-facts.ts';
import type { InstanceDefaults } from './instance-context.ts';
import type { ControlSocketConfig, GarpConfig, GlobalDefs, VrrpVersion } from './model.ts';
import { type Entry, type ReadBlock, readBlock } from './read-block.ts';
import { reportTrailing } from './read-value.ts';
import { type Place, placeOf, type Token } from './source.ts';

export const DEFAULT_CONTROL_SOCKET: ControlSocketConfig = {
  path: '/run/lvsd/control.sock',
  mode: 0o660,
};

/** sockaddr_un.sun_path holds 108 bytes with the final NUL. */
const MAX_SOCKET_PATH_LENGTH = 107;

const DEFAULT_GARP_DELAY_MS = 5000;
const DEFAULT_GARP_REPEAT = 5;
const DEFAULT_REFRESH_REPEAT = 1;

export interface CompiledGlobals {
  readonly globalDefs: GlobalDefs;
  /** For instances that do not say. */
  readonly vrrpVersion: VrrpVersion;
  readonly garp: GarpConfig;
  readonly defaults: InstanceDefaults;
}

/** Several global_defs count as one. */
export function compileGlobalDefs(
  entries: readonly Entry[],
  filePlace: Place,
  { report, facts }: { readonly report: Report; readonly facts: FileFacts | undefined },
): CompiledGlobals & { readonly files: FileCheck; readonly block: ReadBlock } {
  const statements = entries.flatMap(({ statement }) => statement.block?.statements ?? []);
  const first = entries[0];
  const place = first === undefined ? filePlace : placeOf(first.statement.words);
  const block = readBlock({ context: 'global_defs', place }, statements, report);
  const routerId = block.text('router_id');
  const files = new FileCheck(report, facts, block.flag('enable_script_security'));
  return {
    globalDefs: {
      ...(routerId === undefined ? {} : { routerId }),
      ...compileGlobalOptions(block, files),
      controlSocket: compileControlSocket(block.entry('control_socket'), report),
    },
    vrrpVersion: block.number('vrrp_version') === 3 ? 3 : 2,
    garp: compileGarp(block, report),
    defaults: compileDefaults(block, report),
    files,
    block,
  };
}

/** keepalived: what a lower priority triggers is, unless said, what a new master does. */
function compileGarp(block: ReadBlock, report: Report): GarpConfig {
  // vrrp_min_garp changes the defaults only.
  const isMinimal = block.flag('vrrp_min_garp');
  const delay = isMinimal ? 0 : DEFAULT_GARP_DELAY_MS;
  const masterDelayMs = block.number('vrrp_garp_master_delay') ?? delay;
  const repeat = isMinimal ? 1 : DEFAULT_GARP_REPEAT;
  const masterRepeat = block.number('vrrp_garp_master_repeat') ?? repeat;
  const masterRefreshMs = block.number('vrrp_garp_master_refresh') ?? 0;
  const refreshRepeat = block.number('vrrp_garp_master_refresh_repeat');
  if (refreshRepeat !== undefined && masterRefreshMs === 0) {
    report('refreshRepeatAlone', block.placeOf('vrrp_garp_master_refresh_repeat'), {
      keyword: 'vrrp_garp_master_refresh_repeat',
      other: 'vrrp_garp_master_refresh',
    });
  }
  return {
    masterDelayMs,
    masterRepeat,
    masterRefreshMs,
    masterRefreshRepeat: refreshRepeat ?? DEFAULT_REFRESH_REPEAT,
    lowerPrioDelayMs: block.number('vrrp_garp_lower_prio_delay') ?? masterDelayMs,
    lowerPrioRepeat: block.number('vrrp_garp_lower_prio_repeat') ?? masterRepeat,
  };
}

function compileControlSocket(entry: Entry | undefined, report: Report): ControlSocketConfig {
  const [path, ...options] = entry?.words ?? [];
  if (entry === undefined || path === undefined) return DEFAULT_CONTROL_SOCKET;
  if (!path.text.startsWith('/') || path.text.length > MAX_SOCKET_PATH_LENGTH) {
    report('wrongType', path, {
      keyword: 'control_socket',
      expected: `an absolute path of at most ${MAX_SOCKET_PATH_LENGTH} characters`,
      found: path.text,
    });
  }
  let socket: ControlSocketConfig = { ...DEFAULT_CONTROL_SOCKET, path: path.text };
  for (let index = 0; index < options.length; index += 2) {
    const word = options[index];
    if (word === undefined) break;
    if (word.text !== 'mode' && word.text !== 'group') {
      reportTrailing([entry.keyword, path], options.slice(index), report);
      break;
    }
    socket = { ...socket, ...compileSocketOption(word, options[index + 1], report) };
  }
  return socket;
}

function compileSocketOption(
  word: Token,
  value: Token | undefined,
  report: Report,
): Partial<ControlSocketConfig> {
  const expected = word.text === 'mode' ? 'an octal number from 0 to 0777' : 'a group name';
  if (value === undefined) {
    report('missingValue', word, { keyword: word.text, expected });
    return {};
  }
  if (word.text === 'group') return { group: value.text };
  if (/^0?[0-7]{1,3}$/.test(value.text)) return { mode: Number.parseInt(value.text, 8) };
  report('wrongType', value, { keyword: 'mode', expected, found: value.text });
  return {};
}
